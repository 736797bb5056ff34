"""`farcopy sync`: exit codes, what it prints, and what a dry run leaves alone."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import (
    FARCOPY,
    SLOW_BYTES,
    SLOW_BYTES_PER_S,
    SlowFtpServer,
    age,
    arrived,
    configure,
    environment,
    pattern,
    run_farcopy,
    running,
    runs,
    sync,
    temporaries,
    wait_until,
    write_tree,
)

FILES = {"a": b"a" * 1000, "deep/b": b"b" * 2000}


@pytest.fixture
def home(tmp_path: Path, server: SlowFtpServer) -> Path:
    """Configured to send `data` and `orthanc`, of two files and none."""
    write_tree(tmp_path / "data", FILES)
    (tmp_path / "orthanc").mkdir()
    configure(
        tmp_path / "home", server, "/backup",
        hospital_data_path=tmp_path / "data", orthanc_storage_path=tmp_path / "orthanc",
    )
    return tmp_path / "home"


def make_slow(tmp_path: Path, server: SlowFtpServer, times: int = 1) -> None:
    """The next run takes about two seconds; or so many times that, unless set free."""
    server.set_rate(SLOW_BYTES_PER_S)
    write_tree(tmp_path / "data", {"large": pattern(times * SLOW_BYTES, "large")})


# --- exit codes and what is printed ---


def test_success_exits_with_0_and_says_what_was_sent(home: Path, tmp_path: Path) -> None:
    done = run_farcopy(home, "sync")

    assert done.returncode == 0
    assert done.stdout.startswith("Success: 2 files, 2.9 KiB in ")
    assert arrived(tmp_path / "remote/backup") == {
        f"hospital/{name}": content for name, content in FILES.items()
    }


def test_nothing_new_exits_with_0_and_says_so(home: Path) -> None:
    sync(home)

    done = run_farcopy(home, "sync")

    assert done.returncode == 0
    assert done.stdout.startswith("Nothing new in ")
    assert "(2 unchanged)" in done.stdout


def test_failure_exits_with_1_and_says_why(home: Path, server: SlowFtpServer) -> None:
    server.stop()

    done = run_farcopy(home, "sync")

    assert done.returncode == 1
    assert done.stdout.startswith("Failed: 0 files")
    assert "no connection to the FTP host and port" in done.stdout
    assert "Traceback" not in done.stderr


def test_partial_success_exits_with_3_and_names_what_is_missing(home: Path, tmp_path: Path) -> None:
    (tmp_path / "orthanc").rmdir()

    done = run_farcopy(home, "sync")

    assert done.returncode == 3
    assert done.stdout.startswith("Partial: 2 files")
    assert (f"Failed to read: orthanc (--orthanc-storage-path (now {tmp_path / 'orthanc'}): the "
            "source directory is not there") in done.stdout


def test_another_run_that_is_on_exits_with_11_and_leaves_it_alone(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    make_slow(tmp_path, server, times=10)
    with running(home, "sync", "--json") as first:
        wait_until(lambda: temporaries(tmp_path / "remote/backup"))

        second = run_farcopy(home, "sync")

        assert first.process.poll() is None  # it was on all the time
        server.set_rate(0)
        assert first.wait() == 0
    assert second.returncode == 11
    assert second.stderr.startswith("farcopy: A sync is already running: farcopy status ")
    assert second.stdout == ""
    assert runs(home) == [("manual", "success", 3)]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([], "FTP not configured"),
        (["--ftp-host", "127.0.0.1", "--ftp-username", "x"], "No source directory configured"),
    ],
)
def test_what_is_not_configured_is_named(tmp_path: Path, args: list[str], text: str) -> None:
    assert run_farcopy(tmp_path, "configure", *args).returncode == 0

    done = run_farcopy(tmp_path, "sync")

    assert done.returncode == 1
    assert done.stderr.startswith(f"farcopy: {text} (the home is {tmp_path}): farcopy configure --")
    assert runs(tmp_path) == []


def test_ctrl_c_ends_a_run_in_order(home: Path, tmp_path: Path, server: SlowFtpServer) -> None:
    make_slow(tmp_path, server)
    with running(home, "sync") as farcopy:
        wait_until(lambda: temporaries(tmp_path / "remote/backup"))
        code = farcopy.end()

    # The file in hand was finished within the grace; all that was due is there.
    assert code in (0, 3)
    assert "stopped" in farcopy.output
    assert temporaries(tmp_path / "remote/backup") == []
    assert sync(home)["exit"] == 0


# --- --json ---


def test_json_ends_with_one_object_of_sync_nows_keys(home: Path, tmp_path: Path) -> None:
    done = run_farcopy(home, "sync", "--json")

    answer = json.loads(done.stdout.splitlines()[-1])
    assert {"files_synced", "total_size_mb", "duration_seconds", "status"} <= set(answer)
    assert (answer["files_synced"], answer["total_size_mb"]) == (2, 0.0)
    assert answer["status"] == "success"
    assert isinstance(answer["duration_seconds"], float)
    assert "errors" not in answer

    write_tree(tmp_path / "data", {"mib": bytes(1024 * 1024)})
    (tmp_path / "orthanc").rmdir()
    partial = json.loads(run_farcopy(home, "sync", "--json").stdout.splitlines()[-1])
    assert (partial["status"], partial["total_size_mb"]) == ("partial", 1.0)
    assert len(partial["errors"]) == 1


def test_json_of_nothing_new_has_the_message_of_the_reference(home: Path) -> None:
    sync(home)

    answer = sync(home)

    assert (answer["files_synced"], answer["total_size_mb"]) == (0, 0)
    assert answer["message"] == "No new files to sync"


# --- the progress bar ---


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is POSIX")
def test_a_progress_bar_is_drawn_on_a_terminal(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    import pty

    make_slow(tmp_path, server)
    ours, theirs = pty.openpty()  # it does not know its width: the bar is drawn all the same
    process = subprocess.Popen(
        [str(FARCOPY), "sync"], env=environment(home), stdin=theirs,
        stdout=subprocess.PIPE, stderr=theirs,
    )
    os.close(theirs)
    drawn = b""
    try:
        while block := os.read(ours, 65536):
            drawn += block
    except OSError:  # EIO: the other end is closed
        pass
    finally:
        os.close(ours)
        output, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert b"files" in drawn
    assert b"%" in drawn
    assert b"3/3 files" in drawn
    assert output.startswith(b"Success: 3 files")


def test_no_progress_bar_is_drawn_elsewhere(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    make_slow(tmp_path, server)

    done = run_farcopy(home, "sync", "--json")

    assert done.returncode == 0
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


# --- --dry-run ---


def test_a_dry_run_shows_each_action_with_its_reason_and_changes_nothing(
    home: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    write_tree(data, {"touched": b"t", "changed": b"c", "same": b"s"})
    sync(home)
    age(data / "touched", by_s=60)
    (data / "changed").write_bytes(b"another size")
    write_tree(data, {"deep/new": b"12345"})
    (data / "link").symlink_to("a")
    before, remote_before = dump(home), arrived(tmp_path / "remote")

    done = run_farcopy(home, "sync", "--dry-run")

    assert done.returncode == 0
    *actions, total = done.stdout.splitlines()
    assert {tuple(line.split()) for line in actions} == {
        ("send", "new", "5", "hospital/deep/new"),
        ("send", "changed", "12", "hospital/changed"),
        ("check", "touched", "1", "hospital/touched"),
        ("skip", "symlink", "0", "hospital/link"),
    }
    assert total == "2 to send, 1 to check, 1 skipped; 18 bytes"
    assert dump(home) == before
    assert arrived(tmp_path / "remote") == remote_before


def test_a_dry_run_asks_the_server_nothing_and_leaves_a_new_home_without_a_run(
    home: Path, server: SlowFtpServer
) -> None:
    server.stop()

    done = run_farcopy(home, "sync", "--dry-run", "--json")

    assert done.returncode == 0
    assert json.loads(done.stdout) == {
        "send": 2, "check": 0, "wait": 0, "hold": 0, "skip": 0, "excluded": 0, "bytes": 3000,
    }
    assert runs(home) == []


def test_what_is_excluded_is_shown_counted_and_not_sent(home: Path, tmp_path: Path) -> None:
    assert run_farcopy(home, "configure", "--exclude", "/deep/").returncode == 0

    *actions, total = run_farcopy(home, "sync", "--dry-run").stdout.splitlines()
    assert {tuple(line.split()) for line in actions} == {
        ("send", "new", "1000", "hospital/a"), ("skip", "excluded", "0", "hospital/deep/b"),
    }
    assert total == "1 to send, 0 to check, 0 skipped, 1 excluded; 1000 bytes"
    as_json = run_farcopy(home, "sync", "--dry-run", "--json").stdout
    assert json.loads(as_json)["excluded"] == 1

    done = run_farcopy(home, "sync")
    assert done.returncode == 0
    assert "(0 unchanged, 1 excluded)" in done.stdout
    assert set(arrived(tmp_path / "remote/backup")) == {"hospital/a"}


def test_a_dry_run_may_be_taken_while_a_run_is_on(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    make_slow(tmp_path, server, times=10)
    with running(home, "sync") as farcopy:
        wait_until(lambda: temporaries(tmp_path / "remote/backup"))
        done = run_farcopy(home, "sync", "--dry-run")
        assert farcopy.process.poll() is None
        server.set_rate(0)
        assert farcopy.wait() == 0

    assert done.returncode == 0
    assert "hospital/large" in done.stdout


def dump(home: Path) -> list[str]:
    """The whole database as SQL."""
    with sqlite3.connect(home / "farcopy.sqlite3") as database:
        return list(database.iterdump())
