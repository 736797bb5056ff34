"""A client's connection: how long it may take, how much of a body is kept, what it is told
when its request is none.

waitress reads all connections on one thread, so a slow one holds no other up;
but it would hold its place for ever. Knows no Django; used by `server`.
"""

import json
import secrets
import time
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask
from waitress.utilities import Error as RequestError

from farcopy.web import refusals
from farcopy.web.body import MAX_BODY_BYTES
from farcopy.web.refusals import Refusal

KEPT_BYTES: Final = 2 * MAX_BODY_BYTES
"""Of a body; the application refuses what is longer than half of it, and reads no further."""


class Waiting(Enum):
    """What a connection waits for the client to send."""

    FIRST_BYTE = "first byte"  # of the next request
    HEADER = "header"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """For the whole of each part, in seconds: a byte now and then does not put them off.

    A body of 64 KiB over a line of 20 kbit/s takes 26 s.
    """

    first_byte_s: float = 60.0
    header_s: float = 15.0
    body_s: float = 30.0

    def of(self, waiting: Waiting) -> float:
        match waiting:
            case Waiting.FIRST_BYTE:
                return self.first_byte_s
            case Waiting.HEADER:
                return self.header_s
            case Waiting.BODY:
                return self.body_s


class RequestTimeout(RequestError):  # type: ignore[misc]
    code = 408
    reason = "Request Timeout"


class BodyStart(OverflowableBuffer):  # type: ignore[misc]
    """The beginning of a body. The rest is taken off the line, so that the client hears the
    refusal, and forgotten: many large bodies fill neither memory nor disk."""

    def append(self, data: bytes) -> None:
        room = KEPT_BYTES - len(self)
        if room > 0:
            super().append(data[:room])


class Parser(HTTPRequestParser):  # type: ignore[misc]
    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.body_rcv is not None:
            self.body_rcv.buf = BodyStart(KEPT_BYTES)


class EnvelopeTask(ErrorTask):  # type: ignore[misc]
    """What waitress refuses by itself, before there is a request, in our envelope."""

    def execute(self) -> None:
        refusal = _refusal_of(self.request.error.code)
        body = json.dumps({
            "success": False, "error": refusal.error, "code": refusal.code,
            "request_id": secrets.token_hex(8),
        }).encode()
        self.status = f"{refusal.status} {self.request.error.reason}"
        self.response_headers.extend([
            ("Content-Type", "application/json"), ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ])
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


def _refusal_of(status: int) -> Refusal:
    match status:
        case 408:
            return refusals.REQUEST_TIMEOUT
        case 413:
            return refusals.TOO_LARGE
        case 431:
            return refusals.HEADERS_TOO_LARGE
        case 501:
            return refusals.NOT_IMPLEMENTED
        case 500:
            return refusals.INTERNAL
        case _:
            return refusals.BAD_REQUEST


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection, with deadlines; `end_if_late` is called now and then by the server."""

    parser_class = Parser
    error_task_class = EnvelopeTask
    request: Any
    will_close: bool

    def __init__(self, *args: Any, **options: Any) -> None:
        # Whoever connects has something to say: the first header's time runs at once.
        self.waiting = Waiting.HEADER
        self.waiting_since_s = time.monotonic()
        super().__init__(*args, **options)

    @property
    def is_waiting(self) -> bool:
        """For the client; false while a request is in hand or its answer on the way."""
        return not (self.requests or self.total_outbufs_len)

    def received(self, data: bytes) -> bool:
        before = self.request
        taken = super().received(data)
        self._note(before)
        return bool(taken)

    def service(self) -> None:
        super().service()
        if self.request is None:  # else the next one has begun to arrive meanwhile
            self._wait_for(Waiting.FIRST_BYTE, is_new=True)

    def end_if_late(self, deadlines: Deadlines, now_s: float) -> None:
        if not self.is_waiting or now_s - self.waiting_since_s <= deadlines.of(self.waiting):
            return
        with self.requests_lock:
            if self.requests or self.will_close or self.close_when_flushed:
                return
            if self.request is None:
                self.will_close = True
                return
            # The rest of what came so far belongs to nothing any more.
            late, self.request = self.request, None
            late.error = RequestTimeout("")
            late.completed = late.connection_close = True
            self.requests.append(late)
        self.server.add_task(self)

    def _note(self, before: object) -> None:
        if self.request is None:
            self._wait_for(Waiting.FIRST_BYTE)
        elif self.request.headers_finished:
            self._wait_for(Waiting.BODY)
        elif self.request is not before and before is not None:
            self._wait_for(Waiting.HEADER, is_new=True)
        else:
            self._wait_for(Waiting.HEADER)

    def _wait_for(self, waiting: Waiting, *, is_new: bool = False) -> None:
        if waiting is not self.waiting or is_new:
            self.waiting, self.waiting_since_s = waiting, time.monotonic()
