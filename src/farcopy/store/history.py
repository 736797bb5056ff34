"""Runs as the history, the statistics and the service see them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q, QuerySet, Sum

from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.core.model import RunCounts
from farcopy.core.state_errors import RunAlreadyOn
from farcopy.core.states import FileState, RunEnd, RunState, SyncType
from farcopy.planning.schedule import CLOCK_MAY_DIFFER, HARD_ERRORS, LastAttempt
from farcopy.planning.verdict import MAX_ERRORS
from farcopy.store import lease
from farcopy.store.models import (
    Batch,
    Destination,
    Replica,
    SyncConfiguration,
    SyncHistory,
    Transfer,
)

LATEST = 200
_NO_NOTICE = "farcopy, its machine or its database stopped without notice"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run's row. duration_s: whole run; problems: (root, path, code), at most 100 kept."""

    id: int
    sync_type: SyncType
    destination: str
    status: RunState
    end: str
    started_at: datetime
    completed_at: datetime | None
    duration_s: float
    counts: RunCounts
    error_code: str
    error_message: str | None
    problems: tuple[tuple[str, str, str], ...]
    problem_count: int
    phase: str
    bytes_on_line: int
    bytes_per_s: float
    connections: int
    requested_by: str
    is_cancel_requested: bool
    bytes_failed: int = 0
    is_total_known: bool = False


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file of a run that was not stored. reason: an error's code."""

    root: str
    relative_path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Statistics:
    """Over all finished runs. Sizes in bytes."""

    total_syncs: int
    total_files_synced: int
    total_size_synced: int
    successful_syncs: int
    failed_syncs: int
    partial_syncs: int

    def with_one_cut_off(self, counts: RunCounts) -> "Statistics":
        """And a run whose engine is gone: failed, as its row will say."""
        return replace(
            self, total_syncs=self.total_syncs + 1, failed_syncs=self.failed_syncs + 1,
            total_files_synced=self.total_files_synced + counts.files_synced,
            total_size_synced=self.total_size_synced + counts.bytes_synced,
        )


def begin(
    sync_type: SyncType, destination: Destination, label: str, requested_by: str, now: datetime,
    also: Callable[[int], None] = lambda _run_id: None,
) -> int:
    """Raises: RunAlreadyOn (the database keeps the rule, whoever asks).

    also: done in the same transaction, with the run's id.

    Asked twice with the same `now`, because the first reply was lost, it is one run.
    """
    try:
        with transaction.atomic():
            run_id = SyncHistory.objects.create(
                sync_type=sync_type, destination=destination, destination_label=label,
                status=RunState.RUNNING, requested_by=requested_by, started_at=now,
                phase="scanning",
            ).pk
            also(run_id)
            return run_id
    except IntegrityError as error:
        own = SyncHistory.objects.filter(
            status=RunState.RUNNING, started_at=now, sync_type=sync_type, requested_by=requested_by
        ).first()
        if own is not None:
            return own.pk
        raise RunAlreadyOn from error


def record_unstarted(
    sync_type: SyncType, label: str, requested_by: str, now: datetime, code: str, message: str
) -> int:
    """A run that could not even begin (no configuration, a wrong key) is told all the same."""
    return SyncHistory.objects.create(
        sync_type=sync_type, destination_label=label, status=RunState.FAILED,
        end=RunEnd.FINISHED, requested_by=requested_by, started_at=now, completed_at=now,
        error_code=code, error_message=message,
    ).pk


def finish(
    run_id: int, state: RunState, end: RunEnd, now: datetime, duration_s: float,
    error_code: str, error_message: str | None,
) -> None:
    """Close a run, once: a run that is closed already stays as it is.

    Its workers have ended. What they could not give back is given back here.
    """
    with transaction.atomic():
        changed = SyncHistory.objects.filter(pk=run_id, status=RunState.RUNNING).update(
            status=state, end=end, completed_at=now, duration_s=duration_s,
            error_code=error_code, error_message=error_message, phase="",
        )
        if changed and state is not RunState.FAILED:
            SyncConfiguration.objects.filter(pk=1).update(last_sync_at=now)
        batches = Batch.objects.filter(run_id=run_id)
        Replica.objects.filter(
            batch__in=list(batches.filter(is_done=False, claim__gt=0).values_list("pk", flat=True)),
            state=FileState.UPLOADING,
        ).update(state=FileState.PENDING, batch=None)
        batches.delete()


