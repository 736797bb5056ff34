"""Is everything off-site, since when, and what is to be done: one sentence. Pure.

The page shows it above all else, `farcopy status` in its first line. What is
known of the sources is as old as the last look at them, and the text says so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from farcopy.core.states import RunEnd, RunState


class Level(StrEnum):
    """The colour. IDLE: nothing is wrong, and nothing is promised either."""

    GOOD = "good"
    BUSY = "busy"
    IDLE = "idle"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a look found not yet off-site. since: no file has waited for longer.

    is_whole: everything was looked at; else it is at least so much.
    """

    files: int
    bytes: int
    since: datetime
    looked_at: datetime
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run that ended. message: why it did not go well, in the run's own words."""

    state: RunState
    end: RunEnd
    ended_at: datetime
    files_failed: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the sentence is made from. trouble: text of what is wrong with the database."""

    now: datetime
    has_source: bool = True
    is_ftp_configured: bool = True
    is_service_running: bool = True
    is_run_on: bool = False
    trouble: str = ""
    frozen: str = ""
    sync_enabled: bool = True
    interval_min: int = 120
    last_run: LastRun | None = None
    waiting: Waiting | None = None
    files_ever_stored: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """code: stable, for programs. title: the sentence. text: what is known, and what to do."""

    level: Level
    code: str
    title: str
    text: str


LATE_AFTER_INTERVALS = 2
"""One interval may pass before a file's turn comes; a second one means something is wrong."""


def judge(facts: Facts) -> Health:
    """The first thing that is wrong, or that nothing is."""
    return _standstill(facts) or _unfinished_setup(facts) or _in_motion(facts) or _at_rest(facts)


def _standstill(facts: Facts) -> Health | None:
    if facts.trouble:
        return Health(Level.BAD, "ledger", "Nothing can be recorded, so nothing is copied",
                      sentence(facts.trouble))
    if facts.frozen:
        return Health(Level.BAD, "frozen", "Sync stands still until somebody decides",
                      sentence(facts.frozen))
    if not facts.is_service_running and not facts.is_run_on:
        return Health(
            Level.BAD, "service", "Nothing is copied: the background service is not running",
            "Start it (farcopy serve, or the system's service); its log says why it ended.",
        )
    return None


def _unfinished_setup(facts: Facts) -> Health | None:
    if facts.has_source and facts.is_ftp_configured:
        return None
    lacks = [
        word for word, is_there in
        (("the directories to copy", facts.has_source),
         ("the FTP account", facts.is_ftp_configured)) if not is_there
    ]
    return Health(Level.IDLE, "setup", "Nothing is copied yet",
                  f"What is missing: {' and '.join(lacks)}.")


def _in_motion(facts: Facts) -> Health | None:
    if not facts.is_run_on:
        return None
    return Health(Level.BUSY, "running", "A sync is on",
                  "The sources are looked through, and what is new or changed goes off-site.")


def _at_rest(facts: Facts) -> Health:
    last, waiting = facts.last_run, facts.waiting
    if last is None:
        return Health(Level.IDLE, "new", "Ready for the first sync",
                      _waiting_text(facts) or "Nothing has been copied yet.")
    if last.state is RunState.FAILED and last.end is not RunEnd.CANCELLED:
        why = sentence(last.message or "nothing could be stored")
        return Health(Level.BAD, "failed", f"The last sync failed {_ago(last.ended_at, facts)}",
                      f"{why} {_waiting_text(facts)}".strip())
    if last.files_failed:
        return Health(
            Level.WARN, "files_failed", f"{count(last.files_failed, 'file')} could not be copied",
            "The others are off-site. The run shows each file with its reason; "
            "they are tried again by themselves.",
        )
    if last.end in (RunEnd.CANCELLED, RunEnd.STOPPED):
        how = "was cancelled" if last.end is RunEnd.CANCELLED else "was stopped with the service"
        return Health(Level.WARN, "cut", f"The last sync {how}",
                      _waiting_text(facts) or "What it had not sent stays due.")
    if last.state is not RunState.SUCCESS:
        return Health(Level.WARN, "partial", "The last sync left something out",
                      sentence(last.message or "not everything could be read or stored"))
    if waiting is not None and waiting.files:
        return _late_or_due(facts, waiting)
    return _everything(facts, last, waiting)


def _late_or_due(facts: Facts, waiting: Waiting) -> Health:
    title = f"{count(waiting.files, 'file')} waiting for {duration(facts.now - waiting.since)}"
    if not facts.sync_enabled:
        return Health(Level.WARN, "manual", title,
                      "Automatic sync is off: nothing goes until it is on, or you sync now.")
    late_after = timedelta(minutes=LATE_AFTER_INTERVALS * facts.interval_min)
    if facts.now - waiting.since > late_after:
        return Health(Level.WARN, "late", title,
                      "They should have gone by now. Sync now, and look at the run it makes.")
    return Health(Level.GOOD, "due", title, "The next sync takes them.")


def _everything(facts: Facts, last: LastRun, waiting: Waiting | None) -> Health:
    known_at = last.ended_at if waiting is None else max(last.ended_at, waiting.looked_at)
    what = "Everything is off-site" if facts.files_ever_stored else "There is nothing to copy yet"
    text = f"As of the last look at the sources, {_ago(known_at, facts)}."
    if not facts.sync_enabled:
        return Health(Level.WARN, "manual", what,
                      f"{text} Automatic sync is off: what comes next waits for you.")
    return Health(Level.GOOD, "good", what, text)


def _waiting_text(facts: Facts) -> str:
    waiting = facts.waiting
    if waiting is None or not waiting.files:
        return ""
    at_least = "" if waiting.is_whole else "At least "
    waits = "waits" if waiting.files == 1 else "wait"
    waited = facts.now - waiting.since
    # Before the first sync the oldest file tells of the archive's age, not of a wait.
    is_told = facts.files_ever_stored and waited >= timedelta(minutes=1)
    how_long = f", for {duration(waited)} at most" if is_told else ""
    return f"{at_least}{count(waiting.files, 'file')} {waits} to go off-site{how_long}."


def _ago(moment: datetime, facts: Facts) -> str:
    passed = facts.now - moment
    return "just now" if passed < timedelta(minutes=1) else f"{duration(passed)} ago"


def duration(span: timedelta) -> str:
    """`2 h 10 min`: the two largest units, as people say it."""
    minutes = max(int(span.total_seconds()) // 60, 0)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{count(days, 'day')} {hours} h" if hours and days < 10 else count(days, "day")
    if hours:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{minutes} min" if minutes else "less than a minute"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def sentence(text: str) -> str:
    """With a capital and a full stop: errors are written to be joined by colons."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
