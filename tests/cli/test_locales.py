"""One home under several locales, and terminals that lack characters."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import (
    FARCOPY,
    SlowFtpServer,
    arrived,
    configure,
    environment,
    run_farcopy,
    sync,
    write_tree,
)

NAME = "M\u00fcller/R\u00f6ntgen \u0416.txt"
ASCII_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""As Python is without its own cures for it: names would be read as ASCII."""
LATIN_1 = {"PYTHONIOENCODING": "latin-1:strict"}


@pytest.fixture
def home(tmp_path: Path, server: SlowFtpServer) -> Path:
    write_tree(tmp_path / "\u0414\u0430\u0442\u0430", {NAME: b"x"})
    configure(tmp_path / "home", server, "/backup",
              hospital_data_path=tmp_path / "\u0414\u0430\u0442\u0430")
    return tmp_path / "home"


@pytest.mark.skipif(os.name != "posix", reason="Windows names are text in every locale")
def test_a_file_is_the_same_file_under_another_locale(home: Path, tmp_path: Path) -> None:
    named = subprocess.run(
        [sys.executable, "-c", "import sys; print(sys.getfilesystemencoding())"],
        env=environment(home, ASCII_LOCALE), capture_output=True, text=True, check=True,
    )
    assert named.stdout.strip() != "utf-8"  # else this shows nothing
    sync(home)
    for locale in (ASCII_LOCALE, {"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}):
        done = run_farcopy(home, "sync", env=locale)
        assert (done.returncode, done.stdout.split(" in ")[0]) == (0, "Nothing new"), locale
    assert arrived(tmp_path / "remote/backup") == {f"hospital/{NAME}": b"x"}


@pytest.mark.skipif(os.name != "posix", reason="Windows names are text in every locale")
def test_a_name_on_the_command_line_is_read_alike(home: Path, tmp_path: Path) -> None:
    sync(home)
    done = run_farcopy(
        home, "fetch", f"hospital/{NAME}", "--to", str(tmp_path / "back"), env=ASCII_LOCALE
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "back/hospital" / NAME).read_bytes() == b"x"


def test_no_verb_fails_for_a_character_the_terminal_has_not(home: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote/backup/hospital" / NAME
    said = _in_latin_1(home, "sync", "--dry-run")
    assert "M\u00fcller/R\u00f6ntgen \\u0416.txt" in said
    _in_latin_1(home, "sync")
    remote.unlink()
    assert "\\u0416" in _in_latin_1(home, "verify", code=3)
    for verb in ("status", "configure", "test-connection", "sync", "rebuild"):
        _in_latin_1(home, verb, code=None)
    _in_latin_1(home, "configure", "--hospital-data-path", "/\u0416", code=None)
    _in_latin_1(home, "fetch", f"hospital/{NAME}", "--to", str(tmp_path / "\u0416"), code=None)
    _in_latin_1(home, "no-such-\u0416", code=2)
    _in_latin_1(home, "user", "add", "\u0416", code=None)


def _in_latin_1(home: Path, *args: str, code: int | None = 0) -> str:
    """Both outputs. code: None is any."""
    done = subprocess.run(
        [str(FARCOPY), *args], env=environment(home, LATIN_1), input=b"", capture_output=True,
        timeout=60, check=False,
    )
    said = (done.stdout + done.stderr).decode("latin-1")
    assert code is None or done.returncode == code, f"{args}: {said}"
    assert "Traceback" not in said, f"{args}: {said}"
    assert "UnicodeEncodeError" not in said
    return said
