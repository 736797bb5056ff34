"""The bandwidth limit of a real run: it slows, it can be lifted, and it does not hold up a cancel.
"""

import json
import time
from pathlib import Path

import pytest

from tests.running import (
    SlowFtpServer,
    arrived,
    configure,
    pattern,
    rows,
    run_farcopy,
    running,
    runs,
    sync,
    wait_until,
    write_tree,
)

SIZE = 1_000_000
FILES = {f"{name}": pattern(SIZE, name) for name in "abc"}
CRAWLING_KIB_S = 16
"""At this rate the files would take three minutes."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_tree(tmp_path / "data", FILES)
    return tmp_path / "home"


def limited(home: Path, tmp_path: Path, server: SlowFtpServer, kib_s: int) -> None:
    configure(home, server, hospital_data_path=tmp_path / "data", ftp_limit_kib_s=kib_s)


def expected() -> dict[str, bytes]:
    return {f"hospital/{name}": content for name, content in FILES.items()}


def test_all_connections_together_keep_to_the_limit(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    limited(home, tmp_path, server, kib_s=1024)

    answer = sync(home)

    assert (answer["exit"], answer["files_synced"]) == (0, 3)
    assert 2.5 < answer["duration_seconds"] < 15
    assert arrived(tmp_path / "remote") == expected()


def bytes_on_line(home: Path) -> int:
    return max((row[0] for row in rows(home, "SELECT bytes_on_line FROM sync_history")), default=0)


def test_a_limit_lifted_in_mid_run_counts_at_once(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    limited(home, tmp_path, server, kib_s=CRAWLING_KIB_S)
    with running(home, "sync", "--json") as farcopy:
        wait_until(lambda: bytes_on_line(home) > 0)
        assert arrived(tmp_path / "remote") == {}

        done = run_farcopy(home, "configure", "--ftp-limit-kib-s", "0")

        assert done.returncode == 0, done.stderr
        farcopy.wait()
    answer = json.loads(farcopy.output.splitlines()[-1])
    assert (answer["status"], answer["files_synced"]) == ("success", 3)
    assert answer["duration_seconds"] < 30
    assert arrived(tmp_path / "remote") == expected()


def test_a_sync_that_waits_for_its_limit_is_cancelled_at_once(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    limited(home, tmp_path, server, kib_s=1)
    with running(home, "sync", "--json") as farcopy:
        wait_until(lambda: bytes_on_line(home) > 0)
        asked_s = time.monotonic()

        assert run_farcopy(home, "cancel").returncode == 0

        farcopy.wait()
        took_s = time.monotonic() - asked_s
    assert runs(home) == [("manual", "failed", 0)]
    assert arrived(tmp_path / "remote") == {}
    assert took_s < 8  # two processes of half a second each, a look a second, one of ours
