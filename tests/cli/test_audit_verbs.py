"""farcopy audit and farcopy key: what they print, how they end, what they leave in the trail."""

import getpass
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.running import (
    PASSWORD,
    SlowFtpServer,
    configure,
    new_home,
    rows,
    run_farcopy,
    sync,
    write_tree,
)

CANARY = "Kanarienvogel-77b1"
NEW_KEY = "3f" * 31 + "a1"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = new_home(tmp_path / "home")
    rows(home, "DELETE FROM audit_logs")  # of the verb that made it
    rows(home, "DELETE FROM audit_head")
    rows(home, "UPDATE key_history SET has_chain = 0")
    (home / "audit-mark.json").unlink()
    return home


def trail(home: Path) -> list[dict[str, Any]]:
    done = run_farcopy(home, "audit", "export", "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def verified(home: Path, *args: str, exit_code: int = 0, **env: str) -> dict[str, Any]:
    done = run_farcopy(home, "audit", "verify", "--json", *args, env=env)
    assert done.returncode == exit_code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# --- the trail ---


def test_verbs_that_change_something_leave_an_entry_with_who_and_what_but_no_values(
    home: Path,
) -> None:
    run_farcopy(home, "configure", "--ftp-host", "ftp.example.org", "--ftp-username", CANARY,
                "--ftp-password-stdin", stdin=f"{CANARY}\n")
    run_farcopy(home, "configure", "--ftp-port", "0")
    run_farcopy(home, "user", "add", "anna", "--password-stdin", stdin=f"{CANARY}\n")
    run_farcopy(home, "user", "disable", "nobody")
    run_farcopy(home, "status")
    entries = trail(home)
    assert [(e["action"], e["details"]["exit"]) for e in entries] == [
        ("cli.configure", 0), ("cli.configure", 1), ("cli.user_add", 0), ("cli.user_disable", 1)]
    assert {(e["username"], e["ip_address"], e["user_id"]) for e in entries} == {
        (getpass.getuser(), "cli", None)}
    assert entries[0]["details"]["options"] == ["ftp_host", "ftp_password_stdin", "ftp_username"]
    assert entries[1]["details"]["bad_fields"] == ["ftp_port"]
    assert (entries[2]["details"]["name"], entries[2]["details"]["role"]) == ("anna", "admin")
    assert CANARY not in json.dumps(entries)


def test_a_wrong_use_of_a_verb_changes_nothing_and_leaves_no_entry(home: Path) -> None:
    assert run_farcopy(home, "configure", "--colour", "red").returncode == 2
    assert trail(home) == []


def test_a_trail_as_it_was_written_ends_with_0_and_a_changed_one_with_3(home: Path) -> None:
    for port in ("22", "23", "24"):
        run_farcopy(home, "configure", "--ftp-port", port)
    done = run_farcopy(home, "audit", "verify")
    assert (done.returncode, done.stdout) == (
        0, "3 entries checked\nThe audit trail is as it was written\n")
    rows(home, "UPDATE audit_logs SET username = 'somebody else' WHERE sequence = 2")
    done = run_farcopy(home, "audit", "verify")
    assert (done.returncode, done.stdout) == (
        3, "3 entries checked\nCHANGED: entry 2 is not as it was written\n"
        "Told at every check, until: farcopy audit acknowledge\n")
    found = verified(home, exit_code=3)
    assert (found["status"], found["problem_count"]) == ("broken", 1)
    assert [(p["kind"], p["entry"]) for p in found["problems"]] == [("edited", 2)]
    assert "the audit trail was changed" in run_farcopy(home, "configure").stderr


def test_an_older_copy_of_the_database_is_told_by_the_home_s_mark(home: Path) -> None:
    run_farcopy(home, "configure", "--ftp-port", "22")
    shutil.copy(home / "farcopy.sqlite3", home / "copy")
    run_farcopy(home, "configure", "--ftp-port", "23")
    assert verified(home)["status"] == "ok"  # which renews the mark
    shutil.move(home / "copy", home / "farcopy.sqlite3")
    for leftover in ("farcopy.sqlite3-wal", "farcopy.sqlite3-shm"):
        (home / leftover).unlink(missing_ok=True)
    found = verified(home, exit_code=3)
    assert [(p["kind"], p["entry"]) for p in found["problems"]] == [("cut", 2)]


def test_nothing_younger_than_six_years_is_pruned(home: Path) -> None:
    run_farcopy(home, "configure", "--ftp-port", "22")
    done = run_farcopy(home, "audit", "prune", "--older-than", "2000")
    assert done.returncode == 1
    assert "FARCOPY_AUDIT_KEEP_DAYS" in done.stderr
    assert run_farcopy(home, "audit", "prune").stdout == "Removed 0 entries\n"
    assert len(trail(home)) == 3


def test_what_was_found_is_told_until_it_is_acknowledged_and_the_entry_says_why(
    home: Path,
) -> None:
    for port in ("22", "23", "24"):
        run_farcopy(home, "configure", "--ftp-port", port)
    words = ["audit", "acknowledge", "--reason", "exercise", "--yes"]
    nothing = run_farcopy(home, *words)
    assert (nothing.returncode, nothing.stdout.splitlines()[-1]) == (
        0, "The audit trail is as it was written")
    rows(home, "UPDATE audit_logs SET username = 'somebody else' WHERE sequence = 2")
    assert run_farcopy(home, *words[:-1], stdin="n\n").returncode == 1
    assert verified(home, exit_code=3)["problem_count"] == 1
    assert run_farcopy(home, *words).returncode == 0
    found = verified(home)
    assert (found["status"], found["earlier_entries"]) == ("ok", 5)  # with two of this verb
    entry = next(e for e in trail(home) if e["action"] == "audit.acknowledged")
    assert (entry["username"], entry["ip_address"]) == (getpass.getuser(), "cli")
    assert entry["details"]["reason"] == "exercise"
    assert entry["details"]["first"] == ["entry 2 is not as it was written"]
    rows(home, "UPDATE audit_logs SET username = 'another' WHERE sequence = 2")
    assert [p["kind"] for p in verified(home, exit_code=3)["problems"]] == ["earlier"]


# --- the key ---


def test_a_replaced_key_encrypts_and_seals_from_then_on_and_the_old_one_no_more(
    tmp_path: Path, server: SlowFtpServer
) -> None:
    home = tmp_path / "home"
    write_tree(tmp_path / "data", {"a": b"x"})
    configure(home, server, hospital_data_path=tmp_path / "data")
    old = (home / "farcopy.key").read_text()
    done = run_farcopy(home, "key", "rotate")
    assert done.returncode == 0, done.stderr
    assert (home / "farcopy.key").read_text() != old
    assert sync(home)["files_synced"] == 1  # it logs in with the password
    assert verified(home)["status"] == "ok"
    (home / "farcopy.key").write_text(old)
    assert run_farcopy(home, "configure").returncode == 1


def test_a_key_that_is_given_is_replaced_where_it_is_given(home: Path) -> None:
    old_key = (home / "farcopy.key").read_text().strip()
    env = {"FARCOPY_FTP_PASSWORD": PASSWORD, "FARCOPY_KEY": old_key}
    run_farcopy(home, "configure", "--ftp-host", "x", "--ftp-username", "x", env=env)
    alone = run_farcopy(home, "key", "rotate", env={"FARCOPY_KEY": old_key})
    assert "FARCOPY_OLD_KEY" in alone.stderr
    both = {"FARCOPY_KEY": NEW_KEY, "FARCOPY_OLD_KEY": old_key}
    assert run_farcopy(home, "configure", env=both).returncode == 0  # either way round, it goes on
    assert run_farcopy(home, "key", "rotate", env=both).returncode == 0
    assert run_farcopy(home, "configure", env={"FARCOPY_KEY": NEW_KEY}).returncode == 0
    assert run_farcopy(home, "configure", env={"FARCOPY_KEY": old_key}).returncode == 1
    assert verified(home, FARCOPY_KEY=NEW_KEY)["status"] == "ok"


def test_a_lost_key_is_given_up_on_purpose_only(home: Path) -> None:
    env = {"FARCOPY_FTP_PASSWORD": PASSWORD}
    run_farcopy(home, "configure", "--ftp-host", "x", "--ftp-username", "x", env=env)
    assert run_farcopy(home, "key", "reset", "--yes").returncode == 1  # it is not lost
    (home / "farcopy.key").unlink()
    for verb in ("status", "configure", "sync"):
        done = run_farcopy(home, verb, env=env)
        assert done.returncode == 1
        assert "farcopy.key is gone" in done.stderr
    assert not (home / "farcopy.key").exists()
    assert run_farcopy(home, "key", "reset", stdin="n\n").returncode == 1
    assert run_farcopy(home, "key", "reset", "--yes").returncode == 0
    assert '"********"' not in run_farcopy(home, "configure").stdout
    assert run_farcopy(home, "configure", env=env).returncode == 0
    found = verified(home)
    assert (found["status"], found["earlier_entries"]) == ("ok", 2)


def test_a_weak_key_is_refused_in_one_line_that_does_not_show_it(home: Path) -> None:
    done = run_farcopy(home, "status", env={"FARCOPY_KEY": "deadbeef" * 8})
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "examples" in done.stderr
    assert "deadbeef" not in done.stderr


def test_the_key_may_come_as_a_systemd_credential(home: Path, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    shutil.move(home / "farcopy.key", credentials / "farcopy.key")
    (credentials / "farcopy.key").chmod(0o400)
    done = run_farcopy(home, "configure", env={"CREDENTIALS_DIRECTORY": str(credentials)})
    assert done.returncode == 0, done.stderr
    assert not (home / "farcopy.key").exists()
