"""One run: scan, plan, check what was touched, admit what is due, hand it out as batches.

Scan and transfer overlap. Sees ports only; who asked, and how the run is
told afterwards, is the service's business.
"""

from collections.abc import Callable, Mapping, Sequence

from farcopy.core.errors import FileError, SourceMissing, SourceVanished
from farcopy.core.model import (
    Action,
    ActionKind,
    LedgerEntry,
    Plan,
    Reason,
    SkippedName,
    SourceFile,
)
from farcopy.core.ports import Clock, Dispatcher, Ledger, RunLog, Source, Worker
from farcopy.core.states import FileState
from farcopy.engine.control import RunControl
from farcopy.engine.survey import plans
from farcopy.planning.batches import batch_limit, is_full

READ_BYTES = 1024 * 1024


class Run:
    """Carries out one run on the calling thread; the transfer has threads of its own."""

    def __init__(
        self,
        run_id: int,
        *,
        is_manual: bool,
        sources: Sequence[Source],
        ledger: Ledger,
        dispatcher: Dispatcher,
        make_worker: Callable[[], Worker],
        connections: int,
        control: RunControl,
        log: RunLog,
        clock: Clock,
    ) -> None:
        self._run_id = run_id
        self._is_manual = is_manual
        self._sources = sources
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._make_worker = make_worker
        self._connections = connections
        self._control = control
        self._log = log
        self._clock = clock
        self._due: list[SourceFile] = []
        self._due_bytes = 0
        self._batches = 0
        self._unchanged = 0
        self._skipped = 0

    def execute(self) -> None:
        """Returns when everything due was tried, or the run ended early (see RunControl)."""
        self._dispatcher.start(self._make_worker)
        try:
            for source in self._sources:
                if not self._control.should_end():
                    self._scan(source)
            self._cut_batch()
            self._log.phase("transferring")
            self._dispatcher.drain()
        except BaseException:
            self._dispatcher.abort()
            raise
        finally:
            self._dispatcher.stop()

    def _scan(self, source: Source) -> None:
        # Nothing is concluded about vanished files until the root has shown one file:
        # an unmounted disk looks like an empty directory.
        has_files = False
        held_back: list[tuple[str, tuple[str, ...]]] = []
        now = self._clock.now()
        try:
            for plan, known in plans(source, self._ledger, now, is_manual=self._is_manual):
                if self._control.should_end():
                    return
                self._unchanged += plan.unchanged_files
                has_files = has_files or bool(plan.unchanged_files or plan.actions)
                if plan.vanished:
                    held_back.append((plan.directory, plan.vanished))
                if has_files and held_back:
                    for directory, names in held_back:
                        self._ledger.vanish(source.label, directory, names)
                    held_back.clear()
                if plan.is_unreadable:
                    self._log.problem(source.label, plan.directory, "source_directory_unreadable")
                self._carry_out(source, plan, known)
        except SourceMissing as error:
            self._log.problem(source.label, "", error.code)
            return
        finally:
            self._log.passed_over(self._unchanged, self._skipped)
            self._unchanged = self._skipped = 0
        if has_files:
            self._close_vanished_directories(source)

    def _close_vanished_directories(self, source: Source) -> None:
        for directory in self._ledger.directories(source.label):
            if self._control.should_end():
                return
            if directory and not source.has_directory(directory):
                self._ledger.vanish(source.label, directory)

    def _carry_out(
        self, source: Source, plan: Plan, known: Mapping[str, LedgerEntry]
    ) -> None:
        skipped: list[SkippedName] = []
        confirmed: list[SourceFile] = []
        for action in plan.actions:
            match action.kind:
                case ActionKind.SEND:
                    self._add(action.file)
                case ActionKind.CHECK:
                    self._check(source, action, known[action.file.name].md5, confirmed)
                case ActionKind.SKIP if action.reason is not Reason.RETRY_LATER:
                    skipped.append(SkippedName(action.file.name, action.reason))
            if self._control.should_end():
                break
        if confirmed:
            self._ledger.confirm(confirmed)
            self._unchanged += len(confirmed)
        self._skipped += len(skipped)
        news = [name for name in skipped if not _is_noted(known.get(name.name))]
        if news:
            self._ledger.skip(plan.root, plan.directory, news)

    def _check(
        self, source: Source, action: Action, held_md5: str, confirmed: list[SourceFile]
    ) -> None:
        """A touched file is sent only if its MD5 is another one."""
        try:
            with source.open(action.file) as reader:
                while reader.read(READ_BYTES):
                    if self._control.should_end():
                        return
                reader.check_unchanged()
                is_same = reader.md5 == held_md5
        except SourceVanished:
            return  # the next run finds it gone
        except FileError as error:
            if error.is_retryable:  # it changes right now: the transfer looks again
                self._add(action.file)
            else:
                self._log.problem(source.label, action.file.relative_path, error.code)
            return
        if is_same:
            confirmed.append(action.file)
        else:
            self._add(action.file)

    def _add(self, file: SourceFile) -> None:
        self._due.append(file)
        self._due_bytes += file.size_bytes
        limit = batch_limit(self._batches, self._connections)
        if is_full(len(self._due), self._due_bytes, limit):
            self._cut_batch()

    def _cut_batch(self) -> None:
        if not self._due or self._control.should_end():
            return
        batch_id = self._ledger.admit(self._run_id, self._batches, self._due)
        self._due, self._due_bytes = [], 0
        self._batches += 1
        self._dispatcher.submit(batch_id)


def _is_noted(entry: LedgerEntry | None) -> bool:
    """A run of nothing new writes nothing about links it has seen before."""
    return entry is not None and entry.state == FileState.SKIPPED
