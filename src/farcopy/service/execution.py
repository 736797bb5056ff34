"""Carry out one run from its row to its verdict. Called under the engine lease only."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection

from farcopy.core.errors import (
    DataConnectionFailed,
    FarcopyError,
    FtpNotConfigured,
    Interrupted,
    LoginRefused,
    SourceMissing,
    SourceNotAllowed,
    SourcesNotConfigured,
    SyncFrozen,
)
from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.core.model import RunSummary
from farcopy.core.ports import Ledger, Remote
from farcopy.core.states import RunEnd, SyncType
from farcopy.core.stock import SourcesSeen
from farcopy.engine import preflight
from farcopy.engine.control import Pace, RunControl, SessionGate
from farcopy.engine.run import Run, RunRules
from farcopy.engine.throttle import Throttle
from farcopy.engine.transfer import TransferWorker
from farcopy.ftp.folders import KnownFolders
from farcopy.ftp.host import HostProfile
from farcopy.planning.tuning import ConnectionTuning
from farcopy.planning.verdict import run_message, run_state
from farcopy.service import auditing, marks, runs, waiting, wiring
from farcopy.service.dispatch.threads import ThreadDispatcher
from farcopy.service.progress import RunProgress
from farcopy.service.stop import StopSignal
from farcopy.settings.environment import Environment
from farcopy.store import configuration as stored
from farcopy.store import counters, history, looks, turns
from farcopy.store.configuration import StoredConfiguration
from farcopy.store.models import Destination
from farcopy.store.patience import Patience, patient_ledger

_log = logging.getLogger("farcopy.sync")


def carry_out(
    sync_type: SyncType,
    requested_by: str,
    environment: Environment,
    stop: StopSignal,
    on_start: Callable[[int], None] = lambda _run_id: None,
) -> RunSummary:
    """Run, and close the run's row whatever happens.

    on_start: told the run's id as soon as its row exists.
    A database that is away for a moment is waited for. Raises: FtpNotConfigured,
    SourcesNotConfigured, KeyMismatch, RunAlreadyOn; LedgerTrouble when the run could not
    be begun or its row not be closed.
    """
    cancel = StopSignal(stop)
    with turns.of_a_run() as one_at_a_time:
        patience = Patience(cancel.is_hard, environment.ledger_patience_s, one_at_a_time)
        return _carry_out(sync_type, requested_by, environment, cancel, patience, on_start)


def _carry_out(
    sync_type: SyncType,
    requested_by: str,
    environment: Environment,
    cancel: StopSignal,
    patience: Patience,
    on_start: Callable[[int], None],
) -> RunSummary:
    clock = wiring.SystemClock()
    row = stored.load()
    _check(row)
    destination = stored.destination_for(row.settings)
    began_at = clock.now()
    run_id = patience.persist(
        lambda: history.begin(
            sync_type, destination, row.settings.destination_label, requested_by, began_at,
            # No run without the entry that says who asked for it.
            lambda run_id: auditing.record(
                "run.started", username=requested_by,
                details={"run": run_id, "sync_type": sync_type.value},
            ),
        )
    )
    _log.info("run.started", extra={"run": run_id, "sync_type": sync_type.value})
    started_s = clock.monotonic_s()
    patience.persist(lambda: looks.begin(
        looks.Kind.RUN, destination.pk, looks.key_of(row.settings), began_at
    ))
    control = RunControl(cancel)
    host = wiring.host_profile(destination)
    pace = Pace()
    mark = marks.RunMark(
        row, lambda: pace.has_files and not control.should_end(), patience.persist
    )
    throttle = Throttle(
        clock.monotonic_s, cancel.is_hard, 1024 * row.settings.ftp_limit_kib_s
    )
    try:
        patience.persist(lambda: on_start(run_id))
        with RunProgress(
            run_id, cancel, patience, throttle, destination.pk
        ) as progress:
            ledger = patient_ledger(destination.pk, patience)
            _execute(run_id, sync_type, _Outfit(
                row, environment, ledger, cancel, control, progress, host, throttle, pace, mark,
                lambda seen: patience.persist(lambda: looks.end(
                    looks.Kind.RUN, destination.pk, looks.key_of(row.settings), began_at,
                    clock.now(), seen,
                )),
            ))
    except FarcopyError as error:
        control.fail(error)
    except Exception:  # noqa: BLE001
        # The edge of a run: whatever went wrong is told, and the service lives on.
        _log.exception("run.crashed", extra={"run": run_id})
        control.fail(FarcopyError())
    finally:
        took_s = clock.monotonic_s() - started_s
        _keep_profile(host, destination, control, patience)
        _note_refused_login(row, control, patience)
        try:
            patience.persist(lambda: _finish(run_id, control, cancel, took_s))
        except LedgerTrouble as error:
            _log.error("run.unclosed", extra={"run": run_id, "code": error.code})
            raise
        _note_what_waits(run_id, destination, control, patience)
    summary = patience.persist(lambda: runs.summary(run_id))
    auditing.note("run.ended", username=requested_by, details={
        "run": run_id, "status": summary.state.value, "code": summary.error_code,
    })
    mark.conclude()
    return summary


def _check(row: StoredConfiguration) -> None:
    if not row.settings.is_ftp_configured:
        raise FtpNotConfigured
    if not row.settings.has_source:
        raise SourcesNotConfigured


@dataclass(frozen=True, slots=True)
class _Outfit:
    """What one run works with."""

    row: StoredConfiguration
    environment: Environment
    ledger: Ledger
    stop: StopSignal
    control: RunControl
    progress: RunProgress
    host: HostProfile
    throttle: Throttle
    pace: Pace
    mark: marks.RunMark
    note_seen: Callable[[SourcesSeen], None]


def _execute(run_id: int, sync_type: SyncType, outfit: _Outfit) -> None:
    clock = wiring.SystemClock()
    row, ledger, control, host = outfit.row, outfit.ledger, outfit.control, outfit.host
    sources = wiring.sources_of(row.settings)
    folders = KnownFolders()
    left_over: dict[int, str] = {}

    def prepare(remote: Remote) -> None:
        preflight.prepare(run_id, remote, ledger, left_over)
        wiring.learn_names(remote)
        wiring.note_what_was_learnt(remote, row)

    gate = SessionGate(prepare)
    outfit.progress.watch_connections(lambda: gate.open_sessions)
    tuning = ConnectionTuning(row.settings.ftp_connections, host.connection_limit)

    def make_worker() -> TransferWorker:
        return _ThreadWorker(
            run_id,
            ledger=ledger,
            sources={source.label: source for source in sources},
            make_remote=lambda: wiring.make_remote(row, folders, host),
            gate=gate,
            control=control,
            log=outfit.progress,
            clock=clock,
            pace=outfit.pace,
            throttle=outfit.throttle,
            retry_scale=outfit.environment.retry_scale,
            left_over=left_over,
            at_rest=outfit.mark.put,
            on_failure=lambda entry, code: _log.warning(
                "upload.failed", extra={"run": run_id, "entry": entry, "code": code}
            ),
        )

    def on_crash(error: BaseException) -> None:
        if isinstance(error, LedgerTrouble):
            _log.error("ledger.trouble", extra={"run": run_id, "code": error.code})
        else:
            _log.error("worker.crashed", exc_info=error, extra={"run": run_id})
        control.fail(error if isinstance(error, FarcopyError) else FarcopyError())

    run = Run(
        run_id,
        rules=RunRules(sync_type is SyncType.MANUAL, wiring.settle_s(), wiring.tripwire()),
        sources=sources,
        ledger=ledger,
        dispatcher=ThreadDispatcher(
            tuning, lambda: outfit.pace.seen(gate.open_sessions), outfit.stop, on_crash
        ),
        make_worker=make_worker,
        connections=row.settings.ftp_connections,
        control=control,
        log=outfit.progress,
        clock=clock,
        pace=outfit.pace,
    )
    try:
        run.execute()
        outfit.note_seen(run.seen)
    finally:
        host.note_connections(tuning.most_seen, tuning.refused_beyond)


class _ThreadWorker(TransferWorker):
    """Gives its thread's database connection back at the end."""

    def close(self) -> None:
        super().close()
        connection.close()


