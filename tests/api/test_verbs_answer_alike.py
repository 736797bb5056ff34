"""A verb's `--json` is the API's `data`: both are asked of one service, and compared key by key.

What moves from one question to the next (clocks, ids of runs) is compared by its type.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import FarcopyServer
from tests.running import (
    SLOW_BYTES,
    SLOW_BYTES_PER_S,
    SlowFtpServer,
    options,
    pattern,
    slow_ftp_server,
    wait_until,
    write_tree,
)

SYNC = "/api/sync/"
MOVING = {"now", "took_ms", "duration_seconds", "run_id", "value", "lag_seconds", "text",
          "server_seen_at"}


@pytest.fixture(scope="module")
def service(start_server: ServerFactory) -> FarcopyServer:
    return start_server(FARCOPY_TRIPWIRE_FILES="3", FARCOPY_SETTLE_S="0")


@pytest.fixture(scope="module")
def ftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlowFtpServer]:
    with slow_ftp_server(tmp_path_factory.mktemp("remote"), 0) as server:
        yield server


@pytest.fixture
def boss(service: FarcopyServer) -> Iterator[httpx.Client]:
    with service.signed_in() as client:
        yield client


@pytest.fixture
def data(tmp_path: Path, boss: httpx.Client, ftp: SlowFtpServer) -> Path:
    """A source and a remote folder of this test's own, configured."""
    folder = tmp_path / "data"
    write_tree(folder, {f"f{n}": b"first %d" % n for n in range(5)})
    remote = f"/{tmp_path.name}"
    (ftp.root / remote[1:]).mkdir()
    answer = boss.post(f"{SYNC}configure-sync.php", json={
        "hospital_data_path": str(folder), "ftp_host": ftp.host, "ftp_port": ftp.port,
        "ftp_username": ftp.user, "ftp_password": ftp.password, "ftp_path": remote,
    })
    assert answer.status_code == 200, answer.text
    return folder


