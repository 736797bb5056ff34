"""Where a scenario plays: a server, a home configured for it, sources, and the checker."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from tests.crash.checker import Checker, Scene
from tests.crash.history import MARK, History
from tests.crash.zygote import Zygote
from tests.parts.ftp_servers import FtpServer, Kind, start_ftp_server
from tests.parts.scratch import open_folder
from tests.running import FtpAccount, configure, environment, rows

ROOTS = ("orthanc", "hospital")
CANARY = "canary-name"
"""In every file name of a scenario: no log may ever hold it."""
PATIENT = {
    "FARCOPY_SETTLE_S": "0",
    "FARCOPY_CONNECT_TIMEOUT_S": "5",
    "FARCOPY_REPLY_TIMEOUT_S": "10",
    "FARCOPY_STALL_TIMEOUT_S": "10",
}
HASTY = {
    "FARCOPY_SETTLE_S": "0",
    "FARCOPY_CONNECT_TIMEOUT_S": "1",
    "FARCOPY_REPLY_TIMEOUT_S": "1",
    "FARCOPY_STALL_TIMEOUT_S": "1",
}
"""A stall costs a second; on a laden machine a good server still answers in it."""


class Place(FtpAccount, Protocol):
    """A folder on a server. root: on its disk; ftp_path: as its user names it."""

    @property
    def root(self) -> Path: ...

    @property
    def ftp_path(self) -> PurePosixPath: ...


@dataclass(frozen=True)
class SimplePlace:
    """On a server of Python's own, which runs in the test."""

    host: str
    port: int
    root: Path
    user: str
    password: str
    ftp_path: PurePosixPath


@dataclass
class Stage:
    """checker.scene says where everything lies; zygote is farcopy."""

    place: Place
    folder: Path
    sources: Mapping[str, Path]
    home: Path
    zygote: Zygote
    checker: Checker

    def new_history(self, history: History) -> None:
        self.checker.scene.history = history


@contextlib.contextmanager
def server(
    kind: Kind = "vsftpd", *, tls: bool = False, options: Sequence[str] = ()
) -> Iterator[FtpServer]:
    """Its scratch space goes with it."""
    folder = open_folder()
    try:
        started = start_ftp_server(kind, folder, tls=tls, options=options)
        try:
            yield started
        finally:
            started.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def names_are_known(home: Path, account: FtpAccount, ftp_path: object) -> None:
    """As after an earlier run: the files' commands are struck, not those of a first look."""
    profile = json.dumps({"names": {"traits": [], "longest": 0}})
    rows(
        home, "INSERT INTO destinations (host, port, username, path, has_tls, profile, needs_sweep,"
        " frozen_changed, frozen_vanished, frozen_known, created_at)"
        " VALUES (?, ?, ?, ?, 0, ?, 0, 0, 0, 0, datetime('now'))",
        account.host, account.port, account.user, str(ftp_path), profile,
    )


@contextlib.contextmanager
def stage(
    place: Place,
    *,
    account: FtpAccount | None = None,
    env: Mapping[str, str] = PATIENT,
    source_tree: Path | None = None,
    **settings: object,
) -> Iterator[Stage]:
    """A home and two empty roots. account: what to connect to, if not the server itself."""
    folder = Path(tempfile.mkdtemp(prefix="farcopy-stage-"))
    sources = {root: folder / root for root in ROOTS}
    try:
        for root in sources.values():
            root.mkdir()
        home = folder / "home"
        configure(
            home, account or place, place.ftp_path,
            orthanc_storage_path=sources["orthanc"], hospital_data_path=sources["hospital"],
            **settings,
        )
        names_are_known(home, account or place, place.ftp_path)
        scene = Scene(
            home, place.root, sources, History(), place.password, (CANARY, MARK.decode().strip())
        )
        processes = environment(home, {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), **env})
        with Zygote(processes, source_tree) as zygote:
            yield Stage(place, folder, sources, home, zygote, Checker(scene))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(place.root, ignore_errors=True)
