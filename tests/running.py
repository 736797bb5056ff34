"""farcopy as real processes, each on a home of its own; and the FTP servers only tests want.

`run_farcopy` runs one verb to its end, `serving` keeps `serve` or `service` up.
`SlowFtpServer` takes bytes at a set rate, `Relay` counts what is said to another server.
"""

import atexit
import contextlib
import functools
import hashlib
import json
import logging
import os
import queue
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, ThrottledDTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

FARCOPY = Path(sysconfig.get_path("scripts")) / "farcopy"
WITHIN_S = 60.0
"""No verb of these tests takes longer; on a laden machine they take their time."""
QUICK = {
    "FARCOPY_RETRY_SCALE": "0.02",
    "FARCOPY_SETTLE_S": "0.2",
    "FARCOPY_CONNECT_TIMEOUT_S": "5",
    "FARCOPY_REPLY_TIMEOUT_S": "10",
    "FARCOPY_STALL_TIMEOUT_S": "10",
    "FARCOPY_TIME_ZONE": "UTC",
    "PYTHONUNBUFFERED": "1",
}
OURS = ("FARCOPY_", "DATABASE_URL", "CORS_", "DJANGO_")
OLD_S = 3600.0
T = TypeVar("T")
Ended = subprocess.CompletedProcess[str]


class FtpAccount(Protocol):
    """An account on a server: a real server's place, or one of those below."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def user(self) -> str: ...

    @property
    def password(self) -> str: ...


# --- processes ---


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of the machine's own farcopy gets in, only what the test says."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    return {**inherited, **QUICK, "FARCOPY_HOME": str(home), **(more or {})}


def run_farcopy(
    home: Path,
    *args: str,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
) -> Ended:
    """Run one verb to its end. before: a command that runs it, such as setpriv."""
    return subprocess.run(
        [*before, str(FARCOPY), *args],
        env=environment(home, env),
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


@dataclass
class Farcopy:
    """A farcopy that runs. url: of the web side, "" if it has none."""

    process: subprocess.Popen[str]
    home: Path
    url: str = ""
    output: str = ""

    def end(self) -> int:
        """SIGTERM, as systemd does; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory is short."""
        self.process.kill()
        self.process.wait(WITHIN_S)

    def wait(self) -> int:
        self.output += self.process.communicate(timeout=WITHIN_S)[0]
        return self.process.returncode


def start_farcopy(
    home: Path, *args: str, env: Mapping[str, str] | None = None, before: Sequence[str] = ()
) -> Farcopy:
    """Start a verb and go on; the caller ends it. Its two outputs come as one."""
    process = subprocess.Popen(
        [*before, str(FARCOPY), *args],
        env=environment(home, env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Ctrl-C in a terminal is for pytest, which then stops us in order.
        start_new_session=True,
    )
    return Farcopy(process, home)


@contextlib.contextmanager
def running(
    home: Path, *args: str, env: Mapping[str, str] | None = None, before: Sequence[str] = ()
) -> Iterator[Farcopy]:
    """A verb beside the test; killed at the end if the test has not ended it."""
    farcopy = start_farcopy(home, *args, env=env, before=before)
    try:
        yield farcopy
    finally:
        if farcopy.process.poll() is None:
            farcopy.kill()
        if farcopy.process.stdout:
            farcopy.process.stdout.close()


@contextlib.contextmanager
def serving(
    home: Path, *args: str, verb: str = "serve", env: Mapping[str, str] | None = None,
    before: Sequence[str] = (), is_well: bool = True,
) -> Iterator[Farcopy]:
    """`farcopy serve` on a free port, `web` likewise, or `service`; up when this yields.

    Ended by SIGTERM with the block, unless the test has done so. is_well: its database
    is, so that the service's lease is waited for.
    """
    more = () if verb == "service" else ("--port", "0")
    sign = "The background service is running" if verb == "service" else "Listening on "
    owner = _lease(home) if is_well else ""
    with running(home, verb, *more, *args, env=env, before=before) as farcopy:
        line = _line_with(farcopy, sign)
        farcopy.url = line.removeprefix("Listening on ") if verb != "service" else ""
        if verb != "web" and is_well and "DATABASE_URL" not in (env or {}):
            wait_until(lambda: _lease(home) not in (owner, ""), what="the service's lease")
        yield farcopy
        if farcopy.process.poll() is None:
            farcopy.end()


def _line_with(farcopy: Farcopy, sign: str) -> str:
    stream = farcopy.process.stdout
    assert stream is not None
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        while line := stream.readline():
            lines.put(line)
            if sign in line:
                return
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    while line := lines.get(timeout=WITHIN_S):
        farcopy.output += line
        if sign in line:
            return line.strip()
    raise AssertionError(f"farcopy ended before it was up: {farcopy.output}")


def _lease(home: Path) -> str:
    """The owner of the engine lease of a home with SQLite; "" if nobody is."""
    try:
        found = rows(home, "SELECT owner FROM engine_lease WHERE kind = 'service'")
    except sqlite3.OperationalError:  # no database yet
        return ""
    return str(found[0][0]) if found else ""


def wait_until(is_so: Callable[[], T | None], *, within_s: float = WITHIN_S, what: str = "") -> T:
    """Ask until the answer is true, and give it; every wait of these tests is this one."""
    deadline = time.monotonic() + within_s
    while not (answer := is_so()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what or is_so}"
        time.sleep(0.01)
    return answer


# --- what a home holds ---


PASSWORD = "far-secret"


@functools.cache
def _template(*, with_password: bool) -> Path:
    """A home as `configure` leaves it, made once: a process is half a second, and tests are many.

    Encrypted is the password with the home's own key, for no certain host.
    """
    home = Path(tempfile.mkdtemp(prefix="farcopy-home-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    args = ("--ftp-host", "x", "--ftp-username", "x") if with_password else ()
    env = {"FARCOPY_FTP_PASSWORD": PASSWORD} if with_password else {}
    done = run_farcopy(home, "configure", *args, env=env)
    assert done.returncode == 0, done.stderr
    return home


def new_home(home: Path) -> Path:
    """A home of which nothing is set: what any verb makes of an empty place, but at once."""
    shutil.copytree(_template(with_password=False), home, dirs_exist_ok=True)
    rows(home, "UPDATE sync_configuration SET home_id = ?", secrets.token_hex(6))
    return home


def configure(home: Path, account: FtpAccount, ftp_path: object = "/", **settings: object) -> None:
    """Set the account and more settings: of a home that is there by the verb, as an admin does.

    A new home with the usual password is written, not asked for: the verb has tests of
    its own. settings: by the names of the API; None leaves a setting alone.
    """
    named = {
        "ftp_host": account.host,
        "ftp_port": account.port,
        "ftp_username": account.user,
        "ftp_path": ftp_path,
        **{name: value for name, value in settings.items() if value is not None},
    }
    password = str(named.pop("ftp_password", account.password))
    if password == PASSWORD and not home.exists():
        shutil.copytree(_template(with_password=True), home)
        named["home_id"] = secrets.token_hex(6)
        columns = ", ".join(f"{name} = ?" for name in named)
        values = [value if isinstance(value, int) else str(value) for value in named.values()]
        rows(home, f"UPDATE sync_configuration SET {columns}", *values)
        return
    done = run_farcopy(
        home, "configure", "--ftp-password-stdin", *options(named), stdin=f"{password}\n"
    )
    assert done.returncode == 0, done.stderr


def options(settings: Mapping[str, object]) -> list[str]:
    """Settings as the options of `configure`."""
    words = []
    for name, value in settings.items():
        if isinstance(value, list):
            words += [word for text in value for word in ("--" + name.replace("_", "-"), text)]
        elif value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            words += [f"--{name.replace('_', '-')}", text]
    return words


def sync(home: Path, *, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`farcopy sync --json`: its object, with the exit code as "exit"."""
    return ended_sync(run_farcopy(home, "sync", "--json", env=env))


