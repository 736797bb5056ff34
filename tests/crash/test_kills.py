"""Killed at random moments; and a worker as it should not be, which the same loop finds out."""

import sys

import pytest

from tests.crash.history import Writer
from tests.crash.kills import kill_loop, names, run_naive, slow_stage
from tests.parts.ftp_servers import why_not

SEED, KILLS, NAIVE_KILLS = 7, 200, 100
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="processes are forked: POSIX only"),
    pytest.mark.skipif(bool(why_not("vsftpd")), reason=str(why_not("vsftpd"))),
]


def test_a_naive_worker_is_found_out() -> None:
    report = run_naive(SEED, NAIVE_KILLS)

    print(report.line())
    assert {"I1", "I2"} <= {found.invariant for found in report.violations}


def test_two_hundred_kills_lose_and_spoil_nothing() -> None:
    with slow_stage() as play:
        writer = Writer(play.sources, play.folder / "staging", names(), SEED)
        play.new_history(writer.history)
        report = kill_loop(
            play, writer, lambda: play.zygote.start("sync", "--json"), KILLS, SEED
        )

    print(report.line())
    repeat = f"python -m tests.crash.kills --seed {SEED} --kills {KILLS}"
    assert not report.violations, "\n".join([repeat, *map(str, report.violations[:20])])
    # It looked at something, something was under way, and something was finished.
    assert report.stored_rows > KILLS
    assert report.commands > KILLS
    assert report.whole_runs > 0
