"""How long files have waited, and how a long series is thinned."""

from datetime import UTC, datetime, timedelta

import pytest

from farcopy.planning.backlog import Sample, lag_of, thinned

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("oldest", "last_empty", "lag"),
    [(NOW - HOUR, None, 3600), (None, NOW - HOUR, 3600),
     (NOW - 1000 * HOUR, NOW - HOUR, 3600),  # copied in with its old date, an hour ago at most
     (NOW - HOUR, NOW - 5 * HOUR, 3600), (NOW + HOUR, None, 0), (None, None, 0),
     # Of a clock that was ahead: it does not hide how long the others wait.
     (NOW - HOUR, NOW + 1000 * HOUR, 3600), (NOW + HOUR, NOW - 5 * HOUR, 5 * 3600)],
)
def test_a_file_waits_since_it_was_written_or_since_nothing_waited(
    oldest: datetime | None, last_empty: datetime | None, lag: float
) -> None:
    assert lag_of(oldest, last_empty, NOW) == lag


def test_a_long_series_keeps_its_peaks() -> None:
    since = NOW - 100 * HOUR
    samples = [Sample(since + n * HOUR / 10, n, 0, 1.0 + (n == 555) * 99) for n in range(1000)]
    shown = thinned(samples, since, NOW, 50)
    assert len(shown) <= 51
    assert max(shown, key=lambda s: s.lag_s).files == 555
    assert [s.at for s in shown] == sorted(s.at for s in shown)


def test_a_short_series_stays_as_it_is() -> None:
    samples = [Sample(NOW, 1, 1, 1.0)]
    assert thinned(samples, NOW - HOUR, NOW, 50) == samples
