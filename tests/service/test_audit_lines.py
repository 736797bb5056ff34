"""A service that writes the audit trail as lines: beside its work, and whatever the sink does."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running import new_home, rows, run_farcopy, serving, wait_until


def numbers(path: Path) -> list[int]:
    if not path.exists():
        return []
    lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["sequence"] for line in lines if line["sequence"] is not None]


def last(home: Path) -> int:
    number: int = rows(home, "SELECT max(sequence) FROM audit_logs")[0][0]
    return number


def ask(url: str, times: int) -> None:
    for _ in range(times):
        assert httpx.get(f"{url}/api/auth/me.php", trust_env=False).status_code == 401


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_lines_follow_each_call_and_go_on_after_a_kill_without_a_gap(tmp_path: Path) -> None:
    home, file = new_home(tmp_path / "home"), tmp_path / "trail.jsonl"
    env = {"FARCOPY_AUDIT_LOG": str(file)}
    with serving(home, env=env) as farcopy:
        first = last(home)
        ask(farcopy.url, 5)
        wait_until(lambda: numbers(file)[-1:] == [last(home)], what="the lines")
        ask(farcopy.url, 5)
        farcopy.process.send_signal(signal.SIGKILL)
        farcopy.process.wait(20)
    run_farcopy(home, "configure", "--sync-interval", "99")  # while nobody writes lines
    with serving(home, env=env) as farcopy:
        ask(farcopy.url, 5)
        assert farcopy.end() == 0
    got = numbers(file)
    assert got == list(range(got[0], last(home) + 1))
    assert got[0] <= first


def test_a_sink_that_is_down_is_a_warning_and_gets_everything_later(tmp_path: Path) -> None:
    home, folder = new_home(tmp_path / "home"), tmp_path / "mounted"
    env = {"FARCOPY_AUDIT_LOG": str(folder / "trail.jsonl")}
    with serving(home, env=env) as farcopy:
        ask(farcopy.url, 3)
        wait_until(lambda: "do not arrive" in run_farcopy(home, "configure").stderr,
                   what="the warning")
        folder.mkdir()
        wait_until(lambda: numbers(folder / "trail.jsonl") != [], what="the lines")
        assert farcopy.end() == 0
    got = numbers(folder / "trail.jsonl")
    assert got == list(range(got[0], last(home) + 1))
    assert "do not arrive" not in run_farcopy(home, "configure").stderr


@pytest.mark.parametrize("wrong", ["http://x", "a b", "x:99999"])
def test_a_syslog_that_is_none_ends_the_start_in_one_line(tmp_path: Path, wrong: str) -> None:
    done = run_farcopy(new_home(tmp_path / "home"), "status", env={"FARCOPY_AUDIT_SYSLOG": wrong})
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "FARCOPY_AUDIT_SYSLOG" in done.stderr
