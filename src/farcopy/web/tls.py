"""HTTPS without a proxy: the handshake and the reading and writing of a connection.

waitress speaks no TLS. Here its channel gets a socket that does, on the same
thread and under the same deadlines; so the client's address stays the client's.
"""

import logging
import ssl
import threading
import time
from pathlib import Path
from typing import Any

from farcopy.core.errors import EnvironmentInvalid
from farcopy.store.refusals import reason
from farcopy.web.connections import Channel

log = logging.getLogger("farcopy.web")
_RECORD_BYTES = 16 * 1024
"""The most a TLS record holds (RFC 8446 §5.1)."""


def make_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer. key: None where it stands in the certificate's file.

    Raises: EnvironmentInvalid.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An encrypted key would be asked for at the terminal, where nobody sits.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise EnvironmentInvalid(
            _unreadable("--tls-cert", certificate) or (_unreadable("--tls-key", key) if key else "")
            or "--tls-cert and --tls-key must be PEM files that belong together, without a password"
        ) from error
    return context


def _unreadable(option: str, file: Path) -> str:
    """Why it cannot be read; "" when it can."""
    try:
        with file.open("rb"):
            return ""
    except OSError as error:
        return f"{option}: {reason(error, file)}"


class TlsChannels:
    """Makes the channels of a listener; waitress calls it as it would its channel class.

    A renewed certificate counts from the next connection on; until its files fit
    together, the old one. Raises: EnvironmentInvalid.
    """

    def __init__(self, certificate: Path, key: Path | None) -> None:
        self._certificate, self._key = certificate, key
        self._seen = self._times()
        self._context = make_context(certificate, key)

    def __call__(self, server: Any, sock: Any, *args: Any, **options: Any) -> None:
        self._renew()
        sock.setblocking(False)
        try:
            secured = self._context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            )
        except (OSError, ValueError):  # gone already; raised on, it would end the listener
            sock.close()
            return
        TlsChannel(server, secured, *args, **options)

    def _renew(self) -> None:
        times = self._times()
        if times == self._seen:
            return
        self._seen = times
        try:
            self._context = make_context(self._certificate, self._key)
        except EnvironmentInvalid:
            log.error("web.certificate_unusable")  # noqa: TRY400  # nothing more is in it
        else:
            log.info("web.certificate_renewed")

    def _times(self) -> list[int]:
        return [_changed_at_ns(file) for file in (self._certificate, self._key) if file]


def _changed_at_ns(file: Path) -> int:
    """0 while it is not there: somebody may just be replacing it."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


class TlsChannel(Channel):
    """Until the handshake is done nothing is read as HTTP; it counts as part of the header."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # Answers are written by worker threads, while the server's own thread reads: OpenSSL
        # does not bear both at once.
        self._ssl_lock = threading.Lock()
        self._is_secured = False
        self._wants_write = False
        super().__init__(*args, **options)

    def readable(self) -> bool:
        return not self.will_close if not self._is_secured else bool(super().readable())

    def writable(self) -> bool:
        if self._is_secured or self.will_close:
            return bool(super().writable())
        return self._wants_write

    def handle_read(self) -> None:
        if not self._is_secured:
            self._shake_hands()
            return
        while self.connected:
            try:
                with self._ssl_lock:
                    data = self.socket.recv(_RECORD_BYTES)
                    is_more = self.socket.pending() > 0
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                data = b""
            if not data:
                self.handle_close()
                return
            self.last_activity = time.time()
            self.received(data)
            if not is_more:  # what OpenSSL holds decrypted would not make the socket readable
                return

    def handle_write(self) -> None:
        if self._is_secured or self.will_close:
            super().handle_write()
        else:
            self._shake_hands()

    def send(self, data: bytes, do_close: bool = True) -> int:
        """How many bytes were taken; 0: try again when the socket can be written to."""
        try:
            with self._ssl_lock:
                return int(self.socket.send(data))
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError:
            if do_close:
                self.handle_close()
            return 0

    def _shake_hands(self) -> None:
        self._wants_write = False
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLWantWriteError:
            self._wants_write = True
            return
        except (OSError, ValueError):  # no TLS, no shared version, gone: none of it is news
            self.handle_close()
            return
        self._is_secured = True