def recover(now: datetime, trouble: LedgerTrouble | None = None) -> list[int]:
    """After a crash: nobody has a file in hand any more; runs found running are closed.

    trouble: of the database, if that is why they could not be closed in order.
    Called only under the engine lease. Returns the ids of the runs cut off.
    """
    with transaction.atomic():
        cut = list(
            SyncHistory.objects.filter(status=RunState.RUNNING).values_list("pk", "started_at")
        )
        # Their renamings are settled and their temporaries swept by the next session; claims
        # are never reused.
        Replica.objects.filter(state=FileState.UPLOADING).update(
            state=FileState.PENDING, batch=None
        )
        Replica.objects.filter(batch__isnull=False).update(batch=None)
        Batch.objects.all().delete()
    for run_id, started_at in cut:
        finish(
            run_id, RunState.FAILED, RunEnd.CRASHED, now,
            max((now - started_at).total_seconds(), 0.0), trouble.code if trouble else "crashed",
            _cut_message(trouble),
        )
    return [run_id for run_id, _ in cut]


def note_phase(run_id: int, phase: str) -> None:
    SyncHistory.objects.filter(pk=run_id).update(phase=phase)


def note_progress(
    run_id: int, bytes_on_line: int, bytes_per_s: float, connections: int = 0
) -> bool:
    """Refresh what the eye sees of a running run. Returns whether a cancel is asked."""
    running = SyncHistory.objects.filter(pk=run_id, status=RunState.RUNNING)
    running.update(
        bytes_on_line=bytes_on_line, bytes_per_s=bytes_per_s, connections=connections
    )
    return running.filter(cancel_requested_at__isnull=False).exists()


def note_passed_over(run_id: int, unchanged_files: int, skipped_files: int) -> None:
    SyncHistory.objects.filter(pk=run_id).update(
        files_unchanged=F("files_unchanged") + unchanged_files,
        files_skipped=F("files_skipped") + skipped_files,
    )


def note_total_known(run_id: int) -> None:
    SyncHistory.objects.filter(pk=run_id).update(is_total_known=True)


def note_excluded(run_id: int, files: int) -> None:
    SyncHistory.objects.filter(pk=run_id).update(files_excluded=F("files_excluded") + files)


def note_growing(run_id: int, files: int) -> None:
    SyncHistory.objects.filter(pk=run_id).update(files_growing=files)


def note_problem(run_id: int, root: str, path: str, code: str) -> None:
    with transaction.atomic():
        run = SyncHistory.objects.select_for_update().get(pk=run_id)
        run.problem_count += 1
        if len(run.problems) < MAX_ERRORS:
            run.problems.append([root, path, code])
        run.save(update_fields=["problem_count", "problems"])


def get(run_id: int) -> RunRecord:
    return record_of(SyncHistory.objects.get(pk=run_id))


def latest(count: int, now: datetime) -> list[RunRecord]:
    """The newest runs first, a running one included."""
    return [shown_record(row, now) for row in SyncHistory.objects.order_by("-pk")[:count]]


def last_finished() -> RunRecord | None:
    row = _finished().first()
    return None if row is None else record_of(row)


def last_finished_at(destination_id: int) -> RunRecord | None:
    """Of the newest 200: at this destination, or begun at none."""
    # Not as a condition: SQLite would gather all runs of an index and sort them.
    for row in _finished()[:LATEST].iterator(chunk_size=8):
        if row.destination_id in (destination_id, None):
            return record_of(row)
    return None


def _finished() -> QuerySet[SyncHistory]:
    return SyncHistory.objects.filter(completed_at__isnull=False).order_by("-pk")


def running() -> RunRecord | None:
    """The row that says so; whether its engine lives is another question."""
    # A literal, as the index has it: SQLite takes a partial index for no less, and would
    # read a hundred thousand runs to find none.
    row = SyncHistory.objects.extra(where=["sync_history.status = 'running'"]).first()
    return None if row is None else record_of(row)


def shown_record(row: SyncHistory, now: datetime) -> RunRecord:
    """A run as people see it: one whose engine is gone is over, also before its row says so."""
    record = record_of(row)
    if record.status is not RunState.RUNNING or lease.live_kind(now):
        return record
    return cut_off(record, lease.last_sign_of_life() or record.started_at)


