"""The plan is pure: a listing and the ledger's entries in, actions out."""

from datetime import UTC, datetime, timedelta

import pytest

from farcopy.core.model import (
    ActionKind,
    DirectoryListing,
    LedgerEntry,
    Plan,
    Reason,
    SkippedName,
    SourceFile,
)
from farcopy.core.states import FileState
from farcopy.planning.plan import Occasion, plan

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MD5 = "0" * 32


def file(name: str, size: int = 10, mtime: int = 1) -> SourceFile:
    return SourceFile("orthanc", "ab/cd", name, size, mtime)


def entry(
    state: FileState, size: int = 10, mtime: int = 1, md5: str = MD5,
    retry_at: datetime | None = None,
) -> LedgerEntry:
    return LedgerEntry(size, mtime, state, md5, retry_at)


def planned(
    files: list[SourceFile], known: dict[str, LedgerEntry], *, is_manual: bool = False
) -> Plan:
    listing = DirectoryListing("orthanc", "ab/cd", tuple(files))
    return plan(listing, known, Occasion(NOW, is_manual))


def only_action(result: Plan) -> tuple[ActionKind, Reason]:
    (action,) = result.actions
    return action.kind, action.reason


def test_an_unknown_file_is_sent() -> None:
    assert only_action(planned([file("a")], {})) == (ActionKind.SEND, Reason.NEW)


@pytest.mark.parametrize("state", [FileState.STORED, FileState.VERIFIED])
def test_an_unchanged_file_is_counted_and_not_listed(state: FileState) -> None:
    result = planned([file("a", size=7)], {"a": entry(state, size=7)})
    assert (result.actions, result.unchanged_files) == ((), 1)


def test_a_touched_file_of_the_same_size_is_checked_by_its_md5() -> None:
    result = planned([file("a", mtime=2)], {"a": entry(FileState.STORED)})
    assert only_action(result) == (ActionKind.CHECK, Reason.TOUCHED)


def test_a_file_of_another_size_is_sent_without_a_check() -> None:
    result = planned([file("a", size=11, mtime=2)], {"a": entry(FileState.STORED)})
    assert only_action(result) == (ActionKind.SEND, Reason.CHANGED)


def test_another_size_with_the_same_time_is_a_change_too() -> None:
    result = planned([file("a", size=11)], {"a": entry(FileState.STORED)})
    assert only_action(result) == (ActionKind.SEND, Reason.CHANGED)


@pytest.mark.parametrize("state", [FileState.PENDING, FileState.UPLOADING])
def test_what_an_earlier_run_left_unfinished_is_sent(state: FileState) -> None:
    assert only_action(planned([file("a")], {"a": entry(state)})) == (
        ActionKind.SEND, Reason.UNFINISHED)


def test_a_failed_file_waits_for_its_retry_time() -> None:
    known = {"a": entry(FileState.FAILED, retry_at=NOW + timedelta(minutes=1))}
    assert only_action(planned([file("a")], known)) == (ActionKind.SKIP, Reason.RETRY_LATER)


def test_a_manual_run_makes_every_failed_file_due_again() -> None:
    known = {"a": entry(FileState.FAILED, retry_at=NOW + timedelta(days=1))}
    assert only_action(planned([file("a")], known, is_manual=True)) == (
        ActionKind.SEND, Reason.RETRY)


def test_a_failed_file_is_due_when_its_time_has_come_or_it_has_changed() -> None:
    due = {"a": entry(FileState.FAILED, retry_at=NOW)}
    changed = {"a": entry(FileState.FAILED, mtime=9, retry_at=NOW + timedelta(days=1))}
    for known in (due, changed):
        assert only_action(planned([file("a")], known)) == (ActionKind.SEND, Reason.RETRY)


def test_a_file_gone_from_the_directory_is_vanished_once() -> None:
    known = {"a": entry(FileState.STORED), "b": entry(FileState.FAILED),
             "c": entry(FileState.VANISHED)}
    assert planned([], known).vanished == ("a", "b")


def test_nothing_is_concluded_from_a_directory_that_could_not_be_listed() -> None:
    listing = DirectoryListing("orthanc", "ab/cd", is_unreadable=True)
    result = plan(listing, {"a": entry(FileState.STORED)}, Occasion(NOW, is_manual=False))
    assert result.vanished == ()
    assert result.is_unreadable


def test_a_file_that_returns_with_its_old_size_is_checked_before_it_is_sent() -> None:
    assert only_action(planned([file("a", mtime=5)], {"a": entry(FileState.VANISHED)})) == (
        ActionKind.CHECK, Reason.RETURNED)
    assert only_action(planned([file("a")], {"a": entry(FileState.VANISHED, md5="")})) == (
        ActionKind.SEND, Reason.RETURNED)


def test_links_and_special_files_are_skipped_with_their_reason() -> None:
    listing = DirectoryListing("orthanc", "", (), (SkippedName("l", Reason.SYMLINK),))
    result = plan(listing, {}, Occasion(NOW, is_manual=True))
    assert only_action(result) == (ActionKind.SKIP, Reason.SYMLINK)
    assert result.vanished == ()


def planned_hiding(known: dict[str, LedgerEntry], *names: str) -> Plan:
    listing = DirectoryListing("orthanc", "ab/cd", excluded=names)
    return plan(listing, known, Occasion(NOW, is_manual=True))


@pytest.mark.parametrize("state", [FileState.PENDING, FileState.FAILED])
def test_a_file_that_was_due_and_is_excluded_now_is_no_longer_waited_for(state: FileState) -> None:
    result = planned_hiding({"a": entry(state)}, "a", "new")
    assert (result.excluded, result.vanished, result.actions) == (("a",), (), ())


@pytest.mark.parametrize(
    "state", [FileState.STORED, FileState.VERIFIED, FileState.SKIPPED, FileState.VANISHED]
)
def test_an_excluded_file_that_is_not_due_is_left_as_it_is(state: FileState) -> None:
    result = planned_hiding({"a": entry(state)}, "a")
    assert (result.excluded, result.vanished, result.actions) == ((), (), ())


def test_an_excluded_file_that_the_tripwire_holds_back_stays_held_back() -> None:
    held_back = entry(FileState.PENDING)._replace(is_undecided=True)
    result = planned_hiding({"a": held_back}, "a")
    assert (result.excluded, result.vanished, result.actions) == ((), (), ())


def test_what_is_gone_beside_an_excluded_file_has_vanished() -> None:
    result = planned_hiding({"a": entry(FileState.STORED), "b": entry(FileState.STORED)}, "a")
    assert result.vanished == ("b",)
