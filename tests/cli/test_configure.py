"""`farcopy configure`: every field by its option, and the password by none."""

import json
import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from farcopy.core.config import FIELDS
from tests.running import (
    FARCOPY,
    Ended,
    environment,
    new_home,
    options,
    rows,
    run_farcopy,
    slow_ftp_server,
)
from tests.running import configure as configure_account

ALL: dict[str, object] = {
    "orthanc_storage_path": "/srv/orthanc",
    "hospital_data_path": "C:\\HospitalData",
    "exclude": ["*.tmp", "!keep.tmp"],
    "ftp_host": "ftp.example.org",
    "ftp_username": "us er",
    "ftp_port": 2121,
    "ftp_path": "/public_html/dicom viewer/",
    "ftp_passive": False,
    "ftp_tls": "required",
    "ftp_tls_ca": "/etc/ca.pem",
    "ftp_tls_fingerprint": "AB:" * 31 + "AB",
    "ftp_connections": 32,
    "ftp_limit_kib_s": 2048,
    "sync_enabled": True,
    "sync_interval": 1440,
    "monitoring_enabled": True,
    "monitoring_interval": 1,
}
FTP = ("--ftp-host", "127.0.0.1", "--ftp-username", "farcopy")
SECRET = "Geheim-4711-hunter2"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return new_home(tmp_path / "home")


def configure(home: Path, *args: str, stdin: str | None = None, **env: str) -> Ended:
    return run_farcopy(home, "configure", *args, stdin=stdin, env=env)


def settings(home: Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(configure(home, "--json").stdout)
    return answer


def test_every_field_but_the_password_is_an_option(home: Path) -> None:
    assert {field.name for field in FIELDS} == {*ALL, "ftp_password"}

    done = configure(home, "--json", *options(ALL))

    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert {name: shown[name] for name in ALL} == ALL
    stored = settings(home)
    assert {name: stored[name] for name in ALL} == ALL


def test_a_home_begins_with_the_documented_values(tmp_path: Path) -> None:
    shown = settings(tmp_path)

    assert {name: value for name, value in shown.items() if value is not None} == {
        "exclude": [], "ftp_port": 21, "ftp_path": "/", "ftp_passive": True, "ftp_tls": "auto",
        "ftp_connections": 8, "ftp_limit_kib_s": 0, "sync_enabled": False, "sync_interval": 120,
        "monitoring_enabled": False, "monitoring_interval": 30, "warnings": [],
        "id": 1,
    }


def test_settings_not_named_stay_and_an_empty_string_unsets_one(home: Path) -> None:
    configure(home, *options(ALL))

    done = configure(home, "--hospital-data-path", "", "--sync-interval", "7", "--json")

    assert json.loads(done.stdout) | {"warnings": None} == {
        **ALL, "hospital_data_path": None, "sync_interval": 7, "ftp_password": None,
        "warnings": None, "id": 1, "last_sync_at": None,
    }


def test_patterns_are_set_anew_and_an_empty_string_clears_them(home: Path) -> None:
    configure(home, "--exclude", "*.tmp", "--exclude", "/export/")
    assert settings(home)["exclude"] == ["*.tmp", "/export/"]

    configure(home, "--exclude", "Thumbs.db")
    assert settings(home)["exclude"] == ["Thumbs.db"]

    done = configure(home, "--exclude", "ok", "--exclude", "[z-a]")
    assert (done.returncode, done.stderr.startswith("--exclude: entry 2 ")) == (1, True)

    configure(home, "--exclude", "")
    assert settings(home)["exclude"] == []


@pytest.mark.parametrize(
    ("args", "value"),
    [
        (["--monitoring-enabled"], True),
        (["--monitoring-enabled", "false"], False),
        (["--no-monitoring-enabled"], False),
    ],
)
def test_a_boolean_can_be_said_in_three_ways(home: Path, args: list[str], value: bool) -> None:
    configure(home, "--monitoring-enabled", str(not value).lower())

    configure(home, *args)

    assert rows(home, "SELECT monitoring_enabled FROM sync_configuration") == [(value,)]


def test_bad_values_are_all_named_and_nothing_is_stored(home: Path) -> None:
    before = settings(home)

    done = configure(
        home, "--ftp-port", "70000", "--sync-interval", "0", "--ftp-path", "../up",
        "--ftp-host", "ftp://x", "--hospital-data-path", "relative", "--monitoring-interval", "5",
    )

    assert done.returncode == 1
    assert {line.split(":")[0] for line in done.stderr.splitlines()} == {
        "--ftp-port", "--sync-interval", "--ftp-path", "--ftp-host", "--hospital-data-path",
    }
    assert "--ftp-port: must be between 1 and 65535 (given: 70000)" in done.stderr
    assert done.stdout == ""
    assert settings(home) == before


def test_a_value_of_another_type_is_a_usage_error_and_stores_nothing(home: Path) -> None:
    done = configure(home, "--ftp-port", "twenty-one", "--monitoring-interval", "5")

    assert done.returncode == 2
    assert "--ftp-port" in done.stderr
    assert settings(home)["monitoring_interval"] == 30


def test_auto_sync_needs_ftp_first(home: Path) -> None:
    done = configure(home, "--sync-enabled")

    assert (done.returncode, done.stderr) == (
        1, "--sync-enabled: needs FTP to be configured first (given: true)\n"
    )


# --- the password ---


def test_the_password_is_no_option_where_the_process_list_would_show_it(home: Path) -> None:
    done = configure(home, *FTP, "--ftp-password", SECRET)

    assert done.returncode == 2
    assert "No such option" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert settings(home)["ftp_host"] is None


@pytest.mark.parametrize("way", ["stdin", "environment", "file"])
def test_a_password_given_in_private_is_the_one_used_and_is_never_shown(
    tmp_path: Path, way: str
) -> None:
    home, file = new_home(tmp_path / "home"), tmp_path / "secret"
    file.write_text(SECRET + "\n")
    with slow_ftp_server(tmp_path / "remote", 0, password=SECRET) as server:
        args = [*FTP, "--ftp-port", str(server.port)]
        match way:
            case "stdin":  # one line, whatever follows, and whichever system wrote it
                done = configure(home, *args, "--ftp-password-stdin", stdin=f"{SECRET}\r\nmore\n")
            case "environment":
                done = configure(home, *args, FARCOPY_FTP_PASSWORD=SECRET)
            case _:
                done = configure(home, *args, FARCOPY_FTP_PASSWORD_FILE=str(file))
        tested = run_farcopy(home, "test-connection")

    assert done.returncode == 0, done.stderr
    assert tested.returncode == 0, tested.stderr
    assert '"********"' in done.stdout
    assert SECRET not in done.stdout + done.stderr + tested.stdout + tested.stderr


def test_a_change_of_server_needs_the_password_again(home: Path) -> None:
    configure(home, *FTP, FARCOPY_FTP_PASSWORD=SECRET)

    done = configure(home, "--ftp-host", "evil.example.org")

    assert done.returncode == 1
    assert done.stderr.startswith("--ftp-password-stdin: must be given again")
    assert settings(home)["ftp_host"] == "127.0.0.1"


def test_a_password_encrypted_with_another_key_is_told_in_one_line(home: Path) -> None:
    configure(home, *FTP, FARCOPY_FTP_PASSWORD=SECRET)
    (home / "farcopy.key").write_text("ab" * 32)

    done = configure(home, "--json")

    assert done.returncode == 1
    assert done.stderr.startswith(
        "farcopy: The stored FTP password cannot be decrypted with this key: put the key "
    )
    assert done.stderr.count("\n") == 1


# --- test-connection ---


def test_a_connection_that_works_says_so_and_that_it_is_not_encrypted(tmp_path: Path) -> None:
    home, remote = tmp_path / "home", tmp_path / "remote"
    (remote / "folder").mkdir(parents=True)
    (remote / "file").write_text("x")
    with slow_ftp_server(remote, 0) as server:
        configure_account(home, server)

        done = run_farcopy(home, "test-connection")

    assert done.returncode == 0
    assert done.stdout == (
        "FTP connection successful (NOT encrypted); 1 file directly in /, "
        "and 0 that farcopy holds below it\n"
    )
    assert sorted(path.name for path in remote.iterdir()) == ["file", "folder"]  # none of ours


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"ftp_username": "nobody"}, "login"),
        ({"ftp_path": "/nowhere"}, "path"),
        ({"ftp_port": 1}, "connect"),
        ({"ftp_tls": "required"}, "TLS"),
        ({"ftp_host": "nobody.invalid"}, "dns"),
    ],
)
def test_a_connection_that_fails_names_its_cause(
    tmp_path: Path, changes: dict[str, object], cause: str
) -> None:
    home = tmp_path / "home"
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        configure_account(home, server, **changes)

        done = run_farcopy(home, "test-connection")

    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == f"Failed to connect to FTP server: {cause}"
    assert ("sync makes the directory" in done.stderr) is (cause == "path")