def cut_off(run: RunRecord, at: datetime) -> RunRecord:
    """What the next start of an engine will write of a run that nobody carries out any more."""
    return replace(
        run, status=RunState.FAILED, end=RunEnd.CRASHED, completed_at=max(at, run.started_at),
        duration_s=max((at - run.started_at).total_seconds(), 0.0), error_code="crashed",
        error_message=_cut_message(None), phase="",
    )


def _cut_message(trouble: LedgerTrouble | None) -> str:
    return (
        f"The run was cut off: {trouble.text if trouble else _NO_NOTICE}. "
        "What it had stored is kept; the rest is due again."
    )


def statistics() -> Statistics:
    done = SyncHistory.objects.exclude(status=RunState.RUNNING)
    row: Mapping[str, Any] = done.aggregate(
        syncs=Count("pk"), files=Sum("files_synced"), size=Sum("total_size_bytes"),
        successful=Count("pk", filter=Q(status=RunState.SUCCESS)),
        failed=Count("pk", filter=Q(status=RunState.FAILED)),
        partial=Count("pk", filter=Q(status=RunState.PARTIAL)),
    )
    return Statistics(
        row["syncs"], row["files"] or 0, row["size"] or 0,
        row["successful"], row["failed"], row["partial"],
    )


def failed_files(run_id: int, count: int) -> list[FailedFile]:
    rows = (
        Transfer.objects.filter(run_id=run_id, outcome=FileState.FAILED)
        .order_by("pk")
        .values_list(
            "replica__source_file__root", "replica__source_file__directory",
            "replica__source_file__name", "reason",
        )[:count]
    )
    return [
        FailedFile(root, f"{directory}/{name}" if directory else name, reason)
        for root, directory, name, reason in rows
    ]


def last_attempt(settings_changed_at: datetime, now: datetime) -> LastAttempt | None:
    """What the schedule counts from. Hard failures before a change of settings are forgiven,
    but for one that a wrong clock dated: nothing would come after it, and all be forgiven."""
    row = SyncHistory.objects.filter(completed_at__isnull=False).order_by("-pk").first()
    if row is None or row.completed_at is None:
        return None
    ends = SyncHistory.objects.order_by("-pk").values_list("end", flat=True)[:20]
    crashes = len(list(takewhile(lambda end: end == RunEnd.CRASHED, ends)))
    hard = 0
    since = SyncHistory.objects.all()
    if settings_changed_at <= now + CLOCK_MAY_DIFFER:
        since = since.filter(started_at__gte=settings_changed_at)
    for code in since.order_by("-pk").values_list("error_code", flat=True)[:20]:
        if code not in HARD_ERRORS:
            break
        hard += 1
    is_forgiven = hard == 0 and row.error_code in HARD_ERRORS
    if is_forgiven:
        # The admin changed something because of it: try at once.
        return None
    return LastAttempt(row.completed_at, RunEnd(row.end), hard, crashes)


def record_of(row: SyncHistory) -> RunRecord:
    return RunRecord(
        id=row.pk,
        sync_type=SyncType(row.sync_type),
        destination=row.destination_label,
        status=RunState(row.status),
        end=row.end,
        started_at=row.started_at,
        completed_at=row.completed_at,
        duration_s=row.duration_s,
        counts=RunCounts(
            files_synced=row.files_synced, bytes_synced=row.total_size_bytes,
            files_failed=row.files_failed, files_skipped=row.files_skipped,
            files_unchanged=row.files_unchanged, files_due=row.files_due,
            bytes_due=row.bytes_due, files_growing=row.files_growing,
            files_excluded=row.files_excluded,
        ),
        error_code=row.error_code,
        error_message=row.error_message,
        problems=tuple((root, path, code) for root, path, code in row.problems),
        problem_count=row.problem_count,
        phase=row.phase,
        bytes_on_line=row.bytes_on_line,
        bytes_per_s=row.bytes_per_s,
        connections=row.connections,
        requested_by=row.requested_by,
        is_cancel_requested=row.cancel_requested_at is not None,
        bytes_failed=row.bytes_failed,
        is_total_known=row.is_total_known,
    )
