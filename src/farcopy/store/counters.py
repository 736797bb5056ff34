"""How many files stand where: counters kept by the database itself, beside the rows they count.

Triggers on `replicas` see every change of whatever statement, in its transaction:
no writer can forget one. Counting ten million rows takes seconds, and the
sentence above all is asked every second. On SQLite, which has one writer, a
trigger adds to the counter; on PostgreSQL it appends a change, so that many
writers do not wait for one row, and `fold` adds those up now and then: a counter
is its row and its changes, read in one statement.
"""

# ruff: noqa: S608 (statements are put together from constants of this file)

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from django.db import connection, transaction

from farcopy.core.model import Reason
from farcopy.core.states import DUE, HELD, FileState
from farcopy.core.stock import Stock
from farcopy.store.rows import places

_KEY = "destination_id, root, state, reason, is_undecided, is_wrong, is_read_back"
_INSERT = "replicas_counted_new"
_UPDATE = "replicas_counted_moved"
_DELETE = "replicas_counted_gone"
_TRIGGERS = (_INSERT, _UPDATE, _DELETE)
_WATCHED = (
    "state", "reason", "is_undecided", "finding", "read_back_at", "size_bytes", "destination_id"
)


class Counted(NamedTuple):
    """Files of one kind. reason: of skipped ones. is_read_back: of verified ones."""

    root: str
    state: str
    reason: str
    is_undecided: bool
    is_wrong: bool
    is_read_back: bool
    files: int
    bytes: int


# --- reading ---

_READ_SQL = f"""
    SELECT root, state, reason, is_undecided, is_wrong, is_read_back, sum(files), sum(bytes) FROM (
        SELECT {_KEY}, files, bytes FROM replica_counts
        UNION ALL SELECT {_KEY}, files, bytes FROM replica_count_changes
    ) AS counted
    WHERE destination_id = %s GROUP BY root, state, reason, is_undecided, is_wrong, is_read_back
    HAVING sum(files) <> 0
"""


def counted(destination_id: int, roots: Collection[str] | None = None) -> list[Counted]:
    """All kinds there are at a destination. roots: labels; None: of all."""
    with connection.cursor() as cursor:
        cursor.execute(_READ_SQL, [destination_id])
        rows = [
            Counted(*row[:3], *map(bool, row[3:6]), *map(int, row[6:]))
            for row in cursor.fetchall()
        ]
    return [row for row in rows if roots is None or row.root in roots]


def stock(destination_id: int, roots: Collection[str]) -> Stock:
    """roots: labels of the sources that are configured; files of others are nobody's wait."""
    return stock_of(counted(destination_id, roots))


def stock_of(rows: Sequence[Counted]) -> Stock:
    """Pure, so that a recount from the rows themselves can be summed up the same way."""
    due = [row for row in rows if _is_due(row)]
    return Stock(
        held=_sum(row for row in rows if row.state in HELD),
        verified=_sum(row for row in rows if row.state == FileState.VERIFIED),
        read_back=_sum(row for row in rows if row.is_read_back),
        pending=_sum(
            row for row in due
            if row.state in (FileState.PENDING, FileState.UPLOADING) and not row.is_undecided
        ),
        failed=_sum(row for row in due if row.state == FileState.FAILED and not row.is_undecided),
        undecided=_sum(row for row in due if row.is_undecided),
        wrong=_sum(row for row in due if row.is_wrong),
        lost=_sum(
            row for row in rows
            if row.state == FileState.VANISHED and row.is_wrong and not row.is_undecided
        ),
        vanished=_sum(
            row for row in rows if row.state == FileState.VANISHED and not row.is_undecided
        ),
        skipped=_sum(row for row in rows if row.state == FileState.SKIPPED),
        unsendable=_sum(
            row for row in rows
            if row.state == FileState.SKIPPED and row.reason == Reason.NAME
        ),
        due_bytes=sum(row.bytes for row in due),
    )


def live_files(destination_id: int, root: str) -> int:
    """Files the source had, as far as the ledger knows: neither accepted as gone nor skipped."""
    return live_of(counted(destination_id, {root}), root)


def live_of(rows: Sequence[Counted], root: str) -> int:
    """The same, of counters that were read already."""
    return _sum(
        row for row in rows
        if row.root == root and row.state != FileState.SKIPPED
        and (row.state != FileState.VANISHED or row.is_undecided)
    )


def known_files(destination_id: int) -> int:
    """Files the remote holds a version of, or did before the change nobody has judged yet."""
    return _sum(
        row for row in counted(destination_id) if row.state in HELD or row.is_undecided
    )


def held_files(destination_id: int) -> int:
    return _sum(row for row in counted(destination_id) if row.state in HELD)


def _is_due(row: Counted) -> bool:
    return row.is_undecided or row.state in DUE


def _sum(rows: Iterable[Counted]) -> int:
    return sum(row.files for row in rows)


# --- keeping ---


def fold() -> None:
    """Add PostgreSQL's changes up. Anybody may, at any time; SQLite has none."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH taken AS (DELETE FROM replica_count_changes RETURNING *)
                INSERT INTO replica_counts ({_KEY}, files, bytes)
                SELECT {_KEY}, sum(files), sum(bytes) FROM taken GROUP BY {_KEY} ORDER BY {_KEY}
                ON CONFLICT ({_KEY}) DO UPDATE SET files = replica_counts.files + excluded.files,
                                                   bytes = replica_counts.bytes + excluded.bytes
            """
        )


