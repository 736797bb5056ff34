"""Is everything off-site, since when, and what is to be done: one sentence. Pure.

The page shows it above all else, `farcopy status` in its first line and exit
code, `/healthz?deep` to probes. It is judged from the ledger's counters, the
newest look at the sources as they are configured now, and the sources as they
stand. What is not known is said to be unknown: "everything" is the last thing
left to say, when nothing speaks against it.
"""

from datetime import datetime, timedelta

from farcopy.core.states import RunEnd, RunState
from farcopy.planning.schedule import CLOCK_MAY_DIFFER
from farcopy.planning.situation import Facts, Health, Level, Look, OffSite, Root
from farcopy.planning.words import count, duration, sentence

LATE_AFTER_INTERVALS = 2
"""One interval may pass before a file's turn comes; a second one means something is wrong."""
KNOWN_FOR_AT_LEAST = timedelta(minutes=30)
KNOWN_WITHOUT_SCHEDULE = timedelta(hours=26)
"""Where nobody looks by a schedule of ours, a day (and what a daily job may be late) makes what
was seen too old to be called everything."""


def judge(facts: Facts) -> Health:
    """The first thing that is wrong or not known, or that nothing is."""
    return (
        _standstill(facts) or _unfinished_setup(facts) or _in_motion(facts)
        or _sources_gone(facts) or _everything(facts) or _not_everything(facts)
    )


def _standstill(facts: Facts) -> Health | None:
    if facts.trouble:
        return Health(Level.BAD, "ledger", "Nothing can be recorded, so nothing is copied",
                      sentence(facts.trouble), OffSite.NOTHING)
    if facts.frozen:
        return Health(Level.BAD, "frozen", "Sync stands still until somebody decides",
                      sentence(facts.frozen), OffSite.NOTHING)
    if facts.run is not None and not facts.run.is_alive:
        silent_s = facts.run.silent_s
        silent = f"{silent_s:.0f} s" if silent_s < 60 else duration(timedelta(seconds=silent_s))
        return Health(
            Level.BAD, "cut_off", "The sync was cut off",
            f"Whoever carried it out has given no sign of life for {silent}. {_stock_text(facts)} "
            "Start the background service, or sync again; it goes on where it was.",
            OffSite.NOTHING,
        )
    if not facts.is_service_running and facts.run is None and facts.sync_enabled:
        return Health(
            Level.BAD, "service", "Nothing is copied: the background service is not running",
            "Automatic sync is on, and needs it. Start it (farcopy serve, or the system's "
            f"service); its log says why it ended. {_stock_text(facts)}".strip(),
            OffSite.NOTHING,
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
                  f"What is missing: {' and '.join(lacks)}.", OffSite.NOTHING)


def _in_motion(facts: Facts) -> Health | None:
    run = facts.run
    if run is None:
        return None
    if run.files_failed:
        return Health(Level.WARN, "running", "A sync is on, and not all goes well",
                      f"{count(run.files_failed, 'file')} could not be copied so far. "
                      f"{_stock_text(facts)}".strip())
    return Health(
        Level.BUSY, "running", "A sync is on",
        "The sources are looked through, and what is new or changed goes off-site. "
        f"{_stock_text(facts)}".strip(),
    )


def _sources_gone(facts: Facts) -> Health | None:
    """A source that is not there, or is suddenly empty: nothing can be said of its files."""
    gone = [root for root in facts.roots if not root.is_there or root.shows is not None]
    if not gone:
        return None
    how = "is not there" if not gone[0].is_there else (
        "shows no files" if not gone[0].shows else "has lost most of its files")
    text = " ".join(map(_gone_text, gone))
    is_emptied = any(root.is_there for root in gone)
    if_meant = "; if the files are gone on purpose, sync, then confirm it" if is_emptied else ""
    return Health(
        Level.BAD, "source_gone", f"{sentence(gone[0].name)[:-1]} {how}",
        f"{text} What is there now is not known, and nothing is concluded: the copies of "
        f"{count(facts.stock.held, 'file')} stay. Check the path and the disk{if_meant}.",
        OffSite.NOTHING,
    )


def _gone_text(root: Root) -> str:
    if not root.is_there:
        return f"{sentence(root.name)[:-1]} is not there or cannot be listed."
    files = count(root.known, "known file")
    return f"{sentence(root.name)[:-1]} shows {root.shows or 'none'} of {files}."


