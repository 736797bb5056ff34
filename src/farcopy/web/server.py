"""The web server: waitress with the site in it. Started by `farcopy serve` and `farcopy web`.

Knows no Django: the site is any WSGI application.
"""

import contextlib
import logging
import select
import time
from collections.abc import Callable
from typing import Any, Final

import waitress
from waitress import wasyncore

from farcopy.core.errors import ListenFailed
from farcopy.web.connections import Channel, Deadlines
from farcopy.web.listening import Listening
from farcopy.web.tls import TlsChannels

log = logging.getLogger("farcopy.web")
THREADS: Final = 32
MAX_BODY_BYTES: Final = 16 * 1024**2
"""The application answers 413 above 64 KiB itself; this only bounds what is read."""
MAX_HEADER_BYTES: Final = 16 * 1024
GRACE_S: Final = 5.0
SWEEP_S: Final = 0.5
DEADLINES: Final = Deadlines()
WARN_S: Final = 3600.0
_HAS_POLL: Final = hasattr(select, "poll")
MAX_CONNECTIONS: Final = 1000
OTHER_FILES: Final = 300
"""Descriptors left for the database (three for each thread), logs and FTP sessions."""


class WebServer:
    """A listening server. `run` blocks; `close` ends it from another thread.

    connections: how many at once; when they run out, those that have waited for their
    client longest end, so that many idle ones do not lock the others out.
    """

    def __init__(
        self,
        server: Any,
        sockets: dict[int, Any],
        *,
        connections: int,
        deadlines: Deadlines,
        is_open: bool = False,
    ) -> None:
        self._server = server
        self._sockets = sockets
        self._connections = connections
        self._deadlines = deadlines
        self._is_closing = False
        self._next_sweep_s = 0.0
        self._next_warning_s = 0.0 if is_open else float("inf")
        self.effective_port = int(self._listeners()[0].effective_port)

    def run(self) -> None:
        try:
            while not self._is_closing:
                self._turn(SWEEP_S)
                self._sweep(time.monotonic())
            self._finish_requests()
        finally:
            wasyncore.close_all(self._sockets, ignore_all=True)
            self._server.task_dispatcher.shutdown(timeout=GRACE_S)

    def close(self) -> None:
        """Take no more connections, let requests in hand finish (5 s), then end `run`."""
        self._is_closing = True
        for listener in self._listeners():
            with contextlib.suppress(OSError):  # `run` may have seen it and be gone already
                listener.pull_trigger()

    def _turn(self, timeout_s: float) -> None:
        wasyncore.loop(timeout=timeout_s, use_poll=_HAS_POLL, map=self._sockets, count=1)

    def _sweep(self, now_s: float) -> None:
        channels = self._channels()
        if len(channels) >= self._connections * 9 // 10:
            self._make_room(channels)
        if now_s < self._next_sweep_s:
            return
        self._next_sweep_s = now_s + SWEEP_S
        for channel in channels:
            channel.end_if_late(self._deadlines, now_s)
        if now_s >= self._next_warning_s:
            self._next_warning_s = now_s + WARN_S
            log.warning("web.not_encrypted")

    def _make_room(self, channels: list[Channel]) -> None:
        waiting = sorted(
            (channel for channel in channels if channel.is_waiting),
            key=lambda channel: channel.waiting_since_s,
        )
        for channel in waiting[: self._connections // 4]:
            channel.will_close = True

    def _finish_requests(self) -> None:
        deadline = time.monotonic() + GRACE_S
        for listener in self._listeners():
            listener.accepting = False
        while self._has_requests() and time.monotonic() < deadline:
            self._turn(0.05)

    def _has_requests(self) -> bool:
        return any(channel.requests or channel.total_outbufs_len for channel in self._channels())

    def _channels(self) -> list[Channel]:
        return [
            channel
            for listener in self._listeners()
            for channel in list(listener.active_channels.values())
        ]

    def _listeners(self) -> list[Any]:
        return [s for s in list(self._sockets.values()) if hasattr(s, "active_channels")]


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
    connections = connections or _possible_connections()
    sockets: dict[int, Any] = {}
    proxy: dict[str, Any] = {}
    if listening.trusted_proxy:
        proxy = {
            "trusted_proxy": listening.trusted_proxy,
            "trusted_proxy_count": 1,
            "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
        }
    channels: Any = Channel
    if listening.tls_cert:
        channels = TlsChannels(listening.tls_cert, listening.tls_key)
    try:
        server = waitress.create_server(
            site,
            map=sockets,
            host=listening.host,
            port=listening.port,
            threads=THREADS,
            connection_limit=connections + 10,  # its own two or three sockets count, too
            ident=None,
            url_scheme="https" if listening.is_tls else "http",
            max_request_body_size=MAX_BODY_BYTES,
            max_request_header_size=MAX_HEADER_BYTES,
            clear_untrusted_proxy_headers=True,
            asyncore_use_poll=_HAS_POLL,
            log_socket_errors=False,
            **proxy,
        )
    except OSError as error:
        raise listening.failure(error) from error
    except ValueError as error:
        # waitress asks the resolver, and says no more than this.
        raise ListenFailed(
            f"{listening.host} is no address and no name of one; correct --host"
        ) from error
    made = WebServer(
        server, sockets, connections=connections, deadlines=deadlines, is_open=listening.is_exposed
    )
    for listener in made._listeners():
        listener.channel_class = channels
    return made


def _possible_connections() -> int:
    """As many as wanted, or as the system lets us have descriptors for."""
    if not _HAS_POLL:
        return 400  # select(), all Windows has, takes 512; more would end the server's loop
    import resource

    wanted = MAX_CONNECTIONS + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MAX_CONNECTIONS if soft < 0 else max(50, min(MAX_CONNECTIONS, soft - OTHER_FILES))
