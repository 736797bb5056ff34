"""One run: scan, plan, judge, hand out, look again at what was not at rest.

Scan and transfer overlap: new files travel while the scan goes on. What would
replace a copy on the remote waits for the end of the scan and the tripwire's
judgement. Sees ports only; who asked, and how the run is told afterwards, is
the service's business.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import groupby

from farcopy.core.errors import (
    FileError,
    SourceMissing,
    SourceUnreadable,
    SourceVanished,
    SyncFrozen,
)
from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.core.model import Plan, SourceFile, Upheaval
from farcopy.core.ports import Clock, Dispatcher, Ledger, RunLog, Source, Worker
from farcopy.core.stock import RootFound, SourcesSeen
from farcopy.engine.control import Pace, RunControl
from farcopy.engine.intake import Intake
from farcopy.engine.survey import Stretch, look_through, survey
from farcopy.planning.plan import Occasion
from farcopy.planning.tripwire import Tripwire, is_emptied

SEEN_AT_MOST = 100_000
"""Directories of one scan that are remembered, about 15 MB: whether one of these is gone needs
no second question. Beyond them the disk is asked."""
LOOK_ON_S = 20.0
"""Half a million files. Who asked for the run waits for it."""
WITHHELD_AT_MOST = 10_000
"""Directories in which something is gone, remembered until the root has shown enough. Beyond
them the ledger remembers: as undecided, which concludes nothing either."""
LOOK_ROUNDS = 3
"""A manual run looks again at what changed under its hands, this often; then the next run does."""


@dataclass(frozen=True, slots=True)
class RunRules:
    """What a run goes by. is_manual: somebody waits for it, and for every file that is there.

    settle_s: a file younger than this is looked at twice, that far apart.
    """

    is_manual: bool
    settle_s: float = 0.0
    tripwire: Tripwire = field(default_factory=Tripwire)


class Run:
    """Carries out one run on the calling thread; the transfer has threads of its own."""

    def __init__(
        self,
        run_id: int,
        *,
        rules: RunRules,
        sources: Sequence[Source],
        ledger: Ledger,
        dispatcher: Dispatcher,
        make_worker: Callable[[], Worker],
        connections: int,
        control: RunControl,
        log: RunLog,
        clock: Clock,
        pace: Pace | None = None,
    ) -> None:
        self._rules = rules
        self._sources = {source.label: source for source in sources}
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._make_worker = make_worker
        self._control = control
        self._log = log
        self._clock = clock
        self._intake = Intake(
            run_id, ledger=ledger, dispatcher=dispatcher, connections=connections,
            control=control, log=log, clock=clock, settle_s=rules.settle_s,
            at_least=pace.worthwhile if pace else lambda: 1,
        )
        self._let_through = (0, 0)
        self._files = self._excluded = 0
        self._is_scanned = False
        self._gone: list[RootFound] = []
        self._problems = 0
        self._unsettled = 0
        self._seen_after: SourcesSeen | None = None

    @property
    def seen(self) -> SourcesSeen:
        """What the run found in the sources, and has not put into the ledger as due."""
        if self._seen_after is not None:
            return self._seen_after
        unsent = self._intake.unreadable
        unsent += self._unsettled if self._rules.is_manual else self._intake.young
        return SourcesSeen(
            is_whole=self._is_scanned and not self._intake.is_cut and not self._gone,
            files=self._files, unsent_files=unsent,
            problems=self._problems + self._intake.unreadable,
            excluded_files=self._excluded, gone=tuple(self._gone),
        )

    def execute(self) -> None:
        """Returns when everything due was tried, or the run ended early (see RunControl)."""
        self._dispatcher.start(self._make_worker)
        try:
            self._tidy()
            if self._ledger.is_frozen():
                self._thaw()
            self._scan()
            if not self._control.should_end():
                self._is_scanned = True
                self._log.total_is_known()
            self._log.phase("transferring")
            self._transfer()
            if self._rules.is_manual:
                self._look_again()
        except BaseException:
            self._dispatcher.abort()
            raise
        finally:
            self._dispatcher.stop()
        self._tell_growing()
        self._look_on()
        if not self._control.is_untidy and not self._control.should_end():
            self._ledger.note_untidy(False)

    def _tidy(self) -> None:
        """What a crash left is settled before the scan: a file may be on the remote already."""
        if not self._ledger.is_untidy():
            return
        worker = self._make_worker()
        try:
            worker.tidy()
        finally:
            worker.close()

    # --- the scan ---

    def _scan(self) -> None:
        self._files = self._problems = self._excluded = 0
        self._gone.clear()
        for source in self._sources.values():
            if not self._control.should_end():
                self._scan_source(source)
        self._intake.flush()

    def _scan_source(self, source: Source) -> None:
        # Nothing is concluded about vanished files until the root has shown enough of what it
        # had: an unmounted disk looks like an empty directory.
        known_files = self._ledger.live_files(source.label)
        is_accepted = source.label in self._ledger.accepted_roots()
        files, problems_before = 0, self._problems
        withheld: list[Plan] = []
        seen: set[str] = set()
        rules = self._rules
        occasion = Occasion.of(self._clock.now(), rules.settle_s, is_manual=rules.is_manual)
        try:
            for stretch in survey(source, self._ledger, occasion):
                if len(seen) < SEEN_AT_MOST:
                    seen.update(stretch.directories)
                files += stretch.files
                self._files += stretch.files
                self._excluded += stretch.excluded_files
                withheld.extend(plan for plan, _ in stretch.plans if plan.vanished)
                if is_accepted or len(withheld) > WITHHELD_AT_MOST or not is_emptied(
                    known_files, files
                ):
                    for plan in withheld:
                        self._ledger.vanish(source.label, plan.directory, plan.vanished)
                    withheld.clear()
                if not self._take(source, stretch):
                    return
        except SourceMissing as error:
            self._log.problem(source.label, "", error.code)
            self._gone.append(RootFound(source.label, None, known_files))
            return
        is_hidden = self._problems > problems_before  # what cannot be listed is not gone
        if is_emptied(known_files, files) and not is_accepted and not is_hidden:
            self._gone.append(RootFound(source.label, files, known_files))
            return
        self._close_vanished_directories(source, seen)
        if is_accepted and not self._control.should_end():
            self._ledger.accept_vanished(source.label)
            self._ledger.forget_accepted(source.label)

    def _take(self, source: Source, stretch: Stretch) -> bool:
        """False when the run is to end."""
        self._intake.pass_over(stretch.unchanged_files, stretch.excluded_files)
        for plan, known in stretch.plans:
            if self._control.should_end():
                return False
            if plan.is_unreadable:
                self._problems += 1
                self._log.problem(source.label, plan.directory, "source_directory_unreadable")
            self._problems += len(plan.unreadable)
            for name in plan.unreadable:
                file = SourceFile(source.label, plan.directory, name, 0, 0)
                self._log.problem(source.label, file.relative_path, SourceUnreadable.code)
            self._intake.take(source, plan, known)
        return not self._control.should_end()

    def _close_vanished_directories(self, source: Source, seen: AbstractSet[str]) -> None:
        for directory in self._ledger.directories(source.label):
            if not directory or directory in seen:
                continue
            if self._control.should_end():
                return
            if not source.has_directory(directory):
                self._ledger.vanish(source.label, directory)

    # --- the judgement ---

    def _thaw(self) -> None:
        """Frozen by an earlier run: look again, and send nothing unless the sources are back."""
        self._intake.may_send = False
        self._scan()
        is_well = not self._fires(self._upheaval()) and not self._freezes_emptied()
        if is_well and not self._control.should_end():
            self._ledger.unfreeze()
            self._intake.begin_anew()

    def _upheaval(self) -> tuple[int, int]:
        """(changed, vanished) in this run so far: in two steps is not less than at once."""
        changed, vanished = self._ledger.undecided()
        return changed + self._let_through[0], vanished + self._let_through[1]

    def _fires(self, upheaval: tuple[int, int]) -> bool:
        """The tripwire. When it fires, sync is frozen and the run ends."""
        changed, vanished = upheaval
        tripwire = self._rules.tripwire
        if not tripwire.may_fire(changed + vanished):
            return False  # not worth counting what is known
        seen = Upheaval(changed, vanished, self._ledger.known_files())
        if not tripwire.fires(seen):
            return False
        self._ledger.freeze(seen, self._clock.now())
        self._control.fail(SyncFrozen())
        return True

    def _freezes_emptied(self) -> bool:
        """A source that is suddenly empty: somebody has to look. The others are served first."""
        emptied = [root for root in self._gone if root.seen is not None]
        if not emptied or self._control.should_end():
            return False
        self._dispatcher.drain()
        changed, vanished = self._ledger.undecided()
        missing = sum(root.known - (root.seen or 0) for root in emptied)
        self._ledger.freeze(
            Upheaval(changed, vanished + missing, self._ledger.known_files(),
                     tuple(root.label for root in emptied)),
            self._clock.now(),
        )
        self._control.fail(SyncFrozen())
        return True

    def _transfer(self) -> None:
        """Let held back changes through, unless they are too many, and wait for all batches."""
        if self._freezes_emptied():
            return
        upheaval = self._upheaval()
        if upheaval != self._let_through:
            if self._control.should_end() or self._fires(upheaval):
                return
            self._let_through = upheaval
            self._ledger.accept_vanished()
            last = 0
            while page := self._ledger.held_back(last):
                for _, file in page:
                    if not self._is_excluded(file):  # it stays undecided
                        self._intake.add(file)
                last = page[-1][0]
        self._intake.flush()
        self._dispatcher.drain()

    def _is_excluded(self, file: SourceFile) -> bool:
        source = self._sources.get(file.root)
        return source is not None and source.is_excluded(file)

    # --- what was not at rest ---

    def _look_again(self) -> None:
        """Whoever pressed the button wants what was there then: wait until it is at rest."""
        for _ in range(LOOK_ROUNDS):
            latest = self._ledger.latest_look(self._labels)
            if latest is None or self._control.should_end():
                return
            self._log.phase("settling")
            passed_s = (self._clock.now() - latest).total_seconds()
            # A clock that was set back must not keep us here.
            wait_s = min(max(self._rules.settle_s - passed_s, 0.0), self._rules.settle_s)
            if self._control.wait(wait_s):
                return
            self._log.phase("transferring")
            while page := self._ledger.first_looks(self._labels, latest):
                # Forgotten first: one that changes under this look is noted anew.
                self._ledger.forget_looks(page)
                for (label, directory), files in groupby(page, key=lambda file: file[:2]):
                    self._second_look(self._sources[label], directory, list(files))
                if self._control.should_end():
                    return
            self._transfer()

    def _second_look(self, source: Source, directory: str, files: list[SourceFile]) -> None:
        settled = []
        for before in files:
            if source.is_excluded(before):
                continue
            try:
                now = source.stat(before)
            except SourceVanished:
                continue
            except FileError as error:
                self._intake.unreadable += 1
                self._log.problem(source.label, before.relative_path, error.code)
                continue
            if now == before:
                settled.append(now)
            else:
                self._intake.growing += 1
                self._unsettled += 1
        if settled:
            known = self._ledger.known(source.label, [directory])[directory]
            self._intake.take_settled(source, settled, known)

    def _look_on(self) -> None:
        """It broke off before all was looked at: count what there is, so that nobody is told of
        a part as if it were all."""
        failure = self._control.failure
        if self.seen.is_whole or failure is None:
            return
        if isinstance(failure, SyncFrozen | LedgerTrouble):
            return  # was judged, or cannot be asked
        self._log.phase("counting")
        until_s = self._clock.monotonic_s() + LOOK_ON_S
        occasion = Occasion.of(self._clock.now(), self._rules.settle_s, is_manual=False)
        found = look_through(
            list(self._sources.values()), self._ledger, occasion,
            lambda: not self._control.is_stopped and self._clock.monotonic_s() < until_s,
        )
        self._seen_after = found.seen()

    def _tell_growing(self) -> None:
        growing = self._intake.growing
        if self._rules.is_manual:
            left = self._ledger.count_looks(self._labels)
            growing += left
            self._unsettled += left
        else:
            growing += self._control.changed_files
        if growing:
            self._log.growing(growing)
        self._ledger.forget_old_looks(self._clock.now())

    @property
    def _labels(self) -> Sequence[str]:
        return tuple(self._sources)
