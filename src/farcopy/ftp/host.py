"""What was learnt of a host, shared by the sessions of a run and kept between runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from farcopy.ftp.features import Features

DISTRUSTED_FOR = timedelta(days=7)
"""A server that lost its step may be replaced or mended; then it is asked again."""


@dataclass
class HostProfile:
    """answers_in_order: several commands may be sent at once; None: not asked yet.

    lost_step: it was believed to, and was not up to it in this run.
    features: what it said after the first login; None: not asked yet.
    """

    answers_in_order: bool | None = None
    lost_step: bool = False
    features: Features | None = None

    @classmethod
    def from_stored(cls, stored: Mapping[str, object], now: datetime) -> "HostProfile":
        """stored: what `to_store` gave; anything else is a host nobody knows."""
        distrusted_at = _time(stored.get("lost_step_at"))
        if distrusted_at is not None and now - distrusted_at < DISTRUSTED_FOR:
            return cls(answers_in_order=False)
        return cls(answers_in_order=True if stored.get("answers_in_order") is True else None)

    def to_store(self, before: Mapping[str, object], now: datetime) -> dict[str, object]:
        """What to keep, beside what was kept before."""
        kept = dict(before)
        if self.lost_step:
            kept["lost_step_at"] = now.isoformat()
        if self.answers_in_order:
            kept["answers_in_order"] = True
        return kept

    def note_lost_step(self) -> None:
        self.answers_in_order, self.lost_step = False, True

    def note_silence(self) -> None:
        """A reply never came: the line, or too many commands. No more of them in this run."""
        self.answers_in_order = False


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
