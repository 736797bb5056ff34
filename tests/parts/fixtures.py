"""Pytest fixtures that hand out the parts; a root conftest names this module as a plugin.

Servers start when the first test asks and end with the session. A part that cannot
run here skips its tests with the reason. Each pytest-xdist worker has servers of its own.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import pytest

from tests.parts.fetch import why_missing
from tests.parts.ftp_servers import FTP_UID, KINDS, FtpServer, Kind, start_ftp_server, why_not
from tests.parts.orthanc import OrthancServer, start_orthanc
from tests.parts.postgres import PostgresServer, start_postgres
from tests.parts.scratch import open_folder


class FtpServerFactory(Protocol):
    """`start_ftp_server` without its folder: scratch space and the end are seen to."""

    def __call__(
        self,
        kind: Kind,
        *,
        tls: bool = False,
        require_tls: bool = False,
        max_connections_per_ip: int = 0,
        options: Sequence[str] = (),
    ) -> FtpServer: ...


@dataclass(frozen=True)
class FtpPlace:
    """A server and a folder on it that is empty and this test's own.

    root: that folder on disk; ftp_path: the same folder as the FTP user names it.
    """

    server: FtpServer
    root: Path
    ftp_path: PurePosixPath
    kind: Kind
    host: str
    port: int
    user: str
    password: str
    ca_file: Path | None


def make_ftp_place(server: FtpServer) -> FtpPlace:
    """Make an empty folder, owned by the FTP user, in the home of a server."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    root = server.home / name
    root.mkdir()
    os.chown(root, FTP_UID, FTP_UID)
    return FtpPlace(
        server=server,
        root=root,
        ftp_path=PurePosixPath("/") / name,
        kind=server.kind,
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        ca_file=server.ca_file,
    )


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    folder = open_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def ftp_server_factory() -> Iterator[FtpServerFactory]:
    """Start FTP servers of any kind and setting; all end with the session."""
    with contextlib.ExitStack() as ends:

        def start(
            kind: Kind,
            *,
            tls: bool = False,
            require_tls: bool = False,
            max_connections_per_ip: int = 0,
            options: Sequence[str] = (),
        ) -> FtpServer:
            if reason := why_not(kind):
                pytest.skip(reason)
            server = start_ftp_server(
                kind,
                ends.enter_context(_scratch()),
                tls=tls,
                require_tls=require_tls,
                max_connections_per_ip=max_connections_per_ip,
                options=options,
            )
            ends.callback(server.stop)
            return server

        yield start


@pytest.fixture(scope="session")
def _plain_ftp_servers() -> dict[Kind, FtpServer]:
    return {}  # filled by real_ftp_server, ended by the factory


@pytest.fixture(params=KINDS)
def real_ftp_server(
    request: pytest.FixtureRequest,
    ftp_server_factory: FtpServerFactory,
    _plain_ftp_servers: dict[Kind, FtpServer],
) -> Iterator[FtpPlace]:
    """Give each real server in turn, plain FTP, one process a session, with a fresh folder."""
    kind: Kind = request.param
    server = _plain_ftp_servers.get(kind)
    if server is None:
        server = _plain_ftp_servers[kind] = ftp_server_factory(kind)
    elif not server.is_alive():  # the test before may have killed it
        server.restart()
    place = make_ftp_place(server)
    yield place
    shutil.rmtree(place.root, ignore_errors=True)


@pytest.fixture(scope="session")
def orthanc() -> Iterator[OrthancServer]:
    """Give one Orthanc for the session; tests share its storage."""
    if reason := why_missing("orthanc"):
        pytest.skip(reason)
    with _scratch() as folder:
        server = start_orthanc(folder)
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Give one PostgreSQL for the session; `create_database()` gives a test its own."""
    if reason := why_missing("postgres"):
        pytest.skip(reason)
    with _scratch() as folder:
        server = start_postgres(folder)
        try:
            yield server
        finally:
            server.stop()
