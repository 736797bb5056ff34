"""HTTPS without a proxy: real handshakes, on a small site and on farcopy itself."""

import contextlib
import json
import os
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import trustme

from farcopy.core.errors import EnvironmentInvalid
from farcopy.web.connections import Deadlines
from farcopy.web.listening import Listening
from farcopy.web.tls import make_context
from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import COOKIE, PASSWORD
from tests.api.small_site import SmallSite, answer_of, drip

LOGIN = "/api/auth/login.php"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate with its chain, key)"""
    folder = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("127.0.0.1", "localhost")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return certificate, key


@pytest.fixture(scope="module")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def small(files: tuple[Path, Path]) -> Iterator[SmallSite]:
    running = SmallSite(
        Listening(tls_cert=files[0], tls_key=files[1]), deadlines=Deadlines(header_s=0.6)
    )
    yield running
    running.stop()


@pytest.fixture
def client(small: SmallSite, trust: ssl.SSLContext) -> Iterator[httpx.Client]:
    base_url = f"https://127.0.0.1:{small.address[1]}"
    with httpx.Client(base_url=base_url, verify=trust, trust_env=False, timeout=20) as made:
        yield made


def test_requests_large_and_small_share_one_verified_connection(client: httpx.Client) -> None:
    assert client.get("/").json() == {"body": 0, "address": "127.0.0.1", "scheme": "https"}
    assert client.post("/", content=b"x" * 60_000).json()["body"] == 60_000
    assert len(client.get("/large").content) == 3 * 1024**2
    assert client.get("/").status_code == 200


def test_many_at_once_get_their_own_answers(small: SmallSite, trust: ssl.SSLContext) -> None:
    def ask(number: int) -> tuple[int, int]:
        url = f"https://127.0.0.1:{small.address[1]}"
        with httpx.Client(base_url=url, verify=trust, trust_env=False, timeout=20) as made:
            told = made.post("/", content=b"x" * number * 1000).json()["body"]
            return told, len(made.get("/large").content)

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(ask, range(20))) == [(n * 1000, 3 * 1024**2) for n in range(20)]


def test_a_request_in_several_records_and_two_in_one_are_understood(
    small: SmallSite, trust: ssl.SSLContext
) -> None:
    with trust.wrap_socket(small.connect(), server_hostname="127.0.0.1") as secured:
        for part in (b"GET / HT", b"TP/1.1\r\nHost: a\r\n", b"\r\n"):
            secured.sendall(part)
        assert answer_of(secured)[0] == 200
        secured.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"".join(iter(lambda: _two(secured), b"")).count(b"200 OK") == 2


def _two(secured: ssl.SSLSocket) -> bytes:
    secured.settimeout(1.0)
    try:
        return secured.recv(65536)
    except TimeoutError:
        return b""


def test_one_who_speaks_no_tls_is_hung_up_on_and_the_others_go_on(
    small: SmallSite, client: httpx.Client
) -> None:
    with small.connect() as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP/" not in plain.recv(100)
    small.connect().close()
    assert client.get("/").status_code == 200


def test_a_handshake_that_never_comes_or_drips_is_ended(small: SmallSite) -> None:
    with small.connect() as silent, small.connect() as slow:
        assert drip(slow, bytes.fromhex("1603010200") + bytes(500), every_s=0.05) < 5
        assert silent.recv(1) == b""


def test_a_renewed_certificate_counts_from_the_next_connection_and_a_broken_one_never(
    tmp_path: Path, authority: trustme.CA, trust: ssl.SSLContext
) -> None:
    file = tmp_path / "both.pem"
    file.write_bytes(_pem(authority))
    running = SmallSite(Listening(tls_cert=file))
    seen = []
    try:
        for number, content in enumerate((file.read_bytes(), _pem(authority), b"half of a", b"")):
            file.write_bytes(content)
            os.utime(file, (number, number))
            with trust.wrap_socket(running.connect(), server_hostname="127.0.0.1") as secured:
                seen.append(secured.getpeercert(binary_form=True))
    finally:
        running.stop()
    assert seen[0] != seen[1] == seen[2] == seen[3]


def _pem(authority: trustme.CA) -> bytes:
    return authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.bytes()


def test_tls_below_1_2_is_not_spoken(files: tuple[Path, Path]) -> None:
    assert make_context(*files).minimum_version is ssl.TLSVersion.TLSv1_2


def test_files_that_do_not_fit_are_told_in_one_line(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(trustme.CA().issue_cert("a.example").private_key_pem.bytes())
    missing = tmp_path / "none"
    for certificate, key, told in (
        (files[0], other, "belong together"), (files[0], None, "belong together"),
        (missing, None, f"--tls-cert: {missing} is not there"),
        (files[0], missing, f"--tls-key: {missing} is not there"),
    ):
        with pytest.raises(EnvironmentInvalid, match=told):
            make_context(certificate, key)


def test_farcopy_over_https_has_secure_cookies_hsts_and_the_clients_address(
    start_server: ServerFactory, files: tuple[Path, Path]
) -> None:
    server = start_server(
        verb="web", arguments=("--tls-cert", str(files[0]), "--tls-key", str(files[1]))
    )
    assert server.url.startswith("https://127.0.0.1:")
    with server.client() as made:
        answer = made.post(
            LOGIN, json={"username": "boss", "password": PASSWORD}, headers={"Origin": server.url}
        )
        assert answer.status_code == 200, answer.text
        assert "Secure" in answer.headers["Set-Cookie"]
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert server.last_audit()["ip_address"] == "127.0.0.1"
        session = {"Cookie": f"{COOKIE}={answer.cookies[COOKIE]}"}
        plain = {"Origin": server.url.replace("https", "http"), **session}
        refused = made.post("/api/auth/logout.php", headers=plain)
        assert json.loads(refused.text)["code"] == "cross_site"
