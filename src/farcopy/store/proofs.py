"""Proofs: which held files are to be checked, what checks found, and the verifications' rows.

Every query of `verified_at` and `verifications`. Pages are small and a row moves
only if it still is as it was compared, so it all may go on beside a run.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from farcopy.core.model import Check, CheckCounts, Finding, HeldFile, SourceFile
from farcopy.core.states import HELD, FileState
from farcopy.store import counters
from farcopy.store.models import Replica, SyncHistory, Verification
from farcopy.store.models import SourceFile as SourceRow

ROWS_A_PAGE = 500
REASONS = {Finding.DIFFERS: "remote_differs", Finding.MISSING: "remote_missing"}
_HELD = sorted(HELD)
_COLUMNS = "r.id, r.state, f.root, f.directory, f.name, r.size_bytes, r.mtime_ns, r.md5"
_NAMED = (
    "pk", "state", "source_file__root", "source_file__directory", "source_file__name",
    "size_bytes", "mtime_ns", "md5",
)
# As literals, as the index has them: SQLite takes a partial index for no less.
_HELD_LITERALS = "replicas.state IN ('stored', 'verified')"
_SCOPE_SQL = f"""
    SELECT {_COLUMNS}
    FROM source_files f JOIN replicas r ON r.source_file_id = f.id AND r.destination_id = %s
    WHERE {{where}} AND r.md5 <> ''
    ORDER BY f.root, f.directory, f.name LIMIT {ROWS_A_PAGE}
"""  # noqa: S608


_TOTAL_SQL = """
    SELECT count(*), coalesce(sum(r.size_bytes), 0)
    FROM source_files f JOIN replicas r ON r.source_file_id = f.id AND r.destination_id = %s
    WHERE {where} AND r.md5 <> ''
"""
_CHECKABLE_SQL = " AND r.state IN ('stored', 'verified', 'vanished')"
_KNOWN_SQL = """
    SELECT 1
    FROM source_files f JOIN replicas r ON r.source_file_id = f.id AND r.destination_id = %s
    WHERE {where} LIMIT 1
"""


class Kind(StrEnum):
    """Who verifies."""

    COMMAND = "command"
    SCRUB = "scrub"


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of what is held. path: a file or a folder, "" for all of the root; root "": all."""

    root: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class VerificationRecord:
    """A row of `verifications`."""

    id: int
    kind: str
    started_at: datetime
    completed_at: datetime | None
    counts: CheckCounts
    error_code: str