def _everything(facts: Facts) -> Health | None:
    """Only when nothing known speaks against it, and nothing that counts is unknown."""
    look, stock = facts.look, facts.stock
    if look is None or not _is_known(facts, look):
        return None
    if facts.due_files or stock.lost or stock.unsendable:
        return None
    as_of = f"As of the last {_source_of(look)}, {_ago(_seen_at(look), facts)}."
    hidden = _hidden_text(look)
    if not stock.held:
        return Health(
            Level.WARN, "empty", "There is nothing to copy: the sources hold no files",
            f"{as_of} {hidden}If they should hold some, check the paths and the disks.",
            OffSite.NOTHING,
        )
    title = "Everything is off-site"
    if hidden:
        title = f"Everything is off-site but {count(look.excluded_files, 'excluded file')}"
    if not facts.sync_enabled:
        return Health(Level.WARN, "manual", title,
                      f"{as_of} {hidden}Automatic sync is off: what comes next waits for you.",
                      OffSite.ALL)
    return Health(Level.GOOD, "good", title, f"{as_of} {hidden}".strip(), OffSite.ALL)


def _not_everything(facts: Facts) -> Health:
    return (
        _failed(facts) or _wrong(facts) or _files_failed(facts) or _cut(facts)
        or _unknown(facts) or _late_or_due(facts)
    )


def _failed(facts: Facts) -> Health | None:
    last = facts.last_run
    if last is None or last.state is RunState.SUCCESS or last.end is RunEnd.CANCELLED:
        return None
    why = sentence(last.message or "nothing could be stored")
    if last.state is RunState.FAILED and last.end is not RunEnd.STOPPED:
        return Health(Level.BAD, "failed", f"The last sync failed {_ago(last.ended_at, facts)}",
                      f"{why} {_stock_text(facts)}".strip(), OffSite.NOTHING)
    if last.has_error:
        return Health(Level.WARN, "broke_off",
                      f"The last sync broke off {_ago(last.ended_at, facts)}",
                      f"{why} {_stock_text(facts)}".strip())
    return None


def _wrong(facts: Facts) -> Health | None:
    stock = facts.stock
    if stock.lost:
        are, them = ("file is", "it") if stock.lost == 1 else ("files are", "them")
        return Health(
            Level.BAD, "lost",
            f"{stock.lost:,} {are} lost: gone from the source, and the copy is damaged or gone",
            f"A verification found it so. Look for {them} in another backup: what is put back is "
            f"sent again. {_stock_text(facts)}".strip(),
        )
    if stock.wrong:
        were = "file was" if stock.wrong == 1 else "files were"
        return Health(
            Level.BAD, "damaged", f"{stock.wrong:,} {were} found damaged or missing off-site",
            f"They are due again: the next sync sends them. {_stock_text(facts)}".strip(),
        )
    return None


def _files_failed(facts: Facts) -> Health | None:
    failed, unsendable = facts.stock.failed, facts.stock.unsendable
    if not failed and unsendable:
        return Health(
            Level.WARN, "unsendable",
            f"{count(unsendable, 'file')} cannot be copied: the name is too long or not possible "
            "on the remote",
            f"Rename them; the next sync takes them. {_stock_text(facts)}".strip(),
        )
    if not failed:
        return None
    return Health(
        Level.WARN, "files_failed", f"{count(failed, 'file')} could not be copied",
        f"{_stock_text(facts)} The run shows each with its reason; they are tried again by "
        "themselves.".strip(),
    )


def _cut(facts: Facts) -> Health | None:
    last = facts.last_run
    if last is None or last.end not in (RunEnd.CANCELLED, RunEnd.STOPPED):
        return None
    how = "was cancelled" if last.end is RunEnd.CANCELLED else "was stopped with the service"
    rest = "" if facts.due_files else " What it had not looked at is not known."
    return Health(Level.WARN, "cut", f"The last sync {how}", f"{_stock_text(facts)}{rest}".strip())


