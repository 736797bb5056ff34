"""A damaged SQLite file: found out, moved aside, and what can still be read taken over.

Settings, accounts, history and audit trail are copied row by row, best effort.
Files and replicas are not: what a damaged ledger says of the remote is no proof;
a rebuild looks there instead. Called by the rebuild only, under the engine lock.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from django.db import DatabaseError, connection, transaction
from django.db.models import Model

from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.store.models import (
    ApiToken,
    AuditHead,
    AuditLog,
    Destination,
    KeyRecord,
    SecondFactor,
    SyncConfiguration,
    SyncHistory,
    User,
)

TABLES: tuple[type[Model], ...] = (
    Destination, SyncConfiguration, KeyRecord, User, SecondFactor, ApiToken, SyncHistory,
    AuditHead, AuditLog,
)
"""In the order their references need."""
_BEGUN_WITH = (SyncConfiguration, KeyRecord, AuditHead)
"""A new database has rows of its own in these; the old ones take their place."""
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
ROWS_A_TRANSACTION = 1000


@dataclass(frozen=True, slots=True)
class Salvaged:
    """One table. is_whole: it could be read to its end; lost_rows: read, and of no use."""

    table: str
    rows: int
    lost_rows: int
    is_whole: bool


def is_damaged(file: Path) -> bool:
    """Raises: sqlite3.Error for what is no damage, as a lock that is held."""
    if not file.exists() or not file.stat().st_size:
        return False
    try:
        with closing(sqlite3.connect(_address(file), uri=True, timeout=30)) as database:
            return [row[0] for row in database.execute("PRAGMA quick_check(1)")] != ["ok"]
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in _DAMAGE:
            return True
        raise


def move_aside(file: Path, now: datetime) -> Path:
    """Returns its new name. It and its -wal and -shm stay together, so it can be studied."""
    aside = file.with_name(f"{file.name}.damaged-{now:%Y%m%dT%H%M%SZ}")
    # The file itself last: cut off before, it is found damaged again.
    for suffix in ("-wal", "-shm", ""):
        old = file.with_name(file.name + suffix)
        if old.exists():
            old.rename(aside.with_name(aside.name + suffix))
    return aside


def salvage(damaged: Path) -> list[Salvaged]:
    """Copy what can be read into the database in use, which is new."""
    found = []
    with closing(_open(damaged)) as old:
        old.row_factory = sqlite3.Row
        old.text_factory = lambda raw: raw.decode("utf-8", "replace")
        known = _tables(old)
        for model in TABLES:
            if known and model._meta.db_table not in known:
                continue  # younger than that database: nothing of it is lost
            rows = _Rows(old, model._meta.db_table)
            taken, lost = _take_over(model, rows)
            found.append(Salvaged(model._meta.db_table, taken, lost, rows.is_whole))
    _skip_old_ids()
    return found


def _tables(database: sqlite3.Connection) -> frozenset[str]:
    """Names of those it has; none when that cannot be read."""
    try:
        found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except sqlite3.Error:
        return frozenset()
    return frozenset(str(row[0]) for row in found)


class _Rows:
    """The rows of a table up to the damage, then those behind it. is_whole: known at the end."""

    def __init__(self, database: sqlite3.Connection, table: str) -> None:
        self._database = database
        self._table = table
        self.is_whole = True

    def __iter__(self) -> Iterator[sqlite3.Row]:
        seen: set[object] = set()
        for order in ("ASC", "DESC"):
            try:
                for row in self._database.execute(
                    f'SELECT * FROM "{self._table}" ORDER BY rowid {order}'  # noqa: S608
                ):
                    if row["id"] in seen:
                        return  # the two ways have met
                    seen.add(row["id"])
                    yield row
            except (sqlite3.Error, IndexError):
                self.is_whole = False
            else:
                return


def _take_over(model: type[Model], rows: _Rows) -> tuple[int, int]:
    """(taken, lost)"""
    taken = lost = 0
    waiting = iter(rows)
    if model in _BEGUN_WITH:
        model._default_manager.all().delete()
    while True:
        with transaction.atomic():
            for _ in range(ROWS_A_TRANSACTION):
                row = next(waiting, None)
                if row is None:
                    return taken, lost
                try:
                    with transaction.atomic():
                        _insert(model, row)
                    taken += 1
                except LedgerTrouble:
                    raise  # of the new file: a full disk loses no rows of the old one
                except (DatabaseError, OverflowError, ValueError):
                    lost += 1


def _insert(model: type[Model], row: sqlite3.Row) -> None:
    """As it is, times and all; a column that is new since gets its default."""
    had = set(row.keys())
    columns, values = [], []
    for field in model._meta.concrete_fields:
        columns.append(connection.ops.quote_name(str(field.column)))
        if field.column in had:
            value = row[str(field.column)]
            if model is SyncHistory and field.name == "destination":
                value = value if Destination.objects.filter(pk=value).exists() else None
        else:
            value = field.get_db_prep_save(field.get_default(), connection)
        values.append(value)
    places = ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) "  # noqa: S608
            f"VALUES ({places})",
            values,
        )


def _skip_old_ids() -> None:
    """New entry ids begin beyond all old ones.

    The home's id is the old one, and so is its folder of temporaries: a left-over there
    must not be explained by another file that has its entry id now.
    """
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM sqlite_sequence WHERE name = 'replicas'")
        cursor.execute(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('replicas', %s)", [int(time.time())]
        )


def _open(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(_address(file), uri=True, timeout=30)
    try:
        database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    except sqlite3.Error:
        # Its write-ahead log is beyond use; without it an older state may still be read.
        with suppress(sqlite3.Error):
            database.close()
        database = sqlite3.connect(f"{_address(file)}&immutable=1", uri=True)
    return database


def _address(file: Path) -> str:
    """To be read only: what is damaged is not written to."""
    path = file.absolute().as_posix()
    return f"file:{quote(path if path.startswith('/') else f'/{path}')}?mode=ro"
