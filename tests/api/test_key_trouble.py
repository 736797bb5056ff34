"""A key that does not fit, or is none: 503 with a code, nothing replaced, no run begun."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import FarcopyServer, sign_in
from tests.contract.pyftp import PyFtpServer
from tests.running import wait_until

CONFIGURE = "/api/sync/configure-sync.php"
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/api/sync/get-config.php", {}),
    ("GET", "/api/sync/status.php", {}),
    ("POST", CONFIGURE, {"json": {"sync_interval": 7}}),
    ("POST", CONFIGURE, {"json": {"ftp_password": "another one"}}),
    ("POST", "/api/sync/sync-now.php", {}),
    ("POST", "/api/sync/test-connection.php", {}),
    ("POST", "/api/sync/enable-auto.php", {}),
    ("POST", "/api/sync/disable-auto.php", {}),
]


@pytest.fixture(scope="module")
def server(start_server: ServerFactory, ftp: PyFtpServer) -> FarcopyServer:
    running = start_server()
    with running.signed_in() as client:
        body = {"ftp_host": "127.0.0.1", "ftp_port": ftp.port, "ftp_username": "user",
                "ftp_password": "the right one", "hospital_data_path": str(running.home.parent)}
        assert client.post(CONFIGURE, json=body).status_code == 200
    return running


def spoil_missing(key: Path) -> None:
    key.unlink()


def spoil_open(key: Path) -> None:
    key.chmod(0o644)


def spoil_short(key: Path) -> None:
    key.write_text("ab" * 16)


def spoil_default(key: Path) -> None:
    key.write_text("00" * 32)


def spoil_other(key: Path) -> None:
    key.write_text("5c" * 32)


@pytest.fixture(params=[spoil_missing, spoil_open, spoil_short, spoil_default, spoil_other])
def spoiled(server: FarcopyServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """The server with its key spoiled while it runs; returns the code it should answer."""
    key = server.home / "farcopy.key"
    right = key.read_text()
    request.param(key)
    yield "key_mismatch" if request.param is spoil_other else "key_unusable"
    key.unlink(missing_ok=True)
    key.write_text(right)
    key.chmod(0o600)
    with server.signed_in() as client:
        answer = client.get("/api/sync/get-config.php")
    assert answer.json()["data"]["configuration"]["ftp_password"] == "********"


def test_every_call_that_needs_the_key_is_503_and_changes_nothing(
    server: FarcopyServer, spoiled: str
) -> None:
    def state() -> list[tuple[Any, ...]]:
        return server.query("SELECT * FROM sync_configuration") + server.query(
            "SELECT * FROM key_history") + server.query("SELECT count(*) FROM run_requests")

    before = state()
    with server.signed_in() as client:
        for method, path, options in CALLS:
            answer = client.request(method, path, **options)
            assert (answer.status_code, answer.json()["code"]) == (503, spoiled), path
        assert client.get("/api/auth/me.php").status_code == 200
        assert client.get("/healthz").status_code == 200
    # Nor does the service begin anything: each of its rounds ends there.
    wait_until(lambda: f'"code": "{spoiled}"' in server.log_text("service.log"))
    assert state() == before
    # What could not be sealed is not in the trail, and the log says so.
    assert '"audit.gap"' in server.log_text("service.log")


def test_who_starts_with_a_wrong_key_is_told_and_no_password_is_stored_under_it(
    start_server: ServerFactory,
) -> None:
    # The home was made, and its trail begun, under its own key.
    server = start_server(FARCOPY_KEY="5c" * 32)
    body = {"ftp_host": "x", "ftp_username": "x", "ftp_password": "x"}
    with server.client() as client:
        sign_in(client, "boss")
        answer = client.post(CONFIGURE, json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "key_mismatch")
    assert server.query("SELECT ftp_host FROM sync_configuration") == [(None,)]
