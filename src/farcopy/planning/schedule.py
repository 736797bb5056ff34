"""When the next automatic run and the next look are due. Pure: the clock is handed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from farcopy.core.states import RunEnd

HARD_ERRORS = frozenset(
    {"login_refused", "tls_failed", "host_refused", "ftp_not_configured",
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
        return last.ended_at + max(wait, timedelta(minutes=interval_min))
    if last.crashes > 1:
        # What crashed twice may crash again: it must not do so every few seconds.
        wait = CRASH_WAIT * (1 << min(last.crashes - 2, 10))
        return last.ended_at + min(wait, CRASH_WAIT_MAX)
    if last.end in (RunEnd.CRASHED, RunEnd.STOPPED):
        return now  # a restart resumes what was cut off
    return last.ended_at + timedelta(minutes=interval_min)


def next_sync_at(
    is_enabled: bool, interval_min: int, last_sync_at: datetime | None, now: datetime
) -> datetime | None:
    """What the API shows: null unless enabled; before the first run, now."""
    if not is_enabled:
        return None
    return now if last_sync_at is None else last_sync_at + timedelta(minutes=interval_min)


def next_look_due(interval_min: int, last_look_at: datetime | None, now: datetime) -> datetime:
    return now if last_look_at is None else last_look_at + timedelta(minutes=interval_min)


def next_scrub_due(
    first_success: datetime | None, last_started_at: datetime | None
) -> datetime | None:
    """When a day's part is to be verified; None before anything was stored.

    What was just sent can wait a day: it would not have had time to rot.
    """
    begin = last_started_at or first_success
    return None if begin is None else begin + SCRUB_EVERY


def next_asking_due(
    last_seen_at: datetime | None, last_asked_at: datetime | None
) -> datetime | None:
    """When an idle service logs in; None before the server was reached for the first time.

    Once a day, also when it is refused: hosts ban who tries on.
    """
    if last_seen_at is None:
        return None
    return max(last_seen_at, last_asked_at or last_seen_at) + ASK_EVERY
