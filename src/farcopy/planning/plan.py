"""Decide what to do in one directory. Pure: the same listing and ledger, the same plan."""

from collections.abc import Mapping
from datetime import datetime

from farcopy.core.model import (
    Action,
    ActionKind,
    DirectoryListing,
    LedgerEntry,
    Plan,
    Reason,
    SourceFile,
)
from farcopy.core.states import FileState


def plan(
    listing: DirectoryListing,
    known: Mapping[str, LedgerEntry],
    *,
    now: datetime,
    is_manual: bool,
) -> Plan:
    """Actions for every file of a directory that is not simply unchanged.

    known: the ledger's entries of this directory, by name. is_manual: a manual
    run makes every failed file due again, whatever its retry_at.
    """
    actions: list[Action] = []
    unchanged_files = unchanged_bytes = 0
    for file in listing.files:
        entry = known.get(file.name)
        # The common case first, by itself: a no-change run spends its time here.
        if (
            entry is not None
            and entry.mtime_ns == file.mtime_ns
            and entry.size_bytes == file.size_bytes
            and entry.state in _HELD_VALUES
        ):
            unchanged_files += 1
            unchanged_bytes += file.size_bytes
            continue
        actions.append(_decide(file, entry, now, is_manual))
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
        unchanged_bytes,
    )


_HELD_VALUES = frozenset({FileState.STORED.value, FileState.VERIFIED.value})


def _decide(
    file: SourceFile, entry: LedgerEntry | None, now: datetime, is_manual: bool
) -> Action:
    if entry is None:
        return Action(ActionKind.SEND, Reason.NEW, file)
    state = FileState(entry.state)
    is_same_size = entry.size_bytes == file.size_bytes
    if state in (FileState.STORED, FileState.VERIFIED):
        if is_same_size and entry.md5:
            return Action(ActionKind.CHECK, Reason.TOUCHED, file)
        return Action(ActionKind.SEND, Reason.CHANGED, file)
    if state is FileState.VANISHED:
        if is_same_size and entry.md5:
            return Action(ActionKind.CHECK, Reason.RETURNED, file)
        return Action(ActionKind.SEND, Reason.RETURNED, file)
    if state is FileState.FAILED:
        is_same = is_same_size and entry.mtime_ns == file.mtime_ns
        waits = entry.retry_at is not None and entry.retry_at > now
        if is_same and waits and not is_manual:
            return Action(ActionKind.SKIP, Reason.RETRY_LATER, file)
        return Action(ActionKind.SEND, Reason.RETRY, file)
    if state is FileState.SKIPPED:  # it was a link or the like, and is a file now
        return Action(ActionKind.SEND, Reason.NEW, file)
    return Action(ActionKind.SEND, Reason.UNFINISHED, file)


def _vanished(
    listing: DirectoryListing, known: Mapping[str, LedgerEntry], unchanged: int
) -> tuple[str, ...]:
    if len(known) == unchanged:
        return ()  # every known name was just seen
    here = {file.name for file in listing.files}
    here.update(name for name, _ in listing.skipped)
    return tuple(
        sorted(
            name for name, entry in known.items()
            if name not in here and entry.state != FileState.VANISHED
        )
    )
