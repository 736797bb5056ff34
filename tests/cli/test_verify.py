"""`farcopy verify`: what it finds, what it says, and what it changes."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.running import (
    SlowFtpServer,
    configure,
    new_home,
    rows,
    run_farcopy,
    states,
    sync,
    write_tree,
)

FILES = {"a": b"a" * 1000, "deep/b": b"b" * 2000, "deep/er/c": b"c" * 3000}


@pytest.fixture
def home(tmp_path: Path, server: SlowFtpServer) -> Path:
    """Three files stored."""
    write_tree(tmp_path / "data", FILES)
    configure(tmp_path / "home", server, "/backup", hospital_data_path=tmp_path / "data")
    assert sync(tmp_path / "home")["files_synced"] == 3
    return tmp_path / "home"


@pytest.fixture
def remote(home: Path, tmp_path: Path) -> Path:
    """Where they arrived."""
    return tmp_path / "remote/backup/hospital"


def verify(home: Path, *args: str) -> dict[str, Any]:
    done = run_farcopy(home, "verify", "--json", *args)
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return {**answer, "exit": done.returncode}


def flip(file: Path) -> None:
    """Another content, the same size and times."""
    was = file.stat()
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))


def log_events(home: Path, name: str) -> list[dict[str, Any]]:
    lines = (home / "logs/sync.log").read_text(encoding="utf-8").splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == name]


def test_what_is_as_it_should_be_is_verified(home: Path) -> None:
    answer = verify(home)

    assert (answer["exit"], answer["files_checked"], answer["files_verified"]) == (0, 3, 3)
    assert (answer["bytes_read"], answer["differing"], answer["finished"]) == (6000, [], True)
    assert set(states(home).values()) == {"verified"}
    assert rows(home, "SELECT count(*) FROM replicas WHERE verified_at IS NULL") == [(0,)]
    assert sync(home)["message"] == "No new files to sync"
    (row,) = rows(home, "SELECT kind, files_checked, files_verified, error_code,"
                        " completed_at IS NOT NULL FROM verifications")
    assert row == ("command", 3, 3, "", 1)


def test_it_says_so_in_words(home: Path) -> None:
    done = run_farcopy(home, "verify")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "3 files checked: 3 verified (3 read back, 0 by the server's own hash); "
        "5.9 KiB read back\n"
    )


def test_what_differs_is_named_and_sent_again(home: Path, remote: Path) -> None:
    flip(remote / "a")
    (remote / "deep/b").unlink()
    (remote / "deep/er/c").write_bytes(b"c" * 2999)

    done = run_farcopy(home, "verify")

    assert done.returncode == 3
    assert done.stdout.splitlines() == [
        "differs    hospital/a",
        "missing    hospital/deep/b",
        "differs    hospital/deep/er/c",
        "3 files checked: 0 verified, 2 different, 1 missing; 1000 B read back",
        "3 files are pending again: the next sync sends them",
    ]
    assert set(states(home).values()) == {"pending"}
    found = rows(home, "SELECT reason, md5 FROM replicas ORDER BY id")
    assert sorted(found) == [("remote_differs", "")] * 2 + [("remote_missing", "")]
    assert sync(home)["files_synced"] == 3
    assert verify(home)["files_verified"] == 3
    assert (remote / "a").read_bytes() == FILES["a"]


def test_the_log_has_entry_ids_and_no_names(home: Path, remote: Path) -> None:
    flip(remote / "a")
    verify(home)

    (event,) = log_events(home, "verify.differs")
    ((entry,),) = rows(home, "SELECT id FROM replicas WHERE state = 'pending'")
    assert (event["entry"], event["finding"], event["source_gone"]) == (entry, "differs", False)
    (end,) = log_events(home, "verify.ended")
    assert (end["files_checked"], end["files_differing"], end["code"]) == (3, 1, "")
    assert len(log_events(home, "verify.started")) == 1
    for log in (home / "logs").glob("*.log"):
        assert "deep" not in log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("paths", "count"),
    [
        (["hospital"], 3), (["hospital/"], 3), (["hospital/deep"], 2), (["hospital/deep/er/"], 1),
        (["hospital/deep/b"], 1), (["hospital/a", "hospital/deep/er"], 2), (["orthanc"], 0),
    ],
)
def test_a_path_limits_it_to_a_file_or_a_folder(home: Path, paths: list[str], count: int) -> None:
    assert verify(home, *paths)["files_checked"] == count


@pytest.mark.parametrize(
    "path", ["hospital/dee", "hospital/DEEP", "archive/a", "a", "hospital/../a"]
)
def test_a_path_nobody_knows_is_an_error(home: Path, path: str) -> None:
    done = run_farcopy(home, "verify", path)
    assert done.returncode == 1
    assert done.stderr.startswith("farcopy: nothing is known under this path")
    assert done.stderr.endswith(f"({path})\n")


def test_nothing_in_scope_is_said_and_is_fine(home: Path) -> None:
    done = run_farcopy(home, "verify", "orthanc")
    assert (done.returncode, done.stdout) == (0, "Nothing to verify: nothing is stored there\n")


def test_size_only_proves_nothing_and_finds_what_has_another_size(
    home: Path, remote: Path
) -> None:
    flip(remote / "a")
    (remote / "deep/b").write_bytes(b"short")

    answer = verify(home, "--size-only")

    assert (answer["exit"], answer["files_sized"], answer["files_verified"]) == (3, 2, 0)
    assert (answer["files_differing"], answer["bytes_read"]) == (1, 0)
    assert states(home) == {
        "hospital/a": "stored", "hospital/deep/b": "pending", "hospital/deep/er/c": "stored",
    }


def test_a_sample_checks_so_many_percent_and_at_least_one(home: Path, tmp_path: Path) -> None:
    write_tree(tmp_path / "data", {f"many/{n}": b"%d" % n for n in range(97)})
    sync(home)
    assert verify(home, "--sample", "20")["files_checked"] in (19, 20, 21)
    assert verify(home, "--sample", "0.1")["files_checked"] == 1
    assert run_farcopy(home, "verify", "--sample", "0").returncode == 2


def test_the_last_copy_of_a_vanished_file_is_told_and_stays_vanished(
    home: Path, tmp_path: Path, remote: Path
) -> None:
    (tmp_path / "data/a").unlink()
    (tmp_path / "data/deep/b").unlink()
    sync(home)
    flip(remote / "a")

    done = run_farcopy(home, "verify")

    assert done.returncode == 3
    assert done.stdout.startswith(
        "differs    hospital/a  (gone from the source too: the last copy is damaged or lost)\n"
    )
    assert "their last copy is damaged or lost" in done.stdout
    assert "pending again" not in done.stdout
    assert states(home) == {
        "hospital/a": "vanished", "hospital/deep/b": "vanished", "hospital/deep/er/c": "verified",
    }
    assert dict(rows(home, "SELECT f.name, r.md5 = '' FROM replicas r JOIN source_files f"
                           " ON f.id = r.source_file_id")) == {"a": 1, "b": 0, "c": 0}


def test_a_file_that_changed_and_vanished_is_judged_by_its_content(
    home: Path, tmp_path: Path, remote: Path, server: SlowFtpServer
) -> None:
    # As a change that was not sent before the file went leaves the row.
    rows(home, "UPDATE replicas SET state = 'vanished', size_bytes = 5")
    assert verify(home)["files_verified"] == 3


def test_a_remote_that_cannot_be_reached_is_told_and_nothing_changes(
    home: Path, server: SlowFtpServer
) -> None:
    server.stop()

    done = run_farcopy(home, "verify")

    assert done.returncode == 1
    assert "Not finished: no connection to the FTP host and port" in done.stdout
    assert set(states(home).values()) == {"stored"}
    assert rows(home, "SELECT error_code FROM verifications") == [("connect_failed",)]


def test_a_missing_ftp_path_condemns_no_file(home: Path, tmp_path: Path) -> None:
    (tmp_path / "remote/backup").rename(tmp_path / "remote/elsewhere")

    done = run_farcopy(home, "verify")

    assert done.returncode == 1
    assert "the remote directory does not exist" in done.stdout
    assert set(states(home).values()) == {"stored"}


def test_ftp_that_is_not_configured_is_named(tmp_path: Path) -> None:
    done = run_farcopy(new_home(tmp_path / "home"), "verify")
    assert done.returncode == 1
    assert done.stderr.startswith("farcopy: FTP not configured ")


def test_it_leaves_nothing_on_the_remote_and_writes_nothing_there(
    home: Path, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "remote").rglob("*")}
    verify(home)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "remote").rglob("*")}
