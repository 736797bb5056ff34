"""Directories that need no plan: those, and only those, in which a plan finds nothing to do."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcopy.core.model import (
    DirectoryListing,
    KnownVersion,
    LedgerEntry,
    Plan,
    Reason,
    SkippedName,
    SourceFile,
)
from farcopy.core.states import HELD, FileState
from farcopy.planning.plan import Occasion, differing, plan

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Known = dict[str, LedgerEntry]

# Few values, so that a file and what the ledger has of it are often alike.
NAMES = st.sampled_from(["a", "b", "A", "é"])
SIZES = st.sampled_from([0, 7])
TIMES = st.sampled_from([0, -1, 1 << 40])
STATES = st.sampled_from([*FileState, *HELD, *HELD, *HELD])


@st.composite
def directories(draw: st.DrawFn, directory: str) -> tuple[DirectoryListing, Known]:
    """One directory as a scan and as the ledger has it."""
    files = {
        name: SourceFile("orthanc", directory, name, draw(SIZES), draw(TIMES))
        for name in draw(st.sets(NAMES))
    }
    links = draw(st.sets(NAMES, max_size=1)) - files.keys() if draw(st.booleans()) else set()
    known: Known = {}
    for name in draw(st.sampled_from([files.keys(), draw(st.sets(NAMES))])):
        as_seen = files.get(name)
        is_same = as_seen is not None and draw(st.sampled_from([True, True, True, False]))
        known[name] = LedgerEntry(
            as_seen.size_bytes if as_seen and is_same else draw(SIZES),
            as_seen.mtime_ns if as_seen and is_same else draw(TIMES),
            draw(STATES).value,
            draw(st.sampled_from(["", "0" * 32])),
            draw(st.sampled_from([None, NOW - timedelta(1), NOW + timedelta(1)])),
            draw(st.booleans()),
        )
    is_unreadable = draw(st.sampled_from([False] * 9 + [True]))
    listing = DirectoryListing(
        "orthanc", directory,
        () if is_unreadable else tuple(files.values()),
        () if is_unreadable else tuple(SkippedName(name, Reason.SYMLINK) for name in links),
        is_unreadable,
        unreadable=draw(st.sampled_from([(), (), (), ("bad",)])),
    )
    return listing, known


def versions(directory: str, known: Known) -> set[KnownVersion]:
    """What `Ledger.known_versions` says of these entries."""
    return {
        ("orthanc", directory, name, entry.size_bytes,
         entry.mtime_ns if entry.state in HELD else None)
        for name, entry in known.items()
        if entry.state != FileState.VANISHED
    }


@given(
    st.tuples(*(directories(name) for name in ("", "ab", "ab/cd"))),
    st.booleans(), st.sampled_from([0.0, 10.0]),
)
def test_a_directory_differs_if_and_only_if_its_plan_is_more_than_unchanged_files(
    tree: tuple[tuple[DirectoryListing, Known], ...], is_manual: bool, settle_s: float
) -> None:
    occasion = Occasion.of(NOW, settle_s, is_manual=is_manual)
    all_known = {
        version
        for listing, known in tree
        for version in versions(listing.directory, known)
    }
    found = differing([listing for listing, _ in tree], all_known)
    for listing, known in tree:
        nothing_new = Plan("orthanc", listing.directory, unchanged_files=len(listing.files))
        is_plain = plan(listing, known, occasion) == nothing_new
        assert (listing.directory not in found) == is_plain


@pytest.mark.parametrize("state", list(FileState))
def test_only_what_the_remote_holds_can_be_unchanged(state: FileState) -> None:
    listing = DirectoryListing("orthanc", "ab", (SourceFile("orthanc", "ab", "f", 7, 1),))
    known = versions("ab", {"f": LedgerEntry(7, 1, state, "", None)})
    assert differing([listing], known) == (set() if state in HELD else {"ab"})
