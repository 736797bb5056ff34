"""`farcopy status`, for a person and as JSON."""

import json
from pathlib import Path
from typing import Any

from tests.running import (
    SLOW_BYTES,
    SLOW_BYTES_PER_S,
    configure,
    pattern,
    rows,
    run_farcopy,
    running,
    slow_ftp_server,
    sync,
    wait_until,
    write_tree,
)


def status(home: Path) -> dict[str, Any]:
    done = run_farcopy(home, "status", "--json")
    answer: dict[str, Any] = json.loads(done.stdout)
    exits = {"all": 0, "not_all": 3, "nothing": 1}
    assert done.returncode == exits[answer["health"]["off_site"]], done.stderr
    return answer


def test_a_new_home_has_never_synced(tmp_path: Path) -> None:
    shown = run_farcopy(tmp_path, "status").stdout

    assert "Last sync:  never" in shown
    assert "Auto-sync:  off" in shown
    view = status(tmp_path)
    schedule = view["configuration"]
    assert (schedule["last_sync_at"], schedule["next_sync_at"]) == (None, None)
    assert (view["last_sync"], view["current_sync"]) == (None, None)
    assert view["sync_history"] == []
    assert view["service_running"] is False


def test_runs_are_counted_by_how_they_ended(tmp_path: Path) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    write_tree(data, {"a": bytes(1000)})
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        configure(home, server, hospital_data_path=data, sync_enabled=True)
        sync(home)
        missing = str(tmp_path / "missing")
        rows(home, "UPDATE sync_configuration SET orthanc_storage_path = ?", missing)
        write_tree(data, {"b": bytes(500)})
        assert sync(home)["exit"] == 3
    write_tree(data, {"c": bytes(500)})
    assert sync(home)["exit"] == 1

    view = status(home)

    assert view["statistics"] == {
        "total_syncs": 3, "total_files_synced": 2, "total_size_synced": 1500,
        "total_size_synced_mb": 0.0, "total_size_synced_gb": 0.0,
        "successful_syncs": 1, "failed_syncs": 1, "partial_syncs": 1,
    }
    newest, middle, oldest = view["sync_history"]
    assert [run["status"] for run in (newest, middle, oldest)] == ["failed", "partial", "success"]
    # The end of the last run that was not failed, and the interval counts from there.
    schedule = view["configuration"]
    assert schedule["last_sync_at"] == middle["completed_at"]
    assert schedule["next_sync_at"] > schedule["last_sync_at"]
    assert any("orthanc_storage_path" in warning for warning in view["warnings"])
    shown = run_farcopy(home, "status").stdout
    assert "2 files, 1.5 KiB in 3 runs (1 failed, 1 partial)" in shown
    assert "Auto-sync:  every 120 min, next " in shown


def test_a_run_that_is_on_is_shown_with_what_is_done_and_due(tmp_path: Path) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    size_bytes = 4 * SLOW_BYTES  # pauses enough: it is looked at twice meanwhile
    write_tree(data, {"large": pattern(size_bytes, "large")})
    with slow_ftp_server(tmp_path / "remote", SLOW_BYTES_PER_S) as server:
        configure(home, server, hospital_data_path=data)
        with running(home, "sync") as farcopy:
            wait_until(lambda: rows(home, "SELECT 1 FROM sync_history WHERE bytes_on_line > 0"))
            current = status(home)["current_sync"]
            shown = run_farcopy(home, "status").stdout
            assert farcopy.process.poll() is None
            assert farcopy.wait() == 0

    assert current["sync_type"] == "manual"
    assert current["phase"] == "transferring"
    assert (current["files_done"], current["files_due"]) == (0, 1)
    assert 0 < current["bytes_done"] <= current["bytes_due"] == size_bytes
    assert "Now:        transferring, 0/1 files" in shown
    assert status(home)["current_sync"] is None


def test_times_are_shown_in_the_configured_zone(tmp_path: Path) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    data.mkdir()
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        configure(home, server, hospital_data_path=data)
    assert sync(home)["exit"] == 0

    east = json.loads(
        run_farcopy(home, "status", "--json", env={"FARCOPY_TIME_ZONE": "Etc/GMT-14"}).stdout
    )["configuration"]["last_sync_at"]

    utc = status(home)["configuration"]["last_sync_at"]
    assert len(utc) == len("2025-11-22 10:30:45")
    assert utc[-6:] == east[-6:]
    assert utc[:13] != east[:13]