class DatabaseProofs:
    """The Proofs port, and the pages of files to check. Safe to use from many threads."""

    def __init__(self, destination_id: int) -> None:
        self._destination_id = destination_id

    # --- what is to be checked ---

    def held(self, scope: Scope, *, with_due: bool = False) -> Iterator[HeldFile]:
        """In the order of their names. with_due: also files due again of which a version is held.
        """
        where, values = _scope_where(scope)
        states = "" if with_due else _CHECKABLE_SQL
        last: tuple[str, ...] | None = None
        while True:
            after = "" if last is None else " AND (f.root, f.directory, f.name) > (%s, %s, %s)"
            with connection.cursor() as cursor:
                cursor.execute(
                    _SCOPE_SQL.format(where=where + states + after),
                    [self._destination_id, *values, *(last or ())],
                )
                page = [HeldFile(*row) for row in cursor.fetchall()]
            yield from page
            if len(page) < ROWS_A_PAGE:
                return
            last = (page[-1].root, page[-1].directory, page[-1].name)

    def total(self, scope: Scope, *, with_due: bool = False) -> tuple[int, int]:
        """How many files `held` yields, and their bytes, if nothing changes."""
        where, values = _scope_where(scope)
        statement = _TOTAL_SQL.format(where=where + ("" if with_due else _CHECKABLE_SQL))
        with connection.cursor() as cursor:
            cursor.execute(statement, [self._destination_id, *values])
            files, size_bytes = cursor.fetchone()
        return int(files), int(size_bytes)

    def is_known(self, scope: Scope) -> bool:
        """Whether the ledger has any file there, in whatever state."""
        where, values = _scope_where(scope)
        with connection.cursor() as cursor:
            cursor.execute(_KNOWN_SQL.format(where=where), [self._destination_id, *values])
            return cursor.fetchone() is not None

    def held_files(self) -> int:
        """Stored and verified ones; those whose source has vanished not."""
        return counters.held_files(self._destination_id)

    def oldest(self, before: datetime) -> Iterator[HeldFile]:
        """Never checked first, then those checked longest ago; then the vanished ones.

        before: what was checked since is left out. A file comes once at most.
        """
        yield from self._longest_ago("verified_at", before)
        vanished = self._rows().filter(state=FileState.VANISHED)
        last_id = 0
        while page := list(
            vanished.filter(pk__gt=last_id)
            .filter(Q(verified_at__isnull=True) | Q(verified_at__lt=before))
            .order_by("pk").values_list(*_NAMED)[:ROWS_A_PAGE]
        ):
            yield from (HeldFile(*row) for row in page)
            last_id = page[-1][0]

    def longest_unread(self, before: datetime) -> Iterator[HeldFile]:
        """Held files: never read back first, then those read back longest ago, and before then.

        So each has its turn, whatever the server says of its hash. A file comes once at most.
        """
        yield from self._longest_ago("read_back_at", before)

    def _longest_ago(self, column: str, before: datetime) -> Iterator[HeldFile]:
        """Held files without a time in the column first, then by it, and before then."""
        held = self._rows().extra(where=[_HELD_LITERALS])  # noqa: S610
        last_id = 0
        while page := list(
            held.filter(**{f"{column}__isnull": True}, pk__gt=last_id)
            .order_by("pk").values_list(*_NAMED)[:ROWS_A_PAGE]
        ):
            yield from (HeldFile(*row) for row in page)
            last_id = page[-1][0]
        last_at, last_id = datetime.min.replace(tzinfo=UTC), 0
        while rows := list(
            held.filter(**{f"{column}__gte": last_at, f"{column}__lt": before})
            .filter(Q(**{f"{column}__gt": last_at}) | Q(pk__gt=last_id))
            .order_by(column, "pk").values_list(column, *_NAMED)[:ROWS_A_PAGE]
        ):
            yield from (HeldFile(*row[1:]) for row in rows)
            last_at, last_id = rows[-1][0], rows[-1][1]

    def _rows(self) -> QuerySet[Replica]:
        return Replica.objects.filter(destination_id=self._destination_id).exclude(md5="")

    # --- what was found ---

    def settle(self, checks: Sequence[Check]) -> Collection[int]:
        now = timezone.now()
        moved: set[int] = set()
        with transaction.atomic():
            for check in checks:
                file = check.file
                is_gone = file.state == FileState.VANISHED
                rows = Replica.objects.filter(
                    pk=file.replica_id, md5=file.md5,
                    state__in=[FileState.VANISHED] if is_gone else _HELD,
                )
                read_back = {"read_back_at": now} if check.is_read_back else {}
                changes: dict[str, object]
                match check.finding:
                    case Finding.VERIFIED if is_gone:
                        changes = {"verified_at": now, "finding": "", **read_back}
                    case Finding.VERIFIED:
                        changes = {"state": FileState.VERIFIED, "verified_at": now,
                                   "finding": "", **read_back}
                    case Finding.DIFFERS | Finding.MISSING if is_gone:
                        changes = {"md5": "", "verified_at": None,
                                   "read_back_at": None,
                                   "finding": check.finding.value,
                                   "reason": REASONS[check.finding], "changed_at": now}
                    case Finding.DIFFERS | Finding.MISSING:
                        changes = {"state": FileState.PENDING, "md5": "", "verified_at": None,
                                   "read_back_at": None,
                                   "finding": check.finding.value,
                                   "reason": REASONS[check.finding], "changed_at": now}
                    case _:
                        changes = {}
                if rows.update(**changes) if changes else rows.exists():
                    moved.add(file.replica_id)
        return moved

    def forget_lost(self) -> int:
        """Of files gone from the source whose copies were found wrong. Returns how many."""
        return Replica.objects.filter(
            destination_id=self._destination_id, state=FileState.VANISHED, is_undecided=False,
        ).exclude(finding="").update(finding="")

    # --- adopting what a lost ledger knew ---

    def adopt(
        self, files: Sequence[tuple[SourceFile, str]], *, is_verified: bool, is_read_back: bool
    ) -> int:
        """Files (and the MD5 of each) that the remote holds and the ledger does not know at all.

        Returns how many were new to it: a row that is there stays as it is.
        """
        now = timezone.now()
        state = FileState.VERIFIED if is_verified else FileState.STORED
        with transaction.atomic():
            SourceRow.objects.bulk_create(
                [
                    SourceRow(root=f.root, directory=f.directory, name=f.name,
                              size_bytes=f.size_bytes, mtime_ns=f.mtime_ns, md5=md5)
                    for f, md5 in files
                ],
                ignore_conflicts=True, batch_size=ROWS_A_PAGE,
            )
            with connection.cursor() as cursor:
                cursor.executemany(
                    """INSERT INTO replicas (source_file_id, destination_id, state, size_bytes,
                         mtime_ns, md5, claim, attempts, reason, verified_at, read_back_at,
                         changed_at)
                       SELECT id, %s, %s, %s, %s, %s, 0, 0, '', %s, %s, %s FROM source_files
                       WHERE root = %s AND directory = %s AND name = %s
                       ON CONFLICT (source_file_id, destination_id) DO NOTHING""",
                    [
                        (self._destination_id, state, f.size_bytes, f.mtime_ns, md5,
                         _parameter(now) if is_verified else None,
                         _parameter(now) if is_read_back else None, _parameter(now),
                         f.root, f.directory, f.name)
                        for f, md5 in files
                    ],
                )
                return int(cursor.rowcount)


