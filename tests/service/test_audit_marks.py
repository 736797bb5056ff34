"""The audit trail of a service at work: its own entries, its mark on the remote, many writers."""

import contextlib
import json
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running import (
    SlowFtpServer,
    configure,
    relay,
    rows,
    run_farcopy,
    serving,
    slow_ftp_server,
    sync,
    wait_until,
    write_tree,
)


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return tmp_path / "remote"


@pytest.fixture
def home(tmp_path: Path, server: SlowFtpServer) -> Path:
    write_tree(tmp_path / "data", {"a": b"x"})
    configure(tmp_path / "home", server, hospital_data_path=tmp_path / "data")
    return tmp_path / "home"


@pytest.fixture
def server(remote: Path) -> Any:
    with slow_ftp_server(remote, 0) as server:
        yield server


def verified(home: Path, exit_code: int = 0) -> dict[str, Any]:
    done = run_farcopy(home, "audit", "verify", "--remote", "--json")
    assert done.returncode == exit_code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def actions(home: Path) -> list[str]:
    return [row[0] for row in rows(home, "SELECT action FROM audit_logs ORDER BY id")]


def test_after_a_run_that_sent_something_the_remote_has_a_mark_that_tells_an_old_copy(
    home: Path, remote: Path
) -> None:
    with contextlib.closing(sqlite3.connect(home / "farcopy.sqlite3")) as database:
        database.execute("VACUUM INTO ?", (str(home / "copy"),))
    assert sync(home)["files_synced"] == 1
    assert actions(home)[-3:] == ["run.started", "run.ended", "cli.sync"]
    (mark,) = (remote / "farcopy").iterdir()
    assert mark.name.startswith("audit-mark-")
    assert verified(home)["remote_mark"]

    for name in ("farcopy.sqlite3-wal", "farcopy.sqlite3-shm", "audit-mark.json"):
        (home / name).unlink(missing_ok=True)
    shutil.move(home / "copy", home / "farcopy.sqlite3")  # whoever restores it is root here
    found = verified(home, 3)
    assert [problem["kind"] for problem in found["problems"]] == ["cut", "head"]
    assert "on the remote" in found["problems"][0]["text"]


