"""Past runs, page by page, and what became of each file of one; and files made due again.

Reads by keyset, so that the hundredth page is as quick as the first. What a run
counts is history's matter.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Count, Min, QuerySet
from django.utils import timezone

from farcopy.core.model import Reason
from farcopy.core.states import FileState, RunState
from farcopy.store.history import RunRecord, shown_record
from farcopy.store.models import Replica, SyncHistory, Transfer
from farcopy.store.rows import places

_SOURCE = ("source_file__root", "source_file__directory", "source_file__name")
_SENT = (FileState.STORED.value, FileState.VERIFIED.value)
# The states first as the index has them: SQLite takes a partial index for no less.
_EXAMPLE_SQL = """
    SELECT f.root, f.directory, f.name
    FROM replicas r JOIN source_files f ON f.id = r.source_file_id
    WHERE r.destination_id = %s AND r.state IN ('pending', 'uploading', 'failed', 'skipped')
    AND r.state = 'skipped' AND r.reason = %s AND f.root IN ({places})
    LIMIT 1
"""
_UNSENT = (FileState.FAILED.value, FileState.VANISHED.value)


@dataclass(frozen=True, slots=True)
class WantedRuns:
    """Which runs. before: only older ones than this id. Times bound started_at."""

    before: int | None = None
    status: str = ""
    sync_type: str = ""
    since: datetime | None = None
    until: datetime | None = None


class RunPoint(NamedTuple):
    """What a chart needs of a run."""

    id: int
    started_at: datetime
    files: int
    bytes: int
    status: str


@dataclass(frozen=True, slots=True)
class FileLine:
    """What became of a file. id: of its replica; position: for the next page.

    outcome: stored, verified, failed, vanished or skipped; bytes: that were stored;
    state: where the file stands now; proof: what speaks for the copy there now: size,
    server_hash or read_back; "" where none is held.
    """

    position: int
    id: int
    root: str
    relative_path: str
    outcome: str
    reason: str
    state: str
    at: datetime
    bytes: int = 0
    proof: str = ""


def page(wanted: WantedRuns, limit: int) -> list[RunRecord]:
    """The newest first."""
    rows = SyncHistory.objects.order_by("-pk")
    if wanted.before is not None:
        rows = rows.filter(pk__lt=wanted.before)
    if wanted.status:
        rows = rows.filter(status=wanted.status)
    if wanted.sync_type:
        rows = rows.filter(sync_type=wanted.sync_type)
    if wanted.since is not None:
        rows = rows.filter(started_at__gte=wanted.since)
    if wanted.until is not None:
        rows = rows.filter(started_at__lt=wanted.until)
    now = timezone.now()
    return [shown_record(row, now) for row in rows[:limit]]


def find(run_id: int) -> RunRecord | None:
    row = SyncHistory.objects.filter(pk=run_id).first()
    return None if row is None else shown_record(row, timezone.now())


def outcomes(run_id: int) -> dict[str, int]:
    """How many transfers ended how: stored, verified, failed, vanished, pending."""
    rows = Transfer.objects.filter(run_id=run_id).values_list("outcome").annotate(Count("pk"))
    return dict(rows)


def sent(run_id: int, after: int, limit: int) -> Sequence[FileLine]:
    """Files of a run that were stored, in the order they were."""
    return _transfers(run_id, _SENT, after, limit)


def unsent(run_id: int, after: int, limit: int) -> Sequence[FileLine]:
    """Files of a run that failed or vanished, in the order they did."""
    return _transfers(run_id, _UNSENT, after, limit)


def _transfers(
    run_id: int, outcomes: Sequence[str], after: int, limit: int
) -> Sequence[FileLine]:
    rows = (
        Transfer.objects.filter(run_id=run_id, outcome__in=outcomes, pk__gt=after)
        .order_by("pk")
        .values_list(
            "pk", "replica_id", *(f"replica__{name}" for name in _SOURCE),
            "outcome", "reason", "replica__state", "at", "bytes", "replica__read_back_at",
        )[:limit]
    )
    return [_line(*row) for row in rows]


def skipped(run_id: int, after: int, limit: int) -> Sequence[FileLine]:
    """What is skipped by rule at the run's destination, as of now."""
    destination = SyncHistory.objects.filter(pk=run_id).values("destination_id")
    rows = (
        Replica.objects.filter(
            destination_id__in=destination, state=FileState.SKIPPED, pk__gt=after
        )
        .order_by("pk")
        .values_list("pk", "pk", *_SOURCE, "state", "reason", "state", "changed_at")[:limit]
    )
    return [_line(*row) for row in rows]


def newly_skipped(run_id: int) -> list[tuple[str, int, str]]:
    """(reason, how many, root and path of one) of entries a run met that are never sent."""
    rows = (
        Transfer.objects.filter(run_id=run_id, outcome=FileState.SKIPPED)
        .exclude(reason=Reason.EXCLUDED)
        .values_list("reason").annotate(Count("pk"), Min("replica_id")).order_by("reason")
    )
    return [
        (reason, number, _path_of(Replica.objects.filter(pk=example)))
        for reason, number, example in rows
    ]


def server_seen_at(run_id: int) -> datetime | None:
    """When the run's destination last let us in."""
    rows = SyncHistory.objects.filter(pk=run_id)
    return rows.values_list("destination__last_seen_at", flat=True).first()


def example_of_skipped(destination_id: int, reason: str, roots: Collection[str]) -> str:
    """Root and path of one of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            _EXAMPLE_SQL.format(places=places(list(roots))), [destination_id, reason, *roots]
        )
        return "/".join(part for part in cursor.fetchone() or () if part)


def _path_of(rows: QuerySet[Replica]) -> str:
    """Root and path of the first."""
    row = rows.values_list(
        "source_file__root", "source_file__directory", "source_file__name"
    ).first()
    return "/".join(part for part in row or () if part)


def make_due(run_id: int, replica_id: int | None = None) -> int:
    """Failed files of a run, or one of them, are due at once. Returns how many were failed still.

    A file that was sent meanwhile, or failed in a later run only, is left alone.
    """
    failed = Transfer.objects.filter(run_id=run_id, outcome=FileState.FAILED)
    if replica_id is not None:
        failed = failed.filter(replica_id=replica_id)
    with transaction.atomic():
        return Replica.objects.filter(
            pk__in=failed.values("replica_id"), state=FileState.FAILED
        ).update(
            state=FileState.PENDING, retry_at=None, attempts=0, batch=None,
            changed_at=timezone.now(),
        )


def finished_since(moment: datetime, limit: int) -> list[RunPoint]:
    """The newest of them, in the order of time."""
    rows = (
        SyncHistory.objects.exclude(status=RunState.RUNNING)
        .order_by("-pk")
        .values_list("pk", "started_at", "files_synced", "total_size_bytes", "status")[:limit]
    )
    return [point for row in reversed(rows) if (point := RunPoint(*row)).started_at >= moment]


def _line(
    position: int, replica_id: int, root: str, directory: str, name: str,
    outcome: str, reason: str, state: str, at: datetime, size: int = 0,
    read_back_at: datetime | None = None,
) -> FileLine:
    path = f"{directory}/{name}" if directory else name
    proof = {FileState.STORED: "size", FileState.VERIFIED: "server_hash"}.get(FileState(state), "")
    if proof == "server_hash" and read_back_at is not None:
        proof = "read_back"
    return FileLine(position, replica_id, root, path, outcome, reason, state, at, size, proof)
