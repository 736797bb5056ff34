"""probe: what test-connection counts, the word for each failure, and its fifteen seconds."""

import dataclasses
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from farcopy.core.errors import FarcopyError, TimedOut
from farcopy.ftp.probe import ProbeResult, probe
from farcopy.ftp.settings import SessionSettings
from tests.contract.hostile import (
    Answer,
    Close,
    Lose,
    Meddling,
    MeddlingProxy,
    Mumbler,
    Replace,
    Stall,
    at,
)
from tests.contract.places import PyFtpPlace, RealPlace

CAUSES = {"dns", "connect", "not FTP", "TLS", "login", "path", "data connection", "timeout"}


@pytest.fixture
def proxy(pyftp_place: PyFtpPlace) -> Iterator[MeddlingProxy]:
    proxy = MeddlingProxy(pyftp_place.settings.port)
    yield proxy
    proxy.stop()


def fill(place: PyFtpPlace | RealPlace) -> None:
    for name in ("one.dcm", "-two", "[3]", "four five", "ü"):
        place.put(name, b"x")
    place.put("folder/below", b"x")
    place.put("folder two/below", b"x")
    (place.root / "a link").symlink_to("one.dcm")


def cause(settings: SessionSettings, deadline_s: float = 15.0) -> str:
    with pytest.raises(FarcopyError) as raised:
        probe(settings, deadline_s)
    return raised.value.cause_word


def test_regular_files_directly_in_the_directory_are_counted(real_place: RealPlace) -> None:
    fill(real_place)
    before = sorted(real_place.root.rglob("*"))
    assert probe(real_place.settings) == ProbeResult(5, is_tls=False)
    assert sorted(real_place.root.rglob("*")) == before


def test_they_are_counted_over_tls_too(real_tls_place: RealPlace) -> None:
    fill(real_tls_place)
    assert probe(real_tls_place.settings) == ProbeResult(5, is_tls=True)
    active = replace(real_tls_place.settings, is_passive=False)
    assert probe(active) == ProbeResult(5, is_tls=True)


def test_without_mlsd_list_is_read(pyftp_place: PyFtpPlace, proxy: MeddlingProxy) -> None:
    (pyftp_place.root / "one").write_bytes(b"x")
    (pyftp_place.root / "folder").mkdir()
    proxy.script = at("FEAT", Answer(b"500 No.\r\n"))
    assert probe(replace(pyftp_place.settings, port=proxy.port)).files_in_directory == 1
    assert "LIST" in proxy.heard


