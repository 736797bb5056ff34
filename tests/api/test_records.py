"""Past runs over HTTP: history beyond ten, details, charts, files tried again; sources counted."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import FarcopyServer
from tests.contract.pyftp import PASSWORD, USER, PyFtpServer

RUNS, RUN, RETRY = "/api/sync/runs.php", "/api/sync/run.php", "/api/sync/retry.php"
CHART, SOURCES = "/api/sync/chart.php", "/api/sync/sources.php"
COUNT = 120
NAME = "<img src=x onerror=alert(1)>.dcm"


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def add_run(server: FarcopyServer, number: int, status: str, began: datetime) -> None:
    server.query(
        "INSERT INTO sync_history (id, sync_type, destination_label, status, \"end\","
        " requested_by, started_at, completed_at, duration_s, error_code, error_message,"
        " files_synced, total_size_bytes, files_failed, files_skipped, files_unchanged, files_due,"
        " bytes_due, problems, problem_count, files_growing, phase, bytes_on_line, bytes_per_s,"
        " connections)"
        " VALUES (?, ?, 'godaddy', ?, 'finished', 'boss', ?, ?, 10, '', NULL, 3, 3000, 0, 0, 0, 3,"
        " 3000, '[]', 0, 0, '', 0, 0, 0)",
        number, "manual" if number % 2 else "scheduled", status, stamp(began),
        stamp(began + timedelta(seconds=10)),
    )


@pytest.fixture(scope="module")
def server(start_server: ServerFactory) -> FarcopyServer:
    """With 120 runs, an hour apart; every tenth has failed."""
    server = start_server(verb="web")
    first = datetime.now(UTC) - timedelta(hours=COUNT)
    for number in range(1, COUNT + 1):
        status = "failed" if number % 10 == 0 else "success"
        add_run(server, number, status, first + timedelta(hours=number))
    return server


def runs(admin: httpx.Client, **query: object) -> tuple[list[int], int | None]:
    answer = admin.get(RUNS, params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    return [run["id"] for run in data["runs"]], data["next_before"]


def test_pages_follow_each_other_without_gap_or_overlap(admin: httpx.Client) -> None:
    seen: list[int] = []
    before = None
    while True:
        page, before = runs(admin, limit=50, **({"before": before} if before else {}))
        seen += page
        if before is None:
            break
    assert seen == list(range(COUNT, 0, -1))


def test_a_page_that_ends_with_the_history_promises_no_other(admin: httpx.Client) -> None:
    assert runs(admin, limit=COUNT)[1] is None
    assert runs(admin, limit=COUNT - 1)[1] == 2


def test_runs_are_filtered_by_status_type_and_time(admin: httpx.Client) -> None:
    assert runs(admin, status="failed", limit=500)[0] == list(range(COUNT, 0, -10))
    assert runs(admin, type="manual", limit=3)[0] == [119, 117, 115]
    recent = (datetime.now(UTC) - timedelta(hours=5, minutes=30)).isoformat()
    assert runs(admin, since=recent)[0] == [120, 119, 118, 117, 116, 115]
    assert runs(admin, until=recent, limit=1)[0] == [114]


@pytest.mark.parametrize(
    ("query", "bad"),
    [("limit=501", "limit"), ("limit=0", "limit"), ("before=-1", "before"),
     ("before=1_0", "before"), ("status=ok", "status"),
     ("type=x", "type"), ("since=yesterday", "since"),
     ("nope=1", "nope"), ("limit=1&limit=2", "limit"), ("limit=%D9%A1", "limit"),
     ("limit=" + "9" * 5000, "limit")],
)
def test_a_bad_parameter_is_named(admin: httpx.Client, query: str, bad: str) -> None:
    answer = admin.get(f"{RUNS}?{query}")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [bad])


def test_a_run_that_is_not_there_is_404(admin: httpx.Client) -> None:
    for answer in (admin.get(RUN, params={"id": 9999}),
                   admin.post(RETRY, json={"run_id": 9999})):
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_run")
    assert list(admin.get(RUN).json()["fields"]) == ["id"]


@pytest.mark.parametrize(
    "body", [{}, {"run_id": "1"}, {"run_id": True}, {"run_id": 1, "file_id": 0}]
)
def test_a_retry_names_its_bad_fields(admin: httpx.Client, body: dict[str, object]) -> None:
    answer = admin.post(RETRY, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_fields")


def test_the_chart_has_the_runs_of_its_days(admin: httpx.Client, server: FarcopyServer) -> None:
    now = datetime.now(UTC)
    for hours, lag in ((50, 60.0), (30, 7200.0), (2, 0.0)):
        server.query(
            "INSERT INTO backlog_samples (at, files, bytes, lag_s, is_whole) VALUES (?,?,?,?,1)",
            stamp(now - timedelta(hours=hours)), 1 if lag else 0, 10, lag,
        )
    data = admin.get(CHART, params={"days": 2}).json()["data"]
    assert [run["id"] for run in data["runs"]] == list(range(73, 121))
    assert [point["lag_seconds"] for point in data["backlog"]] == [7200, 0]
    assert data["since"] < data["runs"][0]["at"] < data["now"]


def test_status_tells_it_in_one_sentence(admin: httpx.Client, server: FarcopyServer) -> None:
    def health() -> dict[str, Any]:
        told: dict[str, Any] = admin.get("/api/sync/status.php").json()["data"]["health"]
        return told

    assert (health()["level"], health()["code"]) == ("idle", "setup")
    assert admin.post("/api/sync/configure-sync.php", json={
        "ftp_host": "ftp.example.org", "ftp_username": "u", "ftp_password": "p",
        "hospital_data_path": str(server.home.parent), "sync_enabled": True,
    }).status_code == 200
    assert (health()["level"], health()["code"]) == ("bad", "service")  # `farcopy web` alone
    assert health()["off_site"] == "nothing"
    deep = admin.get("/healthz?deep")
    assert (deep.status_code, deep.json()) == (
        503, {"status": "bad", "off_site": "nothing", "code": "service"})


def test_a_failed_file_is_shown_with_its_reason_and_tried_again(
    start_server: ServerFactory, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    (archive / "sub").mkdir(parents=True)
    (archive / "sub" / NAME).write_bytes(b"pixels")
    (archive / "link").symlink_to("sub")
    (archive / "left.tmp").write_bytes(b"out")
    (tmp_path / "remote").mkdir()
    ftp = PyFtpServer(tmp_path / "remote")
    # A file stands where a folder has to be.
    (tmp_path / "remote" / "hospital").mkdir()
    (tmp_path / "remote" / "hospital" / "sub").write_bytes(b"in the way")
    server = start_server(FARCOPY_SETTLE_S="0")
    try:
        with server.signed_in() as admin:
            settings = {
                "hospital_data_path": str(archive), "ftp_host": ftp.host, "ftp_port": ftp.port,
                "ftp_username": USER, "ftp_password": PASSWORD, "exclude": ["*.tmp"],
            }
            configured = admin.post("/api/sync/configure-sync.php", json=settings)
            assert configured.status_code == 200, configured.text
            counted = admin.get(SOURCES).json()["data"]["sources"]
            assert [(s["label"], s["files"], s["bytes"], s["is_whole"]) for s in counted] == [
                ("hospital", 1, 6, True)
            ]
            run_id = admin.post("/api/sync/sync-now.php").json()["run_id"]
            data = admin.get(RUN, params={"id": run_id}).json()["data"]
            (file,) = data["files"]
            assert (data["run"]["files_excluded"], data["run"]["files_skipped"]) == (1, 1)
            assert (file["path"], file["outcome"], file["state"]) == (
                f"sub/{NAME}", "failed", "failed"
            )
            assert "server" in file["text"]
            assert data["outcomes"] == {"failed": 1, "skipped": 1}
            skipped = admin.get(RUN, params={"id": run_id, "files": "skipped"}).json()["data"]
            assert [(f["path"], f["reason"]) for f in skipped["files"]] == [("link", "symlink")]

            assert _retried(admin, run_id, file["id"] + 1) == 0
            assert _retried(admin, run_id, file["id"]) == 1
            assert _retried(admin, run_id) == 0  # due already
            (tmp_path / "remote" / "hospital" / "sub").unlink()
            assert admin.post("/api/sync/sync-now.php").json()["data"]["files_synced"] == 1
            assert admin.get(RUN, params={"id": run_id}).json()["data"]["files"][0]["state"] in (
                "stored", "verified"
            )
            assert _retried(admin, run_id) == 0  # it was sent meanwhile
            assert _sent(admin, run_id) == []
            assert _sent(admin, run_id + 1) == [(f"sub/{NAME}", "stored", 6)]
            status = admin.get("/api/sync/status.php").json()["data"]
            assert status["health"]["waiting_files"] == 0
            audited = server.query(
                "SELECT details FROM audit_logs WHERE action = 'sync.retry' ORDER BY id LIMIT 1"
            )
            assert json.loads(audited[0][0])["fields"] == ["file_id", "run_id"]
    finally:
        ftp.stop()


def _sent(admin: httpx.Client, run_id: int) -> list[tuple[str, str, int]]:
    data = admin.get(RUN, params={"id": run_id, "files": "sent"}).json()["data"]
    return [(file["path"], file["outcome"], file["bytes"]) for file in data["files"]]


def test_what_was_copied_is_paged_through_without_gap_or_overlap(
    start_server: ServerFactory, tmp_path: Path, ftp: PyFtpServer
) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    for number in range(25):
        (archive / f"image-{number}").write_bytes(b"x" * number)
    server = start_server(FARCOPY_SETTLE_S="0")
    with server.signed_in() as admin:
        admin.post("/api/sync/configure-sync.php", json={
            "orthanc_storage_path": str(archive), "ftp_host": ftp.host, "ftp_port": ftp.port,
            "ftp_username": USER, "ftp_password": PASSWORD, "ftp_path": "/paged",
        })
        run_id = admin.post("/api/sync/sync-now.php").json()["data"]["run_id"]
        seen: list[dict[str, object]] = []
        after = 0
        while after is not None:
            query = {"id": run_id, "files": "sent", "limit": 10}
            query |= {"after": after} if after else {}
            data = admin.get(RUN, params=query).json()["data"]
            seen += data["files"]
            after = data["next_after"]
        assert sorted(str(file["path"]) for file in seen) == sorted(
            f"image-{number}" for number in range(25)
        )
        assert sum(int(str(file["bytes"])) for file in seen) == sum(range(25))
        assert {file["reason"] for file in seen} == {""}
        assert admin.get(RUN, params={"id": run_id}).json()["data"]["files"] == []

        tested = admin.post("/api/sync/test-connection.php").json()["data"]
        assert (tested["files_in_directory"], tested["files_held"]) == (0, 25)
        steps = admin.post("/api/sync/doctor.php").json()["data"]["steps"]
        seen_there = next(step["seen"] for step in steps if step["step"] == "directory")
        told = {entry["name"]: entry["value"] for entry in seen_there}
        assert (told["files directly in it"], told["held by farcopy below it"]) == ("0", "25 files")


def _retried(admin: httpx.Client, run_id: int, file_id: int | None = None) -> int:
    body = {"run_id": run_id} | ({"file_id": file_id} if file_id else {})
    answer = admin.post(RETRY, json=body)
    assert answer.status_code == 200, answer.text
    files: int = answer.json()["data"]["files"]
    return files


def test_the_doctor_tells_every_step_and_is_limited(
    start_server: ServerFactory, ftp: PyFtpServer
) -> None:
    server = start_server(verb="web")
    with server.signed_in() as admin:
        assert admin.post("/api/sync/doctor.php").json()["code"] == "ftp_not_configured"
        settings = {"ftp_host": ftp.host, "ftp_port": ftp.port, "ftp_username": USER,
                    "ftp_password": PASSWORD, "ftp_connections": 2}
        admin.post("/api/sync/configure-sync.php", json=settings)
        well = admin.post("/api/sync/doctor.php").json()["data"]
        assert well["is_well"] is True
        assert [s["step"] for s in well["steps"] if s["status"] != "ok"] == ["tls"]  # plain FTP
        admin.post("/api/sync/configure-sync.php", json={"ftp_password": "wrong"})
        ill = admin.post("/api/sync/doctor.php").json()["data"]
        statuses = {step["step"]: step["status"] for step in ill["steps"]}
        assert (ill["is_well"], statuses["login"], statuses["probe"]) == (
            False, "failed", "not_reached"
        )
        told = next(step for step in ill["steps"] if step["step"] == "login")
        assert told["code"] == "login_refused"
        assert told["cause"] and told["action"]
        admin.post("/api/sync/configure-sync.php", json={"ftp_port": 1, "ftp_password": "x"})
        answers = [admin.post("/api/sync/doctor.php").status_code for _ in range(5)]
        assert answers == [200, 200, 200, 200, 429]
