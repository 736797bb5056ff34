"""What the service floor knows, in the shapes of the answers. No decisions, no database."""

from datetime import datetime

from pydantic import BaseModel

from farcopy.core.model import RunSummary
from farcopy.core.states import RunEnd, RunState
from farcopy.service.freezing import Freeze
from farcopy.service.overview import ConfigurationView, CurrentSync, StatusView
from farcopy.service.runs import MIB, sync_now_data
from farcopy.service.times import shown
from farcopy.store.history import RunRecord
from farcopy.store.history import Statistics as StoredStatistics
from farcopy.store.looks import LookRecord
from farcopy.store.proofs import VerificationRecord
from farcopy.web import schemas, status_schemas

GIB = 1024**3
NO_NEW_FILES = "Sync completed - No new files found"


def configuration(view: ConfigurationView) -> BaseModel:
    return schemas.Configuration.model_validate(
        {
            "id": view.id,
            **view.settings.shown(),
            "last_sync_at": shown(view.last_sync_at),
            "warnings": list(view.warnings),
        }
    )


def config_data(view: StatusView) -> schemas.ConfigData:
    return schemas.ConfigData.model_validate(
        {
            "configuration": configuration(view.configuration),
            "statistics": {
                **_statistics(view.statistics),
                "last_sync": shown(view.configuration.last_sync_at),
            },
            "warnings": list(view.configuration.warnings),
        }
    )


def status_data(view: StatusView, now: datetime) -> status_schemas.StatusData:
    settings = view.configuration.settings
    return status_schemas.StatusData.model_validate(
        {
            "last_sync": None if view.last_sync is None else _last_sync(view.last_sync, now),
            "sync_history": [history_entry(run, now) for run in view.history],
            "configuration": {
                "sync_enabled": settings.sync_enabled,
                "sync_interval": settings.sync_interval,
                "monitoring_enabled": settings.monitoring_enabled,
                "monitoring_interval": settings.monitoring_interval,
                "last_sync_at": shown(view.configuration.last_sync_at),
                "next_sync_at": shown(view.next_sync_at),
            },
            "statistics": _statistics(view.statistics),
            "current_sync": None if view.current is None else _current(view.current),
            "backlog": None if view.backlog is None else _backlog(view.backlog),
            "health": _health(view, now),
            "now": shown(now),
            "last_verification": verification(view.last_verification),
            "service_running": view.is_service_running,
            "frozen": None if view.frozen is None else _frozen(view.frozen),
            "ledger": view.ledger,
            "warnings": list(view.configuration.warnings),
        }
    )


def sync_answer(summary: RunSummary) -> schemas.SyncAnswer:
    """A run that is not failed."""
    data = schemas.SyncData.model_validate(sync_now_data(summary))
    return schemas.SyncAnswer(success=True, message=_message(summary), data=data)


def failure_of(summary: RunSummary) -> str:
    """Why a failed run failed, in one line."""
    first = summary.errors[0] if summary.errors else "nothing could be stored"
    return summary.error_message or first


def _message(summary: RunSummary) -> str:
    if summary.state is RunState.SUCCESS:
        has_news = summary.counts.files_synced > 0
        return "Sync completed successfully" if has_news else NO_NEW_FILES
    match summary.end:
        case RunEnd.CANCELLED:
            return "Sync partially completed - It was cancelled"
        case RunEnd.STOPPED:
            return "Sync partially completed - The service was stopped"
        case _:
            return "Sync partially completed with errors"


def _statistics(totals: StoredStatistics) -> dict[str, object]:
    return {
        "total_syncs": totals.total_syncs,
        "total_files_synced": totals.total_files_synced,
        "total_size_synced": totals.total_size_synced,
        "total_size_synced_mb": round(totals.total_size_synced / MIB, 2),
        "total_size_synced_gb": round(totals.total_size_synced / GIB, 2),
        "successful_syncs": totals.successful_syncs,
        "failed_syncs": totals.failed_syncs,
        "partial_syncs": totals.partial_syncs,
    }


def history_entry(run: RunRecord, now: datetime) -> dict[str, object]:
    is_on = run.status is RunState.RUNNING
    seconds = (now - run.started_at).total_seconds() if is_on else run.duration_s
    return {
        "id": run.id,
        "sync_type": run.sync_type.value,
        "files_synced": run.counts.files_synced,
        "total_size_bytes": run.counts.bytes_synced,
        "total_size_mb": round(run.counts.bytes_synced / MIB, 2),
        "status": run.status.value,
        "started_at": shown(run.started_at),
        "completed_at": shown(run.completed_at),
        "duration_seconds": max(round(seconds), 0),
        "end": run.end,
        "requested_by": run.requested_by,
    }


def _last_sync(run: RunRecord, now: datetime) -> dict[str, object]:
    return {
        **history_entry(run, now),
        "destination": run.destination,
        "error_message": run.error_message,
    }


def _frozen(freeze: Freeze) -> dict[str, object]:
    return {
        "since": shown(freeze.since),
        "changed_files": freeze.changed_files,
        "vanished_files": freeze.vanished_files,
        "known_files": freeze.known_files,
    }


def _health(view: StatusView, now: datetime) -> dict[str, object]:
    health, facts = view.health, view.facts
    look, stock = facts.look, facts.stock
    is_known = look is not None or stock.held or stock.due
    since = facts.waiting_since
    lag_s = round((now - since).total_seconds()) if since and facts.due_files else 0
    return {
        "level": health.level.value,
        "code": health.code,
        "title": health.title,
        "text": health.text,
        "off_site": health.off_site.value,
        "waiting_files": facts.due_files if is_known else None,
        "waiting_bytes": facts.due_bytes if is_known else None,
        "lag_seconds": lag_s if is_known else None,
        "is_whole": look is not None and look.is_whole,
        "looked_at": shown(look.begun_at) if look else None,
        "files": {
            "held": stock.held,
            "verified": stock.verified,
            "pending": stock.pending,
            "failed": stock.failed,
            "undecided": stock.undecided,
            "wrong": stock.wrong,
            "lost": stock.lost,
            "vanished": stock.vanished,
            "skipped": stock.skipped,
            "unsent": look.unsent_files if look else None,
            "excluded": look.excluded_files if look else None,
        },
    }


def _backlog(look: LookRecord) -> dict[str, object]:
    return {
        "files": look.found.waiting_files,
        "bytes": look.found.waiting_bytes,
        "oldest_at": shown(look.oldest_at),
        "looked_at": shown(look.ended_at),
    }


def verification(record: VerificationRecord | None) -> dict[str, object] | None:
    if record is None:
        return None
    counts = record.counts
    return {
        "kind": record.kind,
        "started_at": shown(record.started_at),
        "completed_at": shown(record.completed_at),
        "files_checked": counts.files_checked,
        "files_verified": counts.files_verified,
        "files_sized": counts.files_sized,
        "files_differing": counts.files_differing,
        "files_missing": counts.files_missing,
        "bytes_read": counts.bytes_read,
        "code": record.error_code,
    }


def _current(run: CurrentSync) -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "sync_type": run.sync_type.value,
        "phase": run.phase,
        "is_cancelling": run.is_cancelling,
        "connections": run.connections,
        "files_done": run.files_done,
        "files_due": run.files_due,
        "files_failed": run.files_failed,
        "is_total_known": run.is_total_known,
        "bytes_done": run.bytes_done,
        "bytes_due": run.bytes_due,
        "bytes_per_s": round(run.bytes_per_s, 1),
        "eta_seconds": None if run.eta_s is None else round(run.eta_s),
        "started_at": shown(run.started_at),
    }
