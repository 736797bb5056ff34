"""A worker: takes batches, sends their files over one session, records what became of them.

Retries, lost sessions and stops are decided here (planning/retry says how);
the remote only sends and tells.
"""

import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import replace
from datetime import timedelta

from farcopy.core.errors import (
    DataStalled,
    EverythingRefused,
    FarcopyError,
    Fenced,
    FileError,
    HashMismatch,
    Interrupted,
    PathRefused,
    ReplyTimeout,
    RunError,
    Scope,
    SessionError,
    SizeMismatch,
    SourceChanged,
    SourceVanished,
    TooManyConnections,
    TransfersStalled,
    UploadRefused,
)
from farcopy.core.model import ClaimedFile, Outcome, StoreResult, Upload
from farcopy.core.ports import Clock, Ledger, Remote, RunLog, Source
from farcopy.core.states import FileState
from farcopy.engine.control import Pace, RunControl, SessionGate
from farcopy.engine.job import Job, Line
from farcopy.engine.reading import as_run_error
from farcopy.engine.throttle import Throttle, ThrottledReader
from farcopy.planning.continuing import is_worth_continuing
from farcopy.planning.remote_path import is_plain, remote_path, temporary_name
from farcopy.planning.retry import ATTEMPTS, RETRY_SOON, decide_retry

RECORD_FILES = 64
RECORD_S = 1.0
LARGE_BYTES = 4 * 1024 * 1024
"""Outcomes are written in bulk, but none waits longer than this, nor behind a large file:
what is not recorded when we are killed is asked for again, file by file."""
DISCARD_WITHIN_S = 5.0
"""A stop does not wait longer for the remote; what stays is swept by the next run."""
_REFUSALS = (PathRefused, UploadRefused, SizeMismatch, HashMismatch)
LOST_FILES = 5
"""Files in a row given up for lost connections: the line is not fit, the run stops. Otherwise
ten thousand files would each use up their three attempts."""