# --- the verifications' rows ---

_COUNTED = tuple(f.name for f in fields(CheckCounts) if f.name != "files_unreadable")


def begin(kind: Kind, destination_id: int, now: datetime) -> int:
    return Verification.objects.create(
        kind=kind, destination_id=destination_id, started_at=now
    ).pk


def add(verification_id: int, counts: CheckCounts) -> None:
    """Count on: a scrub that was interrupted goes on with its row."""
    more = asdict(counts)
    Verification.objects.filter(pk=verification_id).update(
        **{name: F(name) + more[name] for name in _COUNTED}
    )


def finish(verification_id: int, now: datetime, error_code: str = "") -> None:
    Verification.objects.filter(pk=verification_id).update(
        completed_at=now, error_code=error_code
    )


def open_scrub(destination_id: int) -> VerificationRecord | None:
    """The scrub that was begun at this destination and is not done."""
    return _record(
        Verification.objects.filter(
            kind=Kind.SCRUB, destination_id=destination_id, completed_at__isnull=True
        ).order_by("-pk").first()
    )


def last_scrub(destination_id: int) -> VerificationRecord | None:
    """The one that was completed last at this destination."""
    return _record(
        Verification.objects.filter(
            kind=Kind.SCRUB, destination_id=destination_id, completed_at__isnull=False
        ).order_by("-pk").first()
    )


def last_verification() -> VerificationRecord | None:
    """The last one that is over and looked at something, whoever did it."""
    return _record(
        Verification.objects.filter(completed_at__isnull=False, files_checked__gt=0)
        .order_by("-completed_at").first()
    )


def first_success(destination_id: int) -> datetime | None:
    """When a run first stored something there."""
    return (
        SyncHistory.objects.filter(
            destination_id=destination_id, completed_at__isnull=False, files_synced__gt=0
        ).order_by("pk").values_list("completed_at", flat=True).first()
    )


def _record(row: Verification | None) -> VerificationRecord | None:
    if row is None:
        return None
    counts = CheckCounts(**{name: getattr(row, name) for name in _COUNTED})
    return VerificationRecord(
        row.pk, row.kind, row.started_at, row.completed_at, counts, row.error_code
    )


# --- pieces ---


def _scope_where(scope: Scope) -> tuple[str, list[str | int]]:
    """A condition on source_files f, and its values."""
    if not scope.root:
        return "1 = 1", []
    if not scope.path:
        return "f.root = %s", [scope.root]
    directory, _, name = scope.path.rpartition("/")
    below = f"{scope.path}/"
    # Not LIKE: on SQLite it takes upper case for lower, and its signs need escaping.
    return (
        "f.root = %s AND (f.directory = %s OR substr(f.directory, 1, %s) = %s"
        " OR (f.directory = %s AND f.name = %s))",
        [scope.root, scope.path, len(below), below, directory, name],
    )


def _parameter(moment: datetime) -> str | datetime | None:
    """A time as the database's own parameter: raw SQL does not pass Django's fields."""
    return connection.ops.adapt_datetimefield_value(moment)
