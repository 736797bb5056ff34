"""What may go out on a control connection, what is remembered of folders, and deadlines."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcopy.core.config import SyncSettings
from farcopy.core.errors import LocalName, TimedOut
from farcopy.ftp.folders import KnownFolders
from farcopy.ftp.settings import Budget, Deadlines, SessionSettings
from farcopy.ftp.wire import Wire, encode_command


@given(st.text())
def test_one_command_stays_one_command(text: str) -> None:
    try:
        data = encode_command(f"STOR {text}")
    except LocalName:
        return
    assert data.endswith(b"\r\n")
    assert not set(data[:-2]) & {0, 10, 13}


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\0b", "a\ud800b"])
def test_what_would_be_another_command_is_refused(text: str) -> None:
    with pytest.raises(LocalName):
        encode_command(f"MKD {text}")


def test_names_travel_as_utf8_and_a_servers_own_bytes_as_it_gave_them() -> None:
    assert encode_command("CWD /ü") == b"CWD /\xc3\xbc\r\n"
    latin = b"/caf\xe9".decode("utf-8", "surrogateescape")
    assert encode_command(f"CWD {latin}") == b"CWD /caf\xe9\r\n"


def test_the_address_of_a_passive_reply_is_not_trusted() -> None:
    assert Wire.trust_server_pasv_ipv4_address is False


def test_a_known_folder_has_known_parents() -> None:
    known = KnownFolders()
    known.add(PurePosixPath("/a/b/c"))
    assert known.has(PurePosixPath("/a/b"))
    assert not known.has(PurePosixPath("/a/b/c/d"))


def test_a_folder_that_went_takes_parents_and_children_with_it() -> None:
    known = KnownFolders()
    for path in ("/a/b/c", "/a/x"):
        known.add(PurePosixPath(path))
    known.forget(PurePosixPath("/a/b"))
    assert not known.has(PurePosixPath("/a/b/c"))
    assert not known.has(PurePosixPath("/a"))
    assert known.has(PurePosixPath("/a/x"))


@pytest.mark.parametrize("wait_s", [0.0, -1.0, float("inf"), float("nan")])
def test_no_deadline_is_endless(wait_s: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Deadlines(reply_s=wait_s)


def test_a_wait_is_cut_to_what_is_left() -> None:
    assert Budget().cut(30) == 30
    assert 0 < Budget(5).cut(30) <= 5
    with pytest.raises(TimedOut):
        Budget(0).cut(30)


def test_session_settings_come_from_the_configuration() -> None:
    configured = SyncSettings(
        ftp_host="ftp.example.org", ftp_username="u", ftp_password="p", ftp_port=2121,
        ftp_path="backup", ftp_passive=False, ftp_tls="required", ftp_tls_ca="/ca.pem",
    )
    settings = SessionSettings.of(configured, is_tls_known=True)
    assert settings == SessionSettings(
        host="ftp.example.org", user="u", password="p", port=2121, path="backup",
        is_passive=False, tls="required", ca_file="/ca.pem", is_tls_known=True,
    )
    assert settings.base("/home/u") == PurePosixPath("/home/u/backup")
    with pytest.raises(ValueError, match="not configured"):
        SessionSettings.of(SyncSettings())