def test_test_connection_without_ftp_says_so(home: Path) -> None:
    done = run_farcopy(home, "test-connection")

    assert (done.returncode, done.stderr) == (
        1, f"farcopy: FTP not configured (the home is {home}): farcopy configure --ftp-host HOST "
        "--ftp-username USER --ftp-password-stdin\n"
    )


def test_only_the_encrypted_password_is_in_the_database(home: Path) -> None:
    configure(home, *FTP, FARCOPY_FTP_PASSWORD=SECRET)

    ((stored,),) = rows(home, "SELECT ftp_password_encrypted FROM sync_configuration")

    assert len(stored) > len(SECRET)
    with sqlite3.connect(home / "farcopy.sqlite3") as database:
        assert SECRET not in "\n".join(database.iterdump())


def test_a_password_that_was_waited_for_goes_to_no_server_that_somebody_set_meanwhile(
    home: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "password"
    os.mkfifo(pipe)
    assert configure(home, *FTP, "--ftp-password-stdin", stdin="first").returncode == 0
    waiting = subprocess.Popen(
        [str(FARCOPY), "configure"], stderr=subprocess.PIPE, text=True,
        env=environment(home, {"FARCOPY_FTP_PASSWORD_FILE": str(pipe)}),
    )
    with pipe.open("w") as given:  # once the other reads: it has seen where the password goes
        moved = configure(home, "--ftp-host", "evil.example", "--ftp-password-stdin",
                          stdin="theirs")
        assert moved.returncode == 0
        given.write("the-real-one")
    _, said = waiting.communicate(timeout=60)
    assert waiting.returncode == 1
    assert "Somebody else has changed where this password goes" in said
