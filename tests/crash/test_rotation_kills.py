"""A replacement of the master key that is killed at any line leaves everything readable."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import environment, run_farcopy

PASSWORD = "Kanarienvogel-1f5c"
EVERY = os.environ.get("FARCOPY_TEST_ROTATION_EVERY", "20")
"""1 kills at every line there is: some minutes."""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")
def test_a_rotation_killed_at_any_line_loses_nothing_and_a_second_call_finishes_it(
    tmp_path: Path,
) -> None:
    template, home = tmp_path / "template", tmp_path / "home"
    done = run_farcopy(
        template, "configure", "--ftp-host", "127.0.0.1", "--ftp-username", "u",
        env={"FARCOPY_FTP_PASSWORD": PASSWORD},
    )
    assert done.returncode == 0, done.stderr
    # Not the first rotation of this home: there is a retired key to be carried along as well.
    assert run_farcopy(template, "key", "rotate").returncode == 0
    old_key = (template / "farcopy.key").read_text()

    shown = subprocess.run(
        [sys.executable, "-m", "tests.crash.rotation_kills", str(home), str(template),
         EVERY],
        env=environment(home), capture_output=True, text=True, timeout=200,
        cwd=Path(__file__).parents[2], check=False,
    )

    assert shown.returncode == 0, shown.stderr
    kills = [json.loads(line) for line in shown.stdout.splitlines()]
    assert len(kills) > 15
    for kill in kills:
        assert kill["signal"] == signal.SIGKILL, kill
        assert kill["left"] == {"password": PASSWORD, "problems": []}, kill
        assert (kill["finished"]["password"], kill["finished"]["problems"]) == (PASSWORD, []), kill
    # The kills met every state there is: the new key not yet made, made, and in force.
    states = {tuple(name for name in kill["files"] if name.count(".") < 3) for kill in kills}
    assert states == {("farcopy.key",), ("farcopy.key", "farcopy.key.next")}
    assert not (home / "farcopy.key.next").exists()
    assert (home / "farcopy.key").read_text() != old_key
    assert (home / "farcopy.key").stat().st_mode & 0o777 == 0o600
