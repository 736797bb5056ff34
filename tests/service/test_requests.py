"""Commands that come as rows: a cancel, and a request of a kind nobody knows."""

import json
import time
from pathlib import Path

from tests.running import (
    arrived,
    configure,
    pattern,
    rows,
    run_farcopy,
    running,
    runs,
    serving,
    slow_ftp_server,
    states,
    temporaries,
    wait_until,
    write_tree,
)


def test_a_cancel_breaks_a_large_file_off_and_the_next_run_sends_it(tmp_path: Path) -> None:
    data, home, remote = tmp_path / "data", tmp_path / "home", tmp_path / "remote"
    write_tree(data, {"large": pattern(20_000_000, "large")})
    with slow_ftp_server(remote, 500_000) as server:
        configure(home, server, hospital_data_path=data)
        with serving(home, verb="service"), running(home, "sync", "--json") as asking:
            wait_until(lambda: temporaries(remote))
            asked_at = time.monotonic()

            cancelled = run_farcopy(home, "cancel")

            assert cancelled.returncode == 0, cancelled.stderr
            assert asking.wait() == 1
            assert time.monotonic() - asked_at < 8  # two processes to start are in it
            assert "cancelled" in json.loads(asking.output.splitlines()[-1])["errors"][0]
        assert runs(home) == [("manual", "failed", 0)]
        assert states(home) == {"hospital/large": "pending"}
        assert arrived(remote) == {}
        server.set_rate(0)

        again = run_farcopy(home, "sync")

    assert again.returncode == 0, again.stderr
    assert set(arrived(remote)) == {"hospital/large"}
    assert not temporaries(remote)


def test_without_a_run_there_is_nothing_to_cancel(tmp_path: Path) -> None:
    done = run_farcopy(tmp_path, "cancel")

    assert done.returncode == 1
    assert "No sync is running" in done.stderr


def test_a_request_of_an_unknown_kind_is_answered_and_the_service_lives_on(tmp_path: Path) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    write_tree(data, {"f": b"x"})
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        configure(home, server, hospital_data_path=data)
        with serving(home, verb="service"):
            rows(
                home,
                "INSERT INTO run_requests (sync_type, requested_by, requested_at, is_open, refusal)"
                " VALUES ('hourly', '', '2026-11-22 12:00:00', 1, '')",
            )
            wait_until(lambda: not rows(home, "SELECT 1 FROM run_requests WHERE is_open"))

            assert run_farcopy(home, "sync").returncode == 0

        assert rows(home, "SELECT refusal FROM run_requests ORDER BY id")[0] == ("internal",)