class TransferWorker:
    """The Worker port over one Remote.

    make_remote: a new, closed session. retry_scale: factor on all waits. pace: told what
    passes. throttle: of all workers together. on_failure: told of each failed file's
    replica id and error code. left_over: temporaries that may be continued, by replica id,
    shared by all workers. at_rest: may use a session while there is nothing to send over it.
    """

    def __init__(
        self,
        run_id: int,
        *,
        ledger: Ledger,
        sources: Mapping[str, Source],
        make_remote: Callable[[], Remote],
        gate: SessionGate,
        control: RunControl,
        log: RunLog,
        clock: Clock,
        pace: Pace | None = None,
        throttle: Throttle | None = None,
        retry_scale: float = 1.0,
        on_failure: Callable[[int, str], None] = lambda _id, _code: None,
        left_over: MutableMapping[int, str] | None = None,
        at_rest: Callable[[Remote], None] = lambda _remote: None,
    ) -> None:
        self._run_id = run_id
        self._ledger = ledger
        self._sources = sources
        self._make_remote = make_remote
        self._remote = make_remote()
        self._gate = gate
        self._control = control
        self._log = log
        self._clock = clock
        self._pace = pace or Pace()
        self._throttle = throttle or Throttle(clock.monotonic_s)
        self._retry_scale = retry_scale
        self._on_failure = on_failure
        self._left_over = {} if left_over is None else left_over
        self._at_rest = at_rest
        self._is_open = False
        self._outcomes: list[Outcome] = []
        self._recorded_at_s = clock.monotonic_s()
        self._todo: deque[Job] = deque()
        self._in_hand: deque[Job] = deque()
        self._take_next: Callable[[], int | None] = lambda: None
        # Of one taken before these all files have their outcome: at most one is in hand
        # when the next is taken.
        self._open_batches: deque[int] = deque(maxlen=2)
        self._idle_losses = 0
        self._lost_files = 0

    def execute(self, batch_id: int, take_next: Callable[[], int | None]) -> None:
        if self._control.should_end():
            return
        self._take_next = take_next
        self._todo.clear()
        self._in_hand.clear()
        self._claim(batch_id)
        try:
            self._send_all()
        except TooManyConnections as error:
            if self._gate.open_sessions > 0:
                raise  # others go on, and the batch with them
            self._control.fail(error)
        except RunError as error:
            for job in self._in_hand:  # it met the error: the history names it
                self._fail(job, error, RETRY_SOON)
            self._control.fail(error)
        except Interrupted:
            self._discard_interrupted()
        finally:
            self._record()
            while self._open_batches:
                self._ledger.put_back(self._open_batches.popleft())

    def _claim(self, batch_id: int) -> None:
        self._open_batches.append(batch_id)
        claimed = self._ledger.claim(batch_id)
        self._todo.extend(self._job(file) for file in claimed)

    def _has_more(self) -> bool:
        """Whether there is a file to send; if need be of the next batch, so that the last
        one of this need not wait for its name."""
        if not self._todo and (batch_id := self._take_next()) is not None:
            self._claim(batch_id)
        return bool(self._todo)

    def tidy(self) -> None:
        if self._control.should_end():
            return
        try:
            self._open()  # the first session of a run settles and sweeps
        except (RunError, TooManyConnections) as error:
            self._control.fail(error)
        except Interrupted:
            return

    def rest(self) -> None:
        if self._is_open:
            self._at_rest(self._remote)

    def abort(self) -> None:
        self._remote.abort()

    def close(self) -> None:
        if self._left_over:
            self._control.note_untidy()
        self._forget_session()
        self._remote.close()

    # --- sending ---

    def _send_all(self) -> None:
        while self._todo and not self._control.should_end():
            self._open()
            try:
                for result in self._remote.store(self._feed()):
                    self._settle(self._in_hand.popleft(), result)
            except (SessionError, RunError) as error:
                self._control.note_untidy()
                if not error.is_retryable:
                    raise
                self._forget_session()
                self._after_lost_session(error)

    def _feed(self) -> Iterator[Upload]:
        """The uploads of one pass. A job to be tried again stands at the end, with its wait."""
        while not self._control.should_end() and self._has_more():
            job = self._todo[0]
            if job.wait_s and self._in_hand:
                return  # the remote publishes what it holds back, and we wait after that
            if job.wait_s:
                self._record()
                if self._control.wait(job.wait_s * self._retry_scale):
                    return
                job.wait_s = 0.0
            self._todo.popleft()
            waited_s = self._clock.monotonic_s() - self._recorded_at_s
            if (
                len(self._outcomes) >= RECORD_FILES
                or waited_s > RECORD_S
                or job.upload.size_bytes > LARGE_BYTES
            ):
                self._record()
            self._in_hand.append(job)
            if name := self._left_over.pop(job.claimed.replica_id, None):
                job.upload = replace(job.upload, left_over=name)
            yield job.upload

    def _job(self, claimed: ClaimedFile) -> Job:
        line = Line(self._log.sent_bytes)
        return Job(claimed, self._upload(claimed, line), line)

    def _upload(self, claimed: ClaimedFile, line: Line) -> Upload:
        def on_bytes(count: int) -> None:
            line.sent(count)
            self._pace.note_bytes(count)

        file = claimed.file
        source = self._sources[file.root]
        return Upload(
            replica_id=claimed.replica_id,
            size_bytes=file.size_bytes,
            temporary_name=temporary_name(claimed.replica_id, claimed.claim),
            final_path=remote_path(file.root, file.relative_path),
            open_source=lambda: ThrottledReader(source.open(file), self._throttle),
            may_publish=lambda md5: self._ledger.intend(claimed.replica_id, claimed.claim, md5),
            withdraw=lambda: self._ledger.withdraw(claimed.replica_id, claimed.claim),
            on_bytes=on_bytes,
        )

    # --- sessions ---

    def _open(self) -> None:
        """A session. Raises: RunError, TooManyConnections, Interrupted."""
        if not self._is_open:
            self._gate.open(self._remote, self._persist)
            self._is_open = True

    def _persist(self, open_session: Callable[[], None]) -> None:
        """Open it, if need be after several tries."""
        tries = 0
        while True:
            tries += 1
            try:
                open_session()
            except FarcopyError as error:
                if isinstance(error, TooManyConnections) and self._gate.open_sessions > 0:
                    raise  # others go on: this worker is one too many
                decision = decide_retry(error, tries, tries, random.random())  # noqa: S311
                if not error.is_retryable or not decision.again:
                    raise as_run_error(error) from error
                if self._control.wait(decision.wait_s * self._retry_scale):
                    raise Interrupted from error
            else:
                return

    def _forget_session(self) -> None:
        if self._is_open:
            self._is_open = False
            self._gate.left()

    def _after_lost_session(self, error: FarcopyError) -> None:
        """Look before sending again: the reply was lost, not necessarily the file."""
        if isinstance(error, ReplyTimeout):
            self._pace.note_timeout()
        lost = list(self._in_hand)
        self._in_hand.clear()
        if not lost:
            # Between two files: an idle session ended. It costs nobody an attempt, but a
            # server that always does it must not keep us here for ever.
            self._idle_losses += 1
            if self._idle_losses > ATTEMPTS:
                raise as_run_error(error) from error
            return
        self._in_hand.extend(lost)
        self._open()
        while self._in_hand:
            job = self._in_hand[0]
            result = self._remote.settle(job.upload)
            self._in_hand.popleft()
            self._settle(job, result or StoreResult(job.claimed.replica_id, error=error))

    # --- results ---

    def _settle(self, job: Job, result: StoreResult) -> None:
        error = result.error
        if error is not None:
            self._control.note_untidy()
            job.line.take_back()
        if error is None:
            self._control.note_stored()
            self._idle_losses = self._lost_files = 0
            self._pace.note_file()
            state = FileState.VERIFIED if result.is_verified else FileState.STORED
            self._outcomes.append(
                Outcome(job.claimed, state, result.bytes_sent, result.md5, attempts=job.attempts)
            )
        elif isinstance(error, Fenced):
            return  # somebody else's now, and theirs to record
        elif isinstance(error, SourceVanished):
            self._outcomes.append(
                Outcome(job.claimed, FileState.VANISHED, error_code=error.code)
            )
        elif isinstance(error, SourceChanged):
            self._leave_to_settle(job, error)
        else:
            self._try_again_or_fail(job, error)

    def _try_again_or_fail(self, job: Job, error: FarcopyError) -> None:
        if not job.tries:
            job.stored_before = self._control.stored_files
        job.tries += 1
        job.attempts += error.uses_attempt
        decision = decide_retry(error, job.attempts, job.tries, random.random())  # noqa: S311
        if decision.again:
            job.wait_s = decision.wait_s
            self._rename_temporary(job)
            self._todo.append(job)
            return
        self._fail(job, error, decision.retry_in)
        # Whatever this server dislikes, it is not the name.
        is_of_no_name = isinstance(error, _REFUSALS) and is_plain(job.claimed.file.relative_path)
        if is_of_no_name and self._control.note_refusal():
            raise EverythingRefused from error
        if isinstance(error, DataStalled) and job.stored_before == self._control.stored_files:
            raise TransfersStalled from error  # and meanwhile no file went: it is not this one
        if error.scope in (Scope.SESSION, Scope.RUN):
            self._lost_files += 1
            if isinstance(error, RunError) or self._lost_files >= LOST_FILES:
                raise as_run_error(error) from error

    def _rename_temporary(self, job: Job) -> None:
        """It is sent again to another name, perhaps by another session: a STOR of the one
        before may still be on its way, and would empty what was sent since."""
        claimed = self._ledger.reclaim(job.claimed)
        if claimed is not None:  # else the fence stops it
            if is_worth_continuing(job.upload.size_bytes):
                self._left_over[claimed.replica_id] = job.upload.temporary_name
            job.claimed = claimed
            job.upload = self._upload(claimed, job.line)

    def _leave_to_settle(self, job: Job, error: SourceChanged) -> None:
        """It is being written to: back to pending, until a second look finds it at rest."""
        try:
            now = self._sources[job.claimed.file.root].stat(job.claimed.file)
        except FileError as gone:
            self._settle(job, StoreResult(job.claimed.replica_id, error=gone))
            return
        self._ledger.note_looks([now], self._clock.now())
        self._control.note_changed()
        self._outcomes.append(Outcome(job.claimed, FileState.PENDING, error_code=error.code))

    def _fail(self, job: Job, error: FarcopyError, retry_in: timedelta) -> None:
        self._on_failure(job.claimed.replica_id, error.code)
        self._outcomes.append(
            Outcome(
                job.claimed, FileState.FAILED, error_code=error.code, attempts=job.attempts,
                retry_at=self._clock.now() + retry_in,
            )
        )

    def _record(self) -> None:
        if self._outcomes:
            outcomes, self._outcomes = self._outcomes, []
            self._ledger.record(self._run_id, outcomes)
        self._recorded_at_s = self._clock.monotonic_s()

    def _discard_interrupted(self) -> None:
        """The file in hand is not finished: leave no half of it on the remote, if we still can."""
        self._forget_session()
        self._control.note_untidy()
        jobs = list(self._in_hand)
        if not jobs:
            return
        remote = self._make_remote()
        too_late = threading.Timer(DISCARD_WITHIN_S, remote.abort)
        too_late.daemon = True
        too_late.start()
        try:
            remote.open()
            for job in jobs:
                job.upload.withdraw()
                remote.discard_temporary(job.upload.temporary_name)
        except FarcopyError:
            return  # the next run's preflight sweeps it
        finally:
            too_late.cancel()
            remote.close()
