"""The one sentence: what is wrong or unknown comes first, "everything" last; in the admin's words.

That it agrees with what lies where is tests/contract/test_truth.py's matter.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from farcopy.core.states import RunEnd, RunState
from farcopy.core.stock import Stock
from farcopy.planning.health import judge
from farcopy.planning.situation import Facts, Health, LastRun, Level, Look, OffSite, Root, RunOn
from farcopy.planning.words import duration

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONG = timedelta(hours=30)
GOOD_RUN = LastRun(RunState.SUCCESS, RunEnd.FINISHED, NOW - timedelta(minutes=11))
WHOLE = Look(NOW - timedelta(minutes=12), NOW - timedelta(minutes=11))
HELD = Stock(held=2140, verified=2000)
WELL = Facts(NOW, last_run=GOOD_RUN, look=WHOLE, stock=HELD, roots=(Root("the Orthanc storage"),))
SOME_DUE = replace(HELD, pending=312, due_bytes=5_000_000)
BROKEN = LastRun(RunState.FAILED, RunEnd.FINISHED, NOW, "no login", has_error=True)


def judged(**changes: object) -> Health:
    return judge(replace(WELL, **changes))  # type: ignore[arg-type]


def test_all_is_well_and_says_as_of_when() -> None:
    health = judge(WELL)
    assert (health.level, health.title, health.off_site) == (
        Level.GOOD, "Everything is off-site", OffSite.ALL)
    assert health.text == "As of the last run, 12 min ago."


# Each alone takes "everything" away.
SPOILERS = (
    {"trouble": "the disk is full"},
    {"frozen": "Sync is frozen"},
    {"run": RunOn()},
    {"run": RunOn(is_alive=False)},
    {"is_service_running": False},
    {"is_ftp_configured": False},
    {"has_source": False},
    {"look": None},
    {"look": replace(WHOLE, ended_at=None)},
    {"look": replace(WHOLE, is_whole=False)},
    {"look": replace(WHOLE, unsent_files=1)},
    {"look": replace(WHOLE, problems=1)},
    {"look": replace(WHOLE, begun_at=NOW - LONG, ended_at=NOW - LONG)},
    {"look": replace(WHOLE, begun_at=NOW + LONG, ended_at=NOW + LONG)},
    {"stock": replace(HELD, pending=1)},
    {"stock": replace(HELD, failed=1)},
    {"stock": replace(HELD, undecided=1)},
    {"stock": replace(HELD, wrong=1, pending=1)},
    {"stock": replace(HELD, lost=1)},
    {"stock": replace(HELD, unsendable=1)},
    {"stock": Stock()},
    {"roots": (Root("the Orthanc storage", is_there=False),)},
    {"roots": (Root("the Orthanc storage", shows=0, known=5),)},
    {"roots": (Root("the Orthanc storage"), Root("the hospital directory", is_there=False))},
)


@pytest.mark.parametrize("spoiler", SPOILERS, ids=str)
@pytest.mark.parametrize("sync_enabled", [True, False])
def test_one_thing_wrong_or_unknown_and_it_is_not_everything(
    spoiler: dict[str, object], sync_enabled: bool
) -> None:
    health = judged(**spoiler, sync_enabled=sync_enabled)
    if spoiler == {"is_service_running": False} and not sync_enabled:
        assert health.off_site is OffSite.ALL  # `farcopy sync` needs no service
        return
    assert health.off_site is not OffSite.ALL
    assert health.level is not Level.GOOD
    assert "Everything is off-site" not in f"{health.title} {health.text}"


def test_only_everything_is_green() -> None:
    assert judge(WELL).level is Level.GOOD
    assert judged(sync_enabled=False).level is Level.WARN
    assert judged(stock=SOME_DUE, waiting_since=NOW).level is Level.IDLE


def test_without_a_schedule_a_look_counts_for_a_day() -> None:
    def at(hours: int) -> Look:
        begun_at = NOW - timedelta(hours=hours)
        return replace(WHOLE, begun_at=begun_at, ended_at=begun_at)

    assert judged(sync_enabled=False, look=at(20)).off_site is OffSite.ALL
    old = judged(sync_enabled=False, look=at(28))
    assert (old.off_site, old.code) == (OffSite.NOT_ALL, "unknown")
    assert old.title == "Not known: the sources were last looked at 1 day 4 h ago"


def test_a_run_of_days_is_known_when_it_ends() -> None:
    look = replace(WHOLE, begun_at=NOW - timedelta(days=3), ended_at=NOW)
    health = judged(look=look)
    assert (health.off_site, health.text) == (OffSite.ALL, "As of the last run, 3 days ago.")


def test_files_within_their_time_are_told_without_green() -> None:
    health = judged(stock=SOME_DUE, waiting_since=NOW - timedelta(hours=2, minutes=10))
    assert (health.code, health.title) == ("due", "312 files waiting for 2 h 10 min")
    assert health.text.startswith("2,140 of 2,452 files are off-site, 312 wait.")


def test_files_that_wait_for_two_intervals_are_late() -> None:
    health = judged(stock=SOME_DUE, waiting_since=NOW - timedelta(hours=5))
    assert health.code == "late"


def test_without_automatic_sync_waiting_files_are_a_warning() -> None:
    health = judged(stock=SOME_DUE, sync_enabled=False)
    assert (health.level, health.code) == (Level.WARN, "manual")


# Each is worse than all that follow: together, the first one is told.
TROUBLES = (
    ({"trouble": "the disk is full"}, "ledger"),
    ({"frozen": "Sync is frozen"}, "frozen"),
    ({"run": RunOn(is_alive=False, silent_s=40)}, "cut_off"),
    ({"is_service_running": False}, "service"),
    ({"is_ftp_configured": False}, "setup"),
    ({"run": RunOn()}, "running"),
    ({"roots": (Root("the Orthanc storage", is_there=False),)}, "source_gone"),
    ({"look": replace(WHOLE, is_whole=False), "last_run": BROKEN}, "failed"),
)


@pytest.mark.parametrize("worst", range(len(TROUBLES)))
def test_of_many_troubles_the_worst_is_told(worst: int) -> None:
    changes: dict[str, object] = {}
    for trouble, _ in reversed(TROUBLES[worst:]):
        # A run that is on needs no service: `farcopy sync` works by itself.
        changes |= {} if "run" in trouble and worst == 3 else trouble
    assert judged(**changes).code == TROUBLES[worst][1]


def test_a_server_that_stopped_in_mid_run_leaves_the_right_numbers() -> None:
    stock = Stock(held=66, pending=333, failed=1)
    last = LastRun(RunState.PARTIAL, RunEnd.FINISHED, NOW, "no connection", has_error=True)
    health = judged(stock=stock, last_run=last)
    assert health.off_site is OffSite.NOT_ALL
    assert health.title == "The last sync broke off just now"
    assert health.text == (
        "No connection. 66 of 400 files are off-site, 333 wait, 1 failed.")


def test_a_failed_run_says_why_and_what_waits() -> None:
    health = judged(stock=SOME_DUE, last_run=replace(BROKEN, message="no login; check it"))
    assert health.level is Level.BAD
    assert health.text == "No login; check it. 2,140 of 2,452 files are off-site, 312 wait."


def test_a_failure_that_a_later_whole_look_has_overtaken_is_over() -> None:
    assert judged(last_run=BROKEN).off_site is OffSite.ALL


def test_a_cancelled_run_is_no_failure() -> None:
    cut = LastRun(RunState.FAILED, RunEnd.CANCELLED, NOW)
    health = judged(last_run=cut, look=replace(WHOLE, is_whole=False))
    assert (health.code, health.title) == ("cut", "The last sync was cancelled")
    assert "What it had not looked at is not known." in health.text


def test_one_file_that_failed_is_named_in_the_singular() -> None:
    health = judged(stock=replace(HELD, failed=1))
    assert health.title == "1 file could not be copied"


def test_what_verification_found_is_told_before_what_waits() -> None:
    health = judged(stock=Stock(held=380, pending=20, wrong=20))
    assert (health.level, health.title) == (
        Level.BAD, "20 files were found damaged or missing off-site")
    assert "380 of 400 files are off-site" in health.text


def test_a_last_copy_that_is_lost_is_told_before_all_that_can_be_mended() -> None:
    assert judged(stock=Stock(held=380, pending=20, wrong=20, lost=3)).code == "lost"


def test_an_empty_source_says_what_it_had() -> None:
    health = judged(roots=(Root("the Orthanc storage", shows=0, known=2140),))
    assert health.title == "The Orthanc storage shows no files"
    assert health.text.startswith("The Orthanc storage shows none of 2,140 known files.")


def test_a_run_with_failures_is_not_blue() -> None:
    assert judged(run=RunOn(files_failed=3)).level is Level.WARN
    assert judged(run=RunOn()).level is Level.BUSY


def test_what_is_left_out_is_part_of_the_sentence() -> None:
    health = judged(look=replace(WHOLE, excluded_files=12))
    assert health.title == "Everything is off-site but 12 excluded files"


def test_before_the_first_run_nothing_is_promised() -> None:
    health = judged(last_run=None, look=None, stock=Stock())
    assert (health.level, health.off_site) == (Level.IDLE, OffSite.NOTHING)


def test_another_destination_is_not_known() -> None:
    assert judged(look=None).title == "Not known: these sources were not looked at yet"


def test_sources_without_a_file_are_nothing_copied() -> None:
    assert judged(stock=Stock()).off_site is OffSite.NOTHING


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(0, "less than a minute"), (5, "5 min"), (60, "1 h"), (130, "2 h 10 min"),
     (1440, "1 day"), (1440 * 3 + 120, "3 days 2 h"), (1440 * 40 + 60, "40 days")],
)
def test_a_duration_is_told_in_its_two_largest_units(minutes: int, text: str) -> None:
    assert duration(timedelta(minutes=minutes)) == text