def ended_sync(done: Ended) -> dict[str, Any]:
    assert done.stdout.strip(), f"exit {done.returncode}: {done.stderr}"
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**answer, "exit": done.returncode}


def rows(home: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask, or change, the home's SQLite beside whoever works on it."""
    with contextlib.closing(sqlite3.connect(home / "farcopy.sqlite3", timeout=30)) as database:
        found = database.execute(statement, values).fetchall()
        database.commit()
        return found


def runs(home: Path) -> list[tuple[str, str, int]]:
    """(sync_type, status, files_synced) of every run, the first one first."""
    return rows(home, "SELECT sync_type, status, files_synced FROM sync_history ORDER BY id")


def sent_in_run(home: Path, run_id: int) -> list[str]:
    """`root/relative path` of every file version stored in a run, sorted."""
    found = rows(
        home,
        "SELECT f.root, f.directory, f.name FROM transfers t JOIN replicas r ON r.id = t.replica_id"
        " JOIN source_files f ON f.id = r.source_file_id"
        " WHERE t.run_id = ? AND t.outcome IN ('stored', 'verified')",
        run_id,
    )
    return sorted("/".join(part for part in row if part) for row in found)


def states(home: Path) -> dict[str, str]:
    """`root/relative path` -> the state of its replica."""
    found = rows(
        home,
        "SELECT f.root, f.directory, f.name, r.state FROM replicas r"
        " JOIN source_files f ON f.id = r.source_file_id",
    )
    return {"/".join(part for part in row[:3] if part): row[3] for row in found}


# --- trees ---


def write_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    """Files at rest: an hour old."""
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        age(target)


def age(file: Path, by_s: float = OLD_S) -> None:
    written_at = time.time() - by_s
    os.utime(file, (written_at, written_at))


def read_tree(folder: Path) -> dict[str, bytes]:
    """Every regular file below a folder; {} when there is none."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def arrived(remote: Path) -> dict[str, bytes]:
    """What lies under final names: all but farcopy's own folders."""
    return {
        name: content
        for name, content in read_tree(remote).items()
        if not name.startswith(("farcopy-tmp-", "farcopy/"))
    }


def temporaries(remote: Path) -> list[str]:
    """Those of files; what farcopy tries out for itself comes and goes before them."""
    return sorted(
        f"{file.parent.name}/{file.name}" for file in remote.glob("farcopy-tmp-*/*")
        if not file.name.lower().startswith(("new-0-", "probe"))
    )


def pattern(size_bytes: int, seed: object) -> bytes:
    """Bytes that are the same for a seed and differ for any two."""
    return hashlib.shake_128(str(seed).encode()).digest(size_bytes)


class FinalNamesWatch:
    """Looks at the remote's disk all the time: a final name never shows half a file.

    expected: `root/relative path` -> every content it may have. Use as a context manager.
    """

    def __init__(self, remote: Path, expected: Mapping[str, bytes]) -> None:
        self._remote = remote
        self._expected = expected
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="watch", daemon=True)
        self.looks = 0
        self.wrong: list[str] = []

    def __enter__(self) -> "FinalNamesWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look_on(self) -> None:
        seen: set[str] = set()
        while not self._ended.is_set():
            for name, content in self._expected.items():
                if name in seen:
                    continue
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    found = (self._remote / name).read_bytes()
                    # Whole is whole: a file is not looked at again.
                    seen.add(name)
                    if found != content:
                        self.wrong.append(f"{name}: {len(found)} of {len(content)} bytes")
            self.looks += 1
            self._ended.wait(0.005)


