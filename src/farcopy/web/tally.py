"""Calls without a valid session, by the minute: which have a row of their own, which share one.

A flood of them must not fill the disk with rows kept for six years. Counts only, in
memory that has a bound whatever the number of senders; the clock is handed in, and
`web.audit` writes what comes out.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

MINUTE_S: Final = 60.0
OWN_ROWS_A_SENDER: Final = 100
OWN_ROWS: Final = 1000
"""A minute, of all senders together."""
SHARED_ROWS: Final = 100
"""Senders beyond so many share one row among them."""


@dataclass
class Shared:
    """One row. sender: "" for those who share it among them. actions: what was asked for."""

    sender: str
    first_at: datetime
    last_at: datetime
    calls: int = 0
    actions: Counter[str] = field(default_factory=Counter)


class Tally:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun_s: float | None = None
        self._own: Counter[str] = Counter()
        self._shared: dict[str, Shared] = {}

    def has_own_row(self, sender: str, action: str, now_s: float, now: datetime) -> bool:
        """Else it was counted, and `take` will tell of it. action: one of a fixed list."""
        with self._lock:
            if self._begun_s is None:
                self._begun_s = now_s
            if self._own[sender] < OWN_ROWS_A_SENDER and self._own.total() < OWN_ROWS:
                self._own[sender] += 1
                return True
            if self._own[sender] == 0:
                del self._own[sender]  # a Counter remembers whom it was asked about
            name = sender if sender in self._shared or len(self._shared) < SHARED_ROWS else ""
            shared = self._shared.setdefault(name, Shared(name, now, now))
            shared.calls += 1
            shared.actions[action] += 1
            shared.first_at, shared.last_at = min(shared.first_at, now), max(shared.last_at, now)
            return False

    @property
    def has_shared(self) -> bool:
        """Whether there is something to be written when the minute is over."""
        return bool(self._shared)

    def left_s(self, now_s: float) -> float:
        """Until the minute is over."""
        begun_s = self._begun_s
        return 0.0 if begun_s is None else max(0.0, begun_s + MINUTE_S - now_s)

    def take(self, now_s: float, *, is_end: bool = False) -> list[Shared]:
        """The rows of a minute that is over; the next call begins another. For one thread.

        is_end: of the process, so that the minute is over now.
        """
        if not self._is_over(now_s, is_end):
            return []  # without the lock: asked at every call
        with self._lock:
            if not self._is_over(now_s, is_end):
                return []
            found = list(self._shared.values())
            self._begun_s, self._own, self._shared = None, Counter(), {}
            return found

    def _is_over(self, now_s: float, is_end: bool) -> bool:
        return self._begun_s is not None and (is_end or self.left_s(now_s) <= 0)
