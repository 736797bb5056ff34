"""pyftpdlib on a thread: the FTP server that runs everywhere, Windows too.

It can cut its connections, freeze, refuse to rename over a file, and speak TLS
where PyOpenSSL is installed.
"""

import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import Acceptor, IOLoop
from pyftpdlib.servers import FTPServer

USER, PASSWORD = "farcopy", "far-secret"
logging.getLogger("pyftpdlib").setLevel(logging.CRITICAL)


class _NoRenameOver(FTPHandler):  # type: ignore[misc]
    """As IIS and ProFTPD with AllowOverwrite off: an existing file is not replaced."""

    def ftp_RNTO(self, path: str) -> object:
        if Path(path).exists():
            self._rnfr = None
            self.respond("550 File already exists.")
            return None
        return super().ftp_RNTO(path)


class PyFtpServer:
    """Serves `root` as "/" on a loopback port from construction to `stop`."""

    def __init__(
        self,
        root: Path,
        *,
        permissions: str = "elradfmwMT",
        can_rename_over: bool = True,
        certificate: Path | None = None,
        host: str = "127.0.0.1",
        handler: type[FTPHandler] | None = None,
        file_system: type[AbstractedFS] | None = None,
    ) -> None:
        """handler, file_system: a server bent to what others do."""
        authorizer = DummyAuthorizer()
        authorizer.add_user(USER, PASSWORD, str(root), perm=permissions)
        base: type[FTPHandler] = handler or (FTPHandler if can_rename_over else _NoRenameOver)
        settings: dict[str, Any] = {"authorizer": authorizer, "auth_failed_timeout": 0}
        if certificate is not None:
            from pyftpdlib.handlers import TLS_FTPHandler

            base = TLS_FTPHandler
            settings |= {
                "certfile": str(certificate),
                "tls_control_required": True,
                "tls_data_required": True,
            }
        if file_system is not None:
            settings["abstracted_fs"] = file_system
        self._loop = IOLoop()
        self._server = FTPServer((host, 0), type("Handler", (base,), settings), ioloop=self._loop)
        self.host, self.port = self._server.address[:2]
        self.root = root
        self._wish: Callable[[], None] | None = None
        self._is_granted = threading.Event()
        self._may_run = threading.Event()
        self._may_run.set()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._serve, name="pyftpd")
        self._thread.start()

    def _serve(self) -> None:
        while not self._is_stopped:
            self._may_run.wait()
            self._server.serve_forever(timeout=0.01, blocking=False, handle_exit=False)
            if self._wish is not None:
                self._wish()
                self._wish = None
                self._is_granted.set()
        self._server.close_all()

    def cut(self) -> None:
        """Close every connection, as a crashed server's kernel does."""

        def close_all() -> None:
            for held in list(self._loop.socket_map.values()):
                if not (isinstance(held, Acceptor) and held is self._server):
                    with contextlib.suppress(Exception):
                        held.close()

        self._is_granted.clear()
        self._wish = close_all
        assert self._is_granted.wait(10)

    def freeze(self) -> None:
        self._may_run.clear()

    def thaw(self) -> None:
        self._may_run.set()

    def stop(self) -> None:
        self._is_stopped = True
        self.thaw()
        self._thread.join(10)
