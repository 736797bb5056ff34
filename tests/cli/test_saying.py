"""Nothing that others have named steers the terminal: not a server's text, not a file's name."""

import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcopy.saying import printable, say
from tests.contract.hostile import Mumbler
from tests.running import SlowFtpServer, configure, new_home, run_farcopy, write_tree

HOSTILE = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202egpj\u2066x\u200b"
STEERING = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def steering(text: str) -> list[str]:
    """The signs that steer, but for the ends of lines."""
    return [c for c in text if unicodedata.category(c) in STEERING and c not in "\n\ufffd"]


@given(st.text())
def test_no_sign_that_steers_a_terminal_is_left(text: str) -> None:
    cleaned = printable(text)
    assert not steering(cleaned)
    assert "\n" not in cleaned
    assert len(cleaned) == len(text)


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("Müller, Jürgen – Röntgen", "田中\u3000太郎.dcm", "№\u00a05"):
        assert printable(text) == text


def test_a_line_cannot_forge_another(capsys: pytest.CaptureFixture[str]) -> None:
    say(["a\nwarning: b", "c"])
    assert capsys.readouterr().out == "a\ufffdwarning: b\nc\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_a_dry_run_and_a_sync_show_hostile_names_cleaned(
    tmp_path: Path, server: SlowFtpServer
) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    write_tree(data, {f"a{HOSTILE}": b"x", "plain": b"y"})
    (data / f"link{HOSTILE}").symlink_to(data / "plain")
    configure(home, server, hospital_data_path=data)

    planned = run_farcopy(home, "sync", "--dry-run")
    synced = run_farcopy(home, "sync")
    told = run_farcopy(home, "status")
    fetched = run_farcopy(home, "fetch", "hospital", "--to", str(tmp_path / f"to{HOSTILE}"))

    assert "2J\ufffdgpj\ufffdx\ufffd" in planned.stdout
    for done in (planned, synced, told, fetched):
        assert done.stdout
        assert not steering(done.stdout + done.stderr), done.args


def test_what_a_server_says_reaches_no_terminal(tmp_path: Path) -> None:
    def hostile(code: str) -> bytes:
        return f"{code} {HOSTILE}\r\n".encode()

    answers = {
        "USER": hostile("331"), "PASS": hostile("230"), "TYPE": hostile("200"),
        "PWD": f'257 "/{HOSTILE}" is it\r\n'.encode(), "AUTH": hostile("502"),
        "CWD": hostile("550"), "MKD": hostile("553"),
    }
    server = Mumbler(hostile("220"), answers)
    try:
        home = new_home(tmp_path / "home")
        done = run_farcopy(
            home, "configure", "--ftp-host", "127.0.0.1", "--ftp-port", str(server.port),
            "--ftp-username", "u", env={"FARCOPY_FTP_PASSWORD": "x"},
        )
        assert done.returncode == 0, done.stderr
        examined = run_farcopy(home, "doctor")
        tested = run_farcopy(home, "test-connection")
    finally:
        server.stop()
    assert "login directory: /\ufffd" in examined.stdout
    for done in (examined, tested):
        assert not steering(done.stdout + done.stderr)


def test_an_error_and_a_setting_of_strange_signs_are_cleaned(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    refused = run_farcopy(home, "configure", "--ftp-host", HOSTILE)
    unknown = run_farcopy(home, "user", "role", f"x{HOSTILE}", "admin")
    assert refused.returncode == 1
    for done in (refused, unknown):
        assert done.stderr
        assert not steering(done.stderr)
