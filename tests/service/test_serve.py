"""`farcopy serve`: web and service in one process; `farcopy web`: the web side alone."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.running import (
    SLOW_BYTES,
    SLOW_BYTES_PER_S,
    SlowFtpServer,
    arrived,
    configure,
    new_home,
    pattern,
    rows,
    run_farcopy,
    runs,
    serving,
    slow_ftp_server,
    sync,
    temporaries,
    wait_until,
    write_tree,
)

PASSWORD = "correct horse battery staple"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SlowFtpServer]:
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        yield server


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """The row of an account, for every home of this module."""
    home = new_home(tmp_path_factory.mktemp("home"))
    done = run_farcopy(home, "user", "add", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    return rows(home, "SELECT * FROM users")[0]


@pytest.fixture
def home(tmp_path: Path, server: SlowFtpServer, admin: tuple[object, ...]) -> Path:
    write_tree(tmp_path / "data", {"a": b"a" * 1000, "deep/b": b"b" * 2000})
    configure(tmp_path / "home", server, hospital_data_path=tmp_path / "data")
    rows(tmp_path / "home", f"INSERT INTO users VALUES ({','.join('?' * len(admin))})", *admin)
    return tmp_path / "home"


@contextlib.contextmanager
def signed_in(url: str) -> Iterator[httpx.Client]:
    login = {"username": "admin", "password": PASSWORD}
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        answer = client.post("/api/auth/login.php", json=login)
        assert answer.status_code == 200, answer.text
        yield client


def test_serve_answers_sync_now_with_the_run_its_own_service_made(
    home: Path, tmp_path: Path
) -> None:
    with serving(home) as farcopy, signed_in(farcopy.url) as client:
        answer = client.post("/api/sync/sync-now.php")

        assert answer.status_code == 200
        assert answer.json()["data"]["files_synced"] == 2
        assert set(arrived(tmp_path / "remote")) == {"hospital/a", "hospital/deep/b"}
        assert farcopy.end() == 0
    assert runs(home) == [("manual", "success", 2)]
    assert rows(home, "SELECT owner FROM engine_lease") == [("",)]


def test_farcopy_sync_beside_serve_goes_through_it(home: Path) -> None:
    with serving(home):
        answer = sync(home)

        assert (answer["exit"], answer["files_synced"]) == (0, 2)
        assert rows(home, "SELECT run_id FROM run_requests") == [(answer["run_id"],)]


def test_web_alone_has_no_service_until_one_runs_beside_it(home: Path) -> None:
    with serving(home, verb="web") as web, signed_in(web.url) as client:
        refused = client.post("/api/sync/sync-now.php")
        assert refused.status_code == 503
        assert refused.json()["code"] == "service_not_running"

        with serving(home, verb="service"):
            assert client.post("/api/sync/sync-now.php").status_code == 200


def test_serve_beside_a_service_on_the_same_home_refuses(home: Path) -> None:
    with serving(home, verb="service"):
        done = run_farcopy(home, "serve", "--port", "0")

    assert done.returncode == 1
    assert "another farcopy engine works on this home" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_told_in_one_line_and_leaves_no_lease(home: Path) -> None:
    with serving(home, verb="web") as first:
        done = run_farcopy(home, "serve", "--port", first.url.rpartition(":")[2])

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--host", "192.0.2.1"), "is open to others"),
        (("--tls-key", "key.pem"), "--tls-key needs --tls-cert"),
        (("--tls-cert", "/nowhere/cert.pem"), "/nowhere/cert.pem is not there"),
    ],
)
def test_an_unsafe_or_impossible_way_to_listen_ends_the_start_in_one_line(
    home: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = run_farcopy(home, "web", *arguments)

    assert done.returncode == 1
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_cookie_that_needs_https_ends_a_start_without_it(home: Path) -> None:
    cookie = {"FARCOPY_SESSION_COOKIE": "__Host-FARCOPY"}

    done = run_farcopy(home, "web", env=cookie)

    assert done.returncode == 1
    assert "browsers keep over HTTPS only" in done.stderr
    assert done.stderr.count("\n") == 1


def test_sigterm_answers_who_waits_for_the_run_before_serve_is_gone(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    server.set_rate(SLOW_BYTES_PER_S)
    write_tree(tmp_path / "data", {"large": pattern(SLOW_BYTES, "large")})
    with serving(home) as farcopy, signed_in(farcopy.url) as client, ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.post, "/api/sync/sync-now.php")
        wait_until(lambda: temporaries(tmp_path / "remote"))

        assert farcopy.end() == 0

        answer = waiting.result(timeout=30)
    assert answer.status_code in (200, 500)
    assert answer.json()["data"] if answer.status_code == 200 else answer.json()["error"]
    assert temporaries(tmp_path / "remote") == []


def test_a_user_disabled_at_the_command_line_is_out_at_the_next_request(home: Path) -> None:
    with serving(home, verb="web") as web, signed_in(web.url) as client:
        assert client.get("/api/sync/status.php").status_code == 200

        assert run_farcopy(home, "user", "disable", "admin").returncode == 0

        assert client.get("/api/sync/status.php").status_code == 401


def test_a_changed_password_ends_the_sessions_of_the_old_one(home: Path) -> None:
    with serving(home, verb="web") as web, signed_in(web.url) as client:
        done = run_farcopy(
            home, "user", "password", "admin", "--password-stdin", stdin="another fine password\n"
        )
        assert done.returncode == 0

        assert client.get("/api/sync/status.php").status_code == 401
