"""Everything farcopy takes from the environment, read once, in one place.

Every variable may also be given as NAME_FILE: a file that holds the value, for
secrets kept out of the environment (Docker and systemd credentials).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from environs import FileAwareEnv

# One read for each variable and process; the file of a secret is not kept open.
_env = FileAwareEnv()


@dataclass(frozen=True, slots=True)
class Environment:
    """home: FARCOPY_HOME. time_zone: an IANA name, or "" for the system's own."""

    home: Path
    database_url: str
    key: str
    time_zone: str
    source_roots: tuple[str, ...]
    log_keep_days: int
    connect_s: float
    reply_s: float
    stall_s: float
    retry_scale: float

    @classmethod
    def read(cls) -> "Environment":
        return cls(
            home=home_directory(),
            database_url=_env.str("DATABASE_URL", ""),
            key=_env.str("FARCOPY_KEY", ""),
            time_zone=_env.str("FARCOPY_TIME_ZONE", ""),
            source_roots=tuple(
                root for root in _env.str("FARCOPY_SOURCE_ROOTS", "").split(os.pathsep) if root
            ),
            log_keep_days=_env.int("FARCOPY_LOG_KEEP_DAYS", 90),
            connect_s=_env.float("FARCOPY_CONNECT_TIMEOUT_S", 10.0),
            reply_s=_env.float("FARCOPY_REPLY_TIMEOUT_S", 30.0),
            stall_s=_env.float("FARCOPY_STALL_TIMEOUT_S", 30.0),
            # 1.0: wait 1, 5, 25 s between attempts. Tests set it near 0.
            retry_scale=_env.float("FARCOPY_RETRY_SCALE", 1.0),
        )


def home_directory() -> Path:
    given = _env.str("FARCOPY_HOME", "")
    return Path(given).absolute() if given else Path.home() / ".farcopy"


def ftp_password_given() -> str | None:
    """FARCOPY_FTP_PASSWORD, or the content of FARCOPY_FTP_PASSWORD_FILE."""
    return _env.str("FARCOPY_FTP_PASSWORD", None)
