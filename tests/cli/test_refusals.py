"""What the system refuses, told with path, owner and what to do; and which home is spoken of."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from farcopy.store.refusals import reason
from farcopy.web.listening import Listening
from tests.running import (
    FARCOPY,
    WITHIN_S,
    Ended,
    environment,
    new_home,
    run_farcopy,
    serving,
)
from tests.service.trouble import WITHOUT_POWERS

pwd = pytest.importorskip("pwd", reason="Windows knows no owners")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no modes")
US = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return new_home(tmp_path / "home")


def line_of(done: Ended) -> str:
    """What a verb that failed says; it is one line."""
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip()


# --- the home ---


def test_a_new_home_is_told_once(tmp_path: Path) -> None:
    first = run_farcopy(tmp_path / "a/b", "configure", "--json")
    second = run_farcopy(tmp_path / "a/b", "configure", "--json")

    assert first.stderr == (
        f"farcopy: a new home was made in {tmp_path}/a/b; set FARCOPY_HOME if yours is elsewhere\n"
    )
    assert (second.stderr, second.stdout) == ("", first.stdout)


def test_status_names_a_home_on_which_no_service_runs(home: Path) -> None:
    line = f"Home:       {home} (no service runs on it)"
    assert line in run_farcopy(home, "status").stdout.splitlines()
    with serving(home, verb="service"):
        assert "Home:" not in run_farcopy(home, "status").stdout


def test_a_person_who_names_no_home_is_told_which_it_is(home: Path) -> None:
    usual = home.parent / ".farcopy"
    home.rename(usual)
    env = {k: v for k, v in environment(usual).items() if k != "FARCOPY_HOME"}

    def shown(**more: str) -> str:
        ours, theirs = os.openpty()
        done = subprocess.run(
            [str(FARCOPY), "configure"], env={**env, "HOME": str(usual.parent), **more},
            stdout=subprocess.DEVNULL, stderr=theirs, timeout=WITHIN_S, check=False,
        )
        os.close(theirs)
        os.set_blocking(ours, False)
        try:
            told = os.read(ours, 65536).decode()
        except (BlockingIOError, OSError):
            told = ""
        os.close(ours)
        assert done.returncode == 0, told
        return told

    assert f"farcopy: this is the home {usual}, on which no service runs" in shown()
    assert shown(FARCOPY_HOME=str(usual)) == ""


def test_a_home_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path / "file", tmp_path / "file/below"):
        line = line_of(run_farcopy(home, "status"))
        assert line.startswith(
            f"farcopy: FARCOPY_HOME cannot be used ({tmp_path}/file is a file; a directory is "
        )


@pytest.mark.parametrize("verb", ["status", "serve"])
def test_a_home_that_cannot_be_made_names_whose_the_place_is(tmp_path: Path, verb: str) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)

    line = line_of(run_farcopy(closed / "home", verb, before=WITHOUT_POWERS))

    assert f"{closed}/home: not permitted: {closed} belongs to {US} (mode 0555)" in line
    assert "set FARCOPY_HOME" in line


def test_a_home_that_may_not_be_entered_names_its_owner(home: Path) -> None:
    home.chmod(0)
    try:
        line = line_of(run_farcopy(home, "status", before=WITHOUT_POWERS))
    finally:
        home.chmod(0o700)
    assert f"{home}: not permitted: it belongs to {US} (mode 0000), and this is {US}" in line
    assert f"run this as {US}" in line


def test_an_empty_home_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o555)
    line = line_of(run_farcopy(tmp_path / "home", "status", before=WITHOUT_POWERS))
    assert f"{tmp_path}/home: not permitted: it belongs to {US} (mode 0555)" in line


# --- the key ---


def test_a_key_that_is_open_to_others_comes_with_the_command(home: Path) -> None:
    (home / "farcopy.key").chmod(0o644)
    assert f"{home}/farcopy.key is readable by others: chmod 600 {home}/farcopy.key" in line_of(
        run_farcopy(home, "status")
    )


def test_a_key_that_may_not_be_read_names_its_owner(home: Path) -> None:
    (home / "farcopy.key").chmod(0)
    line = line_of(run_farcopy(home, "status", before=WITHOUT_POWERS))
    assert f"{home}/farcopy.key: not permitted: it belongs to {US} (mode 0000)" in line


@pytest.mark.parametrize("name", ["FARCOPY_KEY_FILE", "FARCOPY_FTP_PASSWORD_FILE"])
def test_a_file_of_a_secret_that_is_not_there_is_named(home: Path, name: str) -> None:
    missing = home / "not-there"
    line = line_of(run_farcopy(home, "configure", env={name: str(missing)}))
    assert f"{missing} is not there" in line


# --- the database ---


@pytest.mark.parametrize("place", ["farcopy.sqlite3", "."])
def test_a_database_that_may_not_be_written_to_names_what_is_closed_and_whose_it_is(
    home: Path, place: str
) -> None:
    closed = home / place
    closed.chmod(0o500 if closed.is_dir() else 0o400)
    try:
        done = run_farcopy(home, "configure", "--sync-interval", "9", before=WITHOUT_POWERS)
    finally:
        home.chmod(0o700)
    which = f"{closed} belongs" if closed.is_dir() else "it belongs"
    assert done.returncode == 1
    assert f"{home}/farcopy.sqlite3; {which} to {US} (mode 0" in done.stderr


def test_a_key_that_finds_no_room_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    # In a process of its own, where no file may grow beyond ten bytes, as on a full disk.
    code = (
        "import resource, sys; from pathlib import Path; from farcopy.store.keys import KeySource;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)); KeySource(Path(sys.argv[1])).load()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False,
    )
    assert f"KeyUnusable: it cannot be made: {tmp_path}/farcopy.key: " in done.stderr
    assert list(tmp_path.iterdir()) == []


# --- the port ---


def test_a_port_that_is_taken_is_named(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = line_of(run_farcopy(home, "serve", "--port", str(port)))
    assert f"(port {port} of 127.0.0.1 is taken by another program" in line
    assert line.endswith("give another with --port)")


def test_an_address_of_another_machine_is_named(home: Path) -> None:
    # 192.0.2.0/24 is nobody's (RFC 5737).
    line = line_of(run_farcopy(home, "serve", "--host", "192.0.2.1", "--allow-insecure"))
    assert "192.0.2.1 is no address of this machine" in line


def test_a_host_nobody_knows_is_named(home: Path) -> None:
    line = line_of(run_farcopy(home, "serve", "--host", "nosuch.invalid", "--allow-insecure"))
    assert "nosuch.invalid is no address and no name of one; correct --host" in line


def test_a_port_that_needs_a_right_says_which() -> None:
    # The system may let everybody have such ports, so it is not asked.
    error = Listening(port=443).failure(OSError(errno.EACCES, "Permission denied"))
    assert "CAP_NET_BIND_SERVICE" in error.detail
    assert "443" in error.detail


def test_a_certificate_that_is_not_there_is_named(home: Path) -> None:
    line = line_of(run_farcopy(home, "serve", "--tls-cert", str(home / "none.pem")))
    assert f"--tls-cert: {home}/none.pem is not there" in line


# --- other files ---


def test_a_full_disk_is_told_as_such(home: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [str(FARCOPY), "audit", "export"], env=environment(home), stdout=full,
            stderr=subprocess.PIPE, text=True, timeout=WITHIN_S, check=False,
        )
    assert done.returncode == 1
    assert "the disk is full; make room there" in done.stderr


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"), (errno.EROFS, "mounted read-only"),
        (errno.EISDIR, "is a directory; a file is needed"), (errno.EIO, "Input/output error"),
    ],
)
def test_every_refusal_names_the_path(tmp_path: Path, code: int, words: str) -> None:
    told = reason(OSError(code, os.strerror(code), str(tmp_path / "x")))
    assert told.startswith(f"{tmp_path}/x")
    assert words in told
