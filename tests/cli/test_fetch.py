"""`farcopy fetch`: what it brings, what it never overwrites, and what no server makes it do."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_verify import flip
from tests.running import (
    SlowFtpServer,
    configure,
    read_tree,
    rows,
    run_farcopy,
    sync,
    write_tree,
)

FILES = {"a": b"a" * 1000, "deep/b": b"b" * 2000, "deep/er/c": b""}


@pytest.fixture
def home(tmp_path: Path, server: SlowFtpServer) -> Path:
    """Three files stored."""
    write_tree(tmp_path / "data", FILES)
    configure(tmp_path / "home", server, "/backup", hospital_data_path=tmp_path / "data")
    assert sync(tmp_path / "home")["files_synced"] == 3
    return tmp_path / "home"


@pytest.fixture
def other_home(tmp_path: Path, home: Path, server: SlowFtpServer) -> Path:
    """As after the building burned: the same account and path, nothing else."""
    configure(tmp_path / "other", server, "/backup")
    return tmp_path / "other"


@pytest.fixture
def remote(home: Path, tmp_path: Path) -> Path:
    return tmp_path / "remote/backup/hospital"


def fetch(home: Path, to: Path, *paths: str) -> dict[str, Any]:
    done = run_farcopy(home, "fetch", "--json", "--to", str(to), *paths)
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return {**answer, "exit": done.returncode}


def test_a_folder_comes_back_proven(home: Path, tmp_path: Path) -> None:
    answer = fetch(home, tmp_path / "back", "hospital")

    assert (answer["exit"], answer["files_proven"], answer["files_unproven"]) == (0, 3, 0)
    assert read_tree(tmp_path / "back/hospital") == FILES
    times = (tmp_path / name for name in ("back/hospital/a", "data/a"))
    assert len({file.stat().st_mtime_ns for file in times}) == 1


def test_it_says_what_it_did(home: Path, tmp_path: Path) -> None:
    done = run_farcopy(home, "fetch", "hospital/deep/b", "--to", str(tmp_path / "back"))
    assert done.returncode == 0
    assert done.stdout == "1 fetched and proven by their MD5\n2.0 KiB received\n"
    assert read_tree(tmp_path / "back") == {"hospital/deep/b": FILES["deep/b"]}


def test_without_a_ledger_the_remote_is_listed_and_files_are_unproven(
    other_home: Path, tmp_path: Path
) -> None:
    answer = fetch(other_home, tmp_path / "back", "hospital", "orthanc")

    assert (answer["exit"], answer["files_proven"], answer["files_unproven"]) == (0, 0, 3)
    assert read_tree(tmp_path / "back") == {f"hospital/{n}": c for n, c in FILES.items()}
    done = run_farcopy(other_home, "fetch", "hospital/a", "--to", str(tmp_path / "one"))
    assert "unproven: only their size was compared" in done.stdout
    assert read_tree(tmp_path / "one") == {"hospital/a": FILES["a"]}


def test_what_only_the_remote_knows_comes_along(home: Path, remote: Path, tmp_path: Path) -> None:
    write_tree(remote, {"new/x": b"of another"})
    answer = fetch(home, tmp_path / "back", "hospital")
    assert (answer["files_proven"], answer["files_unproven"]) == (3, 1)
    assert read_tree(tmp_path / "back/hospital") == {**FILES, "new/x": b"of another"}


def test_no_existing_file_is_overwritten(home: Path, tmp_path: Path) -> None:
    write_tree(tmp_path / "back/hospital", {"a": b"mine", "deep/b": FILES["deep/b"]})

    done = run_farcopy(home, "fetch", "hospital", "--to", str(tmp_path / "back"))

    assert done.returncode == 3
    assert done.stdout.splitlines()[0] == "occupied   hospital/a"
    assert "1 were there already" in done.stdout
    assert read_tree(tmp_path / "back/hospital") == {**FILES, "a": b"mine"}


def test_a_second_fetch_goes_on_where_the_first_stopped(home: Path, tmp_path: Path) -> None:
    fetch(home, tmp_path / "back", "hospital/deep")
    answer = fetch(home, tmp_path / "back", "hospital")
    assert (answer["exit"], answer["files_proven"], answer["files_present"]) == (0, 1, 2)


def test_a_mismatch_leaves_nothing_behind(home: Path, remote: Path, tmp_path: Path) -> None:
    flip(remote / "a")
    (remote / "deep/b").unlink()

    done = run_farcopy(home, "fetch", "hospital", "--to", str(tmp_path / "back"))

    assert done.returncode == 3
    assert done.stdout.splitlines()[:2] == ["differs    hospital/a", "missing    hospital/deep/b"]
    assert read_tree(tmp_path / "back/hospital") == {"deep/er/c": b""}


def test_a_file_due_again_comes_back_in_the_version_the_remote_holds(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    rows(home, "UPDATE replicas SET state = 'pending', size_bytes = 7, mtime_ns = 7")
    answer = fetch(home, tmp_path / "back", "hospital")
    assert (answer["exit"], answer["files_proven"]) == (0, 3)


@pytest.mark.parametrize("to", ["data", "data/sub", "", "home", "home/back"])
def test_the_live_sources_and_the_home_are_no_target(home: Path, tmp_path: Path, to: str) -> None:
    if not to:  # where DIR/hospital would be the source itself
        (tmp_path / "data").rename(tmp_path / "hospital")
        run_farcopy(home, "configure", "--hospital-data-path", str(tmp_path / "hospital"))
    before = read_tree(tmp_path)

    done = run_farcopy(home, "fetch", "hospital", "--to", str(tmp_path / to))

    assert done.returncode == 1
    assert done.stderr.startswith("farcopy: files are not fetched into this directory")
    now = read_tree(tmp_path)
    assert now.keys() - before.keys() <= {"home/farcopy.sqlite3-wal", "home/farcopy.sqlite3-shm"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_link_in_the_target_is_not_followed(home: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "back/hospital").mkdir(parents=True)
    (tmp_path / "back/hospital/deep").symlink_to(tmp_path / "elsewhere")
    answer = fetch(home, tmp_path / "back", "hospital")
    assert answer["exit"] == 3
    assert read_tree(tmp_path / "elsewhere") == {}


def test_a_path_nobody_knows_is_an_error(home: Path, tmp_path: Path) -> None:
    done = run_farcopy(home, "fetch", "hospital/nothing", "--to", str(tmp_path / "back"))
    assert done.returncode == 1
    assert "nothing is known under this path" in done.stdout


def test_names_with_signs_come_back_as_they_were(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    odd = {"100%41.dcm": b"1", "back\\slash": b"2", " blank ": b"3", "Ärzte/ü": b"4"}
    write_tree(tmp_path / "data", odd)
    sync(home)
    assert fetch(home, tmp_path / "back", "hospital")["exit"] == 0
    assert read_tree(tmp_path / "back/hospital") == {**FILES, **odd}
    configure(tmp_path / "new", server, "/backup")
    assert fetch(tmp_path / "new", tmp_path / "again", "hospital")["exit"] == 0
    assert read_tree(tmp_path / "again/hospital") == {**FILES, **odd}


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_local_disk_that_takes_no_more_ends_it_and_what_came_stays(
    home: Path, tmp_path: Path
) -> None:
    write_tree(tmp_path / "data", {"zz/large": bytes(8 * 1024**2)})  # the last one
    assert sync(home)["files_synced"] == 1
    to = tmp_path / "to"

    # Nothing of more than 4 MiB can be written, as on a full disk.
    done = run_farcopy(home, "fetch", "hospital", "--to", str(to),
                       before=("prlimit", f"--fsize={4 * 1024**2}"))

    assert done.returncode == 1
    assert f"Not finished: files are not fetched into this directory ({to}: " in done.stdout
    assert read_tree(to) == {f"hospital/{name}": content for name, content in FILES.items()}
