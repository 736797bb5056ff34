"""A client's connection: how long it may take for each part, and what it is told when what it
sends is no request.

HTTP itself is uvicorn's and h11's: they read one request at a time and stop reading while its
answer is on the way. What neither has is an end for a client that is slow, and a measure of
which connection has kept others waiting longest. Knows no Django; used by `server`.
"""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from farcopy.web import refusals
from farcopy.web.refusals import Refusal

LINGER_BYTES: Final = 1024**2
"""What a refused client may still send before it is hung up on: it shall read the refusal."""
PIECE_BYTES: Final = 16 * 1024
TAKEN_BYTES: Final = 16 * 1024
MAX_OVERHEAD_BYTES: Final = 64 * 1024
"""Of a request's header and of the framing of its chunks: each chunk costs more than its bytes."""


class Phase(Enum):
    """What a connection waits for."""

    HANDSHAKE = "handshake"
    FIRST_BYTE = "first byte"  # of the next request
    HEADER = "header"
    BODY = "body"
    ANSWER = "answer"  # ours
    OVER = "over"  # refused; its last words are taken off the line


@dataclass(frozen=True, slots=True)
class Deadlines:
    """For the whole of each part, in seconds: a byte now and then does not put them off.

    A body of 64 KiB over a line of 20 kbit/s takes 26 s. taking_s: for each 16 KiB of an answer.
    """

    first_byte_s: float = 60.0
    header_s: float = 15.0
    body_s: float = 30.0
    taking_s: float = 30.0
    closing_s: float = 5.0


class Connection(H11Protocol):
    """One connection. `end_if_late` is called now and then by the server.

    address: of who connected, without a port. on_end: told once, when it is over.
    """

    def __init__(
        self, config: Config, state: ServerState, deadlines: Deadlines, address: str,
        on_end: Callable[["Connection"], None],
    ) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self.address = address
        self.phase = Phase.HANDSHAKE
        self.since_s = time.monotonic()
        self._untaken = 0
        self._untaken_since_s: float | None = None
        self._closing_since_s: float | None = None
        self._deadlines = deadlines
        self._on_end = on_end
        self._lingered = 0
        self._overhead = 0
        self.handshake: asyncio.Task[None] | None = None
        """Until there is a transport."""

    @property
    def is_waiting(self) -> bool:
        """For the client; false while a request is in hand or its answer on the way to one
        who takes it."""
        return self.phase is not Phase.ANSWER or self._untaken_since_s is not None

    @property
    def has_request(self) -> bool:
        line = self._line
        return self.phase in {Phase.BODY, Phase.ANSWER} or (
            line is not None and line.get_write_buffer_size() > 0
        )

    @property
    def _line(self) -> asyncio.Transport | None:
        """None before the handshake is done; uvicorn's own type does not say so."""
        return self.transport

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # Whoever connects has something to say: the first header's time runs from the start,
        # and a handshake is part of it.
        self.phase = Phase.HEADER

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._on_end(self)

    def data_received(self, data: bytes) -> None:
        if self.phase is Phase.OVER:
            self._lingered += len(data)
            if self._lingered > LINGER_BYTES:
                self.transport.abort()
            return
        if self.phase is Phase.FIRST_BYTE:
            self._enter(Phase.HEADER)
        for start in range(0, len(data), PIECE_BYTES):
            self._read(data[start : start + PIECE_BYTES])
            if self._is_ending():
                return

    def _read(self, piece: bytes) -> None:
        before = self._body_bytes()
        super().data_received(piece)
        self._note()
        if self.phase is Phase.BODY:
            self._overhead += len(piece) - (self._body_bytes() - before)
            if self._overhead > MAX_OVERHEAD_BYTES:
                self.refuse(refusals.BAD_REQUEST)

    def _is_ending(self) -> bool:
        return self.phase is Phase.OVER or self.transport.is_closing()

    def _body_bytes(self) -> int:
        cycle: RequestResponseCycle | None = self.cycle
        return 0 if cycle is None else len(cycle.body)

    def on_response_complete(self) -> None:
        self._enter(Phase.FIRST_BYTE)
        self._overhead = 0
        super().on_response_complete()  # which begins the next request, if it came already
        if self.phase is Phase.FIRST_BYTE and self.conn.trailing_data[0]:
            self._enter(Phase.HEADER)
        self._note()

    def send_400_response(self, msg: str) -> None:
        """uvicorn's answer to what is no HTTP, in our envelope. h11 says which status fits."""
        status = getattr(sys.exc_info()[1], "error_status_hint", 400)
        self.refuse({
            431: refusals.HEADERS_TOO_LARGE, 501: refusals.NOT_IMPLEMENTED,
        }.get(status, refusals.BAD_REQUEST))

    def refuse(self, refusal: Refusal) -> None:
        """Say so, if nothing else is being said, and hang up."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            status, headers, body = refused(refusal)
            answer = h11.Response(
                status_code=status, headers=[*self.server_state.default_headers, *headers])
            for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            self._enter(Phase.OVER)
            self.flow.resume_reading()
            self.loop.call_later(1.0, self.transport.close)
        else:
            self.transport.close()

    def end(self) -> None:
        """At once, whatever is still to be said."""
        line = self._line
        if line is not None:
            line.abort()
        elif self.handshake is not None:
            self.handshake.cancel()

    def end_if_late(self, now_s: float) -> None:
        line, limits, waited_s = self._line, self._deadlines, now_s - self.since_s
        if line is None:  # the handshake has a deadline of its own
            return
        self._see_taken(line.get_write_buffer_size(), now_s)
        if self._untaken_since_s and now_s - self._untaken_since_s > limits.taking_s:
            line.abort()
        elif line.is_closing():
            self._closing_since_s = self._closing_since_s or now_s
            if not self._untaken and now_s - self._closing_since_s > limits.closing_s:
                line.abort()
        elif self.phase is Phase.FIRST_BYTE and not self._untaken:
            if waited_s > limits.first_byte_s:
                line.close()
        elif self.phase is Phase.HEADER and waited_s > limits.header_s:
            if self.conn.trailing_data[0]:
                self.refuse(refusals.REQUEST_TIMEOUT)
            else:  # who said nothing is not answered
                line.close()

    def _see_taken(self, left: int, now_s: float) -> None:
        """How much of an answer waits for the client; an end of it is only put off by enough."""
        if not left:
            self._untaken_since_s = None
        elif self._untaken_since_s is None or left > self._untaken or (
            self._untaken - left >= TAKEN_BYTES
        ):
            self._untaken_since_s = now_s
        else:
            return
        if self._untaken and not left and self.phase is Phase.FIRST_BYTE:
            self.since_s = now_s
        self._untaken = left

    def _note(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if self.phase is Phase.OVER or cycle is None or cycle.response_complete:
            return
        phase = Phase.BODY if cycle.more_body else Phase.ANSWER
        if phase is not self.phase:
            self._enter(phase)

    def _enter(self, phase: Phase) -> None:
        self.phase, self.since_s = phase, time.monotonic()


def refused(refusal: Refusal) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """(status, headers, body) of what is refused before there is a request for the site."""
    body = json.dumps(refusal.envelope(secrets.token_hex(8))).encode()
    headers = [
        (b"content-type", b"application/json"), (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(body)), (b"connection", b"close"),
        *((name.encode(), value.encode()) for name, value in refusals.ALWAYS.items()),
    ]
    return refusal.status, headers, body
