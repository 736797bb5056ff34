"""The web server: whom it lets in, and for how long. Started by `farcopy serve` and `web`.

asyncio has the sockets and TLS, uvicorn and h11 the HTTP; ours is that no crowd of clients,
however slow or silent, keeps others out. Knows no Django: the site is any WSGI application.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Final

from uvicorn import Config
from uvicorn.server import ServerState

from farcopy.core.errors import ListenFailed
from farcopy.web.connections import Connection, Deadlines
from farcopy.web.listening import Listening
from farcopy.web.requests import MAX_HEADER_BYTES, Requests
from farcopy.web.tls import Certificate

log = logging.getLogger("farcopy.web")
BACKLOG: Final = 1024
GRACE_S: Final = 5.0
SWEEP_S: Final = 0.25
DEADLINES: Final = Deadlines()
WARN_S: Final = 3600.0
MAX_CONNECTIONS: Final = 1000
MAX_TLS_CONNECTIONS: Final = 500
"""asyncio keeps a buffer of 256 KiB for each."""
OTHER_FILES: Final = 300
"""Descriptors left for the database (three for each thread), logs and FTP sessions."""


class WebServer:
    """A listening server. `run` blocks; `close` ends it from another thread.

    connections: how many at once; when they run out, those that have waited for their
    client longest end, so that many idle ones do not lock the others out.
    """

    def __init__(
        self,
        listeners: list[socket.socket],
        site: Callable[..., Any],
        listening: Listening,
        *,
        connections: int,
        deadlines: Deadlines,
    ) -> None:
        self._listeners = listeners
        self._certificate: Certificate | None = None
        if listening.tls_cert:
            self._certificate = Certificate(listening.tls_cert, listening.tls_key)
        self._limit = connections
        self._deadlines = deadlines
        self._config = Config(
            Requests(site, listening, deadlines),
            interface="asgi3", http=Connection, ws="none", lifespan="off", log_config=None,
            access_log=False, proxy_headers=False, h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            # Our own deadline comes first; uvicorn's would wait for what nobody takes.
            timeout_keep_alive=24 * 3600,
        )
        self._config.load()
        self._state = ServerState()
        self._connections: set[Connection] = set()
        self._adoptions: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = threading.Event()
        self._next_warning_s = 0.0 if listening.is_exposed else float("inf")
        self.effective_port = int(listeners[0].getsockname()[1])

    def run(self) -> None:
        asyncio.run(self._serve())

    def close(self) -> None:
        """Take no more connections, let requests in hand finish (5 s), then end `run`."""
        self._closing.set()

    async def _serve(self) -> None:
        asyncio.get_running_loop().set_exception_handler(_log_error)
        self._sweep(time.monotonic())
        accepting = [asyncio.create_task(self._accept(one)) for one in self._listeners]
        try:
            while not self._closing.is_set():
                await asyncio.sleep(SWEEP_S)
                self._sweep(time.monotonic())
        finally:
            for task in accepting:
                task.cancel()
            await asyncio.gather(*accepting, return_exceptions=True)
            for listener in self._listeners:
                listener.close()
            await self._finish_requests()
            for connection in list(self._connections):
                connection.end()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if len(self._connections) >= self._limit:
                self._make_room()
                await asyncio.sleep(0)  # they end in the loop's next turn
                if len(self._connections) >= self._limit:  # all have a request in hand
                    await asyncio.sleep(SWEEP_S)
                    continue
            try:
                client, address = await loop.sock_accept(listener)
            except ConnectionError:  # gone before it was taken
                continue
            except OSError:
                # No descriptor left, in spite of the limit: whose they are is not known here,
                # and newcomers go first.
                self._make_room()
                await asyncio.sleep(SWEEP_S)
                continue
            self._adopt(client, str(address[0]))
            await asyncio.sleep(0)  # a crowd that connects does not keep the others waiting

    def _adopt(self, client: socket.socket, address: str) -> None:
        client.setblocking(False)
        connection = Connection(
            self._config, self._state, self._deadlines, address, self._connections.discard)
        self._connections.add(connection)
        connection.handshake = asyncio.create_task(self._begin(connection, client))
        self._adoptions.add(connection.handshake)
        connection.handshake.add_done_callback(self._adoptions.discard)

    async def _begin(self, connection: Connection, client: socket.socket) -> None:
        tls: dict[str, Any] = {}
        if self._certificate:
            tls = {
                "ssl": self._certificate.context(),
                "ssl_handshake_timeout": self._deadlines.header_s,
                "ssl_shutdown_timeout": self._deadlines.taking_s,
            }
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, client, **tls)
        except (OSError, asyncio.CancelledError):  # no TLS, no shared version, late, gone
            self._connections.discard(connection)
            client.close()

    def _sweep(self, now_s: float) -> None:
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        if len(self._connections) >= self._limit * 9 // 10:
            self._make_room()
        for connection in list(self._connections):
            connection.end_if_late(now_s)
        if now_s >= self._next_warning_s:
            self._next_warning_s = now_s + WARN_S
            log.warning("web.not_encrypted")

    def _make_room(self) -> None:
        """A quarter of the places, first of the address that holds most of them."""
        held = Counter(connection.address for connection in self._connections)
        waiting = sorted(
            (connection for connection in self._connections if connection.is_waiting),
            key=lambda connection: (-held[connection.address], connection.since_s),
        )
        for connection in waiting[: max(1, self._limit // 4)]:
            connection.end()

    async def _finish_requests(self) -> None:
        deadline = time.monotonic() + GRACE_S
        for connection in list(self._connections):
            if connection.transport is not None:
                connection.shutdown()
        while time.monotonic() < deadline and any(
            connection.has_request for connection in self._connections
        ):
            await asyncio.sleep(0.05)


def _log_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """asyncio's own lines quote what is at hand, addresses and headers among it."""
    error = context.get("exception")
    if not isinstance(error, OSError):
        log.error("web.connection_failed", extra={"error": type(error).__name__})


