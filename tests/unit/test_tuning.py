"""The number of connections, against lines that are made of one formula each."""

from collections.abc import Callable
from itertools import pairwise

from farcopy.planning.tuning import (
    BURST_S,
    FIRST,
    QUIET_S,
    REPEATED_S,
    WINDOW_S,
    ConnectionTuning,
    Seen,
)

STEP_S = 0.2


class Line:
    """A run over a line: files_per_s of so many connections. limit: of the host.

    A session is open login_s after it is wanted. asked: when, and beyond how many, the
    host refused one.
    """

    def __init__(
        self, tuning: ConnectionTuning, files_per_s: Callable[[int], float], limit: int = 1000
    ) -> None:
        self.tuning = tuning
        self.files_per_s = files_per_s
        self.limit = limit
        self.now_s = 1000.0
        self.sessions = 0
        self.files = 0.0
        self.timeouts = 0
        self.refusals: list[tuple[float, int]] = []
        self.history: list[int] = []

    def go(self, for_s: float) -> int:
        end_s = self.now_s + for_s
        while self.now_s < end_s:
            self.now_s += STEP_S
            if self.tuning.wanted > self.limit:
                self.refusals.append((self.now_s, self.limit))
                self.tuning.refused(self.now_s, self.limit)
            self.files += self.files_per_s(self.sessions) * STEP_S
            seen = Seen(self.sessions, int(self.files * 1e6), int(self.files), self.timeouts)
            self.tuning.look(self.now_s, seen)
            self.sessions = self.tuning.wanted
            self.history.append(self.tuning.wanted)
        return self.tuning.wanted


def proportional(connections: int) -> float:
    return 4.0 * connections


def full_at(most: int) -> Callable[[int], float]:
    return lambda connections: 4.0 * min(connections, most)


def test_a_run_begins_with_eight_and_measures_before_it_takes_more() -> None:
    line = Line(ConnectionTuning(32), proportional)
    assert line.tuning.wanted == FIRST == 8
    assert line.go(WINDOW_S) == FIRST
    assert line.go(2 * STEP_S) > FIRST


def test_not_one_connection_more_than_set_is_wanted() -> None:
    for at_most in (1, 2, 3, 5, 8, 20):
        line = Line(ConnectionTuning(at_most), proportional)
        line.go(600)
        assert max(line.history) == line.tuning.wanted == at_most


def test_over_a_line_that_waits_it_goes_on_to_all_connections_within_a_minute() -> None:
    assert Line(ConnectionTuning(32), proportional).go(60) == 32


def test_over_a_full_line_it_stays_where_throughput_grew_last() -> None:
    line = Line(ConnectionTuning(32), full_at(10))
    line.go(4 * WINDOW_S)
    assert line.tuning.wanted == 10
    line.go(QUIET_S - 2 * WINDOW_S)
    assert line.tuning.wanted == 10


def test_a_line_that_has_become_wider_is_found_out_after_some_quiet() -> None:
    line = Line(ConnectionTuning(32), full_at(10))
    line.go(4 * WINDOW_S)
    line.files_per_s = proportional
    assert line.go(QUIET_S + 2 * WINDOW_S) == 11


def test_a_refusal_is_obeyed_at_once_and_more_tried_ever_more_seldom() -> None:
    line = Line(ConnectionTuning(8), proportional, limit=5)
    line.go(QUIET_S / 2)
    assert line.tuning.wanted == line.tuning.refused_beyond == 5
    line.go(3600)
    waits = [b - a for (a, _), (b, _) in pairwise(line.refusals)]
    assert waits[0] >= QUIET_S
    assert all(later >= sooner for sooner, later in pairwise(waits))
    assert len(waits) < 10
    assert set(line.history[100:]) <= {5, 6}


def test_a_host_that_lets_in_more_again_gets_them_one_by_one() -> None:
    line = Line(ConnectionTuning(8), proportional, limit=3)
    line.go(QUIET_S / 2)
    line.limit = 1000
    assert line.go(QUIET_S) == 4
    assert line.go(QUIET_S + 2 * WINDOW_S) == 5


def test_a_known_limit_is_where_a_run_begins_and_not_where_it_ends() -> None:
    line = Line(ConnectionTuning(8, known_limit=3), proportional)
    assert line.go(QUIET_S / 2) == 3
    assert line.go(QUIET_S) == 4
    assert line.tuning.refused_beyond is None
    assert line.tuning.most_seen >= 3


def test_without_work_for_all_of_them_nothing_is_concluded() -> None:
    tuning = ConnectionTuning(8)
    for tick in range(1000):
        tuning.look(tick * STEP_S, Seen(sessions=2, files=tick))
    assert tuning.wanted == FIRST


def test_one_outage_is_the_lines_fault_and_the_second_the_hosts() -> None:
    line = Line(ConnectionTuning(8), proportional)
    line.go(WINDOW_S)
    line.timeouts += 8  # all at once
    assert line.go(BURST_S + 1) == 8
    line.timeouts += 8
    assert line.go(BURST_S + 1) == 6
    line.timeouts += 1
    assert line.go(1) == 5


def test_an_outage_long_after_another_is_the_first_again() -> None:
    line = Line(ConnectionTuning(8), proportional)
    line.go(WINDOW_S)
    line.timeouts += 1
    line.go(REPEATED_S + 1)
    line.timeouts += 1
    assert line.go(WINDOW_S) == 8


def test_it_is_never_less_than_one() -> None:
    line = Line(ConnectionTuning(2), proportional)
    for _ in range(10):
        line.timeouts += 1
        line.go(BURST_S + 1)
    line.tuning.refused(line.now_s, 0)
    assert line.tuning.wanted == 1
