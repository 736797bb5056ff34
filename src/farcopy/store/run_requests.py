"""Commands to whoever carries out runs: a row asks, the service answers within a second."""

from datetime import datetime

from django.db import IntegrityError, transaction

from farcopy.core.state_errors import NoRunOn, RunAlreadyOn
from farcopy.core.states import RunState, SyncType
from farcopy.store.models import RunRequest, SyncHistory


def request_run(sync_type: SyncType, requested_by: str, now: datetime) -> int:
    """Ask the service for a run. Raises: RunAlreadyOn (also when one is asked for already)."""
    try:
        with transaction.atomic():
            if SyncHistory.objects.filter(status=RunState.RUNNING).exists():
                raise RunAlreadyOn
            return RunRequest.objects.create(
                sync_type=sync_type, requested_by=requested_by, requested_at=now
            ).pk
    except IntegrityError as error:
        raise RunAlreadyOn from error


def try_writing(now: datetime) -> None:
    """Write something for nothing, to learn whether it can be done. Raises: LedgerTrouble."""
    with transaction.atomic():
        # Committed: SQLite asks the disk for room only then.
        RunRequest.objects.create(
            sync_type=SyncType.MANUAL, requested_at=now, is_open=False, refusal="withdrawn"
        ).delete()


def open_request() -> RunRequest | None:
    return RunRequest.objects.filter(is_open=True).first()


def answer_request(request_id: int, run_id: int | None, refusal: str = "") -> None:
    RunRequest.objects.filter(pk=request_id).update(
        is_open=False, run_id=run_id, refusal=refusal
    )


def withdraw_request(request_id: int) -> bool:
    """Take back a request nobody has answered. False when it was answered meanwhile."""
    return bool(
        RunRequest.objects.filter(pk=request_id, is_open=True).update(
            is_open=False, refusal="withdrawn"
        )
    )


def request_state(request_id: int) -> tuple[bool, int | None, str]:
    """(is open, run id, refusal)"""
    row = RunRequest.objects.get(pk=request_id)
    return row.is_open, row.run_id, row.refusal


def request_cancel(now: datetime) -> int:
    """Ask the running run to end; returns its id. Raises: NoRunOn."""
    run = SyncHistory.objects.filter(status=RunState.RUNNING).first()
    # The condition again: the run may have ended between the two statements.
    if run is None or not SyncHistory.objects.filter(
        pk=run.pk, status=RunState.RUNNING
    ).update(cancel_requested_at=now):
        raise NoRunOn
    return run.pk
