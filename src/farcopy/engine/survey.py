"""Look at a source beside the ledger: what is new, and the plans for it.

Shared by a run, by a dry run and by monitoring: what is shown is what would
be done. Also counts a source for who sets farcopy up. Reads only; nothing is
admitted here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from farcopy.core.errors import SourceMissing
from farcopy.core.examination import SourceCount
from farcopy.core.model import (
    Action,
    ActionKind,
    DirectoryListing,
    LedgerEntry,
    Plan,
    Reason,
    SourceFile,
)
from farcopy.core.ports import Clock, Ledger, Source
from farcopy.core.states import DUE
from farcopy.core.stock import RootFound, SourcesSeen
from farcopy.planning.plan import Occasion, differing, plan
from farcopy.planning.tripwire import is_emptied

DIRECTORIES_A_QUERY = 100
FILES_A_QUERY = 1000
"""The ledger is asked for many directories at once: Orthanc keeps one or two files in each.
At most these are held in memory, whatever the archive's size (one directory is the floor)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some directories of a source, looked at together.

    unchanged_files: of those in which nothing else is; they have no plan.
    plans: of all others, each with what the ledger knew of the directory.
    hidden: those in which something is left out by the setting `exclude`.
    """

    directories: Sequence[str]
    unchanged_files: int
    plans: Sequence[tuple[Plan, Mapping[str, LedgerEntry]]]
    hidden: Sequence[DirectoryListing] = ()

    @property
    def excluded_files(self) -> int:
        return sum(len(listing.excluded) for listing in self.hidden)

    @property
    def files(self) -> int:
        """Files that are there, whatever becomes of them, left out ones too; no links."""
        return self.unchanged_files + self.excluded_files + sum(
            plan.unchanged_files + len(plan.unreadable)
            + sum(is_of_a_file(action) for action in plan.actions)
            for plan, _ in self.plans
        )


def is_of_a_file(action: Action) -> bool:
    return action.kind is not ActionKind.SKIP or action.reason is Reason.RETRY_LATER


def survey(source: Source, ledger: Ledger, occasion: Occasion) -> Iterator[Stretch]:
    """The whole source. Raises: SourceMissing."""
    for group in _groups(source.scan()):
        directories = [listing.directory for listing in group]
        new = differing(group, ledger.known_versions(source.label, directories))
        known = ledger.known(source.label, sorted(new)) if new else {}
        yield Stretch(
            directories,
            sum(len(listing.files) for listing in group if listing.directory not in new),
            [
                (plan(listing, known[listing.directory], occasion), known[listing.directory])
                for listing in group
                if listing.directory in new
            ],
            [listing for listing in group if listing.excluded],
        )


def excluded_actions(stretch: Stretch) -> Iterator[Action]:
    """What is left out, for who shows or counts it; a run does nothing about these."""
    for listing in stretch.hidden:
        for name in listing.excluded:
            file = SourceFile(listing.root, listing.directory, name, 0, 0)
            yield Action(ActionKind.SKIP, Reason.EXCLUDED, file)


def _groups(listings: Iterator[DirectoryListing]) -> Iterator[list[DirectoryListing]]:
    # The first groups are small: a transfer begins before the first thousand is listed.
    limit = 16
    group: list[DirectoryListing] = []
    files = 0
    for listing in listings:
        group.append(listing)
        files += len(listing.files) + len(listing.excluded)
        if len(group) >= limit or files >= FILES_A_QUERY:
            yield group
            limit = min(limit * 2, DIRECTORIES_A_QUERY)
            group, files = [], 0
    if group:
        yield group


@dataclass
class Found:
    """What a look has found so far. has_new: a run would have something to do at once."""

    files: int = 0
    waiting_files: int = 0
    waiting_bytes: int = 0
    unsent_files: int = 0
    unsent_bytes: int = 0
    oldest_mtime_ns: int | None = None
    problems: int = 0
    has_new: bool = False
    excluded_files: int = 0
    is_cut: bool = False
    gone: list[RootFound] = field(default_factory=list)

    def take(self, stretch: Stretch) -> None:
        self.files += stretch.files
        self.excluded_files += stretch.excluded_files
        for plan_, known in stretch.plans:
            self.problems += plan_.is_unreadable + len(plan_.unreadable)
            for action in plan_.actions:
                if is_of_a_file(action):
                    self._note(action, known.get(action.file.name))

    def _note(self, action: Action, entry: LedgerEntry | None) -> None:
        size_bytes, mtime_ns = action.file.size_bytes, action.file.mtime_ns
        self.has_new = self.has_new or action.is_due
        self.waiting_files += 1
        self.waiting_bytes += size_bytes
        oldest = self.oldest_mtime_ns
        self.oldest_mtime_ns = mtime_ns if oldest is None else min(oldest, mtime_ns)
        if entry is None or entry.state not in DUE:
            self.unsent_files += 1
            self.unsent_bytes += size_bytes

    def seen(self) -> SourcesSeen:
        return SourcesSeen(
            is_whole=not self.gone and not self.is_cut, files=self.files,
            unsent_files=self.unsent_files,
            unsent_bytes=self.unsent_bytes, waiting_files=self.waiting_files,
            waiting_bytes=self.waiting_bytes, oldest_mtime_ns=self.oldest_mtime_ns,
            problems=self.problems, excluded_files=self.excluded_files, gone=tuple(self.gone),
        )


def look_through(
    sources: Sequence[Source], ledger: Ledger, occasion: Occasion,
    goes_on: Callable[[], bool] = lambda: True,
) -> Found:
    """A look without sending: what waits, and whether a run would have something to do.

    goes_on: asked again and again; False cuts it short.
    """
    found = Found()
    for source in sources:
        known_files = ledger.live_files(source.label)
        files_before, problems_before = found.files, found.problems
        try:
            for stretch in survey(source, ledger, occasion):
                found.take(stretch)
                if not goes_on():
                    found.is_cut = True
                    return found
        except SourceMissing:
            found.gone.append(RootFound(source.label, None, known_files))
            continue
        seen = found.files - files_before
        is_hidden = found.problems > problems_before  # what cannot be listed is not gone
        if is_emptied(known_files, seen) and not is_hidden:
            found.gone.append(RootFound(source.label, seen, known_files))
    return found


def count_of(source: Source, clock: Clock, within_s: float) -> SourceCount:
    """Files and bytes of a source, as far as it can be counted in that time.

    Raises: SourceMissing.
    """
    files = size_bytes = 0
    end_s = clock.monotonic_s() + within_s
    for listing in source.scan():
        files += len(listing.files)
        size_bytes += sum(file.size_bytes for file in listing.files)
        if clock.monotonic_s() > end_s:
            return SourceCount(files, size_bytes, is_whole=False)
    return SourceCount(files, size_bytes, is_whole=True)
