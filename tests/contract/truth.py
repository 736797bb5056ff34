"""A whole installation in one process, and a recount that knows nothing of it.

Real ledger, real sources, real engine and service floor; the server is the fake
that passes the Remote contract, with troubles that can be switched on. The
recount compares the sources on the disk with the bytes at the server, and says
what may be said. Used by test_truth.
"""

import functools
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.contract.databases import set_up_django, sqlite_options, use_database

set_up_django()

from django.conf import settings as django_settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from farcopy.core.errors import (  # noqa: E402
    ConnectFailed,
    FarcopyError,
    LoginRefused,
    PathRefused,
    RemoteFull,
)
from farcopy.core.model import SourceReader, StoreResult, Upload  # noqa: E402
from farcopy.core.states import SyncType  # noqa: E402
from farcopy.planning.health import judge  # noqa: E402
from farcopy.planning.situation import Health, Level, OffSite  # noqa: E402
from farcopy.service import execution, freezing, judging, monitor, verification, wiring  # noqa: E402  # noqa: E402,F401
from farcopy.service.stop import StopSignal  # noqa: E402
from farcopy.store import configuration as stored  # noqa: E402
from farcopy.store import counters, history  # noqa: E402
from farcopy.store.models import EngineLease  # noqa: E402
from farcopy.store.patience import Patience  # noqa: E402
from tests.contract.fakes import FakeRemote, FakeServer  # noqa: E402

OLD_S = 24 * 3600
MARK = "test-home"


class Killed(BaseException):
    """The process is gone: from here on nothing of it reaches the database."""


@dataclass
class Server(FakeServer):
    """trouble: "" or what opening a session meets. refuses: names it takes no file of.
    full_after: files it still has room for; kills_after: bytes after which we die."""

    trouble: str = ""
    refuses: set[str] = field(default_factory=set)
    full_after: int | None = None
    kill: "Kill | None" = None


@dataclass
class Kill:
    """after_files: published ones, then the process dies."""

    after_files: int
    is_dead: bool = False


class Remote(FakeRemote):
    server: Server

    def open(self, *args: Any) -> None:
        if self.server.trouble == "down":
            raise ConnectFailed
        if self.server.trouble == "login":
            raise LoginRefused
        super().open(*args)

    def _store(self, upload: Upload, reader: SourceReader) -> StoreResult:
        server = self.server
        if server.kill is not None:
            if server.kill.is_dead or server.kill.after_files <= 0:
                server.kill.is_dead = True
                raise Killed
            server.kill.after_files -= 1
        if upload.final_path.name in server.refuses:
            raise PathRefused
        if server.full_after is not None:
            if server.full_after <= 0:
                raise RemoteFull
            server.full_after -= 1
        return super()._store(upload, reader)


@dataclass(frozen=True)
class Recount:
    """What an auditor finds who walks the sources and the server.

    missing: files that lie in the sources as they did at the last look, and not, byte for
    byte, at the destination in force; those damaged behind our back and not verified since
    left out: nobody can know of them.
    """

    files: int
    missing: frozenset[str]
    is_known: bool


