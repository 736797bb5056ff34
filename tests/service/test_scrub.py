"""The scrub: when it is due, how much it does, and that it never stands in a run's way."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_verify import flip, log_events
from tests.running import (
    SlowFtpServer,
    configure,
    pattern,
    relay,
    rows,
    run_farcopy,
    runs,
    serving,
    slow_ftp_server,
    states,
    sync,
    wait_until,
    write_tree,
)

LONG_AGO = "2026-01-01 00:00:00"
SLOW_DOWNLOAD = 60_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SlowFtpServer]:
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, server: SlowFtpServer) -> Path:
    """Twenty files stored long ago, automatic sync on."""
    write_tree(tmp_path / "data", {f"f{n:02}": pattern(1000, n) for n in range(20)})
    configure(
        tmp_path / "home", server, "/backup",
        hospital_data_path=tmp_path / "data", sync_enabled=True,
    )
    sync(tmp_path / "home")
    rows(tmp_path / "home", "UPDATE sync_history SET completed_at = ?", LONG_AGO)
    return tmp_path / "home"


def scrubs(home: Path) -> list[tuple[Any, ...]]:
    """(is done, checked, verified, differing, missing, bytes read, code) of each."""
    return rows(
        home,
        "SELECT completed_at IS NOT NULL, files_checked, files_verified, files_differing,"
        " files_missing, bytes_read, error_code FROM verifications WHERE kind = 'scrub'"
        " ORDER BY id",
    )


def done_scrubs(home: Path) -> list[tuple[Any, ...]]:
    return [row[1:] for row in scrubs(home) if row[0]]


def test_a_days_part_is_verified_the_never_checked_and_the_oldest_first(home: Path) -> None:
    for n in range(20):
        checked_at = None if n == 7 else f"2026-02-{n + 1:02} 00:00:00"
        rows(home, "UPDATE replicas SET verified_at = ? WHERE source_file_id ="
                   " (SELECT id FROM source_files WHERE name = ?)", checked_at, f"f{n:02}")
    with serving(home, verb="service"):
        wait_until(lambda: done_scrubs(home))
    assert scrubs(home) == [(1, 3, 3, 0, 0, 3000, "")]
    verified = {name for name, state in states(home).items() if state == "verified"}
    # And one of those never read back, whose turn goes by another order.
    assert verified > {"hospital/f07", "hospital/f00"}
    assert len(verified) == 3


def test_what_it_finds_is_told_and_sent_again(home: Path, tmp_path: Path) -> None:
    flip(tmp_path / "remote/backup/hospital/f03")
    (tmp_path / "remote/backup/hospital/f04").unlink()
    with serving(home, verb="service", env={"FARCOPY_SCRUB_PERCENT": "100"}):
        wait_until(lambda: done_scrubs(home))
        assert done_scrubs(home) == [(20, 18, 1, 1, 19_000, "")]
        status = json.loads(run_farcopy(home, "status", "--json").stdout)
        assert status["health"]["code"] == "damaged"
        assert status["health"]["files"]["wrong"] == 2
        assert any(
            warning.startswith("2 files were found damaged or missing on the remote")
            for warning in status["warnings"]
        )
        again = json.loads(run_farcopy(home, "sync", "--json").stdout)
    assert again["files_synced"] == 2
    assert len(log_events(home, "verify.differs")) == 2


def test_it_is_not_due_on_the_first_day_nor_twice_a_day(home: Path) -> None:
    rows(home, "UPDATE sync_history SET completed_at = datetime('now')")
    with relay_home(home) as between, serving(home, verb="service"):
        wait_for_ticks(home)
        assert between.connections == 0
    rows(home, "UPDATE sync_history SET completed_at = ?", LONG_AGO)
    rows(home, "INSERT INTO verifications (destination_id, kind, started_at, completed_at,"
               " files_checked, files_verified, files_sized, files_differing, files_missing,"
               " bytes_read, error_code) SELECT id, 'scrub', datetime('now', '-1 hour'),"
               " datetime('now'), 1, 1, 0, 0, 0, 0, '' FROM destinations")
    with serving(home, verb="service"):
        wait_for_ticks(home)
    assert len(scrubs(home)) == 1


@pytest.mark.parametrize("off", ["percent", "sync"])
def test_it_can_be_switched_off(home: Path, off: str) -> None:
    if off == "sync":
        rows(home, "UPDATE sync_configuration SET sync_enabled = 0")
    env = {"FARCOPY_SCRUB_PERCENT": "0"} if off == "percent" else {}
    with serving(home, verb="service", env=env):
        wait_for_ticks(home)
    assert scrubs(home) == []


def test_no_more_is_read_back_than_a_day_allows(home: Path, tmp_path: Path) -> None:
    write_tree(tmp_path / "data", {f"big{n}": pattern(1000, n) * 600 for n in range(4)})
    sync(home)
    rows(home, "DELETE FROM replicas WHERE size_bytes = 1000")
    env = {"FARCOPY_SCRUB_PERCENT": "100", "FARCOPY_SCRUB_MIB": "1"}
    rows(home, "UPDATE sync_configuration SET hospital_data_path = ?", str(tmp_path / "none"))
    with serving(home, verb="service", env=env):
        wait_until(lambda: done_scrubs(home))
    assert done_scrubs(home) == [(1, 1, 0, 0, 600_000, "")]


def test_it_gives_way_to_a_run_and_goes_on_afterwards(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    write_tree(tmp_path / "data", {"large": pattern(1000, 0) * 600})
    sync(home)
    rows(home, "UPDATE replicas SET verified_at = datetime('now'),"
               " read_back_at = datetime('now') WHERE size_bytes = 1000")
    server.set_download_rate(SLOW_DOWNLOAD)  # ten seconds for the large one
    with serving(home, verb="service", env={"FARCOPY_SCRUB_PERCENT": "5"}):
        wait_until(lambda: log_events(home, "verify.started"))
        write_tree(tmp_path / "data", {"new": b"new"})
        asked_s = time.monotonic()

        answer = json.loads(run_farcopy(home, "sync", "--json").stdout)

        assert answer["files_synced"] == 1
        assert time.monotonic() - asked_s < 5
        assert [row[0] for row in scrubs(home)] == [0]  # it is not done
        server.set_download_rate(0)
        wait_until(lambda: done_scrubs(home))
    assert done_scrubs(home) == [(2, 2, 0, 0, 600_003, "")]
    assert len(log_events(home, "verify.started")) >= 2
    assert len(scrubs(home)) == 1


def test_a_stop_does_not_wait_for_it(home: Path, tmp_path: Path, server: SlowFtpServer) -> None:
    write_tree(tmp_path / "data", {"large": pattern(1000, 0) * 600})
    sync(home)
    server.set_download_rate(SLOW_DOWNLOAD)
    with serving(home, verb="service", env={"FARCOPY_SCRUB_PERCENT": "100"}) as farcopy:
        wait_until(lambda: log_events(home, "verify.started"))
        begun_s = time.monotonic()
        assert farcopy.end() == 0
    assert time.monotonic() - begun_s < 3
    assert [row[0] for row in scrubs(home)] == [0]
    server.set_download_rate(0)
    with serving(home, verb="service", env={"FARCOPY_SCRUB_PERCENT": "100"}):
        wait_until(lambda: done_scrubs(home))
    assert scrubs(home)[0][:3] == (1, 21, 21)


def test_a_dead_server_is_no_trouble_to_the_service(home: Path, server: SlowFtpServer) -> None:
    server.stop()
    with serving(home, verb="service", env={"FARCOPY_CONNECT_TIMEOUT_S": "1"}) as farcopy:
        wait_until(lambda: log_events(home, "scrub.failed"))
        assert farcopy.process.poll() is None
    assert [event["code"] for event in log_events(home, "scrub.failed")] == ["connect_failed"]
    assert set(states(home).values()) == {"stored"}


def relay_home(home: Path) -> Any:
    """The home's server behind a relay that counts."""
    (row,) = rows(home, "SELECT ftp_host, ftp_port, ftp_username FROM sync_configuration")

    class Account:
        host, port, user = row
        password = "far-secret"

    import contextlib

    @contextlib.contextmanager
    def through() -> Iterator[Any]:
        with relay(Account) as between:  # type: ignore[arg-type]
            for table, column in (("sync_configuration", "ftp_port"), ("destinations", "port")):
                rows(home, f"UPDATE {table} SET {column} = ?", between.port)
            yield between
            for table, column in (("sync_configuration", "ftp_port"), ("destinations", "port")):
                rows(home, f"UPDATE {table} SET {column} = ?", row[1])

    return through()


def wait_for_ticks(home: Path) -> None:
    """Until the service has been idle for a while: it answered a request, and beat again."""
    before = len(runs(home))
    run_farcopy(home, "sync", "--json")
    assert len(runs(home)) > before
    beats = {rows(home, "SELECT heartbeat_at FROM engine_lease")[0]}
    wait_until(
        lambda: beats.add(rows(home, "SELECT heartbeat_at FROM engine_lease")[0])
        or len(beats) > 3
    )
