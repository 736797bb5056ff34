"""`farcopy service`, killed in the middle of its runs: each start goes on by itself."""

import contextlib
import os
import signal
import sqlite3
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.crash.checker import DATABASE
from tests.crash.history import Writer
from tests.crash.kills import LINE, names, runs_on, settle
from tests.crash.stage import Stage, server, stage
from tests.crash.zygote import Child
from tests.parts.fixtures import make_ftp_place
from tests.parts.ftp_servers import why_not
from tests.running import rows, temporaries, wait_until

KILLS, RESUMES_S = 3, 30.0
_REASON = "processes are forked: POSIX only" if sys.platform == "win32" else why_not("vsftpd")
pytestmark = pytest.mark.skipif(bool(_REASON), reason=str(_REASON))


def run_count(home: Path) -> int:
    with contextlib.closing(sqlite3.connect(home / DATABASE, timeout=30)) as database:
        return int(database.execute("SELECT count(*) FROM sync_history").fetchone()[0])


def start_and_wait_for_a_run(play: Stage) -> Child:
    before, begun_s = run_count(play.home), time.monotonic()
    service = play.zygote.start("service")
    wait_until(lambda: run_count(play.home) > before, within_s=RESUMES_S, what="a run")
    assert time.monotonic() - begun_s < RESUMES_S
    return service


def make_due(play: Stage, writer: Writer) -> None:
    """New versions, and the clock moved on by two days."""
    for _ in range(20):
        writer.change()
    past = (datetime.now(UTC) - timedelta(days=2)).replace(tzinfo=None).isoformat(" ")
    rows(play.home, "UPDATE sync_history SET completed_at = ?", past)


def test_a_killed_service_goes_on_by_itself_within_thirty_seconds() -> None:
    """Killed once a run: what crashes again and again is made to wait, by design."""
    with (
        server("vsftpd", options=LINE) as ftp_server,
        # An interval of a day: only resuming explains the run after a kill.
        stage(
            make_ftp_place(ftp_server), ftp_connections=2, sync_enabled=True, sync_interval=1440
        ) as play,
    ):
        writer = Writer(play.sources, play.folder / "staging", names(40), seed=3)
        play.new_history(writer.history)
        killed: set[int] = set()
        for _ in range(KILLS):
            service = start_and_wait_for_a_run(play)
            wait_until(lambda: temporaries(play.place.root), what="something on the line")
            assert play.checker.at_any_moment(is_engine_alive=True) == []
            assert service.kill()
            killed |= runs_on(play.home)
            assert play.checker.at_any_moment() == []

            service = start_and_wait_for_a_run(play)
            wait_until(lambda: not runs_on(play.home), what="the end of the resumed run")
            os.kill(service.pid, signal.SIGTERM)
            assert service.wait().code == 0
            assert [str(found) for found in play.checker.at_the_end()] == []
            make_due(play, writer)

        assert [str(found) for found in settle(play, killed)] == []
        assert len(killed) == KILLS