def _unknown(facts: Facts) -> Health | None:
    look, stock = facts.look, facts.stock
    if look is None and not stock.held and not stock.due:
        return Health(
            Level.IDLE, "new", "Nothing is off-site yet: ready for the first sync",
            "These sources were not yet copied to this destination.", OffSite.NOTHING,
        )
    if look is None:
        return Health(
            Level.WARN, "unknown", "Not known: these sources were not looked at yet",
            "They, or the destination, were changed since the last look. Sync now. "
            f"{_stock_text(facts)}".strip(),
        )
    if look.problems:
        what = "file or directory" if look.problems == 1 else "files or directories"
        return Health(
            Level.WARN, "unreadable", f"{look.problems:,} {what} could not be read",
            f"What is in them is not known to be off-site. {_stock_text(facts)} The last run "
            "names them.".strip(),
        )
    if not look.is_whole or look.ended_at is None:
        return Health(
            Level.WARN, "unknown", "Not known: the last look at the sources was cut short",
            f"What it did not come to may wait. Sync now. {_stock_text(facts)}".strip(),
        )
    if not _is_known(facts, look):
        when = _ago(_seen_at(look), facts)
        return Health(
            Level.WARN, "unknown", f"Not known: the sources were last looked at {when}",
            f"What came since may wait. Sync now. {_stock_text(facts)}".strip(),
        )
    return None


def _late_or_due(facts: Facts) -> Health:
    since = facts.waiting_since or facts.now
    waited = facts.now - since
    title = f"{count(facts.due_files, 'file')} waiting"
    if waited >= timedelta(minutes=1):
        title += f" for {duration(waited)}"
    if not facts.sync_enabled:
        return Health(Level.WARN, "manual", title,
                      f"{_stock_text(facts)} Automatic sync is off: nothing goes until it is on, "
                      "or you sync now.".strip())
    late_after = timedelta(minutes=LATE_AFTER_INTERVALS * facts.interval_min)
    if waited > late_after:
        return Health(Level.WARN, "late", title,
                      f"{_stock_text(facts)} They should have gone by now. Sync now, and look "
                      "at the run it makes.".strip())
    return Health(Level.IDLE, "due", title,
                  f"{_stock_text(facts)} The next sync takes them.".strip())


# --- pieces ---


def _is_known(facts: Facts, look: Look) -> bool:
    """Whether the look tells of the present: whole, without gaps, and not too old."""
    if look.ended_at is None or not look.is_whole or look.problems:
        return False
    known_for = KNOWN_WITHOUT_SCHEDULE
    if facts.sync_enabled:
        intervals = timedelta(minutes=LATE_AFTER_INTERVALS * facts.interval_min)
        known_for = max(intervals, KNOWN_FOR_AT_LEAST)
    # A look of the future was dated by a clock that was wrong then, or is now.
    return -CLOCK_MAY_DIFFER <= facts.now - look.begun_at <= known_for + _took(look)


def _took(look: Look) -> timedelta:
    return look.ended_at - look.begun_at if look.ended_at else timedelta()


def _seen_at(look: Look) -> datetime:
    """A file that came after the look had begun may have been passed over."""
    return look.begun_at


def _source_of(look: Look) -> str:
    return "run" if look.is_of_a_run else "look at the sources"


def _hidden_text(look: Look) -> str:
    if not look.excluded_files:
        return ""
    are = "is" if look.excluded_files == 1 else "are"
    return f"{count(look.excluded_files, 'file')} {are} left out by your patterns (exclude). "


def _stock_text(facts: Facts) -> str:
    """`334 of 400 files are off-site, 60 wait, 6 failed.`: as far as is known."""
    stock, due = facts.stock, facts.due_files
    if not stock.held and not due:
        return ""
    total = stock.held + due
    look = facts.look
    is_total_known = (
        look is not None and look.ended_at is not None and look.is_whole and not look.problems
    )
    if facts.run is not None and facts.run.is_alive:
        is_total_known = facts.run.is_total_known
    at_least = "" if is_total_known else "at least "
    are = "is" if total == 1 else "are"
    parts = [f"{stock.held:,} of {at_least}{count(total, 'file')} {are} off-site"]
    waiting = due - stock.failed - stock.undecided
    for number, word in (
        (waiting, "waits" if waiting == 1 else "wait"), (stock.failed, "failed"),
        (stock.undecided, "changed or vanished and not judged yet"),
    ):
        if number > 0:
            parts.append(f"{number:,} {word}")
    return f"{', '.join(parts)}."


def _ago(moment: datetime, facts: Facts) -> str:
    passed = facts.now - moment
    return "just now" if passed < timedelta(minutes=1) else f"{duration(passed)} ago"
