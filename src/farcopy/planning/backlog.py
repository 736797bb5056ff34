"""What waits to go off-site, over time: for how long, and as few points as a chart needs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Sample:
    """lag_s: for how long a file had waited at most. is_whole: all sources were looked at."""

    at: datetime
    files: int
    bytes: int
    lag_s: float
    is_whole: bool = True


def lag_of(oldest_at: datetime | None, last_empty_at: datetime | None, now: datetime) -> float:
    """Seconds the oldest file can have waited at most.

    A file may be older than its time in the archive (copied there, with its dates): when
    nothing was waiting then, it came later. A time to come tells nothing.
    """
    begins = [moment for moment in (oldest_at, last_empty_at) if moment and moment <= now]
    return max((now - max(begins, default=now)).total_seconds(), 0.0)


def thinned(
    samples: Sequence[Sample], since: datetime, until: datetime, points: int
) -> Sequence[Sample]:
    """At most so many, of each stretch the one with the longest wait: a peak is what matters."""
    if len(samples) <= points:
        return samples
    stretch_s = max((until - since) / timedelta(seconds=points), 1.0)
    worst: dict[int, Sample] = {}
    for sample in samples:
        number = int((sample.at - since).total_seconds() // stretch_s)
        held = worst.get(number)
        if held is None or (sample.lag_s, sample.files) >= (held.lag_s, held.files):
            worst[number] = sample
    return list(worst.values())
