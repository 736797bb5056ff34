"""Greetings and logins: each refusal is told apart, and the password is sent once."""

from collections.abc import Sequence

import pytest

from farcopy.core.errors import (
    ConnectFailed,
    ConnectionLost,
    FarcopyError,
    LoginBarred,
    LoginRefused,
    NotFtp,
    ReplyTimeout,
    TlsFailed,
    TooManyConnections,
)
from farcopy.ftp.host import HostProfile
from farcopy.ftp.remote import FtpRemote
from farcopy.ftp.settings import SessionSettings
from farcopy.ftp.wire import Wire
from tests.contract.fakes import make_upload
from tests.contract.hostile import (
    Answer,
    Mumbler,
    at,
)
from tests.contract.places import HOME_ID, RealPlace
from tests.contract.rig import Rig, at_port, open_error
from tests.parts.fixtures import FtpServerFactory
from tests.parts.ftp_servers import KINDS, Kind


@pytest.mark.parametrize(
    ("greeting", "expected"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", NotFtp),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", NotFtp),
        (b"J\x00\x00\x00\x0a8.0.36", NotFtp),
        (b"+OK POP3 ready\r\n", NotFtp),
        (b"220" + b"x" * 20_000, NotFtp),
        (b"220-x\r\n" * 2_000, NotFtp),
        (b"331 Password?\r\n", NotFtp),
        (b"421 Too many connections.\r\n", TooManyConnections),
        (b"530 Sorry, the maximum number of clients are connected.\r\n", TooManyConnections),
        (b"554 Go away.\r\n", ConnectFailed),
        (b"120 Ready in 5 minutes.\r\n", ReplyTimeout),
        (b"", ReplyTimeout),
    ],
)
def test_a_greeting_is_judged(greeting: bytes, expected: type[FarcopyError]) -> None:
    server = Mumbler(greeting)
    try:
        assert type(open_error(at_port(server.port))) is expected
    finally:
        server.stop()
    assert server.heard == []


def test_a_server_that_closes_at_once_is_a_lost_connection() -> None:
    server = Mumbler(b"", closes=True)
    try:
        assert isinstance(open_error(at_port(server.port)), ConnectionLost)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"530 Login incorrect.", LoginRefused),
        (b"530 Login authentication failed", LoginRefused),
        (b"430 Invalid username or password.", LoginRefused),
        (b"500 OOPS: cannot change directory:/home/x", LoginBarred),
        (b"331 Another password, please.", LoginRefused),
        (b"332 Need account.", LoginRefused),
        (b"532 Need account.", LoginRefused),
        (b"421 Maximum login attempts (3) exceeded, connection refused", LoginRefused),
        (b"530 Sorry, the maximum number of clients (1) from your host are connected.",
         TooManyConnections),
        (b"530 Too many users logged in", TooManyConnections),
        (b"421 There are too many connected users, please try later.", TooManyConnections),
        (b"530 Non-anonymous sessions must use encryption.", TlsFailed),
        (b"550 SSL/TLS required on the control channel", TlsFailed),
        (b"421 Sorry, cleartext sessions and weak ciphers are not accepted", TlsFailed),
        (b"522 Data needs TLS", TlsFailed),
        (b"534 Policy requires SSL.", TlsFailed),
        (b"450 Try later.", ConnectionLost),
    ],
)
def test_a_refused_login_is_judged_and_tried_once(
    reply: bytes, expected: type[FarcopyError]
) -> None:
    server = Mumbler(b"220 Hi\r\n", {"USER": b"331 Password?\r\n", "PASS": reply + b"\r\n"})
    try:
        assert type(open_error(at_port(server.port))) is expected
    finally:
        server.stop()
    assert sum(line.startswith("PASS") for line in server.heard) == 1


def test_a_wrong_password_is_sent_once_on_every_server(real_rig: Rig) -> None:
    remote = real_rig.closed_remote(password="wrong")
    with pytest.raises(LoginRefused):
        remote.open()
    assert real_rig.proxy.count("PASS") == 1
    assert real_rig.proxy.connections == 1


def test_a_user_or_password_with_a_control_character_is_never_sent(rig: Rig) -> None:
    for change in ({"user": "u\r\nDELE x"}, {"password": "p\nq"}):
        with pytest.raises(LoginRefused):
            rig.closed_remote(**change).open()
    assert not any("DELE" in line or "PASS" in line for line in rig.proxy.heard)


@pytest.mark.parametrize("kind", KINDS)
def test_the_connection_beyond_the_servers_limit_is_told_as_such(
    kind: Kind, ftp_server_factory: FtpServerFactory
) -> None:
    server = ftp_server_factory(kind, max_connections_per_ip=1)
    settings = SessionSettings(
        host=server.host, port=server.port, user=server.user, password=server.password
    )
    first = FtpRemote(settings, HOME_ID)
    first.open()
    assert isinstance(open_error(settings), TooManyConnections)
    first.close()


def test_a_goodbye_in_mid_run_is_a_lost_connection_that_uses_no_attempt(rig: Rig) -> None:
    remote = rig.remote(at("EPSV", Answer(b"421 Timeout.\r\n")))
    with pytest.raises(ConnectionLost) as raised:
        list(remote.store([make_upload(1, b"x")]))
    assert not raised.value.uses_attempt


def test_a_later_session_sends_the_rest_of_its_login_at_once(
    real_place: RealPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[list[str]] = []
    put_lines = Wire.put_lines

    def put(wire: Wire, lines: Sequence[str]) -> None:
        sent.append([line.split()[0] for line in lines])
        put_lines(wire, lines)

    monkeypatch.setattr(Wire, "put_lines", put)
    host = HostProfile()
    first, later = (FtpRemote(real_place.settings, HOME_ID, host=host) for _ in range(2))
    first.open()
    first.prepare()
    sent.clear()
    later.open()
    asked = [verb for lines in sent for verb in lines]
    assert "FEAT" not in asked
    assert sent[-1][-2:] == ["TYPE", "EPSV"]
    assert sent[-2] == ["PASS"]
    assert [result.error for result in later.store([make_upload(1, b"x")])] == [None]
    first.close()
    later.close()