def test_an_older_copy_of_the_whole_home_is_told_before_and_after_syncs_until_acknowledged(
    home: Path, remote: Path
) -> None:
    sync(home)
    copy = home.with_name("copy")
    shutil.copytree(home, copy)
    write_tree(home.parent / "data", {"b": b"y"})
    assert sync(home)["files_synced"] == 1
    shutil.rmtree(home)
    shutil.move(copy, home)

    evidence = {path.name: path.read_bytes() for path in (remote / "farcopy").iterdir()}
    assert len(evidence) == 2
    assert verified(home, 3)["problems"][0]["kind"] == "cut"
    for number in range(4):  # as many as there are places, and more
        write_tree(home.parent / "data", {f"c{number}": b"z"})
        assert sync(home)["exit"] == 0
        found = verified(home, 3)
        assert any("on the remote" in problem["text"] for problem in found["problems"])
        # From the first of them on the home knows it too, without a login.
        assert run_farcopy(home, "audit", "verify").returncode == 3
        assert "the audit trail was changed" in run_farcopy(home, "configure").stderr
    newest = max(evidence, key=lambda name: json.loads(evidence[name])["sequence"])
    assert (remote / "farcopy" / newest).read_bytes() == evidence[newest]

    done = run_farcopy(home, "audit", "acknowledge", "--reason", "disk replaced", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verified(home)["status"] == "ok"
    write_tree(home.parent / "data", {"d": b"z"})
    sync(home)
    assert verified(home)["status"] == "ok"
    assert "the audit trail" not in run_farcopy(home, "configure").stderr
    assert actions(home).count("audit.acknowledged") == 1


def test_a_database_without_its_trail_is_told_and_the_marks_on_the_remote_stay(
    home: Path, remote: Path
) -> None:
    sync(home)
    before = [path.read_bytes() for path in (remote / "farcopy").iterdir()]
    for table in ("audit_logs", "audit_head", "key_history"):
        rows(home, f"DELETE FROM {table}")
    write_tree(home.parent / "data", {"b": b"y"})
    sync(home)
    assert verified(home, 3)["status"] == "broken"
    assert before[0] in [path.read_bytes() for path in (remote / "farcopy").iterdir()]


def test_an_older_copy_that_calls_itself_another_home_is_told_all_the_same(home: Path) -> None:
    copy = home.with_name("copy")
    shutil.copytree(home, copy)
    sync(home)
    shutil.rmtree(home)
    shutil.move(copy, home)
    rows(home, "UPDATE sync_configuration SET home_id = 'abcdefabcdef'")
    (problem,) = verified(home, 3)["problems"]
    assert problem["kind"] == "cut"


def test_marks_of_another_home_with_its_own_key_are_no_alarm(
    home: Path, server: SlowFtpServer, tmp_path: Path
) -> None:
    write_tree(tmp_path / "elsewhere", {"b": b"y"})
    run_farcopy(tmp_path / "other", "status")  # made by the verb, and so with another key
    configure(tmp_path / "other", server, hospital_data_path=tmp_path / "elsewhere")
    for one in (home, tmp_path / "other"):
        sync(one)
    for one in (home, tmp_path / "other"):
        assert verified(one)["status"] == "ok"


def test_when_every_place_holds_a_mark_of_another_trail_none_is_replaced_and_that_is_a_warning(
    home: Path, remote: Path
) -> None:
    sync(home)
    (first,) = (remote / "farcopy").iterdir()
    for place in (first, *(first.with_name(f"{first.stem}-{n}.json") for n in (2, 3))):
        place.write_text("what is this?")
    write_tree(home.parent / "data", {"b": b"y"})
    assert sync(home)["exit"] == 0
    assert {path.read_text() for path in (remote / "farcopy").iterdir()} == {"what is this?"}
    assert "marks of another audit trail" in run_farcopy(home, "configure").stderr
    assert verified(home, 3)["problem_count"] == 3
    words = ("audit", "acknowledge", "--reason", "somebody tidied up there", "--yes")
    assert run_farcopy(home, *words).returncode == 0
    write_tree(home.parent / "data", {"c": b"z"})
    sync(home)
    assert "marks of" not in run_farcopy(home, "configure").stderr


def test_a_run_of_nothing_new_leaves_the_remote_alone(home: Path, server: SlowFtpServer) -> None:
    sync(home)
    with relay(server) as between:
        rows(home, "UPDATE sync_configuration SET ftp_port = ?", between.port)
        rows(home, "UPDATE destinations SET port = ?", between.port)
        assert sync(home)["files_synced"] == 0
        assert between.connections == 0


def test_a_mark_the_server_does_not_take_is_a_warning_and_no_failure(
    home: Path, remote: Path
) -> None:
    (remote / "farcopy").write_text("a file where our folder should be")
    assert sync(home)["exit"] == 0
    shown = run_farcopy(home, "configure")
    assert "the mark of the audit trail could not be put on the remote" in shown.stderr
    (remote / "farcopy").unlink()
    write_tree(home.parent / "data", {"b": b"y"})
    assert sync(home)["exit"] == 0
    assert "the mark of" not in run_farcopy(home, "configure").stderr


def test_the_service_s_own_doings_stand_in_the_trail(home: Path) -> None:
    run_farcopy(home, "configure", "--sync-enabled")
    with serving(home) as farcopy:
        wait_until(lambda: "run.ended" in actions(home), what="the scheduled run")
        assert farcopy.end() == 0
    entries = rows(home, "SELECT action, username, ip_address, details FROM audit_logs"
                   " WHERE ip_address = 'service' ORDER BY id")
    assert [entry[:3] for entry in entries] == [
        (action, "", "service")
        for action in ("service.started", "run.started", "run.ended", "service.stopped")
    ]
    assert json.loads(entries[1][3])["sync_type"] == "scheduled"
    assert json.loads(entries[2][3])["status"] == "success"


def test_server_service_and_command_line_write_one_chain_without_a_gap(home: Path) -> None:
    with serving(home) as farcopy, ThreadPoolExecutor(12) as pool:
        calls = [
            pool.submit(httpx.get, f"{farcopy.url}/api/sync/status.php", trust_env=False,
                        timeout=60)
            for _ in range(60)
        ]
        verbs = [
            pool.submit(run_farcopy, home, "configure", "--sync-interval", str(minutes))
            for minutes in range(5, 8)
        ]
        assert {call.result().status_code for call in calls} == {401}
        assert all(verb.result().returncode == 0 for verb in verbs)
    found = verified(home)
    assert found["status"] == "ok"
    assert actions(home).count("sync.status") == 60
    assert actions(home).count("cli.configure") == 4
    sequences = [row[0] for row in rows(home, "SELECT sequence FROM audit_logs ORDER BY id")]
    assert sequences == list(range(1, len(sequences) + 1))


def test_a_key_replaced_beside_a_service_that_runs_stops_nothing(home: Path) -> None:
    with serving(home):
        assert run_farcopy(home, "key", "rotate").returncode == 0
        write_tree(home.parent / "data", {"b": b"y"})
        assert sync(home)["files_synced"] == 2  # carried out by the service
    assert verified(home)["status"] == "ok"
    assert "audit.gap" not in (home / "logs/service.log").read_text()
