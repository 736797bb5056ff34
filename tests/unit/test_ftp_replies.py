"""translate: every foreign error and every reply becomes the right one of ours."""

import errno
import ftplib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcopy.core.errors import (
    ConnectionLost,
    DataConnectionFailed,
    FarcopyError,
    LoginBarred,
    LoginRefused,
    NotFtp,
    OutOfStep,
    PathRefused,
    RemoteFull,
    RemotePathMissing,
    RemoteReadOnly,
    ReplyTimeout,
    SourceChanged,
    TlsFailed,
    TooManyConnections,
    UploadRefused,
)
from farcopy.ftp.replies import DATA, GREETING, Reply, parse_reply, translate

VERBS = [
    GREETING, DATA, "AUTH", "PBSZ", "PROT", "USER", "PASS", "TYPE", "FEAT", "PWD", "CWD", "MKD",
    "PASV", "EPSV", "PORT", "STOR", "SIZE", "RNFR", "RNTO", "DELE", "LIST", "MLSD", "QUIT",
]


@pytest.mark.parametrize(
    ("verb", "text", "expected"),
    [
        # the same code, judged by command
        ("PASS", "530 Login incorrect.", LoginRefused),
        ("PASS", "530 User cannot log in, home directory inaccessible.", LoginBarred),
        ("PASS", "500 OOPS: vsftpd: refusing to run with writable root inside chroot()",
         LoginBarred),
        ("PASS", "530 Account has expired.", LoginBarred),
        ("PASS", "530 Not logged in, IP address not allowed.", LoginBarred),
        ("PASS", "421 Home directory not available - aborting", LoginBarred),
        ("STOR", "530 Please login.", OutOfStep),
        (GREETING, "421 Too many", TooManyConnections),
        ("USER", "421 Too many", TooManyConnections),
        ("STOR", "421 Timeout.", ConnectionLost),
        (DATA, "421 Timeout.", ConnectionLost),
        ("EPSV", "425 No ports", DataConnectionFailed),
        ("PASV", "500 No", DataConnectionFailed),
        ("STOR", "425 No data connection", DataConnectionFailed),
        ("STOR", "522 Data connections must be encrypted.", DataConnectionFailed),
        (DATA, "522 SSL session not reused", DataConnectionFailed),
        ("PROT", "534 No", TlsFailed),
        ("STOR", "536 No", TlsFailed),
        ("RNTO", "553 Not overwritten", PathRefused),
        ("MKD", "550 Exists", PathRefused),
        ("MKD", "452 Full", RemoteFull),
        ("MKD", "552 Full", RemoteFull),
        (DATA, "451 Failure writing to local file.", RemoteFull),
        (DATA, "451-Error during write to file\n451 Transfer aborted", RemoteFull),
        (DATA, "451 Transfer aborted. Input/output error", RemoteFull),
        (DATA, "426 No space left on device", RemoteFull),
        (DATA, "552-Quota exceeded\n552 4 of 4", RemoteFull),
        (DATA, "451 Try again", UploadRefused),
        ("RNTO", "450 Busy", UploadRefused),
        ("LIST", "451 Local error", DataConnectionFailed),
        ("TYPE", "500 What", OutOfStep),
        ("TYPE", "450 What", OutOfStep),
        ("CWD", "452 Odd", UploadRefused),
        ("RNTO", "503 RNFR first", OutOfStep),
        ("STOR", "532 Need account", LoginRefused),
        ("SIZE", "226 Late", OutOfStep),
        (GREETING, "331 Password", NotFtp),
    ],
)
def test_a_reply_is_judged_by_its_command(
    verb: str, text: str, expected: type[FarcopyError]
) -> None:
    ours = translate(parse_reply(text).as_error(), verb)
    assert type(ours) is expected
    assert str(ours.__cause__) == text


def test_a_path_of_our_own_stops_more_than_a_file() -> None:
    refused = ftplib.error_perm("550 No.")
    assert type(translate(refused, "STOR", path_error=RemoteReadOnly)) is RemoteReadOnly
    assert type(translate(refused, "CWD", path_error=RemotePathMissing)) is RemotePathMissing
    full = ftplib.error_perm("552 Full.")
    assert type(translate(full, "STOR", path_error=RemoteReadOnly)) is RemoteFull


def test_only_a_goodbye_uses_no_attempt() -> None:
    assert not translate(ftplib.error_temp("421 Timeout."), "STOR").uses_attempt
    assert translate(EOFError(), "STOR").uses_attempt
    assert ConnectionLost.uses_attempt


@pytest.mark.parametrize(
    ("error", "verb", "expected"),
    [
        (EOFError(), "SIZE", ConnectionLost),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "SIZE", ConnectionLost),
        (BrokenPipeError(errno.EPIPE, "pipe"), DATA, ConnectionLost),
        (OSError(errno.EHOSTUNREACH, "unreachable"), "SIZE", ConnectionLost),
        (ssl.SSLEOFError(8, "eof"), "SIZE", ConnectionLost),
        (TimeoutError(), "SIZE", ReplyTimeout),
        (ssl.SSLError(1, "alert"), "AUTH", TlsFailed),
        (ssl.SSLCertVerificationError(1, "self-signed"), "AUTH", TlsFailed),
        (ftplib.error_proto("hello"), "SIZE", OutOfStep),
        (ftplib.error_proto("hello"), GREETING, NotFtp),
        (ftplib.Error("got more than 8192 bytes"), "SIZE", OutOfStep),
        (ftplib.Error("got more than 8192 bytes"), GREETING, NotFtp),
    ],
)
def test_a_broken_connection_is_told_apart_from_a_slow_or_foreign_one(
    error: Exception, verb: str, expected: type[FarcopyError]
) -> None:
    ours = translate(error, verb)
    assert type(ours) is expected
    assert ours.__cause__ is error


def test_an_error_of_ours_stays_as_it_is() -> None:
    ours = SourceChanged()
    assert translate(ours, "STOR") is ours


@given(st.integers(100, 599), st.text(), st.sampled_from(VERBS))
def test_any_reply_to_any_command_is_an_error_of_ours_without_the_servers_text(
    code: int, text: str, verb: str
) -> None:
    reply = Reply(code, f"{code} {text}")
    ours = translate(reply.as_error(), verb)
    assert isinstance(ours, FarcopyError)
    assert str(ours) == f"{code} to {verb}"


@given(st.text())
def test_what_is_no_reply_is_an_error_of_the_protocol(text: str) -> None:
    try:
        reply = parse_reply(text)
    except ftplib.error_proto:
        return
    assert 100 <= reply.code <= 599
    assert reply.text == text
