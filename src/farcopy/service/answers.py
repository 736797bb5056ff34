"""What is answered, as plain dicts: the `data` of the API's answers and of a verb's `--json`.

The one place where they are made. `web/present.py` checks them against its schemas, the
command line prints them as they are. No decisions, no database, nothing of the web's.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from farcopy.core.config import SyncSettings
from farcopy.core.model import RunSummary
from farcopy.core.states import RunState
from farcopy.service.freezing import Freeze
from farcopy.service.overview import ConfigurationView, CurrentSync, StatusView
from farcopy.service.times import shown
from farcopy.store.history import RunRecord, Statistics
from farcopy.store.looks import LookRecord
from farcopy.store.proofs import VerificationRecord

if TYPE_CHECKING:
    from farcopy.service.auditing import ChainView
    from farcopy.service.connection import Tested
    from farcopy.store.authors import Unconfirmed
    from farcopy.store.second_factor import State
    from farcopy.store.sign_ins import SignIn
    from farcopy.store.tokens import Token
    from farcopy.store.trail import Entry
    from farcopy.store.users import Account

MIB = 1024**2
GIB = 1024**3
Data = dict[str, object]


def configuration(view: ConfigurationView) -> Data:
    """configure-sync, `farcopy configure`."""
    return {
        "id": view.id,
        **view.settings.shown(),
        "last_sync_at": shown(view.last_sync_at),
        "warnings": list(view.warnings),
    }


def config(view: StatusView) -> Data:
    """get-config."""
    return {
        "configuration": configuration(view.configuration),
        "statistics": {
            **_statistics(view.statistics),
            "last_sync": shown(view.configuration.last_sync_at),
        },
        "warnings": list(view.configuration.warnings),
    }


def status(view: StatusView, now: datetime) -> Data:
    """status, `farcopy status`."""
    settings = view.configuration.settings
    return {
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
        "last_verification": _verification(view.last_verification),
        "service_running": view.is_service_running,
        "frozen": None if view.frozen is None else _frozen(view.frozen),
        "ledger": view.ledger,
        "warnings": list(view.configuration.warnings),
        "unconfirmed_changes": [_unconfirmed(change) for change in view.unconfirmed],
    }


def _unconfirmed(change: "Unconfirmed") -> Data:
    return {
        "first_at": shown(change.first_at),
        "changed_at": shown(change.changed_at),
        "times": change.times,
        "username": change.username,
        "ip_address": change.ip_address,
        "token": change.token,
        "fields": list(change.fields),
        "text": unconfirmed_text(change),
    }


def unconfirmed_text(change: "Unconfirmed") -> str:
    """One sentence, for who reads the warnings."""
    was = "was" if len(change.fields) == 1 else "were"
    by = f", with the token {change.token}" if change.token else ", without the password again"
    whence = f" from {change.ip_address}" if change.ip_address else ""
    when = f"on {shown(change.changed_at)}"
    if change.times > 1:
        when = f"{change.times} times since {shown(change.first_at)}, last {when}"
    return (
        f"{', '.join(change.fields)} {was} changed {when} by "
        f"{change.username}{whence}{by}; if nobody meant that, change it back, and end that "
        "account's sessions"
    )


def sync(summary: RunSummary) -> Data:
    """sync-now as the reference has it; `farcopy sync --json` ends with it too."""
    data: Data = {
        "files_synced": summary.counts.files_synced,
        "total_size_mb": round(summary.counts.bytes_synced / MIB, 2),
        "duration_seconds": round(summary.duration_s, 2),
        "status": summary.state.value,
        "run_id": summary.run_id,
    }
    if summary.state is RunState.SUCCESS and not summary.counts.files_synced:
        data["total_size_mb"] = 0
        data["message"] = "No new files to sync"
    if not summary.counts.files_synced and summary.server_seen_at is not None:
        data["server_seen_at"] = shown(summary.server_seen_at)
    if summary.warnings:
        data["warnings"] = list(summary.warnings)
    if summary.state is not RunState.SUCCESS:
        data["errors"] = list(summary.errors)
    return data


def probe(settings: SyncSettings, result: "Tested") -> Data:
    """test-connection, of a server that was reached."""
    return {
        "connection_status": "success",
        "ftp_host": settings.ftp_host,
        "ftp_port": settings.ftp_port,
        "ftp_path": settings.ftp_path,
        "files_in_directory": result.files_in_directory,
        "files_held": result.files_held,
        "is_encrypted": result.is_tls,
        "message": "FTP connection successful",
    }


def cancel(run_id: int) -> Data:
    return {"run_id": run_id, "status": "cancelling"}


def confirm(changed: int, vanished: int) -> Data:
    """confirm-changes."""
    return {"changed_files": changed, "vanished_files": vanished}


def accepted(files: int) -> Data:
    """accept-losses."""
    return {"files": files}


def people(accounts: "Iterable[Account]", with_otp: list[str]) -> Data:
    """users/list, `farcopy user list`. with_otp: names of those with a second factor."""
    return {"users": [person(account) for account in accounts], "with_otp": with_otp}


def otp(state: "State", *, is_required: bool) -> Data:
    """auth/otp."""
    return {
        "is_on": state.is_on,
        "is_required": is_required,
        "since": shown(state.since),
        "recovery_codes_left": state.recovery_codes_left,
    }


def person(account: "Account", generated: str = "") -> Data:
    """generated: a password made up just now. It is told this once."""
    told: Data = {"password": generated} if generated else {}
    return {
        "id": account.id,
        "username": account.username,
        "role": account.role,
        "is_active": account.is_active,
        "must_change_password": account.must_change_password,
        "is_locked_out": account.is_locked_out,
        "created_at": shown(account.created_at),
        "last_login_at": shown(account.last_login_at),
        **told,
    }


def sessions(found: "Iterable[SignIn]") -> Data:
    """auth/sessions, `farcopy user sessions`."""
    return {
        "sessions": [
            {
                "session": sign_in.handle,
                "signed_in_at": shown(sign_in.signed_in_at),
                "last_used_at": shown(sign_in.last_used_at),
                "ip_address": sign_in.ip_address,
                "browser": sign_in.browser,
                "is_this": sign_in.is_this,
            }
            for sign_in in found
        ]
    }


def tokens(found: "Iterable[Token]") -> Data:
    """tokens/list, `farcopy token list`."""
    return {"tokens": [token(one) for one in found]}


def token(one: "Token", text: str = "") -> Data:
    """text: of one made just now. It is told this once."""
    told: Data = {"token": text} if text else {}
    return {
        "id": one.id,
        "name": one.name,
        "username": one.username,
        "scopes": list(one.scopes),
        "hint": one.hint,
        "created_at": shown(one.created_at),
        "expires_at": shown(one.expires_at),
        "last_used_at": shown(one.last_used_at),
        "last_used_address": one.last_used_address,
        "is_over": one.is_over,
        **told,
    }


def trail(found: "list[Entry]", limit: int, chain: "ChainView") -> Data:
    """audit/list, `farcopy audit list`. found: one more than limit, when there are more."""
    page = found[:limit]
    return {
        "entries": [_trail_entry(entry) for entry in page],
        "next_before": page[-1].id if len(found) > limit else None,
        "chain": {
            "status": chain.status,
            "checked_at": shown(chain.checked_at),
            "entries_checked": chain.entries_checked,
            "problems": list(chain.problems),
        },
    }


def _trail_entry(entry: "Entry") -> Data:
    return {
        "id": entry.id,
        "sequence": entry.sequence,
        "created_at": shown(entry.created_at),
        "user_id": entry.user_id,
        "username": entry.username,
        "action": entry.action,
        "ip_address": entry.ip_address,
        "user_agent": entry.user_agent,
        "response_status": entry.response_status,
        "details": dict(entry.details),
    }


def _statistics(totals: Statistics) -> Data:
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


def history_entry(run: RunRecord, now: datetime) -> Data:
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


def _last_sync(run: RunRecord, now: datetime) -> Data:
    return {
        **history_entry(run, now),
        "destination": run.destination,
        "error_message": run.error_message,
    }


def _frozen(freeze: Freeze) -> Data:
    return {
        "emptied_sources": list(freeze.roots),
        "since": shown(freeze.since),
        "changed_files": freeze.changed_files,
        "vanished_files": freeze.vanished_files,
        "known_files": freeze.known_files,
    }


def _health(view: StatusView, now: datetime) -> Data:
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
            "read_back": stock.read_back,
            "hashed": stock.hashed,
            "sized": stock.sized,
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


def _backlog(look: LookRecord) -> Data:
    return {
        "files": look.found.waiting_files,
        "bytes": look.found.waiting_bytes,
        "oldest_at": shown(look.oldest_at),
        "looked_at": shown(look.ended_at),
    }


def _verification(record: VerificationRecord | None) -> Data | None:
    if record is None:
        return None
    counts = record.counts
    return {
        "kind": record.kind,
        "started_at": shown(record.started_at),
        "completed_at": shown(record.completed_at),
        "files_checked": counts.files_checked,
        "files_verified": counts.files_verified,
        "files_read_back": counts.files_read_back,
        "files_sized": counts.files_sized,
        "files_differing": counts.files_differing,
        "files_missing": counts.files_missing,
        "bytes_read": counts.bytes_read,
        "code": record.error_code,
    }


def _current(run: CurrentSync) -> Data:
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
