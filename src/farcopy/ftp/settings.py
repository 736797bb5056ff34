"""What a session must know, and how long it may wait. Values only, no I/O.

Made by the composition root from SyncSettings; nothing is read from the
environment here. Used by every module of this floor.
"""

import time
from dataclasses import dataclass, field, fields
from pathlib import PurePosixPath
from typing import Literal

from farcopy.core.config import SyncSettings
from farcopy.core.errors import TimedOut

DIGESTS_BYTES_A_SECOND = 5_000_000
"""What a slow server does with its own disk, after the last byte."""
TlsMode = Literal["auto", "required", "off"]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long to wait for each step, seconds. There is no way to wait for ever.

    locked_s: for a file that somebody on the server holds for a while, a virus scanner mostly.
    stall_s: without one byte of progress on a data connection. crawl_s, least_bytes_per_s:
    all waits of a data connection together, and how much longer they may last for each byte
    that came or went; no line is slower, and who drips would keep us for ever. final_reply_s:
    for the reply after all data; servers check and sync long files first.
    """

    connect_s: float = 10.0
    reply_s: float = 30.0
    stall_s: float = 30.0
    final_reply_s: float = 60.0
    locked_s: float = 30.0
    crawl_s: float = 60.0
    least_bytes_per_s: float = 1024.0
    goodbye_s: float = 1.5

    def final_reply_of(self, size_bytes: int) -> float:
        """Of a file of so many bytes: what the slowest server copies or checks meanwhile."""
        return self.final_reply_s + size_bytes / DIGESTS_BYTES_A_SECOND

    def __post_init__(self) -> None:
        if not all(0 < getattr(self, wait.name) < float("inf") for wait in fields(self)):
            raise ValueError("deadlines are positive and finite")


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Where to log in, and how.

    path: ftp_path as configured; without a leading slash it counts from the
    login directory. ca_file: PEM, instead of the system's CAs. fingerprint:
    SHA-256 of the DER certificate, trusted instead of any CA. is_tls_known:
    this host has answered with TLS before, so it may not do without now.
    asks_hashes: whether the server may be asked for the MD5 of files.
    """

    host: str
    user: str
    password: str = field(repr=False)
    port: int = 21
    path: str = "/"
    is_passive: bool = True
    tls: TlsMode = "auto"
    ca_file: str | None = None
    fingerprint: str | None = None
    is_tls_known: bool = False
    asks_hashes: bool = True
    deadlines: Deadlines = Deadlines()

    @classmethod
    def of(
        cls,
        settings: SyncSettings,
        *,
        is_tls_known: bool = False,
        asks_hashes: bool = True,
        deadlines: Deadlines | None = None,
    ) -> "SessionSettings":
        """The part of the settings that a session needs. FTP must be configured."""
        if settings.ftp_host is None or settings.ftp_username is None:
            raise ValueError("FTP is not configured")
        modes: dict[str, TlsMode] = {"auto": "auto", "required": "required", "off": "off"}
        return cls(
            host=settings.ftp_host,
            user=settings.ftp_username,
            password=settings.ftp_password or "",
            port=settings.ftp_port,
            path=settings.ftp_path,
            is_passive=settings.ftp_passive,
            tls=modes[settings.tls_in_force],
            ca_file=settings.ftp_tls_ca,
            fingerprint=settings.ftp_tls_fingerprint,
            is_tls_known=is_tls_known,
            asks_hashes=asks_hashes,
            deadlines=deadlines or Deadlines(),
        )

    def base(self, login_directory: str | None) -> PurePosixPath:
        """ftp_path from the root of the server; from where the login leads, where the server
        does not say in plain words (None) what that is."""
        return PurePosixPath(login_directory or "") / self.path


class Budget:
    """The time left for everything together; each wait is cut to it.

    total_s: None where only the single deadlines count.
    """

    def __init__(self, total_s: float | None = None) -> None:
        self._end_s = None if total_s is None else time.monotonic() + total_s

    @property
    def is_limited(self) -> bool:
        return self._end_s is not None

    def cut(self, wait_s: float) -> float:
        """Raises: TimedOut when nothing is left."""
        if self._end_s is None:
            return wait_s
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise TimedOut
        return min(wait_s, left_s)
