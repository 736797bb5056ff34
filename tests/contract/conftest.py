"""`place`: every destination in turn. Also: no test leaves a thread of ours behind."""

import importlib.util
import shutil
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from farcopy.ftp import tls
from farcopy.ftp.settings import SessionSettings
from tests.contract.places import FakePlace, Place, PyFtpPlace, RealPlace
from tests.contract.rig import Rig
from tests.parts.fixtures import FtpServerFactory, make_ftp_place
from tests.parts.ftp_servers import KINDS, FtpServer, Kind

if TYPE_CHECKING:  # it sets Django up, which only its tests need
    from tests.contract.house import House

REAL = [(kind, tls) for kind in KINDS for tls in (False, True)]
KINDS_OF_PLACE = ["fake", "pyftpdlib", *(f"{k}-tls" if tls else k for k, tls in REAL)]
DIGEST = "proftpd-digest"
"""ProFTPD with mod_digest: a real server that tells hashes."""
KINDS_OF_PLACE.append(DIGEST)
TLS12 = "-tls12"
"""The same servers as -tls, which speak TLS 1.3, and a client that goes no further than 1.2."""
KINDS_OF_PLACE += [f"{kind}{TLS12}" for kind in KINDS]
if importlib.util.find_spec("OpenSSL"):  # pyftpdlib needs it for TLS; the real servers do not
    KINDS_OF_PLACE.append("pyftpdlib-tls")


@pytest.fixture(scope="session")
def _real_servers() -> dict[str, FtpServer]:
    return {}


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> Path:
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    return tmp_path / "server.pem"


@pytest.fixture
def pyftp_place(tmp_path: Path) -> Iterator[PyFtpPlace]:
    (tmp_path / "ftp").mkdir()
    place = PyFtpPlace(tmp_path / "ftp")
    yield place
    place.server.stop()


def _real_place(
    name: str, start: FtpServerFactory, servers: dict[str, FtpServer]
) -> Iterator[RealPlace]:
    kind: Kind = next(kind for kind in KINDS if name.startswith(kind))
    name = name.removesuffix("12")
    server = servers.get(name)
    if server is None:
        is_tls = name.endswith("-tls")
        options = ["LoadModule mod_digest.c", "AllowStoreRestart on"] if name == DIGEST else []
        server = servers[name] = start(kind, require_tls=is_tls, options=options)
    elif not server.is_alive():
        server.restart()
    place = make_ftp_place(server)
    real_place = RealPlace(place)
    real_place.keeps_parts = name == DIGEST
    yield real_place
    shutil.rmtree(place.root, ignore_errors=True)


@pytest.fixture(params=KINDS)
def real_place(
    request: pytest.FixtureRequest,
    ftp_server_factory: FtpServerFactory,
    _real_servers: dict[str, FtpServer],
) -> Iterator[RealPlace]:
    """The three real servers, plain."""
    yield from _real_place(request.param, ftp_server_factory, _real_servers)


@pytest.fixture(params=[f"{kind}-tls" for kind in KINDS])
def real_tls_place(
    request: pytest.FixtureRequest,
    ftp_server_factory: FtpServerFactory,
    _real_servers: dict[str, FtpServer],
) -> Iterator[RealPlace]:
    """The three real servers, TLS required; vsftpd and ProFTPD also want session reuse."""
    yield from _real_place(request.param, ftp_server_factory, _real_servers)


@pytest.fixture
def digest_place(
    ftp_server_factory: FtpServerFactory, _real_servers: dict[str, FtpServer]
) -> Iterator[RealPlace]:
    """ProFTPD with hashes."""
    yield from _real_place(DIGEST, ftp_server_factory, _real_servers)


def go_no_further(version: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own side speaks no newer TLS."""
    make_context = tls.make_context

    def make(settings: SessionSettings, *, is_p256_only: bool) -> ssl.SSLContext:
        context = make_context(settings, is_p256_only=is_p256_only)
        context.maximum_version = version
        return context

    monkeypatch.setattr(tls, "make_context", make)


@pytest.fixture(params=KINDS_OF_PLACE)
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    name: str = request.param
    if name.endswith(TLS12):
        go_no_further(ssl.TLSVersion.TLSv1_2, monkeypatch)
    if name == "fake":
        yield FakePlace()
        return
    if name.startswith("pyftpdlib"):
        (tmp_path / "ftp").mkdir()
        files = [
            request.getfixturevalue(wanted) if name.endswith("-tls") else None
            for wanted in ("certificate", "ca_file")
        ]
        pyftp_place = PyFtpPlace(tmp_path / "ftp", certificate=files[0], ca_file=files[1])
        yield pyftp_place
        pyftp_place.server.stop()
        return
    yield from _real_place(
        name,
        request.getfixturevalue("ftp_server_factory"),
        request.getfixturevalue("_real_servers"),
    )


@pytest.fixture
def rig(pyftp_place: PyFtpPlace) -> Iterator[Rig]:
    with ExitStack() as ends:
        yield Rig(pyftp_place, ends)


@pytest.fixture
def real_rig(real_place: RealPlace) -> Iterator[Rig]:
    with ExitStack() as ends:
        yield Rig(real_place, ends)


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    end_s = time.monotonic() + 5
    while (left := set(threading.enumerate()) - before) and time.monotonic() < end_s:
        for thread in left:
            thread.join(0.1)
    assert not left


@pytest.fixture
def house(tmp_path: Path) -> "Iterator[House]":
    """On a new SQLite ledger, with the fake remote."""
    from django.db import connection

    from tests.contract.databases import sqlite_options, use_database
    from tests.contract.house import House

    use_database(sqlite_options(tmp_path / "test.sqlite3"))
    yield House(tmp_path)
    connection.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Django on a fresh one. For modules that have set Django up."""
    from django.db import connection

    from tests.contract.databases import postgres_options, sqlite_options, use_database

    if request.param == "sqlite":
        use_database(sqlite_options(tmp_path / "test.sqlite3"))
    else:
        use_database(postgres_options(request.getfixturevalue("postgres").create_database()))
    yield
    connection.close()
