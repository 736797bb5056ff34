"""`farcopy demo --once`: the first thing a newcomer runs, without a network."""

import re
from pathlib import Path
from typing import Any

import httpx

from tests.running import run_farcopy, serving, wait_until


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


def test_its_first_screen_is_green_and_the_schedule_is_on(tmp_path: Path) -> None:
    work = tmp_path / "tmp"
    work.mkdir()
    with (
        serving(tmp_path / "home", verb="demo", is_well=False, env={"TMPDIR": str(work)}) as demo,
        httpx.Client(base_url=demo.url, trust_env=False, timeout=30) as client,
    ):
        given = re.search(r"Sign in as admin with (\S+)", demo.output)
        assert given, demo.output
        account = {"username": "admin", "password": given[1]}
        assert client.post("/api/auth/login.php", json=account).status_code == 200

        def status() -> dict[str, Any]:
            told: dict[str, Any] = client.get("/api/sync/status.php").json()["data"]
            return told

        wait_until(lambda: bool(status()["service_running"]), what="the service")
        assert status()["health"]["level"] == "good", status()["health"]
        schedule = status()["configuration"]
        assert (schedule["sync_enabled"], schedule["monitoring_enabled"]) == (True, True)
        assert schedule["next_sync_at"] is not None
