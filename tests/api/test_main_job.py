"""The seven endpoints in the order of a first day, on real files and a real FTP server."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import FarcopyServer
from tests.contract.pyftp import PASSWORD as FTP_PASSWORD
from tests.contract.pyftp import USER as FTP_USER
from tests.contract.pyftp import PyFtpServer

CONFIGURE = "/api/sync/configure-sync.php"
SYNC_NOW = "/api/sync/sync-now.php"
STATUS = "/api/sync/status.php"
TEST = "/api/sync/test-connection.php"
WITHIN_S = 30.0
MIB = 1024**2


def write_old(path: Path, content: bytes) -> None:
    """A file at rest: what was written just now is left for the next run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - 86400,) * 2)


@pytest.fixture(scope="module")
def own_server(start_server: ServerFactory) -> FarcopyServer:
    return start_server()


@pytest.fixture
def boss(own_server: FarcopyServer) -> Iterator[httpx.Client]:
    with own_server.signed_in() as client:
        yield client


@pytest.fixture
def sources(tmp_path: Path, boss: httpx.Client, ftp: PyFtpServer) -> Path:
    """Two roots with files, configured with the FTP server and a remote folder of their own."""
    for number in range(3):
        write_old(tmp_path / f"orthanc/ab/{number}/image", bytes([number]) * MIB)
    write_old(tmp_path / "hospital/report.txt", b"report")
    remote = f"/{tmp_path.name}"
    (ftp.root / remote[1:]).mkdir()
    answer = boss.post(CONFIGURE, json={
        "orthanc_storage_path": str(tmp_path / "orthanc"),
        "hospital_data_path": str(tmp_path / "hospital"),
        "ftp_host": ftp.host, "ftp_port": ftp.port, "ftp_username": FTP_USER,
        "ftp_password": FTP_PASSWORD, "ftp_path": remote, "sync_enabled": False,
    })
    assert answer.status_code == 200, answer.text
    return tmp_path


def test_the_seven_endpoints_in_the_order_of_a_first_day(
    boss: httpx.Client, sources: Path, ftp: PyFtpServer
) -> None:
    remote = f"/{sources.name}"
    (ftp.root / sources.name / "already there.txt").write_text("x")

    assert boss.post(TEST).json() == {
        "success": True, "message": "FTP connection successful",
        "data": {
            "connection_status": "success", "ftp_host": ftp.host, "ftp_port": ftp.port,
            "ftp_path": remote, "files_in_directory": 1, "files_held": 0, "is_encrypted": False,
            "message": "FTP connection successful",
        },
    }
    assert sorted(p.name for p in (ftp.root / sources.name).iterdir()) == ["already there.txt"]

    first = boss.post(SYNC_NOW)
    assert first.status_code == 200, first.text
    assert first.json()["message"] == "Sync completed successfully"
    data = first.json()["data"]
    assert set(data) == {"files_synced", "total_size_mb", "duration_seconds", "status", "run_id"}
    assert (data["files_synced"], data["total_size_mb"], data["status"]) == (4, 3.0, "success")
    arrived = ftp.root / sources.name
    assert (arrived / "orthanc/ab/2/image").read_bytes() == b"\x02" * MIB
    assert (arrived / "hospital/report.txt").read_bytes() == b"report"

    second = boss.post(SYNC_NOW).json()
    assert second["message"] == "Sync completed - No new files found"
    assert second["data"]["message"] == "No new files to sync"
    assert (second["data"]["files_synced"], second["data"]["total_size_mb"]) == (0, 0)

    status = boss.get(STATUS).json()["data"]
    assert status["last_sync"]["id"] == second["data"]["run_id"]
    assert status["last_sync"]["destination"] == "127.0.0.1"
    assert [run["id"] for run in status["sync_history"]][:2] == [
        second["data"]["run_id"], data["run_id"],
    ]
    assert status["sync_history"][1]["files_synced"] == 4
    assert isinstance(status["sync_history"][1]["duration_seconds"], int)
    assert status["configuration"]["last_sync_at"] == status["last_sync"]["completed_at"]
    assert status["configuration"]["next_sync_at"] is None
    assert status["current_sync"] is None

    enabled = boss.post("/api/sync/enable-auto.php").json()
    assert enabled["data"] == {"sync_enabled": True, "sync_interval": 120}
    assert boss.get(STATUS).json()["data"]["configuration"]["next_sync_at"] is not None

    config = boss.get("/api/sync/get-config.php").json()
    assert config["message"] == "Sync configuration retrieved successfully"
    assert config["data"]["configuration"]["ftp_password"] == "********"
    assert config["data"]["configuration"]["sync_enabled"] is True
    statistics = config["data"]["statistics"]
    assert statistics["total_files_synced"] >= 4
    assert statistics["last_sync"] == config["data"]["configuration"]["last_sync_at"]

    disabled = boss.post("/api/sync/disable-auto.php").json()
    assert disabled == {
        "success": True, "message": "Auto-sync disabled successfully",
        "data": {"sync_enabled": False},
    }


