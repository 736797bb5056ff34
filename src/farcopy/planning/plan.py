"""Decide what to do in one directory. Pure: the same listing and ledger, the same plan."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from farcopy.core.model import (
    Action,
    ActionKind,
    DirectoryListing,
    KnownVersion,
    LedgerEntry,
    Plan,
    Reason,
    SourceFile,
)
from farcopy.core.states import HELD, FileState
from farcopy.planning.retry import RETRY_LATER
from farcopy.planning.schedule import believable

ALL_AT_REST = 1 << 63
"""Later than any modification time: nothing has to wait."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and why a plan is made.

    is_manual: a manual run makes every failed file due again, whatever its
    retry_at. settled_before_ns: a file modified later may still be written to.
    """

    now: datetime
    is_manual: bool
    settled_before_ns: int = ALL_AT_REST

    @classmethod
    def of(cls, now: datetime, settle_s: float, *, is_manual: bool) -> "Occasion":
        """settle_s: how long a file must have been left alone; 0 asks for nothing."""
        if not settle_s:
            return cls(now, is_manual)
        at_rest_since = now - timedelta(seconds=settle_s)
        return cls(now, is_manual, int(at_rest_since.timestamp() * 1e9))


def differing(
    listings: Sequence[DirectoryListing], known: AbstractSet[KnownVersion]
) -> set[str]:
    """The directories that need a plan: in all others every file is unchanged, and nothing else.

    A run of nothing new makes no other decision, hence sets: one comparison for all files.
    known: all of these directories' versions in the ledger.
    """
    seen = {file for listing in listings for file in listing.files}
    # Whether two sets differ is told in half the time of what differs.
    directories = {version[1] for version in seen ^ known} if seen != known else set()
    directories.update(
        listing.directory for listing in listings
        if listing.skipped or listing.is_unreadable or listing.unreadable
    )
    return directories


def plan(
    listing: DirectoryListing, known: Mapping[str, LedgerEntry], occasion: Occasion
) -> Plan:
    """Actions for every file of a directory that is not simply unchanged.

    known: the ledger's entries of this directory, by name.
    """
    actions, unchanged_files = decide_all(listing.files, known, occasion)
    for name, reason in listing.skipped:
        actions.append(
            Action(ActionKind.SKIP, Reason(reason),
                   SourceFile(listing.root, listing.directory, name, 0, 0))
        )
    return Plan(
        listing.root,
        listing.directory,
        tuple(actions),
        () if listing.is_unreadable else _vanished(listing, known, unchanged_files),
        listing.is_unreadable,
        unchanged_files,
        tuple(name for name in listing.excluded if _was_due(known.get(name))),
        listing.unreadable,
    )


def decide_all(
    files: Iterable[SourceFile], known: Mapping[str, LedgerEntry], occasion: Occasion
) -> tuple[list[Action], int]:
    """(actions, number of unchanged files) for files of one directory."""
    actions: list[Action] = []
    unchanged_files = 0
    for file in files:
        entry = known.get(file.name)
        if entry is not None and _is_unchanged(file, entry):
            unchanged_files += 1
            continue
        action = _decide(file, entry, occasion)
        # A modification time to come is young too: some clock is wrong, and only a
        # second look can tell.
        if action.is_due and file.mtime_ns > occasion.settled_before_ns:
            action = Action(ActionKind.WAIT, Reason.UNSETTLED, file)
        actions.append(action)
    return actions, unchanged_files


def _is_unchanged(file: SourceFile, entry: LedgerEntry) -> bool:
    return (
        entry.mtime_ns == file.mtime_ns
        and entry.size_bytes == file.size_bytes
        and entry.state in HELD
    )


def _decide(file: SourceFile, entry: LedgerEntry | None, occasion: Occasion) -> Action:
    """What to do about one file that is not simply unchanged, were it at rest."""
    if entry is None:
        return Action(ActionKind.SEND, Reason.NEW, file)
    state = FileState(entry.state)
    is_same_size = entry.size_bytes == file.size_bytes
    if state in HELD:
        if is_same_size and entry.md5:
            return Action(ActionKind.CHECK, Reason.TOUCHED, file)
        return Action(ActionKind.SEND, Reason.CHANGED, file)
    if state is FileState.VANISHED:
        if is_same_size and entry.md5:
            return Action(ActionKind.CHECK, Reason.RETURNED, file)
        return Action(ActionKind.SEND, Reason.RETURNED, file)
    if state is FileState.FAILED:
        is_same = is_same_size and entry.mtime_ns == file.mtime_ns
        retry_at = believable(entry.retry_at, RETRY_LATER, occasion.now)
        waits = retry_at is not None and retry_at > occasion.now
        if is_same and waits and not occasion.is_manual:
            return Action(ActionKind.SKIP, Reason.RETRY_LATER, file)
        return Action(ActionKind.SEND, Reason.RETRY, file)
    if state is FileState.SKIPPED:  # it was a link or the like, and is a file now
        return Action(ActionKind.SEND, Reason.NEW, file)
    if entry.is_undecided:
        if is_same_size and entry.mtime_ns == file.mtime_ns:
            return Action(ActionKind.HOLD, Reason.CHANGED, file)
        return Action(ActionKind.CHECK, Reason.TOUCHED, file)  # put back as it was, perhaps
    return Action(ActionKind.SEND, Reason.UNFINISHED, file)


def _was_due(entry: LedgerEntry | None) -> bool:
    """What the tripwire holds back is left to it; what is held, to the scrub."""
    return (
        entry is not None
        and entry.state in (FileState.PENDING, FileState.FAILED)
        and not entry.is_undecided
    )


def _vanished(
    listing: DirectoryListing, known: Mapping[str, LedgerEntry], unchanged: int
) -> tuple[str, ...]:
    if len(known) == unchanged:
        return ()  # every known name was just seen
    here = {file.name for file in listing.files}
    here.update(name for name, _ in listing.skipped)
    here.update(listing.excluded, listing.unreadable)
    return tuple(
        sorted(
            name for name, entry in known.items()
            if name not in here and entry.state != FileState.VANISHED
        )
    )
