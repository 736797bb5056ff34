"""What the API, the page and the command line read and set: settings, status, warnings.

Reads and single transactions only; nothing here waits, connects or scans.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.utils import timezone

from farcopy.core.config import SyncSettings, standing_warnings
from farcopy.core.errors import FtpNotConfigured, LedgerTrouble
from farcopy.core.states import RunEnd, SyncType
from farcopy.planning.health import Facts, Health, LastRun, Waiting, judge
from farcopy.planning.schedule import next_sync_at
from farcopy.planning.verdict import growing_warning
from farcopy.service import auditing, waiting
from farcopy.service.freezing import Freeze, freeze_of
from farcopy.service.times import shown
from farcopy.store import configuration as stored
from farcopy.store import history, lease, looks, proofs
from farcopy.store.configuration import StoredConfiguration
from farcopy.store.health import AUDIT, HEALTH
from farcopy.store.history import RunRecord, Statistics
from farcopy.store.looks import LastLook
from farcopy.store.patience import wait_at_most
from farcopy.store.proofs import VerificationRecord

PROBE_BUSY_S = 0.5
HISTORY_LENGTH = 10
"""The reference: "Returns last 10 sync operations in history"."""


@dataclass(frozen=True, slots=True)
class ConfigurationView:
    """Row 1 as it is shown. warnings: what an admin should know, in whole sentences.

    version: another one after each change of the settings.
    """

    id: int
    settings: SyncSettings
    last_sync_at: datetime | None
    warnings: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class CurrentSync:
    """The run that is on. bytes_done counts what is on the line too; eta_s: None if unknown."""

    run_id: int
    sync_type: SyncType
    phase: str
    files_done: int
    files_due: int
    bytes_done: int
    bytes_due: int
    bytes_per_s: float
    eta_s: float | None
    started_at: datetime
    is_cancelling: bool
    connections: int


@dataclass(frozen=True, slots=True)
class StatusView:
    """Everything status.php tells. backlog: what monitoring's last look found waiting.

    last_verification: the last one that is over, the command's or a day's scrub.
    health: all of it in one sentence. waiting: as of the newest look or run.
    ledger: "ok", or the code of what keeps the database from being written.
    """

    last_sync: RunRecord | None
    history: list[RunRecord]
    configuration: ConfigurationView
    frozen: Freeze | None
    next_sync_at: datetime | None
    statistics: Statistics
    current: CurrentSync | None
    backlog: LastLook | None
    last_verification: VerificationRecord | None
    is_service_running: bool
    ledger: str
    waiting: Waiting | None
    health: Health


def configuration() -> ConfigurationView:
    """Raises: KeyMismatch."""
    return _view(stored.load())


def change_configuration(
    changes: Mapping[str, object], only_if: Collection[str] | None = None
) -> ConfigurationView:
    """only_if: nothing is changed unless the settings have one of these versions still.

    Raises: ChangedMeanwhile, SettingsInvalid, PasswordRequired, KeyMismatch.
    """
    return _view(stored.change(changes, only_if))


def enable_auto(only_if: Collection[str] | None = None) -> ConfigurationView:
    """Raises: FtpNotConfigured, ChangedMeanwhile."""
    if not stored.load().settings.is_ftp_configured:
        raise FtpNotConfigured
    return change_configuration({"sync_enabled": True}, only_if)


def disable_auto(only_if: Collection[str] | None = None) -> ConfigurationView:
    """Raises: ChangedMeanwhile."""
    return change_configuration({"sync_enabled": False}, only_if)


def current_sync() -> CurrentSync | None:
    """The run that is on, whoever carries it out."""
    running = history.running()
    return None if running is None else _current(running)


def status() -> StatusView:
    now = timezone.now()
    # Before the warnings: "ok" must not come with one of a trouble that is just over.
    trouble = HEALTH.trouble
    row = stored.load()
    settings = row.settings
    last = history.last_finished()
    frozen = freeze_of(settings)
    statistics = history.statistics()
    current = current_sync()
    waits = waiting.waiting()
    is_service_running = lease.live_kind(now) == "service"
    return StatusView(
        last_sync=last,
        history=history.latest(HISTORY_LENGTH),
        configuration=_view(row),
        frozen=frozen,
        next_sync_at=next_sync_at(
            settings.sync_enabled, settings.sync_interval, row.last_sync_at, now
        ),
        statistics=statistics,
        current=current,
        backlog=looks.last(),
        last_verification=proofs.last_verification(),
        is_service_running=is_service_running,
        ledger=trouble.code if trouble else "ok",
        waiting=waits,
        health=judge(
            Facts(
                now=now,
                has_source=settings.has_source,
                is_ftp_configured=settings.is_ftp_configured,
                is_service_running=is_service_running,
                is_run_on=current is not None,
                trouble=trouble.text if trouble else "",
                frozen=frozen.warning if frozen else "",
                sync_enabled=settings.sync_enabled,
                interval_min=settings.sync_interval,
                last_run=_last_run(last),
                waiting=waits,
                files_ever_stored=statistics.total_files_synced,
            )
        ),
    )


def _last_run(run: RunRecord | None) -> LastRun | None:
    if run is None or run.completed_at is None:
        return None
    return LastRun(
        run.status, RunEnd(run.end or RunEnd.FINISHED), run.completed_at,
        run.counts.files_failed, run.error_message or "",
    )


def try_writing() -> None:
    """For a process that writes nothing else: learn whether the database takes it."""
    wait_at_most(PROBE_BUSY_S)
    try:
        history.try_writing(timezone.now())
    except LedgerTrouble as trouble:
        HEALTH.note(AUDIT, trouble)
    else:
        HEALTH.clear(AUDIT)


def ask_again() -> None:
    """Whether a trouble of the audit trail lasts; nothing is written while all is well."""
    if HEALTH.trouble is not None and HEALTH.damage is None:
        try_writing()


def _view(row: StoredConfiguration) -> ConfigurationView:
    return ConfigurationView(
        row.id, row.settings, row.last_sync_at, _warnings(row), row.version
    )


def _warnings(row: StoredConfiguration) -> tuple[str, ...]:
    warnings = list(standing_warnings(row.settings, seen_tls=row.has_seen_tls))
    freeze = freeze_of(row.settings)
    if freeze is not None:
        warnings.insert(0, freeze.warning)
    last = history.last_finished()
    if last is not None and last.counts.files_growing:
        warnings.append(growing_warning(last.counts.files_growing))
    trouble = HEALTH.trouble
    if trouble is not None:
        warnings.insert(0, f"nothing can be recorded and no sync begins: {trouble.text}")
    for name in ("orthanc_storage_path", "hospital_data_path"):
        path = getattr(row.settings, name)
        if path is not None and not _is_directory(path):
            warnings.append(f"{name} is not there or is no directory this service can list")
    warnings.extend(_verification_warnings())
    warnings.extend(auditing.warnings())
    return tuple(warnings)


def _verification_warnings() -> Iterator[str]:
    last = proofs.last_verification()
    wrong = last.counts.files_differing + last.counts.files_missing if last else 0
    if last and wrong:
        yield (
            f"{wrong} files on the remote differed or were missing at the last verification "
            f"({shown(last.completed_at)}); they are pending again, unless their source is gone"
        )


def _is_directory(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def _current(run: RunRecord) -> CurrentSync:
    counts = run.counts
    done = max(run.bytes_on_line, counts.bytes_synced)
    left = max(counts.bytes_due - done, 0)
    return CurrentSync(
        run_id=run.id,
        sync_type=run.sync_type,
        phase=run.phase,
        files_done=counts.files_synced + counts.files_failed,
        files_due=counts.files_due,
        bytes_done=done,
        bytes_due=counts.bytes_due,
        bytes_per_s=run.bytes_per_s,
        eta_s=left / run.bytes_per_s if run.bytes_per_s > 0 else None,
        started_at=run.started_at,
        is_cancelling=run.is_cancel_requested,
        connections=run.connections,
    )
