"""The destinations the contract is tried on, each behind the same handful of verbs."""

import os
import shutil
import signal
from pathlib import Path, PurePosixPath
from typing import Protocol

from farcopy.core.ports import Remote
from farcopy.ftp.remote import FtpRemote
from farcopy.ftp.settings import Deadlines, SessionSettings
from tests.contract import pyftp
from tests.contract.fakes import FakeRemote, FakeServer
from tests.contract.pyftp import PyFtpServer
from tests.parts.fixtures import FtpPlace

SHORT = Deadlines(connect_s=5, reply_s=15, stall_s=5, final_reply_s=5, locked_s=3)
"""reply_s: pure-ftpd takes its time to refuse a password."""
HOME_ID = "h1"
FOLDER = f"farcopy-tmp-{HOME_ID}"


class Place(Protocol):
    """A destination as the test sees it from outside.

    keeps_parts: a large file that was cut off can be continued there.
    """

    keeps_parts: bool

    def remote(self, *, password: str | None = None) -> Remote: ...

    def read(self, path: str) -> bytes | None: ...

    def put(self, path: str, content: bytes) -> None: ...

    def put_temporary(self, name: str, content: bytes) -> None: ...

    def temporaries(self) -> set[str]: ...

    def finals(self) -> set[str]: ...

    def make_read_only(self) -> None: ...

    def make_unreachable_path(self) -> None: ...

    def cut(self) -> None:
        """Break the connection from within a transfer."""
        ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...


class FakePlace:
    keeps_parts = False

    def __init__(self) -> None:
        self.server = FakeServer()

    def remote(self, *, password: str | None = None) -> Remote:
        return FakeRemote(self.server, password or self.server.password)

    def read(self, path: str) -> bytes | None:
        return self.server.files.get(path)

    def put(self, path: str, content: bytes) -> None:
        self.server.files[path] = content

    def put_temporary(self, name: str, content: bytes) -> None:
        self.server.temporaries[name] = content

    def temporaries(self) -> set[str]:
        return set(self.server.temporaries)

    def finals(self) -> set[str]:
        return set(self.server.files)

    def make_read_only(self) -> None:
        self.server.is_read_only = True

    def make_unreachable_path(self) -> None:
        self.server.is_missing = True

    def cut(self) -> None:
        self.server.cut_after_bytes = 1

    def freeze(self) -> None:
        self.server.is_frozen = True

    def thaw(self) -> None:
        self.server.is_frozen = False


class _DiskPlace:
    keeps_parts = False

    """A server whose files we see on disk."""

    root: Path
    settings: SessionSettings

    def remote(self, *, password: str | None = None) -> Remote:
        changes = self.settings if password is None else _with(self.settings, password=password)
        return FtpRemote(changes, HOME_ID)

    def read(self, path: str) -> bytes | None:
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def put(self, path: str, content: bytes) -> None:
        file = self.root / path
        self._make_folder(file.parent)
        file.write_bytes(content)
        self._own(file)

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make_folder(folder.parent)
            folder.mkdir()
            self._own(folder)

    def _own(self, path: Path) -> None:
        pass

    def put_temporary(self, name: str, content: bytes) -> None:
        self.put(f"{FOLDER}/{name}", content)

    def temporaries(self) -> set[str]:
        folder = self.root / FOLDER
        return {file.name for file in folder.iterdir()} if folder.is_dir() else set()

    def finals(self) -> set[str]:
        files = (path for path in self.root.rglob("*") if path.is_file())
        names = (path.relative_to(self.root).as_posix() for path in files)
        return {name for name in names if not name.startswith(FOLDER)}


def _with(settings: SessionSettings, **changes: object) -> SessionSettings:
    from dataclasses import replace

    return replace(settings, **changes)  # type: ignore[arg-type]


class PyFtpPlace(_DiskPlace):
    def __init__(
        self, folder: Path, *, certificate: Path | None = None, ca_file: Path | None = None
    ) -> None:
        self.folder = folder
        self.root = folder / "backup"
        self.root.mkdir()
        self._certificate = certificate
        self.server = PyFtpServer(folder, certificate=certificate)
        self.settings = SessionSettings(
            host=str(self.server.host),
            port=int(self.server.port),
            user=pyftp.USER,
            password=pyftp.PASSWORD,
            path="/backup",
            ca_file=str(ca_file) if ca_file else None,
            deadlines=SHORT,
        )

    def make_read_only(self) -> None:
        self.server.stop()
        self.server = PyFtpServer(self.folder, permissions="elr", certificate=self._certificate)
        self.settings = _with(self.settings, port=int(self.server.port))

    def make_unreachable_path(self) -> None:
        self.make_read_only()
        self.settings = _with(self.settings, path="/nowhere/at/all")

    def cut(self) -> None:
        self.server.cut()

    def freeze(self) -> None:
        self.server.freeze()

    def thaw(self) -> None:
        self.server.thaw()


class RealPlace(_DiskPlace):
    def __init__(self, place: FtpPlace) -> None:
        self.place = place
        self.root = place.root
        self.settings = SessionSettings(
            host=place.host,
            port=place.port,
            user=place.user,
            password=place.password,
            path=str(place.ftp_path),
            ca_file=str(place.ca_file) if place.ca_file else None,
            deadlines=SHORT,
        )

    def _own(self, path: Path) -> None:
        shutil.chown(path, self.place.server.home.stat().st_uid)

    def make_read_only(self) -> None:
        os.chown(self.root, 0, 0)
        self.root.chmod(0o555)

    def make_unreachable_path(self) -> None:
        self.make_read_only()
        self.settings = _with(self.settings, path=f"{PurePosixPath(self.settings.path)}/no/where")

    def cut(self) -> None:
        self.place.server.kill()
        self.place.server.restart()

    def freeze(self) -> None:
        for process in self.place.server.processes():
            os.kill(process, signal.SIGSTOP)

    def thaw(self) -> None:
        for process in self.place.server.processes():
            os.kill(process, signal.SIGCONT)