def create_server(
    listening: Listening,
    site: Callable[..., Any],
    *,
    deadlines: Deadlines = DEADLINES,
    connections: int | None = None,
) -> WebServer:
    """Listen; port 0 takes a free one, see `effective_port`.

    Raises: EnvironmentInvalid, ListenFailed.

    What a proxy says in X-Forwarded-For and X-Forwarded-Proto counts from the trusted one
    only; from anybody else it is dropped.
    """
    listeners = _listen(listening)
    try:
        return WebServer(
            listeners, site, listening, deadlines=deadlines,
            connections=connections or _possible_connections(is_tls=listening.is_tls))
    except BaseException:
        for listener in listeners:
            listener.close()
        raise


def _listen(listening: Listening) -> list[socket.socket]:
    """One for each address of the host. Raises: ListenFailed."""
    try:
        found = socket.getaddrinfo(
            listening.host or None, listening.port, type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenFailed(
            f"{listening.host} is no address and no name of one; correct --host"
        ) from error
    listeners: list[socket.socket] = []
    missing = OSError(errno.EADDRNOTAVAIL, "no address")
    with contextlib.ExitStack() as opened:
        port = listening.port
        for family, address in dict.fromkeys((family, to[0]) for family, *_, to in found):
            try:
                listener = socket.create_server(
                    (str(address), port), family=family, backlog=BACKLOG)
            except OSError as error:
                if error.errno in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL} and len(found) > 1:
                    missing = error  # IPv6 is named and switched off, as in many containers
                    continue
                raise listening.failure(error) from error
            opened.callback(listener.close)
            listener.setblocking(False)
            listeners.append(listener)
            port = listener.getsockname()[1]
        if not listeners:
            raise listening.failure(missing) from missing
        opened.pop_all()
    return listeners


def _possible_connections(*, is_tls: bool) -> int:
    """As many as wanted, or as the system lets us have descriptors for."""
    most = MAX_TLS_CONNECTIONS if is_tls else MAX_CONNECTIONS
    try:
        import resource
    except ImportError:
        return most  # Windows: sockets are no descriptors there
    wanted = most + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return most if soft < 0 else max(50, min(most, soft - OTHER_FILES))
