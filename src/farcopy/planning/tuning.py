"""How many connections to use at the same time. Pure: counts and time are handed in.

Over a long line small files wait for replies, and throughput is proportional to
the connections; once the line is full, more gain nothing; and a host may let in
few. So: begin with eight, or with what the host let in the last time; go on by a
quarter while throughput grows; go back when the host refuses or falls silent, and
try for more after some quiet. Asked by the dispatcher.
"""

from dataclasses import dataclass

FIRST = 8
"""Shared hosts often allow eight an address. Not fewer: in a run of a few seconds each step
costs a twentieth of it (measured)."""
WINDOW_S = 5.0
"""Throughput is compared over windows of this length."""
GAIN = 0.5
"""Worth it is half of what a line without end would gain."""
QUIET_S = 60.0
LONGEST_QUIET_S = 15 * 60.0
"""Before one more is tried after a step back; twice as long after each that was in vain."""
BURST_S = 30.0
"""Time-outs of several connections within this time tell of one outage."""
REPEATED_S = 300.0
"""A second outage within this time, and the host is taken to be overcharged."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run has done so far. sessions: open now; the others only grow."""

    sessions: int
    bytes: int = 0
    files: int = 0
    timeouts: int = 0


class ConnectionTuning:
    """Say what happens with `look` and `refused`; `wanted` tells how many connections to use.

    at_most: ftp_connections. known_limit: beyond how many the host refused one in an earlier
    run.
    """

    def __init__(self, at_most: int, known_limit: int | None = None) -> None:
        self.at_most = at_most
        self.most_seen = 0
        self.refused_beyond: int | None = None
        self._is_careful = known_limit is not None
        self.wanted = min(FIRST, at_most, known_limit or at_most)
        self._mark: tuple[float, Seen] | None = None
        self._rates_before: tuple[int, float, float] | None = None
        self._quiet_until_s: float | None = None
        self._quiet_s = QUIET_S
        self._timeouts = 0
        self._outage_at_s: float | None = None

    def look(self, now_s: float, seen: Seen) -> None:
        """Take note of how far the run is; to be called every now and then."""
        self.most_seen = max(self.most_seen, seen.sessions)
        if seen.timeouts > self._timeouts:
            self._timeouts = seen.timeouts
            self._note_timeout(now_s)
        if self._quiet_until_s is None and self._is_careful:
            self._quiet_until_s = now_s + self._quiet_s  # a limit is known: not at once
        if seen.sessions != self.wanted:
            self._mark = None  # some come or go: nothing is known of so many
            return
        if self._mark is None:
            self._mark = (now_s, seen)
        if now_s - self._mark[0] >= WINDOW_S:
            self._judge(now_s, seen)

    def refused(self, now_s: float, in_use: int) -> None:
        """The host let in no more than these."""
        self.refused_beyond = self.wanted = max(in_use, 1)
        self._back_off(now_s)

    def _judge(self, now_s: float, seen: Seen) -> None:
        assert self._mark is not None, "there is a window"
        since_s, then = self._mark
        passed_s = now_s - since_s
        rates = (
            self.wanted, (seen.bytes - then.bytes) / passed_s, (seen.files - then.files) / passed_s
        )
        self._mark = (now_s, seen)
        before, self._rates_before = self._rates_before, rates
        if before is not None and before[0] < self.wanted and not _is_gain(before, rates):
            self.wanted = before[0]
            self._back_off(now_s)
        elif self._quiet_until_s is None:
            self._step_to(self.wanted + max(self.wanted // 4, 1))
        elif now_s >= self._quiet_until_s:
            self._quiet_until_s = now_s + QUIET_S
            self._step_to(self.wanted + 1)

    def _step_to(self, wanted: int) -> None:
        if wanted > self.at_most:
            wanted = self.at_most
        if wanted != self.wanted:
            self.wanted, self._mark = wanted, None

    def _note_timeout(self, now_s: float) -> None:
        before = self._outage_at_s
        if before is not None and now_s - before < BURST_S:
            return
        self._outage_at_s = now_s
        if before is not None and now_s - before < REPEATED_S:
            self.wanted = max(self.wanted - max(self.wanted // 4, 1), 1)
            self._back_off(now_s)

    def _back_off(self, now_s: float) -> None:
        self._is_careful = True
        self._mark = self._rates_before = None
        self._quiet_until_s = now_s + self._quiet_s
        self._quiet_s = min(2 * self._quiet_s, LONGEST_QUIET_S)


def _is_gain(before: tuple[int, float, float], now: tuple[int, float, float]) -> bool:
    """Of bytes or of files: which of them the line is short of depends on their size."""
    wanted_gain = 1 + GAIN * (now[0] / before[0] - 1)
    return now[1] >= before[1] * wanted_gain or now[2] >= before[2] * wanted_gain
