"""Where lines of the audit trail go besides the database: a file that only grows, or syslog.

A sink takes lines, all or an error, and may be asked where it stopped. `service.trail_lines`
says which lines. It speaks to sockets itself: syslog is no FTP server.
"""

import contextlib
import json
import os
import platform
import socket
import stat
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Any, Final, Protocol

from django.utils import timezone

from farcopy.core.syslog import SyslogTarget, message

TIMEOUT_S: Final = 5.0
_TAIL_BYTES: Final = 256 * 1024
"""More than the longest line."""


class Sink(Protocol):
    """name: where it goes, for the state's file and for warnings."""

    name: str

    def last(self) -> tuple[int, str] | None:
        """Number and seal of the last entry it has; None when it cannot know."""

    def write(self, lines: Sequence[str]) -> None:
        """Each with its line end. Raises: OSError; some of them may have gone."""

    def close(self) -> None: ...


class FileSink:
    """Opened anew for each write: whoever moves the file away gets a new one made."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def last(self) -> tuple[int, str] | None:
        try:
            with self._opened(os.O_RDONLY) as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                lines = (file.read() or b"").splitlines(keepends=True)
        except OSError:
            return None
        for line in reversed(lines):
            if line.endswith(b"\n") and (found := _entry_of(line)) is not None:
                return found
        return None

    def write(self, lines: Sequence[str]) -> None:
        with self._opened(os.O_RDWR | os.O_CREAT | os.O_APPEND) as file:
            rest = memoryview("".join(lines).encode("ascii"))
            if _is_torn(file):
                rest = memoryview(b"\n" + bytes(rest))  # a line of which a crash left a part
            while rest:
                rest = rest[file.write(rest) or 0:]
            os.fsync(file.fileno())

    def close(self) -> None:
        pass

    def _opened(self, flags: int) -> FileIO:
        # Without waiting: at the other end of a pipe there may never be anybody.
        flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self._path, flags, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError("it is no file")
        return FileIO(descriptor, "r+" if flags & os.O_RDWR else "r")


class SyslogSink:
    """By UDP, TCP or the local socket. What TCP had taken when it broke may be lost, or come
    twice; of UDP nobody hears."""

    def __init__(self, target: SyslogTarget) -> None:
        self.name = f"syslog ({target.shown})"
        self._target = target
        self._socket: socket.socket | None = None

    def last(self) -> tuple[int, str] | None:
        return None

    def write(self, lines: Sequence[str]) -> None:
        try:
            if self._socket is None:
                self._socket = self._connected()
            now, host = timezone.now(), platform.node()
            for line in lines:
                self._socket.sendall(
                    message(self._target, line.rstrip("\n"), now, host, os.getpid())
                )
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None

    def _connected(self) -> socket.socket:
        target = self._target
        if target.kind == "tcp":
            return socket.create_connection((target.host, target.port), TIMEOUT_S)
        if target.kind == "local":
            made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            address: Any = target.host
        else:
            family, _, _, _, address = socket.getaddrinfo(
                target.host, target.port, type=socket.SOCK_DGRAM)[0]
            made = socket.socket(family, socket.SOCK_DGRAM)
        try:
            made.settimeout(TIMEOUT_S)
            made.connect(address)
        except OSError:
            made.close()
            raise
        return made


def _entry_of(line: bytes) -> tuple[int, str] | None:
    try:
        values = json.loads(line)
        return int(values["sequence"]), str(values["mac"])
    except (ValueError, TypeError, KeyError):
        return None  # a line about the lines, or none of ours


def _is_torn(file: FileIO) -> bool:
    size = file.seek(0, os.SEEK_END)
    if not size:
        return False
    file.seek(size - 1)
    return file.read(1) != b"\n"