def shell(service: FarcopyServer, *words: str, code: int = 0) -> Any:
    """What a verb prints with --json; it is one line and nothing else."""
    done = subprocess.run(
        [sys.executable, "-c", "from farcopy.cli import main; main()", *words, "--json"],
        env={**os.environ, **service.environment}, capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL, check=False,
    )
    assert done.returncode == code, done.stderr
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def web(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def still(value: Any, name: str = "", moving: frozenset[str] = frozenset(MOVING)) -> Any:
    """The value with what moves replaced by its type."""
    if name in moving:
        return type(value).__name__
    if isinstance(value, Mapping):
        return {key: still(inner, key, moving) for key, inner in value.items()}
    if isinstance(value, list):
        return [still(inner, name, moving) for inner in value]
    return value


def test_status_is_the_same(service: FarcopyServer, boss: httpx.Client, data: Path) -> None:
    web(boss.post(f"{SYNC}sync-now.php"))

    here, there = shell(service, "status"), web(boss.get(f"{SYNC}status.php"))

    assert still(here) == still(there)
    assert here["health"]["code"] == there["health"]["code"]
    assert here["last_sync"]["files_synced"] == 5
    assert here["sync_history"][0]["duration_seconds"] == (
        there["sync_history"][0]["duration_seconds"]
    )


def test_configure_is_the_same(service: FarcopyServer, boss: httpx.Client, data: Path) -> None:
    changes = {"sync_interval": 77, "ftp_limit_kib_s": 5000}

    there = web(boss.post(f"{SYNC}configure-sync.php", json=changes))

    assert shell(service, "configure", *options(changes)) == there
    assert shell(service, "configure") == web(boss.get(f"{SYNC}get-config.php"))["configuration"]


def test_sync_is_the_same_with_news_and_without(
    service: FarcopyServer, boss: httpx.Client, data: Path
) -> None:
    there = web(boss.post(f"{SYNC}sync-now.php"))
    there_again = web(boss.post(f"{SYNC}sync-now.php"))
    write_tree(data, {f"g{n}": b"again %d" % n for n in range(5)})

    here, here_again = shell(service, "sync"), shell(service, "sync")

    assert still(here) == still(there)
    assert still(here_again) == still(there_again)
    assert here_again["message"] == "No new files to sync"


def test_a_partial_sync_is_the_same(
    service: FarcopyServer, boss: httpx.Client, data: Path, ftp: SlowFtpServer
) -> None:
    # A folder where a file's final name would be: it can never be replaced.
    (ftp.root / data.parent.name / "hospital/f0").mkdir(parents=True)
    there = web(boss.post(f"{SYNC}sync-now.php"))
    write_tree(data, {f"g{n}": b"again %d" % n for n in range(4)})

    here = shell(service, "sync", code=3)

    assert still(here) == still(there)
    assert here["status"] == "partial" and here["errors"]


def test_connection_test_is_the_same(
    service: FarcopyServer, boss: httpx.Client, data: Path
) -> None:
    here = shell(service, "test-connection")
    assert here == web(boss.post(f"{SYNC}test-connection.php"))


def test_doctor_is_the_same(service: FarcopyServer, boss: httpx.Client, data: Path) -> None:
    here = shell(service, "doctor")
    assert still(here) == still(web(boss.post(f"{SYNC}doctor.php")))
    assert here["is_well"] is True


def _cancelled(
    boss: httpx.Client, data: Path, ftp: SlowFtpServer, name: str, cancel: Callable[[], Any]
) -> Any:
    write_tree(data, {name: pattern(10 * SLOW_BYTES, name)})
    started = boss.post(f"{SYNC}sync-now.php", headers={"Prefer": "respond-async"})
    assert started.status_code == 202, started.text
    answer = cancel()
    assert answer["run_id"] == started.json()["data"]["run_id"]
    wait_until(lambda: web(boss.get(f"{SYNC}status.php"))["current_sync"] is None)
    return answer


def test_cancel_is_the_same(
    service: FarcopyServer, boss: httpx.Client, data: Path, ftp: SlowFtpServer
) -> None:
    ftp.set_rate(SLOW_BYTES_PER_S)
    try:
        there = _cancelled(
            boss, data, ftp, "a", lambda: web(boss.post(f"{SYNC}cancel.php"))
        )
        here = _cancelled(boss, data, ftp, "b", lambda: shell(service, "cancel"))
    finally:
        ftp.set_rate(0)
    assert still(here) == still(there)


def _confirmed(boss: httpx.Client, data: Path, word: bytes, confirm: Callable[[], Any]) -> Any:
    write_tree(data, {f"f{n}": word + b" %d" % n for n in range(4)})
    assert boss.post(f"{SYNC}sync-now.php").status_code == 500
    answer = confirm()
    web(boss.post(f"{SYNC}sync-now.php"))
    return answer


def test_confirm_changes_is_the_same(
    service: FarcopyServer, boss: httpx.Client, data: Path
) -> None:
    web(boss.post(f"{SYNC}sync-now.php"))
    there = _confirmed(
        boss, data, b"changed", lambda: web(boss.post(f"{SYNC}confirm-changes.php"))
    )
    here = _confirmed(boss, data, b"changed twice", lambda: shell(service, "confirm-changes"))
    assert here == there == {"changed_files": 4, "vanished_files": 0}


def test_accept_losses_is_the_same(
    service: FarcopyServer, boss: httpx.Client, data: Path, ftp: SlowFtpServer
) -> None:
    def lose(name: str) -> None:
        """Gone from the source, and then found missing off-site."""
        write_tree(data, {name: b"the last copy"})
        web(boss.post(f"{SYNC}sync-now.php"))
        (data / name).unlink()
        web(boss.post(f"{SYNC}sync-now.php"))
        (copy,) = ftp.root.rglob(name)
        copy.unlink()
        shell(service, "verify", code=3)

    lose("lost-first")
    there = web(boss.post(f"{SYNC}accept-losses.php"))
    lose("lost-second")
    here = shell(service, "accept-losses")
    assert here == there == {"files": 1}
    refused = boss.post(f"{SYNC}accept-losses.php")
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_lost")


def test_the_verbs_of_accounts_are_the_same(service: FarcopyServer, boss: httpx.Client) -> None:
    moving = frozenset({"id", "username", "created_at", "password"})

    def alike(here: Any, there: Any) -> bool:
        return bool(still(here, moving=moving) == still(there, moving=moving))

    def call(verb: str, **fields: object) -> Any:
        return web(boss.post(f"/api/users/{verb}.php", json=fields))

    there = call("add", username="there", role="viewer")
    here = shell(service, "user", "add", "here", "--role", "viewer")
    assert alike(here, there)
    assert here["password"]
    assert alike(shell(service, "user", "role", "here", "technician"),
                 call("change", username="there", role="technician"))
    assert alike(shell(service, "user", "disable", "here"),
                 call("change", username="there", is_active=False))
    assert alike(shell(service, "user", "enable", "here"),
                 call("change", username="there", is_active=True))
    assert alike(shell(service, "user", "password", "here"),
                 call("reset-password", username="there"))
    assert alike(shell(service, "user", "unlock", "here"), call("unlock", username="there"))
    assert shell(service, "user", "list") == web(boss.get("/api/users/list.php"))


def test_the_list_of_the_audit_trail_is_the_same(
    service: FarcopyServer, boss: httpx.Client
) -> None:
    for _ in range(3):
        shell(service, "user", "unlock", "boss")
    newest = shell(service, "audit", "list", "--limit", "1")["entries"][0]["id"]
    words = ("--limit", "2", "--before", str(newest))

    here = shell(service, "audit", "list", *words)

    assert here == web(boss.get("/api/audit/list.php", params={"limit": 2, "before": newest}))
    assert here["next_before"] == here["entries"][-1]["id"]
    mine = shell(service, "audit", "list", "--action", "cli.user_unlock")["entries"]
    assert {entry["action"] for entry in mine} == {"cli.user_unlock"}
