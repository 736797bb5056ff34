"""The one boundary at which errors of a database become errors of ours.

Django lets every call of a driver pass through `wrap_database_errors`; our two
backends (store/backends) put `Translating` there. What it raises is a
LedgerTrouble and Django's OperationalError at once: the floors above catch the
first, `transaction.atomic` rolls back by the second. A mistake of our own (a
broken constraint, wrong SQL) stays what Django makes of it.
"""

import errno
import re
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from django.db import OperationalError
from django.db.utils import DatabaseErrorWrapper

from farcopy.core.errors import EnvironmentInvalid
from farcopy.core.ledger_errors import (
    LedgerCorrupt,
    LedgerFull,
    LedgerHostUnknown,
    LedgerLocked,
    LedgerLoginRefused,
    LedgerMissing,
    LedgerNoDatabase,
    LedgerNoRight,
    LedgerNotLetIn,
    LedgerReadOnly,
    LedgerTlsFailed,
    LedgerTrouble,
    LedgerUnreachable,
)


class Trouble(LedgerTrouble, OperationalError):
    """An error of the database that none of those below names."""


class Full(LedgerFull, OperationalError):
    pass


class Locked(LedgerLocked, OperationalError):
    pass


class ReadOnly(LedgerReadOnly, OperationalError):
    pass


class Corrupt(LedgerCorrupt, OperationalError):
    pass


class Missing(LedgerMissing, OperationalError):
    pass


class Unreachable(LedgerUnreachable, OperationalError):
    pass


class LoginRefused(LedgerLoginRefused, OperationalError):
    pass


class NotLetIn(LedgerNotLetIn, OperationalError):
    pass


class NoDatabase(LedgerNoDatabase, OperationalError):
    pass


class NoRight(LedgerNoRight, OperationalError):
    pass


class TlsFailed(LedgerTlsFailed, OperationalError):
    pass


class HostUnknown(LedgerHostUnknown, OperationalError):
    pass


class OptionUnknown(EnvironmentInvalid, OperationalError):
    """No trouble that passes: a service does not come up with it."""


# By the primary result code, the low byte of the extended one: sqlite.org/rescode.html
_SQLITE: Final[Mapping[int, type[Trouble] | type[OperationalError]]] = {
    sqlite3.SQLITE_FULL: Full,
    sqlite3.SQLITE_BUSY: Locked,
    sqlite3.SQLITE_LOCKED: Locked,
    sqlite3.SQLITE_PROTOCOL: Locked,
    sqlite3.SQLITE_READONLY: ReadOnly,
    sqlite3.SQLITE_CANTOPEN: ReadOnly,
    sqlite3.SQLITE_PERM: ReadOnly,
    sqlite3.SQLITE_AUTH: ReadOnly,
    sqlite3.SQLITE_CORRUPT: Corrupt,
    sqlite3.SQLITE_NOTADB: Corrupt,
}
_NO_ROOM_BYTES: Final = 1024 * 1024
"""An I/O error on a disk with less room than this is a full disk: SQLite itself says "full"
for ENOSPC of a write, but not of its shared memory, of a sync or of a quota."""

# By SQLSTATE, the longest prefix first: postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES: Final[tuple[tuple[str, type[OperationalError]], ...]] = (
    ("53100", Full),         # disk_full
    ("25006", ReadOnly),     # read_only_sql_transaction: a standby, or set so by an admin
    ("42501", NoRight),      # insufficient_privilege
    ("XX001", Corrupt),      # data_corrupted
    ("XX002", Corrupt),      # index_corrupted
    ("55P03", Locked),       # lock_not_available
    ("40001", Locked),       # serialization_failure
    ("40P01", Locked),       # deadlock_detected
    ("57P", Unreachable),    # admin_shutdown, crash_shutdown, cannot_connect_now …
    ("53300", Unreachable),  # too_many_connections
    ("08", Unreachable),     # connection exceptions
)


# libpq hands on no SQLSTATE while it connects, only the server's words: those of a server
# that speaks another language than English are taken for silence, as all were before.
_REFUSALS: Final[tuple[tuple[str, type[OperationalError]], ...]] = (
    (r"no pg_hba\.conf entry|pg_hba\.conf rejects|permission denied for database", NotLetIn),
    (r"authentication failed|no password supplied|role .* does not exist|not permitted to log in",
     LoginRefused),
    (r"database .* does not exist", NoDatabase),
    # But not "SSL connection has been closed": that is a server that went away.
    (r"does not support SSL|certificate|SSL error: (?!unexpected eof)", TlsFailed),
    (r"(failed to resolve|could not translate) host(?!.*(temporary|try again))", HostUnknown),
)


def of_sqlite(error: BaseException, file: str) -> OperationalError | None:
    """The trouble an error of sqlite3 stands for; None: a mistake of ours."""
    if isinstance(error, sqlite3.ProgrammingError | sqlite3.IntegrityError | sqlite3.DataError |
                  sqlite3.NotSupportedError) or not isinstance(error, sqlite3.Error):
        return None
    code = getattr(error, "sqlite_errorcode", 0)
    name = getattr(error, "sqlite_errorname", "")
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        return Missing(name)
    if code & 0xFF == sqlite3.SQLITE_CANTOPEN and not Path(file).exists():
        return Missing(name)
    if code & 0xFF == sqlite3.SQLITE_IOERR:
        return Full(name) if _has_no_room(file) else Trouble(name)
    return _SQLITE.get(code & 0xFF, Trouble)(name)


def of_postgres(error: BaseException, module: Any) -> OperationalError | None:
    """The same for psycopg, whose module is given: it is there only where it is installed."""
    mistakes = (module.ProgrammingError, module.IntegrityError, module.DataError,
                module.NotSupportedError)
    state = getattr(error, "sqlstate", None) or ""
    for prefix, trouble in _POSTGRES:
        if state.startswith(prefix):
            return trouble(f"SQLSTATE {state}")
    if not state and str(error).startswith(("invalid connection option", "invalid URI")):
        return OptionUnknown("DATABASE_URL has an option behind its ? that is not PostgreSQL's")
    if isinstance(error, mistakes) or not isinstance(error, module.Error):
        return None
    if not state and isinstance(error, module.OperationalError | module.InterfaceError):
        for words, trouble in _REFUSALS:
            if re.search(words, str(error), re.IGNORECASE | re.DOTALL):
                return trouble()
        # No reply of the server: refused, closed, reset, or closed before.
        return Unreachable()
    return Trouble(f"SQLSTATE {state}" if state else "")


def of_os_error(error: OSError) -> OperationalError:
    """A file beside the database that could not be written: the same trouble."""
    name = errno.errorcode.get(error.errno or 0, "")
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return Full(name)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ReadOnly(name)
    return Missing(name) if error.errno == errno.ENOENT else Trouble(name)


def _has_no_room(file: str) -> bool:
    try:
        return shutil.disk_usage(Path(file).parent).free < _NO_ROOM_BYTES
    except OSError:
        return False


class Translating(DatabaseErrorWrapper):
    """Django's wrapper, and ours before it. `wrapper` is one of our DatabaseWrappers."""

    wrapper: Any

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_value is None or isinstance(exc_value, LedgerTrouble):
            return
        trouble = self.wrapper.trouble_of(exc_value)
        if trouble is not None:
            self.wrapper.errors_occurred = True
            raise trouble.with_traceback(traceback) from exc_value
        super().__exit__(exc_type, exc_value, traceback)
