"""TLS: what is trusted, what is refused, and that no password travels in clear text after all."""

import hashlib
import os
import socket
import ssl
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from farcopy.core.config import SyncSettings
from farcopy.core.errors import DataConnectionFailed, FarcopyError, TlsFailed, TooManyConnections
from farcopy.ftp import tls
from farcopy.ftp.host import HostProfile
from farcopy.ftp.remote import FtpRemote
from farcopy.ftp.session import Session
from farcopy.ftp.settings import SessionSettings
from farcopy.planning.remote_path import temporary_name
from tests.contract.conftest import go_no_further
from tests.contract.fakes import errors, make_upload
from tests.contract.hostile import Mumbler
from tests.contract.places import HOME_ID, SHORT, PyFtpPlace, RealPlace


class TlsMumbler(Mumbler):
    """Agrees to AUTH TLS and shakes hands with this certificate; then answers as told."""

    def __init__(
        self,
        certificate: trustme.LeafCert,
        answers: dict[str, bytes],
        *,
        after_auth: bytes = b"",
        curve: str = "",
    ) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        if curve:
            self._context.set_ecdh_curve(curve)
        self._tls_answers = answers
        self._after_auth = after_auth
        super().__init__(b"220 Hi\r\n")

    def serve(self, client: socket.socket) -> None:
        client.sendall(b"220 Hi\r\n")
        self.heard.append(client.recv(100).decode().strip())
        client.sendall(b"234 Go ahead.\r\n" + self._after_auth)
        with self._context.wrap_socket(client, server_side=True) as secured:
            for line in secured.makefile("rb"):
                self.heard.append(line.decode().strip())
                verb = line.split()[0].decode()
                secured.sendall(self._tls_answers.get(verb, b"500 What?\r\n"))


GOOD = {
    "USER": b"331 Password?\r\n", "PASS": b"230 In.\r\n", "PBSZ": b"200 0\r\n",
    "PROT": b"200 P\r\n", "TYPE": b"200 I\r\n", "QUIT": b"221 Bye\r\n",
}


@pytest.fixture
def leaf(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1")


@pytest.fixture
def mumblers() -> Iterator[list[Mumbler]]:
    running: list[Mumbler] = []
    yield running
    for server in running:
        server.stop()


def settings_for(port: int, **changes: object) -> SessionSettings:
    settings = SessionSettings(
        host="127.0.0.1", port=port, user="u", password="canary", deadlines=SHORT
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


def open_error(settings: SessionSettings) -> FarcopyError | None:
    remote = FtpRemote(settings, HOME_ID)
    try:
        remote.open()
    except FarcopyError as error:
        return error
    finally:
        remote.close()
    return None


def heard_no_password(server: Mumbler) -> bool:
    return not any("canary" in line for line in server.heard)


def der_sha256(leaf: trustme.LeafCert) -> str:
    pem = leaf.cert_chain_pems[0].bytes().decode()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def test_a_certificate_of_the_given_ca_is_trusted(
    leaf: trustme.LeafCert, ca_file: Path, mumblers: list[Mumbler]
) -> None:
    mumblers.append(server := TlsMumbler(leaf, GOOD))
    remote = FtpRemote(settings_for(server.port, ca_file=str(ca_file)), HOME_ID)
    remote.open()
    assert remote.is_tls
    remote.close()
    assert "PROT P" in server.heard


def test_the_servers_own_certificate_may_stand_in_the_ca_file(
    leaf: trustme.LeafCert, tmp_path: Path, mumblers: list[Mumbler]
) -> None:
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "own.pem")
    mumblers.append(server := TlsMumbler(leaf, GOOD))
    assert open_error(settings_for(server.port, ca_file=str(tmp_path / "own.pem"))) is None


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_an_unknown_ca_is_refused_before_the_password(
    leaf: trustme.LeafCert, mumblers: list[Mumbler], mode: str
) -> None:
    mumblers.append(server := TlsMumbler(leaf, GOOD))
    assert isinstance(open_error(settings_for(server.port, tls=mode)), TlsFailed)
    assert server.connections == 1
    assert heard_no_password(server)


def test_a_certificate_of_another_name_is_refused(
    authority: trustme.CA, ca_file: Path, mumblers: list[Mumbler]
) -> None:
    mumblers.append(server := TlsMumbler(authority.issue_cert("ftp.example.org"), GOOD))
    error = open_error(settings_for(server.port, ca_file=str(ca_file)))
    assert isinstance(error, TlsFailed)
    assert heard_no_password(server)


def test_a_pinned_certificate_needs_no_ca_and_no_name(mumblers: list[Mumbler]) -> None:
    leaf = trustme.CA().issue_cert("ftp.example.org")
    mumblers.append(server := TlsMumbler(leaf, GOOD))
    digits = der_sha256(leaf).upper()
    pin = ":".join(digits[i : i + 2] for i in range(0, 64, 2))
    assert open_error(settings_for(server.port, fingerprint=pin)) is None


def test_another_certificate_than_the_pinned_is_refused_even_of_a_trusted_ca(
    leaf: trustme.LeafCert, ca_file: Path, mumblers: list[Mumbler]
) -> None:
    mumblers.append(server := TlsMumbler(leaf, GOOD))
    wrong = settings_for(server.port, ca_file=str(ca_file), fingerprint="ab" * 32)
    assert isinstance(open_error(wrong), TlsFailed)
    assert heard_no_password(server)


def test_a_ca_file_that_is_missing_is_told(tmp_path: Path, mumblers: list[Mumbler]) -> None:
    mumblers.append(server := Mumbler(b"220 Hi\r\n"))
    missing = settings_for(server.port, ca_file=str(tmp_path / "none.pem"))
    assert isinstance(open_error(missing), TlsFailed)


def make_odd(kind: str, path: Path) -> Path:
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "device":
            return Path("/dev/zero")
        case "link to a device":
            path.symlink_to("/dev/zero")
        case "ten gigabytes":
            with path.open("wb") as file:
                file.truncate(10 * 1024**3)  # a hole: it takes no room
        case "empty":
            path.touch()
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs and devices")
@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "kind", ["fifo", "directory", "device", "link to a device", "ten gigabytes", "empty"]
)
def test_a_ca_file_that_is_no_small_plain_file_is_told_at_once(kind: str, tmp_path: Path) -> None:
    path = make_odd(kind, tmp_path / "ca.pem")
    tracemalloc.start()
    try:
        with pytest.raises(TlsFailed) as raised:
            tls.make_context(settings_for(21, ca_file=str(path)), is_p256_only=True)
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024**2
    finally:
        tracemalloc.stop()
    assert raised.value.detail == tls.CA_UNREADABLE


