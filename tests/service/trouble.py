"""What the tests of a database in trouble share: an archive, an account, calls of the API."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running import (
    SlowFtpServer,
    configure,
    new_home,
    pattern,
    read_tree,
    rows,
    run_farcopy,
    wait_until,
    write_tree,
)

PASSWORD = "correct horse battery staple"
# Root may write everywhere by these; without them it is a user like any other.
WITHOUT_POWERS: Sequence[str] = (
    ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all") if os.name == "posix"
    and os.geteuid() == 0 else ()
)


@dataclass
class Archive:
    """A home with an account, data of 30 files, and a remote."""

    home: Path
    data: Path
    remote: Path
    server: SlowFtpServer

    def expected(self) -> dict[str, bytes]:
        return {f"hospital/{name}": content for name, content in read_tree(self.data).items()}


def make_archive(home: Path, folder: Path, server: SlowFtpServer) -> Archive:
    """home: not there yet. The account `admin` has PASSWORD."""
    data = folder / "data"
    write_tree(data, {f"{n % 3}/{n}": pattern(n * 100, n) for n in range(30)})
    configure(home, server, hospital_data_path=data)
    account = _account(folder)
    rows(home, f"INSERT INTO users VALUES ({','.join('?' * len(account))})", *account)
    return Archive(home, data, server.root, server)


_accounts: list[tuple[object, ...]] = []


def _account(folder: Path) -> tuple[object, ...]:
    """The row of an account; hashing its password takes a while, so once."""
    if not _accounts:
        home = new_home(folder / "account")
        done = run_farcopy(home, "user", "add", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
        assert done.returncode == 0, done.stderr
        _accounts.extend(rows(home, "SELECT * FROM users"))
    return _accounts[0]


class Api:
    """The API as an admin who is signed in."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def login(self) -> httpx.Response:
        return self.client.post(
            "/api/auth/login.php", json={"username": "admin", "password": PASSWORD}
        )

    def status(self) -> dict[str, Any]:
        answer = self.client.get("/api/sync/status.php")
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def configure(self, **settings: object) -> httpx.Response:
        return self.client.post("/api/sync/configure-sync.php", json=settings)

    def sync_now(self, *, wait: bool = True) -> httpx.Response:
        headers = {} if wait else {"Prefer": "respond-async"}
        return self.client.post("/api/sync/sync-now.php", headers=headers)

    def health(self) -> tuple[int, dict[str, str]]:
        answer = self.client.get("/healthz")
        return answer.status_code, answer.json()

    def wait_for_ledger(self, code: str) -> dict[str, Any]:
        return wait_until(
            lambda: status if (status := self.status())["ledger"] == code else None,
            what=f"ledger {code}",
        )


@contextlib.contextmanager
def signed_in(url: str, cookies: httpx.Cookies | None = None) -> Iterator[Api]:
    with httpx.Client(base_url=url, trust_env=False, timeout=90, cookies=cookies) as client:
        api = Api(client)
        if cookies is None:
            answer = api.login()
            assert answer.status_code == 200, answer.text
        yield api


def refused(answer: httpx.Response, code: str) -> None:
    """503, in the envelope, with this code."""
    assert answer.headers["Content-Type"].startswith("application/json"), answer.text
    body = answer.json()
    assert (answer.status_code, body["success"], body["code"]) == (503, False, code), body
    assert body["error"]
    assert body["request_id"]


def gaps(home: Path) -> list[dict[str, Any]]:
    found = rows(home, "SELECT details FROM audit_logs WHERE action = 'audit.gap' ORDER BY id")
    return [json.loads(details) for (details,) in found]


@contextlib.contextmanager
def small_disk(folder: Path, size_kib: int) -> Iterator[Path]:
    """A file system of its own, which the test may fill. Skips where it may not be mounted."""
    folder.mkdir()
    mount = shutil.which("mount")
    options = f"size={size_kib}k,mode=700"
    command = [mount or "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    may_mount = mount is not None and os.geteuid() == 0
    if not may_mount or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take the last byte of a disk; the file that holds it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    return filler
