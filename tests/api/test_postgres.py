"""The same site on PostgreSQL, which refuses what SQLite lets pass: NUL, bad addresses."""

import httpx

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import COOKIE
from tests.parts.postgres import PostgresServer

HOSTILE = "a\x00b"


def test_no_text_of_a_caller_is_an_error_of_the_server(
    start_server: ServerFactory, postgres: PostgresServer
) -> None:
    server = start_server(DATABASE_URL=postgres.create_database())
    with server.signed_in() as admin, server.client() as anonymous:
        assert admin.get("/api/sync/status.php").status_code == 200
        answers: list[httpx.Response] = [
            anonymous.post("/api/auth/login.php", json={"username": HOSTILE, "password": "x"}),
            anonymous.post("/api/auth/login.php", json={"username": "x", "password": HOSTILE}),
            anonymous.post(
                "/api/auth/login.php?%00=%00", json={"username": "x", "password": "y"},
                headers={"Accept": b"\x80\xff", "User-Agent": b"\x80" * 600},
            ),
            anonymous.get("/api/sync/status.php", headers={"Cookie": f'{COOKIE}="\\000aaaaaaaa"'}),
            admin.get("/api/%00"),
            admin.post("/api/sync/configure-sync.php", json={HOSTILE: HOSTILE}),
            admin.post("/api/sync/configure-sync.php", json={"ftp_username": HOSTILE}),
        ]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [400, 401, 401, 401, 404, 400, 400]
    assert '"audit.gap"' not in server.log_text("service.log")