def test_a_ca_file_may_have_words_in_any_encoding_between_its_certificates(
    leaf: trustme.LeafCert, ca_file: Path, mumblers: list[Mumbler]
) -> None:
    ca_file.write_bytes("# Krankenhaus Süd\n".encode("latin-1") + ca_file.read_bytes() + b"\xff\n")
    mumblers.append(server := TlsMumbler(leaf, GOOD))
    assert open_error(settings_for(server.port, ca_file=str(ca_file))) is None


def test_bytes_sent_ahead_of_the_handshake_are_an_injection(
    leaf: trustme.LeafCert, ca_file: Path, mumblers: list[Mumbler]
) -> None:
    mumblers.append(server := TlsMumbler(leaf, GOOD, after_auth=b"331 Password?\r\n"))
    assert isinstance(open_error(settings_for(server.port, ca_file=str(ca_file))), TlsFailed)
    assert heard_no_password(server)


def test_a_server_that_wants_another_curve_gets_it(
    leaf: trustme.LeafCert, ca_file: Path, mumblers: list[Mumbler]
) -> None:
    mumblers.append(server := TlsMumbler(leaf, GOOD, curve="secp384r1"))
    assert open_error(settings_for(server.port, ca_file=str(ca_file))) is None
    assert server.connections == 2


@pytest.mark.parametrize(
    "refusal", [b"500 What?", b"502 No.", b"504 No.", b"530 Log in first.", b"534 No."]
)
def test_auto_goes_on_in_clear_text_only_where_the_server_has_no_tls(
    refusal: bytes, mumblers: list[Mumbler]
) -> None:
    answers = GOOD | {"AUTH": refusal + b"\r\n"}
    mumblers.append(server := Mumbler(b"220 Hi\r\n", answers))
    assert open_error(settings_for(server.port)) is None
    assert open_error(settings_for(server.port, tls="off")) is None
    server.heard.clear()
    assert isinstance(open_error(settings_for(server.port, tls="required")), TlsFailed)
    assert isinstance(open_error(settings_for(server.port, is_tls_known=True)), TlsFailed)
    assert heard_no_password(server)


@pytest.mark.parametrize("mode", ["auto", "off"])
@pytest.mark.parametrize("trust", ["ftp_tls_ca", "ftp_tls_fingerprint"])
def test_who_names_what_to_trust_never_sends_a_password_in_clear(
    mode: str, trust: str, mumblers: list[Mumbler], authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(ca := tmp_path / "ca.pem"))
    value = {"ftp_tls_ca": str(ca), "ftp_tls_fingerprint": "ab" * 32}[trust]
    mumblers.append(server := Mumbler(b"220 Hi\r\n", GOOD | {"AUTH": b"502 No.\r\n"}))
    settings = SyncSettings(ftp_host="127.0.0.1", ftp_port=server.port, ftp_username="u",
                            ftp_password="canary", ftp_tls=mode, **{trust: value})  # type: ignore[arg-type]
    assert isinstance(open_error(SessionSettings.of(settings, deadlines=SHORT)), TlsFailed)
    assert server.heard
    assert heard_no_password(server)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"431 No resources just now.", TlsFailed),
        (b"334 More.", TlsFailed),
        (b"421 Too many.", TooManyConnections),
    ],
)
def test_a_passing_refusal_of_tls_is_no_leave_for_clear_text(
    reply: bytes, expected: type[FarcopyError], mumblers: list[Mumbler]
) -> None:
    mumblers.append(server := Mumbler(b"220 Hi\r\n", GOOD | {"AUTH": reply + b"\r\n"}))
    assert isinstance(open_error(settings_for(server.port)), expected)
    assert heard_no_password(server)


