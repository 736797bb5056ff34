"""How much waits to go off-site, and for how long: noted at looks and during runs, read by all."""

from datetime import UTC, datetime, timedelta

from farcopy.core.model import Backlog
from farcopy.planning.backlog import Sample, lag_of
from farcopy.planning.health import Waiting
from farcopy.store import backlog


def note_look(found: Backlog, now: datetime) -> None:
    """What monitoring found."""
    _note(found.files, found.bytes, found.oldest_mtime_ns, now, is_whole=True)


def note_ledger(destination_id: int, growing: int, now: datetime, *, is_whole: bool) -> None:
    """What a run has left, or has before it. growing: files found that are not at rest yet."""
    files, size_bytes, oldest_ns = backlog.in_ledger(destination_id)
    _note(files + growing, size_bytes, oldest_ns, now, is_whole=is_whole)


def waiting() -> Waiting | None:
    """As of the newest look; None before the first."""
    sample = backlog.latest()
    if sample is None:
        return None
    return Waiting(
        sample.files, sample.bytes, sample.at - timedelta(seconds=sample.lag_s), sample.at,
        sample.is_whole,
    )


def _note(
    files: int, size_bytes: int, oldest_ns: int | None, now: datetime, *, is_whole: bool
) -> None:
    lag_s = lag_of(_time(oldest_ns), backlog.last_empty_at(), now) if files else 0.0
    backlog.note(Sample(now, files, size_bytes, lag_s, is_whole))


def _time(mtime_ns: int | None) -> datetime | None:
    if mtime_ns is None:
        return None
    try:
        return datetime.fromtimestamp(mtime_ns / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return None  # a modification time beyond the calendar
