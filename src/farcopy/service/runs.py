"""Ask for a run and wait for it. The service carries it out; whoever waits may go away.

Called by the API's sync-now and by `farcopy sync`. Polls the database: the
asking process and the service need not be the same.
"""

import time
from collections.abc import Callable, Iterator

from django.utils import timezone

from farcopy.core import errors
from farcopy.core.config import SOURCE_SETTINGS
from farcopy.core.errors import (
    FarcopyError,
    FtpNotConfigured,
    ServiceNotRunning,
    SourcesNotConfigured,
    StoppedWaiting,
)
from farcopy.core.model import RunSummary
from farcopy.core.state_errors import RunAlreadyOn, RunCutOff
from farcopy.core.states import RunEnd, RunState, SyncType
from farcopy.planning.verdict import (
    MAX_ERRORS,
    SKIP_WORDS,
    growing_warning,
    shorten,
    skipped_warning,
)
from farcopy.store import configuration, history, lease, run_details, run_requests
from farcopy.store.history import RunRecord
from farcopy.store.patience import Patience

POLL_S = 0.1
START_WITHIN_S = 20.0
"""A living service takes a request within a second; it may be ending a run just now."""


def check_configured() -> None:
    """Raises: FtpNotConfigured, SourcesNotConfigured, KeyMismatch."""
    settings = configuration.load().settings
    if not settings.is_ftp_configured:
        raise FtpNotConfigured
    if not settings.has_source:
        raise SourcesNotConfigured


def request_sync(requested_by: str, sync_type: SyncType = SyncType.MANUAL) -> int:
    """Ask for a run; returns the request's id.

    Raises: as check_configured; RunAlreadyOn; ServiceNotRunning.
    """
    check_configured()
    now = timezone.now()
    match lease.live_kind(now):
        case "service":
            return run_requests.request_run(sync_type, requested_by, now)
        case "":
            # A service that cannot write its heartbeat looks dead: then that is what is wrong.
            run_requests.try_writing(now)
            raise ServiceNotRunning
        case _:
            raise RunAlreadyOn  # a `farcopy sync` works by itself


def cancel() -> int:
    """Ask the run that is on to end, whoever carries it out; returns its id.

    It ends within two seconds, also in the middle of a file. Raises: NoRunOn; RunCutOff when
    nobody is left to end it.
    """
    now = timezone.now()
    if history.running() is not None and not lease.live_kind(now):
        raise RunCutOff
    return run_requests.request_cancel(now)


def wait_for_start(request_id: int) -> int:
    """The id of the run that answers the request.

    Raises: ServiceNotRunning when nobody takes it; the error that refused it.
    """
    deadline = time.monotonic() + START_WITHIN_S
    patience = Patience()
    service = _ServiceWatch()
    while True:
        is_open, run_id, refusal = patience.persist(lambda: run_requests.request_state(request_id))
        if run_id is not None:
            return run_id
        if not is_open:
            raise _error_of_code(refusal)
        is_dead = patience.persist(service.is_dead)
        if (is_dead or time.monotonic() > deadline) and run_requests.withdraw_request(request_id):
            raise ServiceNotRunning
        time.sleep(POLL_S)


def wait_for_summary(
    request_id: int, should_leave: Callable[[], bool] = lambda: False
) -> RunSummary:
    """Blocks until the run has ended.

    Raises: as wait_for_start; StoppedWaiting when should_leave(): the run goes on.
    """
    run_id = wait_for_start(request_id)
    # The run waits for its database, and so does who waits for the run.
    patience = Patience(should_leave)
    service = _ServiceWatch()
    while True:
        run = patience.persist(lambda: history.get(run_id))
        if run.status is not RunState.RUNNING:
            return patience.persist(lambda: summary(run_id))
        if patience.persist(service.is_dead):
            # It died under the run: the next start closes it. Or it cannot write.
            run_requests.try_writing(timezone.now())
            raise ServiceNotRunning
        if should_leave():
            raise StoppedWaiting
        time.sleep(POLL_S)


class _ServiceWatch:
    """Says that no service lives when none was seen for two heartbeats.

    Right after a database was away its lease is stale, though the service lives.
    """

    def __init__(self) -> None:
        self._missing_since_s: float | None = None

    def is_dead(self) -> bool:
        now_s = time.monotonic()
        if lease.live_kind(timezone.now()) == "service":
            self._missing_since_s = None
        elif self._missing_since_s is None:
            self._missing_since_s = now_s
        since_s = self._missing_since_s
        return since_s is not None and now_s - since_s > 2 * lease.HEARTBEAT_S


def summary(run_id: int) -> RunSummary:
    """A finished run with its list of errors."""
    run = history.get(run_id)
    failed = history.failed_files(run_id, MAX_ERRORS)
    lines = [
        *(
            f"Failed to read: {path} ({text_of_code(code)})" if path
            else f"Failed to read: {root} ({SOURCE_SETTINGS.get(root, root)}: {text_of_code(code)})"
            for root, path, code in run.problems
        ),
        *(
            f"Failed to upload: {file.relative_path} ({file.root}: {text_of_code(file.reason)})"
            for file in failed
        ),
    ]
    is_cut_off = run.end != RunEnd.FINISHED
    if run.error_message and (run.error_code or is_cut_off):
        lines.insert(0, run.error_message)
    total = len(lines) - len(run.problems) - len(failed)
    total += run.problem_count + run.counts.files_failed
    return RunSummary(
        run_id=run.id,
        sync_type=run.sync_type,
        state=run.status,
        end=RunEnd(run.end or RunEnd.FINISHED),
        counts=run.counts,
        duration_s=run.duration_s,
        error_code=run.error_code,
        error_message=run.error_message,
        errors=shorten(lines, total),
        warnings=tuple(_passed_over(run)),
        server_seen_at=run_details.server_seen_at(run_id),
    )


def _passed_over(run: RunRecord) -> Iterator[str]:
    if run.counts.files_growing:
        yield growing_warning(run.counts.files_growing)
    if not run.counts.files_skipped:
        return  # else the rows of ten million files would be read for nothing
    for reason, number, example in run_details.newly_skipped(run.id):
        yield skipped_warning(number, SKIP_WORDS.get(reason, reason), example)


def text_of_code(code: str) -> str:
    """What an error of this code says to an admin."""
    return _error_of_code(code).text


def _error_of_code(code: str) -> FarcopyError:
    return ERRORS_BY_CODE.get(code, FarcopyError)()


def _classes(base: type[FarcopyError]) -> list[type[FarcopyError]]:
    return [base, *(cls for sub in base.__subclasses__() for cls in _classes(sub))]


# Those of the database's too: whoever imports the store has them.
# SettingsInvalid and its kin carry data of their own and never end a run.
ERRORS_BY_CODE = {
    cls.code: cls for cls in _classes(FarcopyError) if not issubclass(cls, errors.SettingsInvalid)
}
