"""How much waits to go off-site, and for how long: noted at looks and during runs, read by all."""

from datetime import datetime, timedelta
from typing import Final

from farcopy.core.model import RootLabel
from farcopy.core.stock import SourcesSeen
from farcopy.planning.backlog import Sample, lag_of
from farcopy.store import backlog, counters, looks

ROOTS: Final = frozenset(label.value for label in RootLabel)


def note_look(found: SourcesSeen, now: datetime) -> None:
    """What monitoring found."""
    _note(found.waiting_files, found.waiting_bytes, found.oldest_mtime_ns, now,
          is_whole=found.is_whole)


def note_ledger(destination_id: int, unsent: int, now: datetime, *, is_whole: bool) -> None:
    """What a run has left, or has before it. unsent: files found that are not in the ledger."""
    in_ledger = counters.stock(destination_id, ROOTS)
    _note(
        in_ledger.due + unsent, in_ledger.due_bytes, backlog.oldest_due(destination_id), now,
        is_whole=is_whole,
    )


def waiting_since() -> datetime | None:
    """No file that waits has waited for longer, as of the newest sample; None before the first.

    What waits now and did not then came later.
    """
    sample = backlog.latest()
    return None if sample is None else sample.at - timedelta(seconds=sample.lag_s)


def _note(
    files: int, size_bytes: int, oldest_ns: int | None, now: datetime, *, is_whole: bool
) -> None:
    lag_s = lag_of(looks.time_of(oldest_ns), backlog.last_empty_at(), now) if files else 0.0
    backlog.note(Sample(now, files, size_bytes, lag_s, is_whole))