def are_kept() -> bool:
    """Whether the triggers are there. A migration that remakes the table takes them with it."""
    sql = {
        "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name IN ({})",
        "postgresql": "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgname IN ({})"
                      " AND tgrelid = to_regclass('replicas')",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(sql.format(places(_TRIGGERS)), _TRIGGERS)
        return bool(cursor.fetchone()[0] == len(_TRIGGERS))


def stop_keeping() -> None:
    """Before migrations: one that remakes a table must not trip over a trigger that names it."""
    on_table = "" if connection.vendor == "sqlite" else " ON replicas"
    with connection.cursor() as cursor:
        for name in _TRIGGERS:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")


def begin_keeping() -> None:
    """Count once, and keep the count from here on. All or nothing."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("LOCK TABLE replicas IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("DELETE FROM replica_counts")
        cursor.execute("DELETE FROM replica_count_changes")
        cursor.execute(_RECOUNT_SQL)
        for statement in _STATEMENTS[connection.vendor]():
            cursor.execute(statement)


def recounted(destination_id: int, roots: Collection[str] | None = None) -> list[Counted]:
    """The same as `counted`, from the rows themselves: what the counters have to agree with."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_ROWS_SQL} WHERE r.destination_id = %s {_GROUP_SQL}", [destination_id])
        rows = [
            Counted(*row[1:4], *map(bool, row[4:7]), *map(int, row[7:]))
            for row in cursor.fetchall()
        ]
    return [row for row in rows if roots is None or row.root in roots]


def _is_read_back(row: str) -> str:
    return f"{row}.state = '{FileState.VERIFIED.value}' AND {row}.read_back_at IS NOT NULL"


_ROWS_SQL = f"""
    SELECT r.destination_id, f.root, r.state,
           CASE WHEN r.state = '{FileState.SKIPPED.value}' THEN r.reason ELSE '' END,
           r.is_undecided, r.finding <> '', {_is_read_back("r")}, count(*), sum(r.size_bytes)
    FROM replicas r JOIN source_files f ON f.id = r.source_file_id
"""
_GROUP_SQL = "GROUP BY 1, 2, 3, 4, 5, 6, 7"
_RECOUNT_SQL = f"INSERT INTO replica_counts ({_KEY}, files, bytes) {_ROWS_SQL} {_GROUP_SQL}"


def _values(row: str, sign: str) -> str:
    """A kind's key and what to add to it. row: OLD or NEW."""
    return (
        f"({row}.destination_id,"
        f" (SELECT root FROM source_files WHERE id = {row}.source_file_id), {row}.state,"
        f" CASE WHEN {row}.state = '{FileState.SKIPPED.value}' THEN {row}.reason ELSE '' END,"
        f" {row}.is_undecided, {row}.finding <> '', {_is_read_back(row)},"
        f" {sign}1, {sign}{row}.size_bytes)"
    )


def _has_moved(different: str) -> str:
    return " OR ".join(f"OLD.{column} {different} NEW.{column}" for column in _WATCHED)


def _on_sqlite() -> Sequence[str]:
    def add(row: str, sign: str) -> str:
        return (
            f"INSERT INTO replica_counts ({_KEY}, files, bytes) VALUES {_values(row, sign)}"
            f" ON CONFLICT ({_KEY}) DO UPDATE SET files = files + excluded.files,"
            " bytes = bytes + excluded.bytes;"
        )

    more, less = add("NEW", "+"), add("OLD", "-")
    return (
        f"CREATE TRIGGER {_INSERT} AFTER INSERT ON replicas BEGIN {more} END",
        f"CREATE TRIGGER {_UPDATE} AFTER UPDATE OF {', '.join(_WATCHED)} ON replicas"
        f" WHEN {_has_moved('IS NOT')} BEGIN {less} {more} END",
        f"CREATE TRIGGER {_DELETE} AFTER DELETE ON replicas BEGIN {less} END",
    )


def _on_postgresql() -> Sequence[str]:
    def function(name: str, *values: str) -> str:
        return (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" INSERT INTO replica_count_changes ({_KEY}, files, bytes)"
            f" VALUES {', '.join(values)}; RETURN NULL; END $$"
        )

    new, old = _values("NEW", "+"), _values("OLD", "-")
    return (
        *(f"DROP TRIGGER IF EXISTS {name} ON replicas" for name in _TRIGGERS),
        function(_INSERT, new),
        function(_UPDATE, old, new),
        function(_DELETE, old),
        f"CREATE TRIGGER {_INSERT} AFTER INSERT ON replicas FOR EACH ROW"
        f" EXECUTE FUNCTION {_INSERT}()",
        f"CREATE TRIGGER {_UPDATE} AFTER UPDATE OF {', '.join(_WATCHED)} ON replicas"
        f" FOR EACH ROW WHEN ({_has_moved('IS DISTINCT FROM')})"
        f" EXECUTE FUNCTION {_UPDATE}()",
        f"CREATE TRIGGER {_DELETE} AFTER DELETE ON replicas FOR EACH ROW"
        f" EXECUTE FUNCTION {_DELETE}()",
    )


_STATEMENTS = {"sqlite": _on_sqlite, "postgresql": _on_postgresql}
