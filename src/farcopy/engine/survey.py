"""Look at a source beside the ledger: what is new, and the plans for it.

Shared by a run, by a dry run and by monitoring: what is shown is what would
be done. Also counts a source for who sets farcopy up. Reads only; nothing is
admitted here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from farcopy.core.examination import SourceCount
from farcopy.core.model import (
    Action,
    ActionKind,
    Backlog,
    DirectoryListing,
    LedgerEntry,
    Plan,
    Reason,
    SourceFile,
)
from farcopy.core.ports import Clock, Ledger, Source
from farcopy.planning.plan import Occasion, differing, plan

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
    def has_files(self) -> bool:
        """Also when all of them are left out: to exclude is no emptiness."""
        return bool(
            self.unchanged_files
            or self.hidden
            or any(plan.unchanged_files or plan.actions for plan, _ in self.plans)
        )


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


def backlog_of(actions: Iterator[Action]) -> tuple[Backlog, bool]:
    """What waits, and whether a run started now would have something to do."""
    files = size_bytes = excluded = 0
    oldest: int | None = None
    has_new = False
    for action in actions:
        if action.kind is ActionKind.SKIP and action.reason is not Reason.RETRY_LATER:
            excluded += action.reason is Reason.EXCLUDED
            continue
        has_new = has_new or action.is_due
        files += 1
        size_bytes += action.file.size_bytes
        oldest = action.file.mtime_ns if oldest is None else min(oldest, action.file.mtime_ns)
    return Backlog(files, size_bytes, oldest, excluded), has_new


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