class Installation:
    """Two sources, any number of destinations, runs, looks, verifications, kills."""

    def __init__(self, folder: Path, monkeypatch: Any) -> None:
        self.folder = folder
        self.servers: dict[tuple[str, str], Server] = {}
        self.roots = {"orthanc": folder / "orthanc", "hospital": folder / "hospital"}
        for root in self.roots.values():
            root.mkdir()
        self._env = replace(
            django_settings.ENVIRONMENT, home=folder, retry_scale=0.0, ledger_patience_s=1.0
        )
        self._number = 0
        self.damaged: set[tuple[str, str]] = set()
        self._as_of: dict[tuple[object, ...], dict[str, bytes]] = {}
        self._is_killing = False
        monkeypatch.setattr(wiring, "make_remote", self._make_remote)
        monkeypatch.setattr(wiring, "settle_s", lambda: self.settle_s)
        self.settle_s = 0.0
        logging.getLogger("farcopy.sync").setLevel(logging.CRITICAL)  # thousands of runs
        # A process that is dead writes nothing more.
        persist = Patience.persist

        def dying(patience: Patience, work: Any, **more: Any) -> Any:
            kill = self.server.kill
            if kill is not None and kill.is_dead:
                raise Killed
            return persist(patience, work, **more)

        monkeypatch.setattr(Patience, "persist", dying)
        self.configure(
            orthanc_storage_path=str(self.roots["orthanc"]),
            hospital_data_path=str(self.roots["hospital"]),
            ftp_host="one.example", ftp_username="u", ftp_password="secret", ftp_path="/a",
        )
        self.service_is_on(True)

    # --- the world ---

    @property
    def server(self) -> Server:
        settings = stored.load().settings
        place = (settings.ftp_host or "", settings.ftp_path)
        return self.servers.setdefault(place, Server())

    def _make_remote(self, *_: Any) -> Remote:
        return Remote(self.server)

    def configure(self, **changes: object) -> None:
        if {"ftp_host"} & set(changes):
            changes.setdefault("ftp_password", "secret")
        stored.change(changes)

    def write(self, label: str, name: str, content: bytes | None = None, *,
              is_young: bool = False) -> None:
        self._number += 1
        path = self.roots[label] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content or f"{label} {name} {self._number}".encode())
        age_s = 0 if is_young else OLD_S - self._number
        at = timezone.now().timestamp() - age_s
        os.utime(path, (at, at))

    def service_is_on(self, is_on: bool) -> None:
        now = timezone.now()
        EngineLease.objects.update_or_create(pk=1, defaults={
            "owner": f"{MARK}-service", "kind": "service" if is_on else "",
            "heartbeat_at": now if is_on else now - timedelta(minutes=2),
        })

    # --- what is done ---

    def run(
        self, sync_type: SyncType = SyncType.MANUAL, *, is_stopped: bool = False
    ) -> None:
        """As the service does: it closes what a crash left, then carries out the run.

        is_stopped: somebody asks it to end before it has begun.
        """
        stop = StopSignal()
        if is_stopped:
            stop.request(grace_s=0.0)
        self.service_is_on(True)
        self.server.kill = None if self.server.kill and self.server.kill.is_dead else (
            self.server.kill)
        history.recover(timezone.now())
        begun = self.files_in_sources()
        with suppress(FarcopyError):
            execution.carry_out(sync_type, "", self._env, stop)
        if not is_stopped:
            self._note_look(begun)

    def run_and_die(self, after_files: int) -> None:
        self.service_is_on(True)
        history.recover(timezone.now())
        self.server.kill = Kill(after_files)
        begun = self.files_in_sources()
        with suppress(Killed, FarcopyError):
            execution.carry_out(SyncType.MANUAL, "", self._env, StopSignal())
        if self.server.kill.is_dead:
            self.service_is_on(False)
        else:
            self._note_look(begun)
        self.server.kill = None

    def look(self) -> None:
        begun = self.files_in_sources()
        monitor.look(stored.load(), timezone.now())
        self._note_look(begun)

    def verify(self) -> None:
        with suppress(FarcopyError):
            result = verification.verify((), self._env, StopSignal())
            if result.error is None:
                settings = stored.load().settings
                place = f"{settings.ftp_host}{settings.ftp_path}"
                self.damaged = {entry for entry in self.damaged if entry[0] != place}

    def damage(self, name: str, *, is_removed: bool) -> None:
        """Behind our back."""
        settings = stored.load().settings
        if is_removed:
            self.server.files.pop(name, None)
        elif name in self.server.files:
            content = self.server.files[name]
            self.server.files[name] = bytes([content[0] ^ 1]) + content[1:]
        self.damaged.add((f"{settings.ftp_host}{settings.ftp_path}", name))

    def confirm(self) -> None:
        with suppress(FarcopyError):
            freezing.confirm_changes("admin")

    def _note_look(self, begun: dict[str, bytes]) -> None:
        self._as_of[self._meant()] = begun

    @staticmethod
    def _meant() -> tuple[object, ...]:
        """Which sources and destination: a look at others says nothing of these."""
        now = stored.load().settings
        return (now.ftp_host, now.ftp_path, now.orthanc_storage_path, now.hospital_data_path,
                now.exclude)

    # --- what is said, and what is so ---

    def health(self, now: datetime | None = None) -> Health:
        return judge(judging.facts(stored.load(), now or timezone.now()))

    def files_in_sources(self) -> dict[str, bytes]:
        settings = stored.load().settings
        found = {}
        for label, path in settings.source_paths.items():
            for file in Path(path).rglob("*") if Path(path).is_dir() else ():
                name = f"{label}/{file.relative_to(path).as_posix()}"
                is_left_out = any(
                    pattern.rstrip("/") in name.split("/")[1:] for pattern in settings.exclude
                )
                if file.is_file() and not file.is_symlink() and not is_left_out:
                    found[name] = file.read_bytes()
        return found

    def recount(self) -> Recount:
        here = self.files_in_sources()
        at = self._as_of.get(self._meant())
        settings = stored.load().settings
        place = f"{settings.ftp_host}{settings.ftp_path}"
        missing = frozenset(
            name for name, content in here.items()
            if (at is None or at.get(name) == content)
            and self.server.files.get(name) != content
            and (place, name) not in self.damaged
        )
        return Recount(len(here), missing, at is not None)

    def check(self) -> Health:
        """The sentence against the recount. Raises AssertionError when it is greener."""
        health, recount = self.health(), self.recount()
        words = f"{health.title} {health.text}"
        destination = stored.find_destination(stored.load().settings)
        if destination is not None:
            assert sorted(counters.counted(destination.pk)) == sorted(
                counters.recounted(destination.pk)), "the counters are not what the rows are"
        if health.off_site is OffSite.ALL:
            assert recount.is_known, f"nobody has looked: {words}"
            assert not recount.missing, f"{words}: {sorted(recount.missing)}"
            for label, path in stored.load().settings.source_paths.items():
                assert Path(path).is_dir(), f"{label} is not there: {words}"
        else:
            assert "verything is off-site" not in words
            assert "others are off-site" not in words
        assert (health.level is not Level.GOOD) or health.off_site is OffSite.ALL
        told = re.search(r"([\d,]+) of (?:at least )?([\d,]+) files? (?:is|are) off-site", words)
        if told:
            held, total = (int(number.replace(",", "")) for number in told.groups())
            assert held <= min(total, self._at_server()), words
            as_of = self._as_of.get(self._meant())
            if as_of is not None and "at least" not in words:
                assert total >= len(as_of), f"{words}: {sorted(as_of)}"
        return health

    def _at_server(self) -> int:
        """Files of the configured sources that lie at the destination, or did before something
        took them away that farcopy cannot know of."""
        settings = stored.load().settings
        labels = tuple(f"{label}/" for label in settings.source_paths)
        place = f"{settings.ftp_host}{settings.ftp_path}"
        there = {name for name in self.server.files if name.startswith(labels)}
        return len(there | {name for at, name in self.damaged if at == place})


@functools.cache
def _empty_database() -> bytes:
    """Migrated once a process: a state machine makes hundreds of installations."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "empty.sqlite3"
        use_database(sqlite_options(file))
        connection.close()
        return file.read_bytes()


@contextmanager
def installation(folder: Path, monkeypatch: Any) -> Iterator[Installation]:
    (folder / "truth.sqlite3").write_bytes(_empty_database())
    use_database(sqlite_options(folder / "truth.sqlite3"))
    try:
        yield Installation(folder, monkeypatch)
    finally:
        connection.close()
