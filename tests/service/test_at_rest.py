"""Young files and the tripwire through the whole of farcopy: service, API rows, command line."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import (
    SlowFtpServer,
    age,
    arrived,
    configure,
    rows,
    run_farcopy,
    runs,
    serving,
    slow_ftp_server,
    sync,
    wait_until,
    write_tree,
)

TRIPWIRE = {"FARCOPY_TRIPWIRE_FILES": "5"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SlowFtpServer]:
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, server: SlowFtpServer) -> Path:
    write_tree(tmp_path / "data", {f"f{n}": b"old %d" % n for n in range(10)})
    configure(tmp_path / "home", server, hospital_data_path=tmp_path / "data")
    return tmp_path / "home"


def test_what_was_there_when_sync_was_pressed_is_sent_although_it_is_young(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "data/new").write_bytes(b"a moment ago")
    age(tmp_path / "data/new", by_s=-60)  # young however long farcopy takes to start

    done = sync(home, env={"FARCOPY_SETTLE_S": "1"})

    assert (done["files_synced"], done["status"]) == (11, "success")
    assert arrived(tmp_path / "remote")["hospital/new"] == b"a moment ago"
    assert done["duration_seconds"] >= 1


def test_a_file_that_keeps_growing_is_left_out_whole_and_told(home: Path, tmp_path: Path) -> None:
    is_over = threading.Event()

    def write_on() -> None:
        with (tmp_path / "data/growing").open("ab", buffering=0) as out:
            while not is_over.wait(0.01):
                out.write(b"more")

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        wait_until(lambda: (tmp_path / "data/growing").exists())
        done = sync(home, env={"FARCOPY_SETTLE_S": "0.5"})
    finally:
        is_over.set()
        writer.join()

    assert (done["files_synced"], done["status"], done["exit"]) == (10, "success", 0)
    assert done["warnings"] == ["1 file was still being written to; the next sync looks again"]
    assert "hospital/growing" not in arrived(tmp_path / "remote")
    shown = json.loads(run_farcopy(home, "status", "--json").stdout)
    assert any("still being written" in warning for warning in shown["warnings"])
    done = sync(home)
    assert (done["files_synced"], done.get("warnings")) == (1, None)
    growing = (tmp_path / "data/growing").read_bytes()
    assert arrived(tmp_path / "remote")["hospital/growing"] == growing


def test_a_scheduled_run_leaves_a_young_file_to_the_next_and_resumes(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "data/new").write_bytes(b"a moment ago")
    rows(home, "UPDATE sync_configuration SET sync_enabled = 1")
    with serving(home, verb="service", env={"FARCOPY_SETTLE_S": "600"}):
        wait_until(lambda: len(runs(home)) == 1 and runs(home)[0][1] != "running")
    assert runs(home) == [("scheduled", "success", 10)]
    assert rows(home, "SELECT name FROM first_looks") == [("new",)]


def test_the_tripwire_freezes_is_told_and_thaws_when_confirmed(
    home: Path, tmp_path: Path
) -> None:
    assert sync(home, env=TRIPWIRE)["exit"] == 0
    before = arrived(tmp_path / "remote")
    write_tree(tmp_path / "data", {f"f{n}": b"encrypted %d" % n for n in range(6)})

    frozen = run_farcopy(home, "sync", env=TRIPWIRE)

    assert frozen.returncode == 1
    assert "farcopy confirm-changes" in frozen.stdout + frozen.stderr
    assert arrived(tmp_path / "remote") == before
    shown = json.loads(run_farcopy(home, "status", "--json", env=TRIPWIRE).stdout)
    assert shown["frozen"]["changed_files"] == 6
    assert shown["warnings"][0].startswith("Sync is frozen: 6 of 10 known files changed and 0")
    log = (home / "logs/sync.log").read_text()
    assert '"sync.frozen"' in log
    assert "f3" not in log

    confirmed = run_farcopy(home, "confirm-changes", env=TRIPWIRE)

    assert confirmed.stdout.startswith("Confirmed: 6 changed files will be sent, 0 have vanished")
    assert run_farcopy(home, "confirm-changes", env=TRIPWIRE).returncode == 1
    assert sync(home, env=TRIPWIRE)["files_synced"] == 6
    assert arrived(tmp_path / "remote")["hospital/f5"] == b"encrypted 5"


def test_automatic_runs_wait_while_frozen_and_go_on_once_confirmed(
    home: Path, tmp_path: Path
) -> None:
    assert sync(home, env=TRIPWIRE)["exit"] == 0
    write_tree(tmp_path / "data", {f"f{n}": b"meant %d" % n for n in range(6)})
    rows(home, "UPDATE sync_configuration SET sync_enabled = 1, sync_interval = 15")
    rows(home, "UPDATE sync_history SET completed_at = '2020-01-01 00:00:00'")
    with serving(home, verb="service", env=TRIPWIRE):
        wait_until(lambda: len(runs(home)) == 2 and runs(home)[1][1] == "failed")
        assert run_farcopy(home, "confirm-changes", env=TRIPWIRE).returncode == 0
        wait_until(lambda: len(runs(home)) == 3 and runs(home)[2][1] == "success")
    # No run between the two: a frozen sync is not tried again three times a second.
    assert runs(home)[2] == ("scheduled", "success", 6)
