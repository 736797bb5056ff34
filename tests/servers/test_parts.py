"""The parts are what they say: real servers that start, work and leave nothing behind."""

import ftplib
import hashlib
import io
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from tests.parts import fetch
from tests.parts.fixtures import FtpPlace, FtpServerFactory
from tests.parts.ftp_servers import FTP_UID, KINDS, FtpServer, Kind, start_ftp_server
from tests.parts.orthanc import OrthancServer
from tests.parts.postgres import PostgresServer
from tests.parts.samples import dicom_samples, lay_out_like_orthanc

REPOSITORY = Path(__file__).resolve().parents[2]
ORTHANC_NAME = re.compile(
    r"([0-9a-f]{2})/([0-9a-f]{2})/\1\2[0-9a-f]{4}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
CONTENT = os.urandom(300_000)
each_kind = pytest.mark.parametrize("kind", KINDS)


class SessionReusingFtpTls(ftplib.FTP_TLS):
    """vsftpd and ProFTPD want the control connection's TLS session on the data connection."""

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:  # type: ignore[attr-defined]
            session = self.sock.session  # type: ignore[union-attr]
            connection = self.context.wrap_socket(
                connection, server_hostname=self.host, session=session
            )
        return connection, size


def log_in(server: FtpServer | FtpPlace) -> ftplib.FTP:
    ftp = ftplib.FTP(timeout=10)
    ftp.connect(server.host, server.port)
    ftp.login(server.user, server.password)
    return ftp


def log_in_tls(server: FtpServer, version: ssl.TLSVersion | None = None) -> ftplib.FTP_TLS:
    context = ssl.create_default_context(cafile=server.ca_file)
    if version:
        context.minimum_version = context.maximum_version = version
    ftp = SessionReusingFtpTls(context=context, timeout=10)
    ftp.connect(server.host, server.port)
    ftp.login(server.user, server.password)
    ftp.prot_p()
    return ftp


def wait_until(true: Callable[[], bool], timeout_s: float = 10) -> bool:
    deadline = time.monotonic() + timeout_s
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_an_ftp_server_stores_what_its_user_sends(real_ftp_server: FtpPlace) -> None:
    with log_in(real_ftp_server) as ftp:
        ftp.storbinary(f"STOR {real_ftp_server.ftp_path / 'a'}", io.BytesIO(CONTENT))

    stored = real_ftp_server.root / "a"
    assert stored.read_bytes() == CONTENT
    assert stored.stat().st_uid == FTP_UID
    assert stored.stat().st_mode & 0o777 == 0o644


def test_an_ftp_user_sees_home_as_the_root(real_ftp_server: FtpPlace) -> None:
    with log_in(real_ftp_server) as ftp:
        assert ftp.pwd() == "/"
        ftp.cwd("../../..")
        assert real_ftp_server.root.name in [name.strip("/") for name in ftp.nlst()]


def test_an_ftp_server_renames_over_an_existing_file(real_ftp_server: FtpPlace) -> None:
    (real_ftp_server.root / "final").write_bytes(b"old")
    os.chown(real_ftp_server.root / "final", FTP_UID, FTP_UID)

    with log_in(real_ftp_server) as ftp:
        ftp.cwd(str(real_ftp_server.ftp_path))
        ftp.storbinary("STOR part", io.BytesIO(CONTENT))
        ftp.rename("part", "final")

    assert (real_ftp_server.root / "final").read_bytes() == CONTENT
    assert [file.name for file in real_ftp_server.root.iterdir()] == ["final"]


def test_an_ftp_server_refuses_a_wrong_password(real_ftp_server: FtpPlace) -> None:
    with ftplib.FTP(timeout=10) as ftp:
        ftp.connect(real_ftp_server.host, real_ftp_server.port)
        with pytest.raises(ftplib.error_perm, match="530"):
            ftp.login(real_ftp_server.user, "wrong")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@each_kind
def test_an_ftps_server_stores_over_a_reused_tls_session(
    kind: Kind, version: ssl.TLSVersion, ftp_server_factory: FtpServerFactory
) -> None:
    server = ftp_server_factory(kind, tls=True)

    with log_in_tls(server, version) as ftp:
        for name in ("a", "b", "c"):
            ftp.storbinary(f"STOR {name}", io.BytesIO(CONTENT))

    assert {file.read_bytes() for file in server.home.iterdir()} == {CONTENT}
    server.stop()


@each_kind
def test_a_server_that_requires_tls_refuses_a_plain_login(
    kind: Kind, ftp_server_factory: FtpServerFactory
) -> None:
    server = ftp_server_factory(kind, require_tls=True)

    with pytest.raises((ftplib.error_perm, ftplib.error_temp)):
        log_in(server)
    log_in_tls(server).close()
    server.stop()


@each_kind
def test_a_certificate_is_refused_by_who_does_not_know_its_authority(
    kind: Kind, ftp_server_factory: FtpServerFactory
) -> None:
    server = ftp_server_factory(kind, tls=True)

    with ftplib.FTP_TLS(context=ssl.create_default_context(), timeout=10) as ftp:
        ftp.connect(server.host, server.port)
        with pytest.raises(ssl.SSLCertVerificationError):
            ftp.login(server.user, server.password)
    server.stop()


@each_kind
def test_a_second_connection_is_refused_where_one_is_the_limit(
    kind: Kind, ftp_server_factory: FtpServerFactory
) -> None:
    server = ftp_server_factory(kind, max_connections_per_ip=1)

    first = log_in(server)
    with pytest.raises((ftplib.Error, EOFError, OSError)):
        log_in(server)
    first.quit()
    server.stop()


def test_proftpd_takes_an_option_in_place_of_ours(ftp_server_factory: FtpServerFactory) -> None:
    server = ftp_server_factory("proftpd", options=["AllowOverwrite off"])

    with log_in(server) as ftp:
        ftp.storbinary("STOR a", io.BytesIO(b"first"))
        with pytest.raises(ftplib.error_perm, match="550"):
            ftp.storbinary("STOR a", io.BytesIO(b"second"))
    server.stop()


@pytest.mark.parametrize("ending", ["stop", "kill"])
@each_kind
def test_an_ended_ftp_server_leaves_no_process(
    kind: Kind, ending: str, ftp_server_factory: FtpServerFactory
) -> None:
    server = ftp_server_factory(kind)
    session = log_in(server)
    before = server.processes()

    getattr(server, ending)()

    assert len(before) >= 3  # keeper, listener, session
    assert [pid for pid in before if not is_gone(pid)] == []
    assert not server.is_alive()
    with pytest.raises((EOFError, OSError, ftplib.error_temp)):
        session.voidcmd("NOOP")
    session.close()


@each_kind
def test_a_restarted_ftp_server_has_its_port_and_files_again(
    kind: Kind, ftp_server_factory: FtpServerFactory
) -> None:
    server = ftp_server_factory(kind)
    with log_in(server) as ftp:
        ftp.storbinary("STOR a", io.BytesIO(CONTENT))

    server.kill()
    server.restart()

    with log_in(server) as ftp:
        ftp.voidcmd("TYPE I")
        assert ftp.size("a") == len(CONTENT)
    server.stop()


def test_a_server_dies_with_the_process_that_started_it(
    ftp_server_factory: FtpServerFactory,
) -> None:
    # Any server does: the keeper is the same. The factory skips where none can run.
    ftp_server_factory("pure-ftpd").stop()
    script = (
        "import shutil, sys; from tests.parts.ftp_servers import *\n"
        "folder = open_folder(); server = start_ftp_server('pure-ftpd', folder)\n"
        "print(folder, server.port, *server.processes(), flush=True); sys.stdin.read()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdin and starter.stdout
    folder, port, *pids = starter.stdout.readline().split()
    with ftplib.FTP(timeout=10) as ftp:
        ftp.connect("127.0.0.1", int(port))

        starter.send_signal(signal.SIGKILL)
        starter.communicate()

        assert wait_until(lambda: all(is_gone(int(pid)) for pid in pids))
    subprocess.run(["rm", "-r", folder], check=True)


def test_a_folder_closed_to_the_ftp_user_is_named(
    tmp_path: Path, ftp_server_factory: FtpServerFactory
) -> None:
    ftp_server_factory("pure-ftpd").stop()
    tmp_path.chmod(0o700)

    with pytest.raises(RuntimeError, match="closed to the FTP user"):
        start_ftp_server("pure-ftpd", tmp_path)


def test_orthanc_stores_an_instance_as_a_file_of_the_same_bytes(orthanc: OrthancServer) -> None:
    dicom = Path(dicom_samples()[0]).read_bytes()

    answer = orthanc.post_instance(dicom)

    files = stored_by(orthanc)
    assert answer["Status"] == "Success"
    assert dicom in [file.read_bytes() for file in files]
    assert orthanc.statistics()["CountInstances"] == len(files)

    orthanc.delete_instance(str(answer["ID"]))
    assert dicom not in [file.read_bytes() for file in stored_by(orthanc)]


def stored_by(orthanc: OrthancServer) -> list[Path]:
    names = {file: str(file.relative_to(orthanc.storage)) for file in orthanc.storage.rglob("*")}
    return [file for file, name in names.items() if ORTHANC_NAME.fullmatch(name)]


def test_postgresql_answers_and_restarts_with_its_data(postgres: PostgresServer) -> None:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
    url = postgres.create_database()
    with psycopg.connect(url) as connection:
        connection.execute("create table t as select 7 as n")

    postgres.restart("immediate")

    with psycopg.connect(url) as connection:
        assert connection.execute("select n from t").fetchone() == (7,)


def test_two_databases_are_two(postgres: PostgresServer) -> None:
    assert postgres.create_database() != postgres.create_database()


def test_samples_are_real_dicom_instances() -> None:
    samples = dicom_samples()

    assert len(samples) > 100
    assert pydicom.dcmread(samples[0]).SOPInstanceUID


def test_files_are_laid_out_as_orthanc_does_and_always_the_same(tmp_path: Path) -> None:
    samples = dicom_samples()[:20]

    stored = lay_out_like_orthanc(tmp_path / "one", samples)

    assert len(stored) == len(samples)
    assert stored == lay_out_like_orthanc(tmp_path / "two", samples)
    for relative, md5 in stored.items():
        file = tmp_path / "one" / relative
        assert ORTHANC_NAME.fullmatch(relative)
        assert hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() == md5
        assert time.time() - file.stat().st_mtime > 3500


def test_a_part_that_is_not_here_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARCOPY_TEST_CACHE", str(tmp_path))
    monkeypatch.setitem(fetch.PARTS, "vsftpd", fetch.Part(("nosuch",), ("usr/sbin/nosuch",)))

    assert fetch.COMMAND in (fetch.why_missing("vsftpd") or "")
    with pytest.raises(fetch.PartMissing):
        fetch.find_program("vsftpd", "nosuch")