def _keep_profile(
    host: HostProfile, destination: Destination, control: RunControl, patience: Patience
) -> None:
    # What we believed of the host may be why: then the next run asks everything anew.
    learnt = None if isinstance(control.failure, DataConnectionFailed) else host
    with contextlib.suppress(LedgerTrouble):  # the run's end will tell of it
        patience.persist(lambda: wiring.keep_profile(learnt, destination))


def _note_refused_login(
    row: StoredConfiguration, control: RunControl, patience: Patience
) -> None:
    if isinstance(control.failure, LoginRefused):
        with contextlib.suppress(LedgerTrouble):  # the run's end will tell of it
            patience.persist(lambda: stored.note_login(row, is_refused=True))


def _note_what_waits(
    run_id: int, destination: Destination, control: RunControl, patience: Patience
) -> None:
    with contextlib.suppress(LedgerTrouble):  # a point of a curve, and for the eye
        patience.persist(counters.fold)
        record = patience.persist(lambda: history.get(run_id))
        is_whole = record.end == RunEnd.FINISHED and control.failure is None
        patience.persist(
            lambda: waiting.note_ledger(
                destination.pk, record.counts.files_growing, wiring.SystemClock().now(),
                is_whole=is_whole and not record.problem_count,
            )
        )


def _finish(run_id: int, control: RunControl, cancel: StopSignal, duration_s: float) -> None:
    end = RunEnd.FINISHED
    if cancel.is_set():
        end = RunEnd.CANCELLED if cancel.is_own() else RunEnd.STOPPED
    failure = control.failure
    if isinstance(failure, Interrupted):
        failure = None
    if isinstance(failure, SyncFrozen):
        _log.error("sync.frozen", extra={"run": run_id})
    record = history.get(run_id)
    state = run_state(
        end, record.counts, problems=record.problem_count, has_run_error=failure is not None,
        missing_roots=sum(
            code in (SourceMissing.code, SourceNotAllowed.code) for _, _, code in record.problems
        ),
    )
    history.finish(
        run_id, state, end, wiring.SystemClock().now(), duration_s,
        failure.code if failure else "",
        run_message(end, record.counts, record.problem_count, failure.text if failure else None),
    )
    _log.info(
        "run.ended",
        extra={
            "run": run_id, "status": state.value, "end": end.value,
            "files_synced": record.counts.files_synced,
            "bytes_synced": record.counts.bytes_synced,
            "files_failed": record.counts.files_failed,
            "code": failure.code if failure else "",
        },
    )