def test_a_listing_without_end_is_not_read_to_its_end(
    pyftp_place: PyFtpPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farcopy.ftp.listing.MAX_ENTRIES", 10)
    for number in range(11):
        pyftp_place.put(f"file {number}", b"x")
    assert cause(pyftp_place.settings) == "path"


def test_an_empty_directory_that_is_answered_by_550_has_no_files(
    pyftp_place: PyFtpPlace, proxy: MeddlingProxy
) -> None:
    proxy.script = at("MLSD", Answer(b"550 No files found.\r\n"))
    assert probe(replace(pyftp_place.settings, port=proxy.port)).files_in_directory == 0


def test_a_directory_that_is_missing_is_the_path(real_place: RealPlace) -> None:
    missing = f"{real_place.settings.path}/not there"
    assert cause(replace(real_place.settings, path=missing)) == "path"
    assert not (real_place.root / "not there").exists()


def test_a_file_is_no_directory(real_place: RealPlace) -> None:
    real_place.put("file", b"x")
    assert cause(replace(real_place.settings, path=f"{real_place.settings.path}/file")) == "path"


def test_a_wrong_password_is_the_login(real_place: RealPlace) -> None:
    assert cause(replace(real_place.settings, password="wrong")) == "login"


def test_a_server_that_demands_tls_is_tls(real_tls_place: RealPlace) -> None:
    assert cause(replace(real_tls_place.settings, tls="off")) == "TLS"
    assert cause(replace(real_tls_place.settings, ca_file=None)) == "TLS"


@pytest.mark.parametrize(
    ("verb", "action", "word"),
    [
        ("USER", Answer(b"530 No.\r\n"), "login"),
        ("PASS", Close(), "connect"),
        ("PASS", Answer(b"421 Too many.\r\n"), "connect"),
        ("PASS", Answer(b"hello?\r\n"), "not FTP"),
        ("TYPE", Answer(b"500 What?\r\n"), "not FTP"),
        ("PWD", Lose(), "connect"),
        ("CWD", Answer(b"550 No.\r\n"), "path"),
        ("CWD", Answer(b"530 Log in.\r\n"), "not FTP"),
        ("EPSV", Answer(b"425 No.\r\n"), "data connection"),
        ("EPSV", Answer(b"229 nonsense\r\n"), "not FTP"),
        ("MLSD", Answer(b"425 No.\r\n"), "data connection"),
        ("MLSD", Answer(b"451 No.\r\n"), "data connection"),
        ("MLSD", Answer(b"550 Permission denied.\r\n"), "path"),
        ("MLSD", Replace(b"426 Broken.\r\n"), "data connection"),
        ("MLSD", Replace(b"450 Broken.\r\n"), "data connection"),
        ("MLSD", Lose(), "connect"),
        ("MLSD", Stall(), "timeout"),
        ("SYST", None, ""),
    ],
)
def test_each_failure_has_its_word(
    pyftp_place: PyFtpPlace, proxy: MeddlingProxy, verb: str, action: Meddling, word: str
) -> None:
    proxy.script = at(verb, action)
    settings = replace(pyftp_place.settings, port=proxy.port)
    if word:
        assert cause(settings, 2.0) == word
    else:
        probe(settings)


def test_every_error_of_a_session_has_a_word_of_the_fixed_list(
    pyftp_place: PyFtpPlace, proxy: MeddlingProxy
) -> None:
    settings = replace(pyftp_place.settings, port=proxy.port)
    probe(settings)
    verbs = list(dict.fromkeys(line.partition(" ")[0] for line in proxy.heard))
    assert len(verbs) > 8
    for verb in verbs:
        if verb in ("AUTH", "FEAT", "OPTS", "QUIT"):
            continue  # a refusal of these is no failure
        for code in (b"421", b"425", b"450", b"452", b"500", b"503", b"530", b"550", b"552"):
            proxy.script = at(verb, Answer(code + b" Refused.\r\n"))
            try:
                probe(settings)
            except FarcopyError as error:
                assert error.cause_word in CAUSES, (verb, code, type(error))


def test_a_blocked_data_port_is_the_data_connection(
    pyftp_place: PyFtpPlace, proxy: MeddlingProxy
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    answers = {
        "EPSV": Answer(f"229 (|||{port}|)\r\n".encode()),
        "PASV": Answer(f"227 (127,0,0,1,{port // 256},{port % 256})\r\n".encode()),
    }
    proxy.script = lambda verb, _line: answers.get(verb)
    assert cause(replace(pyftp_place.settings, port=proxy.port)) == "data connection"


def test_the_whole_test_ends_in_time_however_slow_each_step_is(
    pyftp_place: PyFtpPlace, proxy: MeddlingProxy
) -> None:
    class Slow(Mumbler):
        def serve(self, client: socket.socket) -> None:
            for code in [220, 500, 331, 230, *[200] * 9]:
                time.sleep(0.2)
                client.sendall(b"%d Well.\r\n" % code)
                client.recv(1000)

    with ExitStack() as ends:
        server = Slow(b"")
        ends.callback(server.stop)
        begun_s = time.monotonic()
        slow = replace(pyftp_place.settings, port=server.port)
        assert cause(slow, 0.9) == "timeout"
        assert time.monotonic() - begun_s < 1.5


def test_a_silent_server_is_a_timeout(pyftp_place: PyFtpPlace) -> None:
    with ExitStack() as ends:
        server = Mumbler(b"")
        ends.callback(server.stop)
        begun_s = time.monotonic()
        assert cause(replace(pyftp_place.settings, port=server.port), 0.5) == "timeout"
        assert time.monotonic() - begun_s < 2


def test_nothing_left_of_the_time_is_timed_out(pyftp_place: PyFtpPlace) -> None:
    with pytest.raises(TimedOut):
        probe(pyftp_place.settings, 0.0)


def test_the_password_is_in_no_repr() -> None:
    settings = SessionSettings(host="h", user="u", password="canary")
    assert "canary" not in repr(settings)
    assert {field.name for field in dataclasses.fields(settings)} >= {"password"}