def test_totals_add_up_in_all_three_units(boss: httpx.Client, sources: Path) -> None:
    before = boss.get(STATUS).json()["data"]["statistics"]
    boss.post(SYNC_NOW)
    after = boss.get(STATUS).json()["data"]["statistics"]
    assert after["total_size_synced"] - before["total_size_synced"] == 3 * MIB + 6
    assert after["total_size_synced_mb"] == round(after["total_size_synced"] / MIB, 2)
    assert after["total_size_synced_gb"] == round(after["total_size_synced"] / 1024**3, 2)
    assert after["total_syncs"] == before["total_syncs"] + 1
    assert after["total_syncs"] == sum(
        after[name] for name in ("successful_syncs", "failed_syncs", "partial_syncs")
    )


def test_a_run_that_stores_only_some_is_partial_and_lists_why(
    boss: httpx.Client, sources: Path
) -> None:
    boss.post(CONFIGURE, json={"orthanc_storage_path": str(sources / "gone")})
    answer = boss.post(SYNC_NOW)
    assert answer.status_code == 200, answer.text
    assert answer.json()["message"] == "Sync partially completed with errors"
    data = answer.json()["data"]
    assert (data["status"], data["files_synced"]) == ("partial", 1)
    assert len(data["errors"]) == 1
    assert "orthanc" in data["errors"][0]


def test_a_run_that_stores_nothing_is_a_server_error_with_its_reason(
    boss: httpx.Client, sources: Path
) -> None:
    boss.post(CONFIGURE, json={"ftp_password": "wrong"})
    answer = boss.post(SYNC_NOW)
    assert answer.status_code == 500
    envelope = answer.json()
    assert envelope["success"] is False
    assert envelope["error"].startswith("Sync failed: ")
    assert envelope["code"] == "login_refused"
    assert envelope["errors"]
    assert boss.get(STATUS).json()["data"]["last_sync"]["id"] == envelope["run_id"]


def test_a_second_run_is_a_conflict_and_a_running_one_is_shown(
    boss: httpx.Client, own_server: FarcopyServer, sources: Path, ftp: PyFtpServer
) -> None:
    answers: list[httpx.Response] = []

    def wait_for_the_end() -> None:
        with own_server.signed_in() as other:
            answers.append(other.post(SYNC_NOW))

    ftp.freeze()
    waiting = threading.Thread(target=wait_for_the_end)
    waiting.start()
    try:
        run = until_running(boss)
        assert run["sync_type"] == "manual"
        assert set(run) == {
            "run_id", "sync_type", "phase", "connections", "is_cancelling",
            "files_done", "files_due", "files_failed", "bytes_done", "bytes_due",
            "is_total_known", "bytes_per_s", "eta_seconds", "started_at",
        }
        newest = boss.get(STATUS).json()["data"]["sync_history"][0]
        assert (newest["id"], newest["status"]) == (run["run_id"], "running")
        assert newest["completed_at"] is None
        refused = boss.post(SYNC_NOW)
        assert (refused.status_code, refused.json()["code"]) == (409, "sync_already_running")
    finally:
        ftp.thaw()
        waiting.join(WITHIN_S)
    assert answers[0].json()["data"]["run_id"] == run["run_id"]


def test_of_many_starts_at_once_one_makes_a_run(
    boss: httpx.Client, own_server: FarcopyServer, sources: Path, ftp: PyFtpServer
) -> None:
    before = boss.get(STATUS).json()["data"]["statistics"]["total_syncs"]
    ftp.freeze()
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask_to_start, own_server) for _ in range(20)]
        statuses = sorted(future.result() for future in asked)
    ftp.thaw()
    assert statuses == [202] + [409] * 19
    until_idle(boss)
    assert boss.get(STATUS).json()["data"]["statistics"]["total_syncs"] == before + 1


def ask_to_start(server: FarcopyServer) -> int:
    with server.signed_in() as client:
        return client.post(SYNC_NOW, headers={"Prefer": "respond-async"}).status_code


