"""The one sentence: what is wrong first, and in the admin's words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from farcopy.core.states import RunEnd, RunState
from farcopy.planning.health import Facts, LastRun, Level, Waiting, duration, judge

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AGO = timedelta(hours=2, minutes=10)
GOOD_RUN = LastRun(RunState.SUCCESS, RunEnd.FINISHED, NOW - timedelta(minutes=12))
NOTHING_WAITS = Waiting(0, 0, NOW, NOW - timedelta(minutes=12))
SOME_WAIT = Waiting(312, 5_000_000, NOW - AGO, NOW)
WELL = Facts(NOW, last_run=GOOD_RUN, waiting=NOTHING_WAITS, files_ever_stored=2140)


def test_all_is_well_and_says_as_of_when() -> None:
    health = judge(WELL)
    assert (health.level, health.title) == (Level.GOOD, "Everything is off-site")
    assert "12 min ago" in health.text


def test_files_that_wait_within_their_time_are_well() -> None:
    health = judge(replace(WELL, waiting=SOME_WAIT, interval_min=120))
    assert (health.level, health.title) == (Level.GOOD, "312 files waiting for 2 h 10 min")


def test_files_that_wait_for_two_intervals_are_late() -> None:
    assert judge(replace(WELL, waiting=SOME_WAIT, interval_min=60)).code == "late"


def test_without_automatic_sync_waiting_files_are_a_warning() -> None:
    health = judge(replace(WELL, waiting=SOME_WAIT, sync_enabled=False))
    assert (health.level, health.code) == (Level.WARN, "manual")


# Each is worse than all that follow: together, the first one is told.
TROUBLES = (
    ({"trouble": "the disk is full"}, "ledger"),
    ({"frozen": "Sync is frozen"}, "frozen"),
    ({"is_service_running": False}, "service"),
    ({"is_ftp_configured": False}, "setup"),
    ({"is_run_on": True}, "running"),
    ({"last_run": replace(GOOD_RUN, state=RunState.FAILED, message="no login")}, "failed"),
)


@pytest.mark.parametrize("worst", range(len(TROUBLES)))
def test_of_many_troubles_the_worst_is_told(worst: int) -> None:
    changes: dict[str, object] = {}
    for trouble, _ in reversed(TROUBLES[worst:]):
        # A run that is on needs no service: `farcopy sync` works by itself.
        changes |= {} if trouble == {"is_run_on": True} and worst == 2 else trouble
    assert judge(replace(WELL, **changes)).code == TROUBLES[worst][1]  # type: ignore[arg-type]


def test_a_failed_run_says_why_and_what_waits() -> None:
    failed = replace(GOOD_RUN, state=RunState.FAILED, message="the login was refused; check it")
    health = judge(replace(WELL, last_run=failed, waiting=replace(SOME_WAIT, is_whole=False)))
    assert health.level is Level.BAD
    assert health.text.startswith("The login was refused; check it. At least 312 files wait")


def test_a_cancelled_run_is_no_failure() -> None:
    cut = LastRun(RunState.FAILED, RunEnd.CANCELLED, NOW)
    assert judge(replace(WELL, last_run=cut)).code == "cut"


def test_one_file_that_failed_is_named_in_the_singular() -> None:
    run = replace(GOOD_RUN, state=RunState.PARTIAL, files_failed=1)
    assert judge(replace(WELL, last_run=run)).title == "1 file could not be copied"


def test_before_the_first_run_nothing_is_promised() -> None:
    assert judge(replace(WELL, last_run=None, waiting=None)).level is Level.IDLE


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(0, "less than a minute"), (5, "5 min"), (60, "1 h"), (130, "2 h 10 min"),
     (1440, "1 day"), (1440 * 3 + 120, "3 days 2 h"), (1440 * 40 + 60, "40 days")],
)
def test_a_duration_is_told_in_its_two_largest_units(minutes: int, text: str) -> None:
    assert duration(timedelta(minutes=minutes)) == text
