"""The web server: waitress with the site in it. Started by `farcopy serve` and `farcopy web`.

Needs `django.setup()` and a prepared database; starts nothing else.
"""

import select
import time
from typing import Any, Final

import waitress
from django.core.wsgi import get_wsgi_application
from waitress import wasyncore

application = get_wsgi_application()

THREADS: Final = 32
MAX_BODY_BYTES: Final = 16 * 1024**2
"""The application answers 413 above 64 KiB itself; this only bounds what is buffered."""
GRACE_S: Final = 5.0
_HAS_POLL: Final = hasattr(select, "poll")
# select(), all Windows has, takes 512 sockets; more would end the server's loop.
_CONNECTIONS: Final = 1000 if _HAS_POLL else 400


class WebServer:
    """A listening server. `run` blocks; `close` ends it from another thread."""

    def __init__(self, server: Any, sockets: dict[int, Any], port: int) -> None:
        self._server = server
        self._sockets = sockets
        self._is_closing = False
        self.effective_port = port

    def run(self) -> None:
        try:
            while not self._is_closing:
                self._turn(1.0)
            self._finish_requests()
        finally:
            wasyncore.close_all(self._sockets, ignore_all=True)
            self._server.task_dispatcher.shutdown(timeout=GRACE_S)

    def close(self) -> None:
        """Take no more connections, let requests in hand finish (5 s), then end `run`."""
        self._is_closing = True
        for listener in self._listeners():
            listener.pull_trigger()

    def _turn(self, timeout_s: float) -> None:
        wasyncore.loop(timeout=timeout_s, use_poll=_HAS_POLL, map=self._sockets, count=1)

    def _finish_requests(self) -> None:
        deadline = time.monotonic() + GRACE_S
        for listener in self._listeners():
            listener.accepting = False
        while self._has_requests() and time.monotonic() < deadline:
            self._turn(0.05)

    def _has_requests(self) -> bool:
        return any(
            channel.requests or channel.total_outbufs_len
            for listener in self._listeners()
            for channel in list(listener.active_channels.values())
        )

    def _listeners(self) -> list[Any]:
        return [s for s in list(self._sockets.values()) if hasattr(s, "active_channels")]


def create_server(host: str, port: int, *, trusted_proxy: str | None = None) -> WebServer:
    """Listen on host and port; 0 takes a free one, see `effective_port`.

    trusted_proxy: the address of a reverse proxy whose X-Forwarded-For and
    X-Forwarded-Proto count; from anybody else they are dropped.
    """
    sockets: dict[int, Any] = {}
    proxy: dict[str, Any] = {}
    if trusted_proxy:
        proxy = {
            "trusted_proxy": trusted_proxy,
            "trusted_proxy_count": 1,
            "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
        }
    server = waitress.create_server(
        application,
        map=sockets,
        host=host,
        port=port,
        threads=THREADS,
        connection_limit=_CONNECTIONS,
        ident=None,
        max_request_body_size=MAX_BODY_BYTES,
        max_request_header_size=16 * 1024,
        clear_untrusted_proxy_headers=True,
        asyncore_use_poll=_HAS_POLL,
        **proxy,
    )
    listeners = [s for s in sockets.values() if hasattr(s, "active_channels")]
    return WebServer(server, sockets, int(listeners[0].effective_port))
