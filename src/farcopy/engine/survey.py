"""Look at a source beside the ledger: the plans, directory by directory.

Shared by a run, by a dry run and by monitoring: what is shown is what would
be done. Also counts a source for who sets farcopy up. Reads only; nothing is
admitted here.
"""

from collections.abc import Iterator, Mapping

from farcopy.core.examination import SourceCount
from farcopy.core.model import (
    Action,
    ActionKind,
    Backlog,
    DirectoryListing,
    LedgerEntry,
    Plan,
    Reason,
)
from farcopy.core.ports import Clock, Ledger, Source
from farcopy.planning.plan import Occasion, plan

DIRECTORIES_A_QUERY = 400
FILES_A_QUERY = 4000
"""The ledger is asked for many directories at once: Orthanc keeps one or two files in each.
At most these are held in memory, whatever the archive's size (one directory is the floor)."""


def plans(
    source: Source, ledger: Ledger, occasion: Occasion
) -> Iterator[tuple[Plan, Mapping[str, LedgerEntry]]]:
    """Each directory's plan with what the ledger knew of it.

    Raises: SourceMissing.
    """
    for group in _groups(source.scan()):
        known = ledger.known(source.label, [listing.directory for listing in group])
        for listing in group:
            entries = known[listing.directory]
            yield plan(listing, entries, occasion), entries


def _groups(listings: Iterator[DirectoryListing]) -> Iterator[list[DirectoryListing]]:
    # The first groups are small: a transfer begins before the first thousand is listed.
    limit = 16
    group: list[DirectoryListing] = []
    files = 0
    for listing in listings:
        group.append(listing)
        files += len(listing.files)
        if len(group) >= limit or files >= FILES_A_QUERY:
            yield group
            limit = min(limit * 2, DIRECTORIES_A_QUERY)
            group, files = [], 0
    if group:
        yield group


def backlog_of(actions: Iterator[Action]) -> tuple[Backlog, bool]:
    """What waits, and whether a run started now would have something to do."""
    files = size_bytes = 0
    oldest: int | None = None
    has_new = False
    for action in actions:
        if action.kind is ActionKind.SKIP and action.reason is not Reason.RETRY_LATER:
            continue
        has_new = has_new or action.is_due
        files += 1
        size_bytes += action.file.size_bytes
        oldest = action.file.mtime_ns if oldest is None else min(oldest, action.file.mtime_ns)
    return Backlog(files, size_bytes, oldest), has_new


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
