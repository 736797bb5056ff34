"""What the API, the page and the command line read and set: settings, status, warnings.

Reads and single transactions only; nothing here waits, connects or scans.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from farcopy.core.config import SyncSettings
from farcopy.core.errors import FtpNotConfigured
from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.core.states import RunEnd, SyncType
from farcopy.planning.health import judge
from farcopy.planning.schedule import CLOCK_MAY_DIFFER, next_sync_at
from farcopy.planning.situation import Facts, Health
from farcopy.service import judging
from farcopy.service.cautions import warnings_of
from farcopy.service.freezing import Freeze, freeze_of
from farcopy.store import authors, history, lease, looks, proofs, run_requests
from farcopy.store import configuration as stored
from farcopy.store.authors import Author, Unconfirmed
from farcopy.store.configuration import StoredConfiguration
from farcopy.store.health import AUDIT, HEALTH
from farcopy.store.history import RunRecord, Statistics
from farcopy.store.looks import LookRecord
from farcopy.store.patience import wait_at_most
from farcopy.store.proofs import VerificationRecord

PROBE_BUSY_S = 0.5
_ALONE = nullcontext()
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
    settings_version: int


@dataclass(frozen=True, slots=True)
class CurrentSync:
    """The run that is on. files_done: settled, failed ones too. bytes_done counts what is on the
    line too. is_total_known: the scan is over; before, eta_s is None.
    """

    run_id: int
    sync_type: SyncType
    phase: str
    files_done: int
    files_due: int
    files_failed: int
    bytes_done: int
    bytes_due: int
    bytes_per_s: float
    is_total_known: bool
    eta_s: float | None
    started_at: datetime
    is_cancelling: bool
    connections: int


@dataclass(frozen=True, slots=True)
class StatusView:
    """Everything status.php tells. backlog: what monitoring's last look found waiting.

    last_verification: the last one that is over, the command's or a day's scrub.
    health: all of it in one sentence; facts: what it was made from.
    ledger: "ok", or the code of what keeps the database from being written.
    unconfirmed: who moved destination or sources lately without giving his password again.
    """

    last_sync: RunRecord | None
    history: list[RunRecord]
    configuration: ConfigurationView
    frozen: Freeze | None
    next_sync_at: datetime | None
    statistics: Statistics
    current: CurrentSync | None
    backlog: LookRecord | None
    last_verification: VerificationRecord | None
    is_service_running: bool
    ledger: str
    facts: Facts
    health: Health
    unconfirmed: list[Unconfirmed]


def configuration() -> ConfigurationView:
    """Raises: KeyMismatch."""
    return _view(stored.load())


def change_configuration(
    changes: Mapping[str, object], only_if: Collection[str] | None = None,
    author: Author | None = None,
    within: AbstractContextManager[None] = _ALONE,
) -> ConfigurationView:
    """only_if: nothing is changed unless the settings have one of these versions still.

    within: around the change alone, for who has an entry of the audit trail to write with it.

    Raises: ChangedMeanwhile, SettingsInvalid, PasswordRequired, PasswordForUnseen,
    ConfirmationRequired, KeyMismatch.
    """
    with within:
        row = stored.change(changes, only_if, author)
    return _view(row)


def enable_auto(
    only_if: Collection[str] | None = None,
    within: AbstractContextManager[None] = _ALONE,
) -> ConfigurationView:
    """Raises: FtpNotConfigured, ChangedMeanwhile."""
    if not stored.load().settings.is_ftp_configured:
        raise FtpNotConfigured
    return change_configuration({"sync_enabled": True}, only_if, within=within)


def disable_auto(
    only_if: Collection[str] | None = None,
    within: AbstractContextManager[None] = _ALONE,
) -> ConfigurationView:
    """Raises: ChangedMeanwhile."""
    return change_configuration({"sync_enabled": False}, only_if, within=within)


def current_sync() -> CurrentSync | None:
    """The run that is on, whoever carries it out; one whose engine is gone is not."""
    running = history.running()
    if running is None or not lease.live_kind(timezone.now()):
        return None
    return _current(running)


def status() -> StatusView:
    now = timezone.now()
    # Before the warnings: "ok" must not come with one of a trouble that is just over.
    trouble = HEALTH.trouble
    row = stored.load()
    settings = row.settings
    facts = judging.facts(row, now)
    newest = history.latest(HISTORY_LENGTH, now)
    last, statistics = history.last_finished(), history.statistics()
    if newest and newest[0].end == RunEnd.CRASHED and (last is None or newest[0].id > last.id):
        # Cut off, and no engine has closed it yet: it is over all the same.
        last = newest[0]
        statistics = statistics.with_one_cut_off(last.counts)
    return StatusView(
        last_sync=last,
        history=newest,
        configuration=_view(row),
        frozen=freeze_of(settings),
        next_sync_at=next_sync_at(
            settings.sync_enabled, settings.sync_interval, row.last_sync_at, now
        ),
        statistics=statistics,
        current=current_sync(),
        backlog=looks.last_of_monitoring(now + CLOCK_MAY_DIFFER),
        last_verification=proofs.last_verification(),
        is_service_running=facts.is_service_running,
        ledger=trouble.code if trouble else "ok",
        facts=facts,
        health=judge(facts),
        unconfirmed=authors.unconfirmed(now),
    )


def try_writing() -> None:
    """For a process that writes nothing else: learn whether the database takes it."""
    wait_at_most(PROBE_BUSY_S)
    try:
        run_requests.try_writing(timezone.now())
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
        row.id, row.settings, row.last_sync_at, tuple(warnings_of(row, timezone.now())),
        row.version, row.settings_version,
    )


def _current(run: RunRecord) -> CurrentSync:
    counts = run.counts
    # On the line was also what had to be sent again: never more than is due.
    done = min(max(run.bytes_on_line, counts.bytes_synced), counts.bytes_due)
    left = max(counts.bytes_due - done - run.bytes_failed, 0)
    has_eta = run.is_total_known and run.bytes_per_s > 0
    return CurrentSync(
        run_id=run.id,
        sync_type=run.sync_type,
        phase=run.phase,
        files_done=counts.files_synced + counts.files_failed,
        files_due=counts.files_due,
        files_failed=counts.files_failed,
        bytes_done=done,
        bytes_due=counts.bytes_due,
        bytes_per_s=run.bytes_per_s,
        is_total_known=run.is_total_known,
        eta_s=left / run.bytes_per_s if has_eta else None,
        started_at=run.started_at,
        is_cancelling=run.is_cancel_requested,
        connections=run.connections,
    )
