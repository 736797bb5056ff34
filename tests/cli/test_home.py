"""The home every verb makes: who may read it, what is in it, and what must not be."""

import base64
import json
import os
import sqlite3
import stat
import sys
from pathlib import Path

import pytest

from tests.running import (
    configure,
    rows,
    run_farcopy,
    slow_ftp_server,
    start_farcopy,
    sync,
    write_tree,
)

CANARY = "Kanarienvogel-7f3a9c51"
PATIENT = "Mustermann^Erika"
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no modes")


@posix
@pytest.mark.parametrize("verb", [["status"], ["sync"]])
def test_any_verb_makes_the_home_and_only_its_owner_may_look(
    tmp_path: Path, verb: list[str]
) -> None:
    home = tmp_path / "not" / "there"
    umask = os.umask(0)  # the most open there is: the modes must be our own
    try:
        run_farcopy(home, *verb)
    finally:
        os.umask(umask)

    assert mode(home) == 0o700
    assert mode(home / "farcopy.key") == 0o600
    for path in home.rglob("*"):
        assert mode(path) & 0o077 == 0, path
        assert path.is_dir() or not mode(path) & 0o100, path  # a lock file is no program


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    run_farcopy(tmp_path, "status")
    (tmp_path / "farcopy.key").chmod(0o644)

    done = run_farcopy(tmp_path, "status")

    assert done.returncode == 1
    assert "readable by others" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", [["status"], ["sync"]])
def test_a_verb_that_has_ended_leaves_no_log_of_the_database_behind(
    tmp_path: Path, verb: list[str]
) -> None:
    write_tree(tmp_path / "data", {"a": b"x", "b": b"y"})
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        configure(tmp_path / "home", server, hospital_data_path=tmp_path / "data")
        run_farcopy(tmp_path / "home", *verb)
    assert [path.name for path in (tmp_path / "home").glob("farcopy.sqlite3*")] == [
        "farcopy.sqlite3"
    ]


def test_the_key_is_made_once_and_kept(tmp_path: Path) -> None:
    run_farcopy(tmp_path, "status")
    key = (tmp_path / "farcopy.key").read_text()
    run_farcopy(tmp_path, "status")

    assert (tmp_path / "farcopy.key").read_text() == key
    assert len(bytes.fromhex(key.strip())) == 32


def test_a_systemd_credential_is_the_key_and_none_is_made_beside_the_database(
    tmp_path: Path,
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir(mode=0o700)
    (credentials / "farcopy.key").write_text("5b" * 31 + "07")
    (credentials / "farcopy.key").chmod(0o440)  # as systemd hands it over
    home, given = tmp_path / "home", {"CREDENTIALS_DIRECTORY": str(credentials)}
    options = ("configure", "--ftp-host", "ftp.example.org", "--ftp-username", "u",
               "--ftp-password-stdin")
    assert run_farcopy(home, *options, stdin="s3cret\n", env=given).returncode == 0
    assert not (home / "farcopy.key").exists()
    assert run_farcopy(home, "user", "list", env=given).returncode == 0

    by_hand = run_farcopy(home, "user", "list")

    assert by_hand.returncode == 1
    assert "farcopy-run" in by_hand.stderr
    assert not (home / "farcopy.key").exists()


def test_runs_are_logged_without_file_names_and_the_ftp_password_is_in_clear_nowhere(
    tmp_path: Path,
) -> None:
    home, remote = tmp_path / "home", tmp_path / "remote"
    write_tree(tmp_path / "data", {f"{PATIENT}/{PATIENT}.dcm": b"x", f"{PATIENT}/2": b"y"})
    (tmp_path / "data" / f"{PATIENT}-link").symlink_to("nowhere")
    with slow_ftp_server(remote, 0, password=CANARY) as server:
        configure(home, server, f"/{PATIENT}", hospital_data_path=tmp_path / "data")
        said = [run_farcopy(home, verb) for verb in ("sync", "test-connection", "status")]
        assert [done.returncode for done in said] == [0, 0, 0]
        write_tree(tmp_path / "data", {f"{PATIENT}/3": b"z"})
        (remote / PATIENT / "hospital" / PATIENT / "3").mkdir()  # an upload that must fail
        assert sync(home)["exit"] == 1
        # And a login that must fail, with the canary as the wrong password.
        configure(home, server, f"/{PATIENT}", ftp_username="nobody")
        assert sync(home)["exit"] == 1

    events = [json.loads(line) for line in (home / "logs/sync.log").read_text().splitlines()]
    assert [e["event"] for e in events if e["event"].startswith("run.")] == [
        "run.started", "run.ended"] * 3
    assert [e["code"] for e in events if e["event"] == "upload.failed"]
    logs = {path: path.read_text() for path in (home / "logs").glob("*.log")}
    assert {path.name for path in logs} >= {"sync.log"}
    for path, text in logs.items():
        assert "Mustermann" not in text, path
    with sqlite3.connect(home / "farcopy.sqlite3") as database:
        everything = "\n".join(database.iterdump()).encode()
    everything += b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    everything += "".join(done.stdout + done.stderr for done in said).encode()
    assert b"Mustermann" in everything  # the history and the ledger do name files
    for form in (
        CANARY.encode(), CANARY.encode("utf-16-le"), CANARY.encode().hex().encode(),
        base64.b64encode(CANARY.encode()), CANARY[::-1].encode(),
    ):
        assert form not in everything


def test_first_starts_at_the_same_time_agree_on_one_home(tmp_path: Path) -> None:
    # One key, one database: what one encrypts the others can read, and none falls over another.
    home = tmp_path / "home"
    secret = {"FARCOPY_FTP_PASSWORD": CANARY}
    account = ("configure", "--ftp-host", "127.0.0.1", "--ftp-username", "x")

    starts = [start_farcopy(home, *account, env=secret) for _ in range(3)]

    assert [start.wait() for start in starts] == [0, 0, 0], [start.output for start in starts]
    assert run_farcopy(home, "configure").returncode == 0
    assert rows(home, "SELECT count(*) FROM sync_configuration") == [(1,)]
