"""`farcopy serve` in a process and a home of its own, and what tests ask of it."""

import json
import os
import queue
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import httpx

COOKIE = "DICOM_VIEWER_SESSION"
PASSWORD = "correct horse battery 9"
LISTED_ORIGIN = "https://viewer.hospital.example"
LISTED_HOST = "archive.hospital.example"
ACCOUNTS = {"boss": "admin", "rad": "radiologist", "tech": "technician", "view": "viewer"}
START_S = 60.0

_FARCOPY = "from farcopy.cli import main; main()"
_ADD_ACCOUNTS = """
import json, sys
from farcopy.process import set_up
set_up("farcopy.settings.web")
from farcopy.store import users
for name, role, password in json.loads(sys.argv[1]):
    users.add(name, role, password)
"""


class FarcopyServer:
    """A running server. `boss` is an admin; every account has PASSWORD."""

    _template: ClassVar[Path | None] = None

    def __init__(
        self, home: Path, *, verb: str = "serve", arguments: tuple[str, ...] = (),
        **environment: str,
    ) -> None:
        self.home = home
        # An answer must not depend on what the developer has set.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FARCOPY_", "CORS_", "DATABASE_URL", "DJANGO_"))
        }
        self.environment = {
            **inherited,
            "FARCOPY_HOME": str(home),
            "FARCOPY_TIME_ZONE": "UTC",
            "FARCOPY_RETRY_SCALE": "0.01",
            "FARCOPY_ALLOWED_HOSTS": LISTED_HOST,
            "CORS_ALLOWED_ORIGINS": LISTED_ORIGIN,
            **environment,
        }
        self._sessions: dict[str, str] = {}
        self._prepare_home()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed by stop
        self._process = subprocess.Popen(
            [sys.executable, "-c", _FARCOPY, verb, "--host", "127.0.0.1", "--port", "0",
             *arguments],
            env=self.environment, stdout=subprocess.PIPE, stderr=self._log, text=True,
        )
        self.url = self._read_url()

    def _prepare_home(self) -> None:
        """Accounts take a process and four password hashes: made once, then copied."""
        template = FarcopyServer._template
        if template is not None and "DATABASE_URL" not in self.environment:
            shutil.copytree(template, self.home)
            return
        accounts = [(name, role, PASSWORD) for name, role in ACCOUNTS.items()]
        self.run_python(_ADD_ACCOUNTS, json.dumps(accounts))
        if "DATABASE_URL" not in self.environment:
            FarcopyServer._template = self.home.with_name("template")
            shutil.copytree(self.home, FarcopyServer._template)

    def _read_url(self) -> str:
        assert self._process.stdout is not None
        stream = self._process.stdout
        lines: queue.Queue[str] = queue.Queue()

        def read() -> None:
            for line in stream:
                lines.put(line)
            lines.put("")

        threading.Thread(target=read, daemon=True).start()
        while line := lines.get(timeout=START_S):
            if "Listening on " in line:
                return line.split("Listening on ")[1].strip()
        self._log.seek(0)
        raise RuntimeError(f"farcopy did not start: {self._log.read().decode()[-2000:]}")

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
            raise
        finally:
            self._log.close()

    def peak_memory_bytes(self) -> int:
        """The most it ever had in memory (Linux)."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def run_python(self, code: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=self.environment, capture_output=True, text=True, timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add_admin(self) -> str:
        """An account like the first one, with its password. Returns its name."""
        name = f"admin{len(self.query('SELECT id FROM users'))}"
        self.query(
            "INSERT INTO users"
            " (password, username, role, is_active, must_change_password, created_at)"
            " SELECT password, ?, 'admin', 1, 0, created_at FROM users WHERE username = 'boss'",
            name,
        )
        return name

    def client(self, **options: Any) -> httpx.Client:
        """Signed out. Reaches only this server, whatever proxy the machine has."""
        # verify: plain HTTP has no certificates, and loading them takes longer than a call.
        return httpx.Client(
            base_url=self.url, trust_env=False, timeout=60, verify=False, **options
        )

    def session_of(self, username: str) -> str:
        """A session id of the account; one sign-in serves all tests."""
        if username not in self._sessions:
            with self.client() as client:
                self._sessions[username] = sign_in(client, username)
        return self._sessions[username]

    def signed_in(self, username: str = "boss", **options: Any) -> httpx.Client:
        return self.client(cookies={COOKIE: self.session_of(username)}, **options)

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.home / "farcopy.sqlite3", timeout=20)) as connection:
            rows = connection.execute(sql, values).fetchall()
            connection.commit()
            return rows

    def log_text(self, name: str) -> str:
        path = self.home / "logs" / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def last_audit(self) -> dict[str, Any]:
        columns = ("user_id", "username", "action", "ip_address", "user_agent", "details",
                   "response_status")
        sql = f"SELECT {', '.join(columns)} FROM audit_logs ORDER BY id DESC LIMIT 1"
        row = dict(zip(columns, self.query(sql)[0], strict=True))
        return {**row, "details": json.loads(row["details"])}


def sign_in(client: httpx.Client, username: str, password: str = PASSWORD) -> str:
    """Sign in and return the session id, which the client's cookie jar has too."""
    answer = client.post(
        "/api/auth/login.php", json={"username": username, "password": password}
    )
    assert answer.status_code == 200, answer.text
    session: str = answer.cookies[COOKIE]
    return session


FRESH_SETTINGS: dict[str, object] = {
    "orthanc_storage_path": None, "hospital_data_path": None, "ftp_host": None,
    "ftp_username": None, "ftp_password": None, "ftp_port": 21, "ftp_path": "/",
    "ftp_passive": True, "ftp_tls": "auto", "ftp_tls_ca": None, "ftp_tls_fingerprint": None,
    "ftp_connections": 8, "ftp_limit_kib_s": 0, "sync_enabled": False, "sync_interval": 120,
    "monitoring_enabled": False, "monitoring_interval": 30,
}


def reset_settings(server: FarcopyServer) -> None:
    """Every setting as on the first day."""
    with server.signed_in() as client:
        answer = client.post("/api/sync/configure-sync.php", json=FRESH_SETTINGS)
    assert answer.status_code == 200, answer.text
