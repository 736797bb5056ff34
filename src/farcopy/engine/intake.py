"""Carry out a plan: what is due goes into batches, what is not is noted in the ledger.

Touched files are read here, for their MD5; nothing is sent. Called by run, on
its thread.
"""

from collections.abc import Callable, Iterable, Mapping

from farcopy.core.errors import FileError, SourceVanished
from farcopy.core.model import (
    Action,
    ActionKind,
    LedgerEntry,
    Plan,
    Reason,
    SkippedName,
    SourceFile,
)
from farcopy.core.ports import Clock, Dispatcher, Ledger, RunLog, Source
from farcopy.core.states import FileState
from farcopy.engine.control import RunControl
from farcopy.planning.batches import batch_limit, cut, last_batch, next_batch
from farcopy.planning.plan import Occasion, decide_all

READ_BYTES = 1024 * 1024
AGAIN_AT_MOST = 20_000
"""Failed files that wait for the end of the scan, a few MB; others of them go as they come."""


class Intake:
    """Between the plans of one run and its batches.

    at_least: asked how many files are worth a batch.

    may_send: False only looks: what would be sent is left as it is. Of what was seen and is
    not in the ledger as due: young files, not at rest yet; unreadable ones; is_cut: there are
    others, since the run ended.
    """

    def __init__(
        self,
        run_id: int,
        *,
        ledger: Ledger,
        dispatcher: Dispatcher,
        connections: int,
        control: RunControl,
        log: RunLog,
        clock: Clock,
        settle_s: float,
        at_least: Callable[[], int] = lambda: 1,
    ) -> None:
        self._run_id = run_id
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._connections = connections
        self._control = control
        self._log = log
        self._clock = clock
        self._settle_s = settle_s
        self._at_least = at_least
        self._due: list[SourceFile] = []
        self._due_bytes = 0
        self._again: list[SourceFile] = []
        self._batches = 0
        self._handed_out = 0
        self._unchanged = 0
        self._skipped = 0
        self._excluded = 0
        self.may_send = True
        self.growing = 0
        self.young = 0
        self.unreadable = 0
        self.is_cut = False

    def begin_anew(self) -> None:
        """Everything is looked at once more, and may be sent."""
        self.may_send = True
        self.is_cut = False
        self.young = self.unreadable = self.growing = 0

    def pass_over(self, unchanged_files: int, excluded_files: int = 0) -> None:
        """unchanged_files: of directories that need no plan. excluded_files: of all."""
        self._unchanged += unchanged_files
        self._excluded += excluded_files
        self._cut_batches()

    def take(self, source: Source, plan: Plan, known: Mapping[str, LedgerEntry]) -> None:
        """Everything the plan of one directory says."""
        self._unchanged += plan.unchanged_files
        self._carry_out(source, plan.actions, known)
        waiting = [a.file for a in plan.actions if a.kind is ActionKind.WAIT]
        if waiting:
            self._look(source, waiting, known)
        skipped = [
            SkippedName(action.file.name, action.reason)
            for action in plan.actions
            if action.kind is ActionKind.SKIP and action.reason is not Reason.RETRY_LATER
        ]
        self._skipped += len(skipped)
        news = [name for name in skipped if not _is_noted(known.get(name.name))]
        news += [SkippedName(name, Reason.EXCLUDED) for name in plan.excluded]
        if news:
            self._ledger.skip(self._run_id, plan.root, plan.directory, news)

    def take_settled(
        self, source: Source, files: Iterable[SourceFile], known: Mapping[str, LedgerEntry]
    ) -> None:
        """Files of one directory that are at rest, as two looks have shown."""
        occasion = Occasion(self._clock.now(), is_manual=True)
        actions, unchanged = decide_all(files, known, occasion)
        self._unchanged += unchanged
        self._carry_out(source, actions, known)

    def add(self, file: SourceFile) -> None:
        """It is due: into the next batch."""
        if not self.may_send:
            self.is_cut = True
            return
        self._due.append(file)
        self._due_bytes += file.size_bytes
        self._cut_batches()

    def flush(self) -> None:
        """Hand out what is due, and tell what needed nothing. What failed before goes last: it
        must not keep the others."""
        self._hand_out_all()
        again, self._again = self._again, []
        for file in again:  # in batches of their own: within one the order is by name
            self.add(file)
        self._hand_out_all()
        if self.may_send and (self._unchanged or self._skipped):
            self._log.passed_over(self._unchanged, self._skipped)
        if self.may_send and self._excluded:
            self._log.excluded(self._excluded)
        self._unchanged = self._skipped = self._excluded = 0

    def _hand_out_all(self) -> None:
        while self._due:
            self._hand_out(last_batch(len(self._due), self._connections))

    def _cut_batches(self) -> None:
        while self._due:
            count = next_batch(
                len(self._due), self._due_bytes,
                batch_limit(self._handed_out, self._connections), self._connections,
                is_hungry=self._dispatcher.is_hungry(), at_least=self._at_least(),
            )
            if not count:
                return
            self._hand_out(count)

    def _look(
        self, source: Source, files: list[SourceFile], known: Mapping[str, LedgerEntry]
    ) -> None:
        looked = self._ledger.look(files, self._clock.now(), self._settle_s)
        self.growing += looked.growing
        self.young += len(files) - len(looked.settled)
        if looked.settled:
            self._ledger.forget_looks(looked.settled)
            self.take_settled(source, looked.settled, known)

    def _carry_out(
        self, source: Source, actions: Iterable[Action], known: Mapping[str, LedgerEntry]
    ) -> None:
        confirmed: list[SourceFile] = []
        changed: list[SourceFile] = []
        for action in actions:
            if not action.is_due:
                continue
            if self._control.should_end():
                self.is_cut = True
                break
            entry = known.get(action.file.name)
            held_md5 = entry.md5 if entry else ""
            if action.kind is ActionKind.CHECK:
                is_same = self._compare(source, action.file, held_md5)
                if is_same is None:
                    continue
                (confirmed if is_same else changed).append(action.file)
            elif held_md5 and action.reason in (Reason.CHANGED, Reason.RETURNED):
                changed.append(action.file)
            elif action.reason is Reason.RETRY and len(self._again) < AGAIN_AT_MOST:
                self._again.append(action.file)
            else:
                self.add(action.file)
        if confirmed:
            self._ledger.confirm(confirmed)
            self._unchanged += len(confirmed)
        if changed:
            # The remote holds another version: it is not replaced before the tripwire
            # has seen how many there are.
            self._ledger.hold(changed)

    def _compare(self, source: Source, file: SourceFile, held_md5: str) -> bool | None:
        """Whether a touched file is still what the remote holds; None: nobody can say now."""
        try:
            with source.open(file) as reader:
                while reader.read(READ_BYTES):
                    if self._control.should_end():
                        self.is_cut = True
                        return None
                reader.check_unchanged()
                return reader.md5 == held_md5
        except SourceVanished:
            return None  # the next run finds it gone
        except FileError as error:
            if error.is_retryable:  # it changes right now
                self._ledger.note_looks([file], self._clock.now())
                self._control.note_changed()
                self.young += 1
            else:
                self.unreadable += 1
                self._log.problem(source.label, file.relative_path, error.code)
            return None

    def _hand_out(self, limit: int) -> None:
        count = cut((file.size_bytes for file in self._due), limit)
        files, self._due = self._due[:count], self._due[count:]
        self._due_bytes -= sum(file.size_bytes for file in files)
        if self._control.should_end():
            self.is_cut = True
            return
        batch_id = self._ledger.admit(self._run_id, self._batches, files)
        if not self._batches:
            self._log.phase("transferring")
        self._batches += 1
        self._handed_out += len(files)
        self._dispatcher.submit(batch_id)


def _is_noted(entry: LedgerEntry | None) -> bool:
    """A run of nothing new writes nothing about links it has seen before."""
    return entry is not None and entry.state == FileState.SKIPPED