def test_who_prefers_not_to_wait_gets_the_run_at_once(
    boss: httpx.Client, sources: Path, ftp: PyFtpServer
) -> None:
    ftp.freeze()
    try:
        answer = boss.post(SYNC_NOW, headers={"Prefer": "wait=5, Respond-Async"})
        assert answer.status_code == 202
        run_id = answer.json()["data"]["run_id"]
        assert answer.json() == {
            "success": True, "message": "Sync started",
            "data": {"run_id": run_id, "status": "running"},
        }
        assert until_running(boss)["run_id"] == run_id
    finally:
        ftp.thaw()
    until_idle(boss)
    assert boss.get(STATUS).json()["data"]["last_sync"]["id"] == run_id


def until_running(boss: httpx.Client) -> dict[str, object]:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        run: dict[str, object] | None = boss.get(STATUS).json()["data"]["current_sync"]
        if run is not None:
            return run
    raise AssertionError("no run began")


def until_idle(boss: httpx.Client) -> None:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        if boss.get(STATUS).json()["data"]["current_sync"] is None:
            return
    raise AssertionError("the run did not end")


def test_the_history_shows_the_ten_newest(boss: httpx.Client, sources: Path) -> None:
    for _ in range(11):
        run_id = boss.post(SYNC_NOW).json()["data"]["run_id"]
    history = boss.get(STATUS).json()["data"]["sync_history"]
    assert [run["id"] for run in history] == list(range(run_id, run_id - 10, -1))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"ftp_password": "wrong"}, "login"),
        ({"ftp_path": "/not there"}, "path"),
        ({"ftp_port": 1, "ftp_password": "x"}, "connect"),
        ({"ftp_host": "name.invalid", "ftp_password": "x"}, "dns"),
        ({"ftp_tls": "required", "ftp_password": FTP_PASSWORD}, "TLS"),
    ],
)
def test_a_failed_test_names_its_cause_from_the_fixed_list(
    own_server: FarcopyServer, boss: httpx.Client, sources: Path, change: dict[str, object],
    cause: str,
) -> None:
    boss.post(CONFIGURE, json={"ftp_tls": "auto", "ftp_password": FTP_PASSWORD})
    assert boss.post(CONFIGURE, json=change).status_code == 200
    with fresh_admin(own_server) as client:
        answer = client.post(TEST)
    boss.post(CONFIGURE, json={"ftp_tls": "auto", "ftp_password": FTP_PASSWORD})
    assert answer.status_code == 400
    envelope = answer.json()
    assert envelope["error"] == f"Failed to connect to FTP server: {cause}"
    assert envelope["hint"]
    assert ("a sync makes the directory" in envelope["hint"]) is (cause == "path")
    assert envelope["cause"] == cause


def test_the_seventh_connection_test_within_a_minute_has_to_wait(
    own_server: FarcopyServer, boss: httpx.Client, sources: Path
) -> None:
    with fresh_admin(own_server) as client:
        boss.post(CONFIGURE, json={"ftp_host": None, "ftp_password": None})
        unconfigured = [client.post(TEST).status_code for _ in range(8)]
        assert unconfigured == [400] * 8
        boss.post(CONFIGURE, json={"ftp_host": "127.0.0.1", "ftp_port": 1, "ftp_password": "x"})
        answers = [client.post(TEST) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [400] * 6 + [429]
    assert answers[-1].json()["code"] == "too_many_tests"
    assert 50 <= int(answers[-1].headers["Retry-After"]) <= 60


def fresh_admin(server: FarcopyServer) -> httpx.Client:
    """An admin who has made no connection test yet: the limit counts by user."""
    name = f"admin{len(server.query('SELECT id FROM users'))}"
    server.query(
        "INSERT INTO users (password, username, role, is_active, must_change_password, created_at)"
        " SELECT password, ?, role, 1, 0, created_at FROM users WHERE username = 'boss'", name,
    )
    return server.signed_in(name)


def test_without_a_service_a_run_cannot_be_asked_for(
    start_server: ServerFactory, tmp_path: Path
) -> None:
    web_only = start_server(verb="web")
    with web_only.signed_in() as client:
        client.post(CONFIGURE, json={
            "orthanc_storage_path": str(tmp_path), "ftp_host": "127.0.0.1", "ftp_username": "u",
        })
        answer = client.post(SYNC_NOW)
        status = client.get(STATUS).json()["data"]
    assert (answer.status_code, answer.json()["code"]) == (503, "service_not_running")
    assert status["service_running"] is False


def test_without_a_source_there_is_nothing_to_sync(
    boss: httpx.Client, sources: Path
) -> None:
    boss.post(CONFIGURE, json={"orthanc_storage_path": None, "hospital_data_path": None})
    answer = boss.post(SYNC_NOW)
    assert (answer.status_code, answer.json()["code"]) == (400, "sources_not_configured")
