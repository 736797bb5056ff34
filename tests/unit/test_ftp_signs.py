"""Why a certificate was refused, and other causes: from errors as the libraries raise them."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from farcopy.core.errors import (
    ConnectFailed,
    DataConnectionFailed,
    FarcopyError,
    TlsFailed,
)
from farcopy.core.examination import Sign
from farcopy.ftp.replies import parse_reply, translate
from farcopy.ftp.signs import sign_of

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def refusal(authority: trustme.CA, leaf: trustme.LeafCert, *, is_trusted: bool) -> ssl.SSLError:
    """What a handshake in memory raises, of a client that asks for ftp.example."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(server)
    client = ssl.create_default_context()
    if is_trusted:
        authority.configure_trust(client)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="ftp.example")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return error
    raise AssertionError("it was accepted")


def told(error: Exception) -> FarcopyError:
    return translate(error, "AUTH")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_a_certificate_for_another_name(authority: trustme.CA) -> None:
    error = refusal(authority, authority.issue_cert("mail.example"), is_trusted=True)
    assert sign_of(told(error), "auto") is Sign.WRONG_NAME


def test_one_that_has_expired_and_one_that_is_not_valid_yet(authority: trustme.CA) -> None:
    old = authority.issue_cert("ftp.example", not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    assert sign_of(told(refusal(authority, old, is_trusted=True)), "auto") is Sign.EXPIRED
    young = authority.issue_cert("ftp.example", not_before=NOW + DAY, not_after=NOW + 9 * DAY)
    assert sign_of(told(refusal(authority, young, is_trusted=True)), "auto") is Sign.NOT_YET_VALID


def test_one_signed_by_a_stranger(authority: trustme.CA) -> None:
    error = refusal(authority, authority.issue_cert("ftp.example"), is_trusted=False)
    assert sign_of(told(error), "required") is Sign.UNTRUSTED


@pytest.mark.parametrize(
    "text",
    ["522 SSL connection failed; session reuse required: see require_ssl_reuse option",
     "425 Unable to build data connection: Operation not permitted",
     "425 Unable to build data connection: TLS session of data connection not resumed."],
)
def test_servers_that_want_the_session_resumed_say_it_in_these_words(text: str) -> None:
    error = translate(parse_reply(text).as_error(), "LIST")
    assert isinstance(error, DataConnectionFailed)
    assert sign_of(error, "auto") is Sign.SESSION_REUSE


def test_a_blocked_port_is_no_such_demand() -> None:
    assert sign_of(DataConnectionFailed("TimeoutError"), "auto") is Sign.NONE


def test_a_closed_port_is_told_from_a_filtered_one() -> None:
    closed, filtered = ConnectFailed(), ConnectFailed()
    closed.__cause__, filtered.__cause__ = ConnectionRefusedError(), TimeoutError()
    assert [sign_of(e, "auto") for e in (closed, filtered)] == [Sign.REFUSED, Sign.NONE]


def test_a_demand_for_tls_reads_differently_when_tls_is_off() -> None:
    error = TlsFailed("530 to USER")
    assert [sign_of(error, mode) for mode in ("off", "auto")] == [Sign.NEEDS_TLS, Sign.NONE]
