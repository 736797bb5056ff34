"""A real PostgreSQL on loopback, with a password, from the installed or unpacked package.

It refuses to run as root, so root's tests run it as nobody: the only other user
every Debian has, and initdb wants one with a name. Data is not flushed to disk
(fsync off): these tests end processes, they do not cut the power.
"""

import itertools
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.parts.fetch import command, find_program, why_missing
from tests.parts.keeper import Kept
from tests.parts.scratch import closed_parent, free_port

START_S = 30.0
PORT_ATTEMPTS = 3
USER, PASSWORD, DATABASE = "farcopy", "far-secret", "farcopy"
STOP_SIGNALS = {
    # PostgreSQL's manual, "Shutting Down the Server".
    "smart": "SIGTERM",
    "fast": "SIGINT",
    "immediate": "SIGQUIT",
}
Mode = Literal["smart", "fast", "immediate"]


@dataclass
class PostgresServer:
    """A running PostgreSQL. `url` is of a database that is there from the start."""

    url: str
    port: int
    log_file: Path
    _argv: list[str] = field(repr=False)
    _uid: int | None = field(repr=False)
    _kept: Kept | None = field(default=None, repr=False)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count, repr=False)

    def create_database(self) -> str:
        """Create an empty database and give its url."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self._createdb(name)
        return _url(self.port, name)

    def is_alive(self) -> bool:
        """Say whether the postmaster runs."""
        return self._kept is not None and self._kept.is_alive()

    def processes(self) -> list[int]:
        """List the process ids: the keeper's, the postmaster's, then its children's."""
        return self._kept.processes() if self._kept else []

    def stop(self, mode: Mode = "fast") -> None:
        """End the server; "immediate" is a crash that leaves recovery to the next start."""
        if self._kept is not None:
            self._kept.end(signal.Signals[STOP_SIGNALS[mode]])

    def restart(self, mode: Mode = "fast") -> None:
        """Stop if it runs, and start again on the same port and data."""
        self.stop(mode)
        self._start()

    def _createdb(self, name: str) -> None:
        connection = ("-h", "127.0.0.1", "-p", str(self.port), "-U", USER)
        _run(
            command("postgres", "createdb", *connection, "--maintenance-db=postgres", name),
            environment={"PGPASSWORD": PASSWORD},
        )

    def _start(self) -> None:
        self._kept = Kept(self._argv, self.log_file, self._uid)
        deadline = time.monotonic() + START_S
        try:
            while not self._accepts():
                if not self.is_alive() or time.monotonic() > deadline:
                    log = self.log_file.read_text(errors="replace")[-800:]
                    raise RuntimeError(f"PostgreSQL does not accept on {self.port}: {log}")
                time.sleep(0.02)
        except BaseException:
            self.stop("immediate")
            raise

    def _accepts(self) -> bool:
        # An open port is not enough: during recovery it answers "starting up" (57P03).
        probe = command("postgres", "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port))
        return subprocess.run(probe, capture_output=True).returncode == 0


def start_postgres(folder: Path) -> PostgresServer:
    """Start a PostgreSQL whose data and log stand in folder.

    folder: when the tests run as root, every parent must be open to other users,
    see `open_folder`. Raises: RuntimeError when it does not accept connections.
    """
    if reason := why_missing("postgres"):
        raise RuntimeError(reason)
    uid = _server_uid()
    program = find_program("postgres", "postgres")
    data = folder / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    if uid is not None:
        for path in (folder, program.parent):
            if closed := closed_parent(path):
                raise RuntimeError(f"{closed} is closed to the user nobody, who runs PostgreSQL")
        os.chown(data, uid, uid)
    if not (data / "PG_VERSION").exists():
        _initdb(data, folder / "password", uid)
    for attempt in range(1, PORT_ATTEMPTS + 1):
        port = free_port()
        server = PostgresServer(
            url=_url(port, DATABASE),
            port=port,
            log_file=folder / "postgres.log",
            _argv=command("postgres", "postgres", *_arguments(data, port)),
            _uid=uid,
        )
        try:
            server._start()
        except RuntimeError:
            if attempt == PORT_ATTEMPTS:
                raise
        else:
            break
    server._createdb(DATABASE)
    return server


def _server_uid() -> int | None:
    import pwd  # not on Windows, where this module must still import

    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _arguments(data: Path, port: int) -> list[str | Path]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "full_page_writes": "off",
        "jit": "off",
        "max_connections": "50",
    }
    words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    return ["-D", data, "-p", str(port), *words]


def _initdb(data: Path, password_file: Path, uid: int | None) -> None:
    password_file.write_text(PASSWORD)
    password_file.chmod(0o644)  # a test's password, and initdb runs as another user
    arguments: list[str | Path] = [
        "-D",
        data,
        "-U",
        USER,
        "--auth=scram-sha-256",
        f"--pwfile={password_file}",
    ]
    arguments += ["--encoding=UTF8", "--locale=C", "--no-sync"]
    _run(command("postgres", "initdb", *arguments), uid)


def _run(
    argv: list[str], uid: int | None = None, environment: dict[str, str] | None = None
) -> None:
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        cwd="/",
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
        env=os.environ | (environment or {}),
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()[-600:]}")


def _url(port: int, database: str) -> str:
    return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/{database}"
