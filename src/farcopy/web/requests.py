"""Between a connection and the site: a request's body first, then a thread, then its answer.

No thread waits for a client: it gets a request whose body is there, and an answer of usual
length is off its hands at once. The site is a WSGI application on threads, called through
a2wsgi. Knows no Django; used by `server`.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import chain
from typing import Any, Final

from a2wsgi import WSGIMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from farcopy.web import refusals
from farcopy.web.body import MAX_BODY_BYTES
from farcopy.web.connections import Deadlines, refused
from farcopy.web.listening import Listening
from farcopy.web.refusals import Refusal

log = logging.getLogger("farcopy.web")
THREADS: Final = 32
MAX_HEADER_BYTES: Final = 16 * 1024
KEPT_BYTES: Final = MAX_BODY_BYTES + 1
"""Of a body: enough for the site to see that it is too long. The rest is taken off the line,
so that the client hears the refusal, and forgotten."""
READ_BYTES: Final = 16 * 1024**2
HELD_BYTES: Final = 1024**2
"""Of an answer, before its thread is held up by a client that is slow to take it."""
PIECE_BYTES: Final = 64 * 1024
IS_UNPROTECTED: Final = "farcopy.is_unprotected"

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Any]
Send = Callable[[Message], Any]
Site = Callable[..., Iterable[bytes]]


class Requests:
    """The ASGI application that uvicorn's connections call."""

    def __init__(self, site: Site, listening: Listening, deadlines: Deadlines) -> None:
        self._listening = listening
        self._body_s = deadlines.body_s
        bridge = WSGIMiddleware(whole(site), workers=1)
        bridge.executor = DaemonThreads(THREADS)  # type: ignore[assignment]
        self._site: Any = bridge
        if listening.trusted_proxy:
            self._site = ProxyHeadersMiddleware(
                bridge,  # type: ignore[arg-type]
                trusted_hosts=listening.trusted_proxy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._answer(scope, receive, send)
        except Exception as error:  # noqa: BLE001  # the edge; its text may quote the request
            log.error(  # noqa: TRY400
                "request.failed", extra={"error": type(error).__name__, "code": "internal"})
            await _refuse(refusals.INTERNAL, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [pair for pair in scope["headers"] if b"_" not in pair[0]]
        told = _lengths(headers)
        if _header_bytes(scope) > MAX_HEADER_BYTES:  # it came whole, in one read
            await _refuse(refusals.HEADERS_TOO_LARGE, send)
            return
        if _is_ambiguous(scope, headers):
            await _refuse(refusals.BAD_REQUEST, send)
            return
        if told > READ_BYTES:
            await _refuse(refusals.TOO_LARGE, send)
            return
        is_refused_anyway = told > MAX_BODY_BYTES and _asks_first(headers)
        body = b""
        if not is_refused_anyway:  # else it is not asked for: the site refuses by the length told
            try:
                async with asyncio.timeout(self._body_s):
                    body = await _body(receive)
            except TimeoutError:
                await _refuse(refusals.REQUEST_TIMEOUT, send)
                return
            except _TooLarge:
                await _refuse(refusals.TOO_LARGE, send)
                return
            except _Gone:  # half of a request is none
                return
            headers = [pair for pair in headers if pair[0] != b"content-length"]
            if told or body:
                headers.append((b"content-length", b"%d" % len(body)))
        is_unprotected = self._listening.is_stranger((scope["client"] or ("",))[0])
        await self._site(
            {**scope, "headers": headers, "state": {IS_UNPROTECTED: is_unprotected}},
            _replay(body), _in_pieces(send, is_last=is_refused_anyway))


class _TooLarge(Exception):
    pass


class _Gone(Exception):
    pass


async def _body(receive: Receive) -> bytes:
    """Its beginning. Raises: _TooLarge, when it does not end; _Gone, when the client went."""
    kept, size = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        part = message.get("body", b"")
        size += len(part)
        kept += part[: KEPT_BYTES - len(kept)]
        if not message.get("more_body", False):
            return bytes(kept)
        if size > READ_BYTES:
            raise _TooLarge


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _in_pieces(send: Send, *, is_last: bool) -> Send:
    """Waits for the client between two pieces, so that little of an answer lies in a buffer.

    is_last: the connection ends after this answer.
    """

    async def send_some(message: Message) -> None:
        if is_last and message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        body = message.get("body", b"")
        while len(body) > PIECE_BYTES:
            await send({**message, "body": body[:PIECE_BYTES], "more_body": True})
            body = body[PIECE_BYTES:]
        if "body" in message:
            message = {**message, "body": body}
        await send(message)

    return send_some


async def _refuse(refusal: Refusal, send: Send) -> None:
    status, headers, body = refused(refusal)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _asks_first(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name == b"expect" and value.lower() == b"100-continue" for name, value in headers)


def _header_bytes(scope: Scope) -> int:
    line = len(scope["raw_path"]) + len(scope["query_string"])
    return line + sum(len(name) + len(value) + 4 for name, value in scope["headers"])


def _lengths(headers: list[tuple[bytes, bytes]]) -> int:
    """What Content-Length tells; h11 has refused more than one, and what is no number."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)


def _is_ambiguous(scope: Scope, headers: list[tuple[bytes, bytes]]) -> bool:
    """Two lengths for one body, which another server on the way may read differently
    (RFC 9112 §6.3)."""
    names = {name for name, _ in headers}
    if b"transfer-encoding" not in names:
        return False
    return b"content-length" in names or scope["http_version"] != "1.1"


def whole(site: Site) -> Site:
    """The same site, whose answers come in one part up to HELD_BYTES, and closed by then."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = site(environ, start_response)
        parts, size = [], 0
        rest = iter(body)
        try:
            for part in rest:
                parts.append(part)
                size += len(part)
                if size > HELD_BYTES:
                    return _Rest(chain(parts, rest), body)
        except BaseException:
            _close(body)
            raise
        _close(body)
        return [b"".join(parts)]

    return answer


class _Rest:
    """An answer too long to be held; closed as WSGI demands."""

    def __init__(self, parts: Iterator[bytes], body: Iterable[bytes]) -> None:
        self._parts, self._body = parts, body

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        _close(self._body)


def _close(body: Iterable[bytes]) -> None:
    if hasattr(body, "close"):
        body.close()


class DaemonThreads(Executor):
    """Threads that a process does not wait for when it ends: one may be in a call that waits
    for hours (sync-now), or for a database that does not answer."""

    def __init__(self, count: int) -> None:
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        for number in range(count):
            threading.Thread(target=self._run, name=f"web-{number}", daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._work.put((future, lambda: fn(*args, **kwargs)))
        return future

    def _run(self) -> None:
        while True:
            future, call = self._work.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001  # whoever waits for it gets it
                future.set_exception(error)
            else:
                future.set_result(result)
