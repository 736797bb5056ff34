"""When the next automatic run and the next look are due. Pure: the clock is handed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from farcopy.core.states import RunEnd

HARD_ERRORS = frozenset(
    {"login_refused", "login_barred", "tls_failed", "host_refused", "ftp_not_configured",
     "sources_not_configured", "key_mismatch", "key_unusable", "remote_path_missing",
     "sync_frozen"}
)
"""Errors only an admin can mend; trying on gets an address banned by its host."""
HARD_WAIT = timedelta(hours=1)
HARD_WAIT_MAX = timedelta(hours=24)
CRASH_WAIT = timedelta(seconds=5)
CRASH_WAIT_MAX = timedelta(seconds=25)
"""After the second crash in a row and on: no hot loop, and yet each start goes on within 30 s."""
SCRUB_EVERY = timedelta(hours=24)
ASK_EVERY = timedelta(hours=24)
"""A server that nobody needed for so long is asked whether it still lets us in."""
CLOCK_MAY_DIFFER = timedelta(minutes=5)
"""What is dated later than this from now was dated by a clock that was wrong, or is now."""


def believable(moment: datetime | None, interval: timedelta, now: datetime) -> datetime | None:
    """A moment that something is counted from, or None: one that lies in the future by more than
    its own interval was written by a clock that was wrong. It must not stop anything for years."""
    return None if moment is None or moment > now + interval else moment


@dataclass(frozen=True, slots=True)
class LastAttempt:
    """The last finished run, whoever asked for it. hard_failures: runs in a row that ended
    with a hard error since the configuration changed. crashes: runs in a row cut off by one."""

    ended_at: datetime
    end: RunEnd
    hard_failures: int = 0
    crashes: int = 0


def next_run_due(interval_min: int, last: LastAttempt | None, now: datetime) -> datetime:
    """When an automatic run is due; not later than `now` means at once."""
    if last is None:
        return now
    if last.hard_failures:
        wait = min(HARD_WAIT * (1 << min(last.hard_failures - 1, 10)), HARD_WAIT_MAX)
        return _after(last.ended_at, max(wait, timedelta(minutes=interval_min)), now)
    if last.crashes > 1:
        # What crashed twice may crash again: it must not do so every few seconds.
        wait = CRASH_WAIT * (1 << min(last.crashes - 2, 10))
        return _after(last.ended_at, min(wait, CRASH_WAIT_MAX), now)
    if last.end in (RunEnd.CRASHED, RunEnd.STOPPED):
        return now  # a restart resumes what was cut off
    return _after(last.ended_at, timedelta(minutes=interval_min), now)


def _after(moment: datetime | None, interval: timedelta, now: datetime) -> datetime:
    """At once, when there is nothing that can be counted from."""
    counted_from = believable(moment, interval, now)
    return now if counted_from is None else counted_from + interval


def next_sync_at(
    is_enabled: bool, interval_min: int, last_sync_at: datetime | None, now: datetime
) -> datetime | None:
    """What the API shows: null unless enabled; before the first run, now."""
    if not is_enabled:
        return None
    return _after(last_sync_at, timedelta(minutes=interval_min), now)


def next_look_due(interval_min: int, last_look_at: datetime | None, now: datetime) -> datetime:
    return _after(last_look_at, timedelta(minutes=interval_min), now)


def next_scrub_due(
    first_success: datetime | None, last_started_at: datetime | None, now: datetime
) -> datetime | None:
    """When a day's part is to be verified; None before anything was stored.

    What was just sent can wait a day: it would not have had time to rot.
    """
    begin = last_started_at or first_success
    return None if begin is None else _after(begin, SCRUB_EVERY, now)


def next_asking_due(
    last_seen_at: datetime | None, last_asked_at: datetime | None, now: datetime
) -> datetime | None:
    """When an idle service logs in; None before the server was reached for the first time.

    Once a day, also when it is refused: hosts ban who tries on.
    """
    if last_seen_at is None:
        return None
    asked_at = believable(last_asked_at, ASK_EVERY, now)
    seen_at = believable(last_seen_at, ASK_EVERY, now)
    return _after(max(filter(None, (seen_at, asked_at)), default=None), ASK_EVERY, now)
