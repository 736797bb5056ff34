"""Killed, or refused by the disk, at a chosen system call."""

import sys
from collections.abc import Iterator

import pytest

from tests.crash.syscalls import ERRORS, RUN, TRANSFER, Bench, Point, bench, points, why_not_traced
from tests.parts.ftp_servers import why_not

EVERY, SEED = 5, 3
_REASON = (
    "processes are forked and traced: Linux only" if sys.platform != "linux"
    else why_not("vsftpd") or why_not_traced()
)
pytestmark = pytest.mark.skipif(bool(_REASON), reason=str(_REASON))


@pytest.fixture(scope="module")
def on() -> Iterator[Bench]:
    with bench() as on:
        yield on


def test_every_fifth_system_call_may_be_the_last(on: Bench) -> None:
    results = [on.strike(point) for point in points(on, EVERY, SEED)]

    assert [result.line() for result in results if result.violations] == []
    killed = sum(result.ended.code == -9 for result in results)
    # All but those beyond the last call; a run may make one more or less than was counted.
    assert killed >= len(results) - 5 > 10, f"{killed} of {len(results)}"


@pytest.mark.parametrize("thread", [RUN, TRANSFER])
@pytest.mark.parametrize(("call", "error"), ERRORS)
def test_a_ledger_the_disk_refuses_is_told_and_nothing_is_claimed(
    on: Bench, thread: str, call: str, error: str
) -> None:
    """From the third such call of a thread on, each fails: no retry gets past it."""
    result = on.strike(Point(thread, call, 3, f"error={error}"), forever=True)

    assert result.violations == [], result.line()
    assert result.ended.code not in (0, -9), result.ended