@pytest.mark.parametrize("broken", [b"\r\n" * 40, b"500 no\r\n" * 40])
def test_a_handshake_that_fails_is_never_followed_by_clear_text(
    broken: bytes, mumblers: list[Mumbler]
) -> None:
    class Breaker(Mumbler):
        def serve(self, client: socket.socket) -> None:
            client.sendall(b"220 Hi\r\n")
            client.recv(100)
            client.sendall(b"234 Go ahead.\r\n")
            client.recv(4096)
            client.sendall(broken)
            self.heard.append(client.recv(4096).decode("latin-1"))

    mumblers.append(server := Breaker(b""))
    assert isinstance(open_error(settings_for(server.port)), TlsFailed)
    assert server.connections == 1
    assert heard_no_password(server)


@pytest.mark.parametrize("code", [b"534", b"536", b"500"])
def test_a_server_that_would_not_protect_data_is_refused(
    code: bytes, leaf: trustme.LeafCert, ca_file: Path, mumblers: list[Mumbler]
) -> None:
    mumblers.append(server := TlsMumbler(leaf, GOOD | {"PROT": code + b" No.\r\n"}))
    assert isinstance(open_error(settings_for(server.port, ca_file=str(ca_file))), TlsFailed)


def test_a_server_that_demands_tls_says_no_word_of_a_password(real_tls_place: RealPlace) -> None:
    plain = replace(real_tls_place.settings, tls="off")
    assert isinstance(open_error(plain), TlsFailed)


@pytest.mark.parametrize("is_passive", [True, False])
def test_many_files_over_tls_resume_the_session_each_time(
    real_tls_place: RealPlace, is_passive: bool
) -> None:
    remote = FtpRemote(replace(real_tls_place.settings, is_passive=is_passive), HOME_ID)
    remote.open()
    remote.prepare()
    uploads = [make_upload(i, bytes([i]) * i * 50_000, f"orthanc/{i}") for i in range(12)]
    assert errors(remote.store(uploads)) == [None] * 12
    assert all(real_tls_place.read(f"orthanc/{i}") == bytes([i]) * i * 50_000 for i in range(12))
    assert remote.is_tls
    remote.close()


@pytest.mark.parametrize("is_pipelined", [False, True], ids=["one at a time", "pipelined"])
def test_a_data_connection_that_is_refused_leaves_no_empty_file(
    real_tls_place: RealPlace, monkeypatch: pytest.MonkeyPatch, is_pipelined: bool
) -> None:
    host = HostProfile(answers_in_order=is_pipelined)
    remote = FtpRemote(real_tls_place.settings, HOME_ID, host=host)
    remote.open()
    remote.prepare()
    remote.open()  # one that has had no data connection
    monkeypatch.setattr(Session, "tls_to_resume", None)
    if real_tls_place.place.kind == "pure-ftpd":  # does not ask for the session's reuse
        assert errors(remote.store([make_upload(1, b"x")])) == [None]
    else:
        with pytest.raises(DataConnectionFailed):
            list(remote.store([make_upload(1, b"x")]))
    if real_tls_place.place.kind == "vsftpd":  # hangs up after its 522: left for the sweep
        remote.open()
        remote.discard_temporary(temporary_name(1, 1))
    assert real_tls_place.temporaries() == set()
    remote.close()


def test_a_pin_holds_on_data_connections_too(real_tls_place: RealPlace) -> None:
    certificate = (real_tls_place.place.server.log_file.parent / "server.pem").read_text()
    pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()
    remote = FtpRemote(replace(real_tls_place.settings, ca_file=None, fingerprint=pin), HOME_ID)
    remote.open()
    remote.prepare()
    assert errors(remote.store([make_upload(1, b"x"), make_upload(2, b"y")])) == [None, None]
    remote.close()


def test_plain_servers_are_plain(pyftp_place: PyFtpPlace) -> None:
    remote = FtpRemote(pyftp_place.settings, HOME_ID)
    remote.open()
    assert not remote.is_tls
    remote.close()
    assert not remote.is_tls


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_every_server_is_spoken_to_in_both_versions(
    real_tls_place: RealPlace, monkeypatch: pytest.MonkeyPatch, version: ssl.TLSVersion
) -> None:
    """What the contract suite takes for granted when it says -tls and -tls12."""
    go_no_further(version, monkeypatch)
    remote = FtpRemote(real_tls_place.settings, HOME_ID)
    remote.open()
    session = remote._session
    assert session is not None
    connection = session.wire.connection
    assert isinstance(connection, ssl.SSLSocket)
    assert connection.version() == version.name.replace("_", ".")
    remote.close()
