"""`farcopy demo --once`: the first thing a newcomer runs, without a network."""

import re
from pathlib import Path

from tests.running import run_farcopy


def test_the_demo_sends_its_samples_and_compares_what_arrived(tmp_path: Path) -> None:
    work = tmp_path / "tmp"
    work.mkdir()
    # A home of the user's own must stay as it is, whatever the demo does.
    home = tmp_path / "home"

    done = run_farcopy(
        home, "demo", "--once",
        # Nothing is downloaded: a proxy nobody answers at would make it fail.
        env={
            "TMPDIR": str(work), "HOME": str(tmp_path),
            "http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1",
        },
    )

    assert done.returncode == 0, done.stderr
    found = re.search(r"Arrived: (\d+) files; (\d+) of (\d+) are byte for byte equal", done.stdout)
    assert found, done.stdout
    assert int(found[1]) == int(found[2]) == int(found[3]) > 50
    assert "Traceback" not in done.stderr
    assert "urlopen" not in done.stderr
    assert not home.exists()
    assert list(work.iterdir()) == []  # it cleans up after itself
