"""The audit trail: a row for every call, refused ones too, and never a value in it."""

import json

import httpx
import pytest

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import PASSWORD, FarcopyServer

CONFIGURE = "/api/sync/configure-sync.php"
CANARY = "CANARY-9f3a"


def count(server: FarcopyServer) -> int:
    rows: int = server.query("SELECT count(*) FROM audit_logs")[0][0]
    return rows


def test_a_change_is_recorded_with_who_what_and_whence_but_no_values(
    server: FarcopyServer, admin: httpx.Client, fresh_settings: None
) -> None:
    body = {"ftp_host": "ftp.example.org", "ftp_username": CANARY, "ftp_password": CANARY}
    answer = admin.post(CONFIGURE, json=body, headers={"User-Agent": "viewer/1.0"})
    (user_id,) = server.query("SELECT id FROM users WHERE username = 'boss'")[0]
    assert server.last_audit() == {
        "user_id": user_id, "username": "boss", "action": "sync.configure",
        "ip_address": "127.0.0.1", "user_agent": "viewer/1.0", "response_status": 200,
        "details": {
            "request_id": answer.headers["X-Request-ID"], "method": "POST", "path": CONFIGURE,
            "fields": ["ftp_host", "ftp_password", "ftp_username"],
        },
    }


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "action", "code"),
    [
        ("GET", "/api/nothing", {}, 404, "unknown", "not_found"),
        ("PUT", "/api/sync/status.php", {}, 405, "sync.status", "method_not_allowed"),
        ("HEAD", "/api/sync/status.php", {}, 405, "sync.status", "method_not_allowed"),
        ("POST", CONFIGURE, {"content": b"x"}, 415, "sync.configure", "unsupported_media_type"),
        ("POST", CONFIGURE, {"headers": {"Origin": "null"}}, 403, "sync.configure", "cross_site"),
        ("POST", CONFIGURE, {"json": {"ftp_port": 0}}, 400, "sync.configure", "invalid_settings"),
        ("GET", "/api/sync/status.php", {"headers": {"Host": "evil.example"}}, 400, "sync.status",
         "host_not_allowed"),
    ],
)
def test_refused_calls_are_recorded_too(
    server: FarcopyServer, admin: httpx.Client, method: str, path: str,
    options: dict[str, object], status: int, action: str, code: str,
) -> None:
    before = count(server)
    assert admin.request(method, path, **options).status_code == status  # type: ignore[arg-type]
    assert count(server) == before + 1
    row = server.last_audit()
    assert (row["action"], row["response_status"], row["username"]) == (action, status, "boss")
    assert row["details"]["code"] == code
    assert row["details"]["method"] == method


def test_calls_without_a_session_are_recorded_without_a_name(
    server: FarcopyServer, anonymous: httpx.Client
) -> None:
    anonymous.get("/api/sync/status.php")
    row = server.last_audit()
    assert (row["user_id"], row["username"], row["response_status"]) == (None, "", 401)


def test_a_failed_sign_in_is_recorded_with_the_account_or_what_stands_for_the_name(
    server: FarcopyServer, anonymous: httpx.Client
) -> None:
    anonymous.post("/api/auth/login.php", json={"username": "mallory", "password": CANARY})
    row = server.last_audit()
    assert (row["user_id"], row["action"]) == (None, "auth.login")
    assert row["username"].startswith("unknown#")
    anonymous.post("/api/auth/login.php", json={"username": "tech", "password": CANARY})
    assert server.last_audit()["username"] == "tech"
    assert row["response_status"] == 401
    anonymous.post("/api/auth/login.php", json={"username": "view", "password": PASSWORD})
    row = server.last_audit()
    assert (row["username"], row["response_status"]) == ("view", 200)
    assert row["user_id"] is not None


def test_options_pages_and_health_leave_no_row(
    server: FarcopyServer, anonymous: httpx.Client
) -> None:
    before = count(server)
    anonymous.options("/api/sync/status.php")
    anonymous.get("/")
    anonymous.get("/healthz")
    assert count(server) == before


def test_the_callers_own_text_is_bounded_and_clean(
    server: FarcopyServer, admin: httpx.Client
) -> None:
    admin.get("/api/%0a%1b%00" + "x" * 2000 + "?secret=" + CANARY)
    path = server.last_audit()["details"]["path"]
    assert path.isprintable()
    assert len(path) <= 200
    admin.post(CONFIGURE, json={CANARY: 1, "ftp_port": 21})
    details = server.last_audit()["details"]
    assert (details["fields"], details["unknown_fields"]) == (["ftp_port"], 1)


def test_no_password_is_in_the_trail_the_logs_or_an_answer(
    server: FarcopyServer, admin: httpx.Client, fresh_settings: None
) -> None:
    body = {"ftp_host": "127.0.0.1", "ftp_username": "u", "ftp_password": CANARY, "ftp_port": 1}
    answers = [admin.post(CONFIGURE, json=body), admin.get("/api/sync/get-config.php")]
    answers.append(admin.post("/api/sync/test-connection.php"))
    answers.append(admin.post(CONFIGURE, json={"ftp_password": CANARY + "\n"}))
    assert CANARY not in "".join(answer.text for answer in answers)
    trail = json.dumps(server.query("SELECT details, username, user_agent FROM audit_logs"))
    logs = "".join(server.log_text(name) for name in ("auth.log", "service.log", "sync.log"))
    assert CANARY not in trail
    assert CANARY not in logs
    assert server.session_of("boss") not in trail + logs


def test_a_trail_that_cannot_be_written_is_logged_and_breaks_no_answer(
    start_server: ServerFactory,
) -> None:
    server = start_server(verb="web")
    with server.signed_in() as client:
        server.query("ALTER TABLE audit_logs RENAME TO audit_logs_gone")
        assert client.get("/api/sync/status.php").status_code == 200
        assert '"audit.gap"' in server.log_text("service.log")
        server.query("ALTER TABLE audit_logs_gone RENAME TO audit_logs")
        # The tables of sessions and settings fail alike when the database cannot be reached.
        server.query("ALTER TABLE sync_configuration RENAME TO gone")
        answer = client.post(CONFIGURE, json={"ftp_port": 22})
        server.query("ALTER TABLE gone RENAME TO sync_configuration")
        server.query("ALTER TABLE sessions RENAME TO gone")
        login = client.post("/api/auth/login.php", json={"username": "boss", "password": PASSWORD})
        signed_out = client.get("/api/auth/me.php")
        health = client.get("/healthz")
    assert health.json() == {"status": "ok"}
    for refused in (answer, login, signed_out):
        assert (refused.status_code, refused.json()["code"]) == (503, "ledger_trouble")
        assert "no such table" not in refused.text
    assert '"request.failed"' in server.log_text("service.log")
    assert "no such table" not in server.log_text("service.log")
