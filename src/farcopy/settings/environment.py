"""Everything farcopy takes from the environment, read once, in one place.

Every variable may also be given as NAME_FILE: a file that holds the value, for
secrets kept out of the environment (Docker and systemd credentials).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from environs import Env, EnvError, FileAwareEnv

from farcopy.core.errors import EnvironmentInvalid
from farcopy.core.syslog import read_target
from farcopy.store.refusals import reason

MAX_WAIT_S = 3600.0
# One read for each variable and process; the file of a secret is not kept open.
_env = FileAwareEnv()
# The files of keys are read by store.keys, which also looks at who may read them.
_plain_env = Env()


@dataclass(frozen=True, slots=True)
class Environment:
    """home: FARCOPY_HOME. time_zone: an IANA name, or "" for the system's own.

    scrub_percent: of the held files, checked a day; scrub_mib: read back at most a day.
    """

    home: Path
    database_url: str
    key: str
    key_file: str
    old_key: str
    old_key_file: str
    credentials: str
    time_zone: str
    source_roots: tuple[str, ...]
    log_keep_days: int
    audit_keep_days: int
    audit_log: Path | None
    audit_syslog: str
    connect_s: float
    reply_s: float
    stall_s: float
    retry_scale: float
    asks_hashes: bool
    scrub_percent: float
    scrub_mib: int
    settle_s: float
    tripwire_percent: float
    tripwire_files: int
    ledger_patience_s: float

    @classmethod
    def read(cls) -> "Environment":
        """Raises: EnvironmentInvalid, which names the variable."""
        with _told():
            environment = cls._read()
            environment._check()
            return environment

    def _check(self) -> None:
        if self.time_zone:
            try:
                ZoneInfo(self.time_zone)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise EnvironmentInvalid("FARCOPY_TIME_ZONE is no IANA time zone") from error
        waits = {
            "FARCOPY_CONNECT_TIMEOUT_S": self.connect_s, "FARCOPY_REPLY_TIMEOUT_S": self.reply_s,
            "FARCOPY_STALL_TIMEOUT_S": self.stall_s,
            "FARCOPY_LEDGER_PATIENCE_S": self.ledger_patience_s,
        }
        for name, wait_s in waits.items():
            if not 0 < wait_s < MAX_WAIT_S:
                raise EnvironmentInvalid(f"{name} must be between 0 and {MAX_WAIT_S:.0f} seconds")
        if not 0 <= self.settle_s < MAX_WAIT_S:
            raise EnvironmentInvalid(
                f"FARCOPY_SETTLE_S must be at least 0 and below {MAX_WAIT_S:.0f} seconds"
            )
        if not 0 <= self.tripwire_percent <= 100 or self.tripwire_files < 1:
            raise EnvironmentInvalid(
                "FARCOPY_TRIPWIRE_PERCENT must be 0 to 100, FARCOPY_TRIPWIRE_FILES at least 1"
            )
        if self.log_keep_days < 1 or not 0 <= self.retry_scale < MAX_WAIT_S:
            raise EnvironmentInvalid("FARCOPY_LOG_KEEP_DAYS or FARCOPY_RETRY_SCALE is too small")
        if self.audit_keep_days < 1:
            raise EnvironmentInvalid("FARCOPY_AUDIT_KEEP_DAYS must be at least 1")
        if self.audit_syslog:
            try:
                target = read_target(self.audit_syslog)
            except ValueError as error:
                raise EnvironmentInvalid(
                    "FARCOPY_AUDIT_SYSLOG must be HOST, HOST:PORT, udp://HOST:PORT, "
                    "tcp://HOST:PORT or the path of a socket"
                ) from error
            if target.kind == "local" and os.name != "posix":
                raise EnvironmentInvalid("FARCOPY_AUDIT_SYSLOG must be a host on Windows")
        if not 0 <= self.scrub_percent <= 100:
            raise EnvironmentInvalid("FARCOPY_SCRUB_PERCENT must be between 0 and 100")
        if self.scrub_mib < 1:
            raise EnvironmentInvalid("FARCOPY_SCRUB_MIB must be at least 1")

    @classmethod
    def _read(cls) -> "Environment":
        return cls(
            home=home_directory(),
            database_url=_env.str("DATABASE_URL", "").strip(),
            key=_plain_env.str("FARCOPY_KEY", ""),
            key_file=_plain_env.str("FARCOPY_KEY_FILE", ""),
            old_key=_plain_env.str("FARCOPY_OLD_KEY", ""),
            old_key_file=_plain_env.str("FARCOPY_OLD_KEY_FILE", ""),
            credentials=_plain_env.str("CREDENTIALS_DIRECTORY", ""),
            time_zone=_env.str("FARCOPY_TIME_ZONE", ""),
            source_roots=tuple(
                root for root in _env.str("FARCOPY_SOURCE_ROOTS", "").split(os.pathsep) if root
            ),
            log_keep_days=_env.int("FARCOPY_LOG_KEEP_DAYS", 90),
            # Six years and two leap days: 45 CFR 164.316(b)(2)(i). Nothing is removed by itself.
            audit_keep_days=_env.int("FARCOPY_AUDIT_KEEP_DAYS", 2192),
            audit_log=_path(_env.str("FARCOPY_AUDIT_LOG", "").strip()),
            audit_syslog=_env.str("FARCOPY_AUDIT_SYSLOG", "").strip(),
            connect_s=_env.float("FARCOPY_CONNECT_TIMEOUT_S", 10.0),
            reply_s=_env.float("FARCOPY_REPLY_TIMEOUT_S", 30.0),
            stall_s=_env.float("FARCOPY_STALL_TIMEOUT_S", 30.0),
            # 1.0: wait about 1 and 5 s between the attempts. Tests set it near 0.
            retry_scale=_env.float("FARCOPY_RETRY_SCALE", 1.0),
            asks_hashes=_env.bool("FARCOPY_SERVER_HASHES", True),
            # A sixth and a bit: everything is looked at within a week.
            scrub_percent=_env.float("FARCOPY_SCRUB_PERCENT", 15.0),
            scrub_mib=_env.int("FARCOPY_SCRUB_MIB", 10240),
            # A file modified more recently is looked at twice, that far apart.
            settle_s=_env.float("FARCOPY_SETTLE_S", 10.0),
            tripwire_percent=_env.float("FARCOPY_TRIPWIRE_PERCENT", 10.0),
            tripwire_files=_env.int("FARCOPY_TRIPWIRE_FILES", 100),
            # How long a run waits for a database that is away; then it ends.
            ledger_patience_s=_env.float("FARCOPY_LEDGER_PATIENCE_S", 60.0),
        )


def _path(text: str) -> Path | None:
    return Path(text).absolute() if text else None


def home_directory() -> Path:
    """Raises: EnvironmentInvalid."""
    with _told():
        given = _env.str("FARCOPY_HOME", "")
    if given:
        return Path(given).absolute()
    try:
        return Path.home() / ".farcopy"
    except RuntimeError as error:
        raise EnvironmentInvalid(
            "FARCOPY_HOME is not set, and this user has no home directory"
        ) from error


@contextmanager
def _told() -> Iterator[None]:
    """What environs finds wrong, as ours: the variable, and never its value, but for a file's."""
    try:
        yield
    except EnvError as error:
        raise EnvironmentInvalid(str(error).partition(":")[0]) from error
    except ValueError as error:
        # A file that is named by NAME_FILE, and cannot be read.
        if not isinstance(error.__cause__, OSError):
            raise
        name = next((word for word in str(error).split() if word.endswith("_FILE")), "")
        raise EnvironmentInvalid(f"{name} names a file: {reason(error.__cause__)}") from error


def ftp_password_given() -> str | None:
    """FARCOPY_FTP_PASSWORD, or the content of FARCOPY_FTP_PASSWORD_FILE.

    Raises: EnvironmentInvalid.
    """
    with _told():
        given: str | None = _env.str("FARCOPY_FTP_PASSWORD", None)
    # A secret's file mostly ends with a line end that is not part of the secret.
    return None if given is None else given.rstrip("\r\n")
