"""A clock that was ahead and was put right: what it dated stops nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from farcopy.core.model import DirectoryListing, LedgerEntry, SourceFile
from farcopy.core.states import FileState, RunEnd
from farcopy.planning.plan import Occasion, plan
from farcopy.planning.schedule import (
    LastAttempt,
    believable,
    next_asking_due,
    next_look_due,
    next_run_due,
    next_scrub_due,
    next_sync_at,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
YEARS_AHEAD = NOW + timedelta(days=4 * 365)
HOUR = timedelta(hours=1)


def test_a_moment_is_believed_up_to_its_own_interval_ahead() -> None:
    assert believable(NOW - 9 * HOUR, HOUR, NOW) == NOW - 9 * HOUR
    assert believable(NOW + HOUR, HOUR, NOW) == NOW + HOUR
    assert believable(NOW + 1.01 * HOUR, HOUR, NOW) is None
    assert believable(None, HOUR, NOW) is None


@pytest.mark.parametrize("last", [
    LastAttempt(YEARS_AHEAD, RunEnd.FINISHED),
    LastAttempt(YEARS_AHEAD, RunEnd.FINISHED, hard_failures=3),
    LastAttempt(YEARS_AHEAD, RunEnd.CRASHED, crashes=4),
    LastAttempt(NOW + timedelta(minutes=31), RunEnd.FINISHED),
], ids=["well", "hard", "crashed", "a little"])
def test_a_run_that_ended_in_the_future_makes_the_next_due_at_once(last: LastAttempt) -> None:
    assert next_run_due(30, last, NOW) == NOW


def test_a_clock_put_back_by_less_than_the_interval_changes_no_schedule() -> None:
    ended_at = NOW + timedelta(minutes=2)
    assert next_run_due(30, LastAttempt(ended_at, RunEnd.FINISHED), NOW) == (
        ended_at + timedelta(minutes=30))
    hard = LastAttempt(NOW + timedelta(minutes=59), RunEnd.FINISHED, hard_failures=1)
    assert next_run_due(1, hard, NOW) == hard.ended_at + HOUR  # hosts ban who tries on


def test_what_else_is_scheduled_is_due_at_once_too() -> None:
    assert next_sync_at(True, 5, YEARS_AHEAD, NOW) == NOW
    assert next_look_due(5, YEARS_AHEAD, NOW) == NOW
    assert next_scrub_due(NOW - HOUR, YEARS_AHEAD, NOW) == NOW
    assert next_scrub_due(YEARS_AHEAD, None, NOW) == NOW
    assert next_scrub_due(None, None, NOW) is None
    assert next_asking_due(YEARS_AHEAD, None, NOW) == NOW


def test_the_server_is_not_asked_on_and_on_for_a_time_to_come() -> None:
    assert next_asking_due(YEARS_AHEAD, NOW - HOUR, NOW) == NOW + timedelta(hours=23)
    assert next_asking_due(NOW - HOUR, YEARS_AHEAD, NOW) == NOW + timedelta(hours=23)


@pytest.mark.parametrize(("retry_at", "is_due"), [
    (YEARS_AHEAD, True), (NOW + timedelta(minutes=31), True), (NOW + timedelta(minutes=29), False),
])
def test_a_failed_file_does_not_wait_for_a_time_beyond_the_longest_wait(
    retry_at: datetime, is_due: bool
) -> None:
    file = SourceFile("orthanc", "", "f", 7, 1)
    known = {"f": LedgerEntry(7, 1, FileState.FAILED, "", retry_at)}
    listing = DirectoryListing("orthanc", "", (file,))
    (action,) = plan(listing, known, Occasion(NOW, is_manual=False)).actions
    assert action.is_due is is_due
