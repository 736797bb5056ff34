"""Real faults, no proxy: a full disk, few connections, a read-only home, a server's death."""

import contextlib
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.history import Writer
from tests.crash.kills import LINE, names
from tests.crash.stage import PATIENT, Stage, server, stage
from tests.parts.fixtures import make_ftp_place
from tests.parts.ftp_servers import KINDS, FtpServer, Kind, start_ftp_server, why_not
from tests.parts.scratch import open_folder
from tests.running import temporaries, wait_until

_REASON = "processes are forked: POSIX only" if sys.platform == "win32" else why_not("vsftpd")
pytestmark = pytest.mark.skipif(bool(_REASON), reason=str(_REASON))


def mount(*words: str | Path) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mount is not permitted here: {done.stderr.strip()[:200]}")


def fill(play: Stage, count: int, seed: int) -> None:
    writer = Writer(play.sources, play.folder / "staging", names(count), seed)
    play.new_history(writer.history)


def all_is_well_after(play: Stage) -> list[str]:
    """One run brings home what is left, one is idle."""
    answers = [play.zygote.run("sync", "--json") for _ in range(2)]
    found = [v for ended in answers for v in play.checker.is_truthful(ended.answer())]
    return [str(v) for v in (*found, *play.checker.at_the_end(e.stdout for e in answers))]


@contextlib.contextmanager
def small_server(kind: Kind, size: str) -> Iterator[tuple[FtpServer, Path]]:
    """Its home is a disk of this size. Mounted before the start: it has a namespace of its own."""
    folder = open_folder()
    home = folder / "home"
    home.mkdir()
    try:
        mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", home)
        try:
            started = start_ftp_server(kind, folder)
            try:
                yield started, home
            finally:
                started.kill()
        finally:
            subprocess.run(["umount", "--lazy", home], check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_told_and_a_larger_one_takes_the_rest(kind: Kind) -> None:
    if reason := why_not(kind):
        pytest.skip(reason)
    with small_server(kind, "2m") as (ftp_server, disk), stage(make_ftp_place(ftp_server)) as play:
        fill(play, 24, seed=5)

        answer = play.zygote.sync()

        assert answer["status"] in ("partial", "failed")
        assert any("full" in line for line in answer["errors"]), answer
        assert play.checker.at_any_moment() + play.checker.is_truthful(answer) == []

        mount("-o", "remount,size=60m", disk)
        assert all_is_well_after(play) == []


def test_a_server_that_takes_one_connection_gets_all_over_one() -> None:
    with (
        server("vsftpd", options=["max_per_ip=1", "max_clients=1"]) as ftp_server,
        stage(make_ftp_place(ftp_server), ftp_connections=4) as play,
    ):
        fill(play, 40, seed=6)

        answer = play.zygote.sync()

        assert answer["status"] == "success", answer
        assert all_is_well_after(play) == []


def test_a_home_that_cannot_be_written_to_fails_truly_and_recovers() -> None:
    with server("vsftpd") as ftp_server, stage(make_ftp_place(ftp_server)) as play:
        fill(play, 10, seed=7)
        mount("--bind", play.home, play.home)
        try:
            mount("-o", "remount,bind,ro", play.home)
            ended = play.zygote.run("sync", "--json")
        finally:
            subprocess.run(["umount", play.home], check=True)

        assert ended.code == 1
        assert "Traceback" not in ended.stderr
        assert play.checker.at_any_moment() == []
        assert all_is_well_after(play) == []


def test_a_server_killed_and_started_again_in_mid_run_loses_nothing() -> None:
    with (
        server("vsftpd", options=LINE) as ftp_server,
        stage(make_ftp_place(ftp_server), env=PATIENT, ftp_connections=3) as play,
    ):
        fill(play, 40, seed=8)
        chance = random.Random(8)
        for _ in range(3):
            child = play.zygote.start("sync", "--json")
            wait_until(lambda: temporaries(play.place.root), what="something on the line")
            child.has_ended(chance.uniform(0, 0.2))
            ftp_server.kill()
            ftp_server.restart()
            answer = child.wait().answer()
            assert play.checker.at_any_moment() + play.checker.is_truthful(answer) == []
            if answer["status"] == "success":
                break
        assert all_is_well_after(play) == []
