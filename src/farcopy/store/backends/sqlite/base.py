"""Django's SQLite backend; its errors are ours, and a disk that cannot be written is still read."""

import sqlite3
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from farcopy.store import troubles

_READ_ONLY = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
              sqlite3.SQLITE_FULL)


class DatabaseWrapper(base.DatabaseWrapper):
    """may_create: prepare_database's; to anybody else a file that is gone is a trouble, not
    an empty database. busy_s: how long to wait for another's lock; None: as the settings say.
    """

    may_create = False
    busy_s: float | None = None
    _is_synced = True
    _why_read_only: OperationalError | None = None
    _opened: tuple[int, int] | None = None

    @cached_property
    def wrap_database_errors(self) -> troubles.Translating:
        return troubles.Translating(self)

    def trouble_of(self, error: BaseException) -> BaseException | None:
        trouble = troubles.of_sqlite(error, str(self.settings_dict["NAME"]))
        if isinstance(trouble, troubles.ReadOnly) and self._why_read_only is not None:
            # We opened it so: what is wrong is what made us do it.
            return type(self._why_read_only)(*self._why_read_only.args)
        return trouble

    def get_connection_params(self) -> dict[str, Any]:
        params: dict[str, Any] = super().get_connection_params()
        if self.busy_s is not None:
            params["timeout"] = self.busy_s
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        file = Path(conn_params["database"])
        mode = "rwc" if self.may_create else "rw"
        self._is_synced = True  # as the settings' first statements say
        self._why_read_only = None
        try:
            return self._open(conn_params, f"mode={mode}")
        except sqlite3.Error as error:
            if (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in _READ_ONLY:
                raise
            if not file.exists() or _has_log(file):
                raise
            # Reading in WAL mode wants to make two files beside the database, and this disk
            # takes none. Without a log nobody writes, and the file alone is all there is.
            connection = self._open(conn_params, "mode=ro&immutable=1")
            # Only for this request, so that a disk that is well again is noticed.
            self.close_at = time.monotonic()
            self._why_read_only = troubles.of_sqlite(error, str(file))
            return connection

    def _open(self, conn_params: dict[str, Any], query: str) -> Any:
        name = quote(str(Path(conn_params["database"]).absolute()).replace("\\", "/"))
        uri = f"file:{name if name.startswith('/') else '/' + name}?{query}"
        connection = None
        try:
            connection = super().get_new_connection({**conn_params, "database": uri})
            # The first statement opens the file in earnest: before anybody relies on it.
            connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
            self._opened = _identity(Path(conn_params["database"]))
        except BaseException:
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
            raise
        return connection

    def close_if_replaced(self) -> None:
        """Close a connection to a file that no longer has its name.

        In WAL mode SQLite itself does not notice, and what it then writes is lost.
        """
        if self.connection is not None and not self.in_atomic_block and (
            _identity(Path(self.settings_dict["NAME"])) != self._opened
        ):
            self.close()

    def close_if_unusable_or_obsolete(self) -> None:
        self.close_if_replaced()
        super().close_if_unusable_or_obsolete()

    def be_patient(self, busy_s: float | None) -> None:
        """How long statements of this thread wait for another's lock, from now on."""
        if busy_s == self.busy_s:
            return
        self.busy_s = busy_s
        if self.connection is not None and not self.in_atomic_block:
            usual_s = self.settings_dict["OPTIONS"].get("timeout", 5.0)
            wait_s = usual_s if busy_s is None else busy_s
            self.connection.execute(f"PRAGMA busy_timeout = {int(wait_s * 1000)}")

    def sync_to_disk(self, is_wanted: bool) -> None:
        """Whether a commit waits for the disk, from now on. Outside of a transaction only."""
        if is_wanted == self._is_synced:
            return
        self.ensure_connection()
        with self.wrap_database_errors:
            self.connection.execute(f"PRAGMA synchronous = {'FULL' if is_wanted else 'NORMAL'}")
        self._is_synced = is_wanted

    def is_usable(self) -> bool:
        # Asked after an error only. A new connection costs a millisecond, and the file of
        # that name may be another one by now.
        return False


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _has_log(file: Path) -> bool:
    log = file.with_name(file.name + "-wal")
    try:
        return log.stat().st_size > 0
    except OSError:
        return False