# --- servers ---

logging.getLogger("pyftpdlib").setLevel(logging.CRITICAL)


SLOW_BYTES_PER_S = 50_000
SLOW_BYTES = 120_000
"""At that rate a file of this size has one pause of two seconds in it."""


class SlowFtpServer:
    """pyftpdlib on a thread, taking uploads at a set rate. `root` is "/" for the user.

    bytes_per_s: of each upload; 0 is no limit. The handler is coarse: it takes two
    seconds' worth at once and pauses for two seconds, again and again.
    """

    host, user = "127.0.0.1", "farcopy"

    def __init__(self, root: Path, bytes_per_s: int, password: str = PASSWORD) -> None:
        self.root, self.password = root, password
        root.mkdir(parents=True, exist_ok=True)
        authorizer = DummyAuthorizer()
        authorizer.add_user(self.user, self.password, str(root), perm="elradfmwMT")
        # A small buffer: pyftpdlib sleeps for whole buffers, and a rate below one is jerky.
        limits = {"read_limit": bytes_per_s, "ac_in_buffer_size": 4096}
        self._data: Any = type("SlowData", (ThrottledDTPHandler,), limits)
        handler = type(
            "SlowHandler",
            (FTPHandler,),
            {"authorizer": authorizer, "dtp_handler": self._data, "auth_failed_timeout": 0},
        )
        self._loop = IOLoop()
        self._server = FTPServer((self.host, 0), handler, ioloop=self._loop)
        self.port: int = self._server.address[1]
        self._is_stopped = False
        self._thread = threading.Thread(target=self._serve, name="slow-ftpd", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._is_stopped:
            # Not serve_forever: it reports a start, at length, each time it is called.
            self._loop.loop(timeout=0.01, blocking=False)
        self._server.close_all()

    def set_rate(self, bytes_per_s: int) -> None:
        """From now on, also of an upload that is on."""
        self._data.read_limit = bytes_per_s

    def set_download_rate(self, bytes_per_s: int) -> None:
        """Of each download that begins from now on; 0 is no limit."""
        self._data.write_limit = bytes_per_s

    def stop(self) -> None:
        self._is_stopped = True
        self._thread.join(10)


@contextlib.contextmanager
def slow_ftp_server(
    root: Path, bytes_per_s: int, password: str = PASSWORD
) -> Iterator[SlowFtpServer]:
    server = SlowFtpServer(root, bytes_per_s, password)
    try:
        yield server
    finally:
        server.stop()


class Relay:
    """Stands before a server's control port and keeps the commands that pass.

    Data connections go to the server itself: farcopy takes the port of a passive
    reply and the address of its own control connection, which is loopback here too.
    """

    def __init__(self, account: FtpAccount) -> None:
        self.host, self.user, self.password = account.host, account.user, account.password
        self._target = (account.host, account.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.commands: list[str] = []
        self.connections = 0
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                server = socket.create_connection(self._target)
                for pair in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_client: bool) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(65536):
                if is_client:
                    self.commands += [line.split()[0] for line in block.decode().splitlines()]
                target.sendall(block)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        # shutdown, or the thread in accept() would keep the port open.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextlib.contextmanager
def relay(account: FtpAccount) -> Iterator[Relay]:
    between = Relay(account)
    try:
        yield between
    finally:
        between.close()
