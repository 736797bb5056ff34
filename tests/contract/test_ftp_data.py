"""Data connections: passive and active, blocked and broken, and abort in every wait."""

import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from farcopy.core.errors import (
    ConnectionLost,
    DataConnectionFailed,
    DataStalled,
    FarcopyError,
    Interrupted,
    OutOfStep,
    UploadRefused,
)
from farcopy.ftp.data import DataConnection
from farcopy.ftp.host import HostProfile
from farcopy.ftp.remote import FtpRemote
from farcopy.ftp.settings import Budget, Deadlines
from farcopy.ftp.sockets import Guard
from tests.contract.endless import Unread
from tests.contract.fakes import errors, make_upload, only
from tests.contract.hostile import (
    Answer,
    Meddling,
    Mumbler,
    Replace,
    Stall,
    always,
    at,
)
from tests.contract.places import FOLDER, HOME_ID, RealPlace
from tests.contract.pyftp import PyFtpServer
from tests.contract.rig import QUICK, Rig, at_port


def test_without_epsv_pasv_is_used_and_remembered(rig: Rig) -> None:
    remote = rig.remote(always("EPSV", Answer(b"500 Unknown command.\r\n")))
    rig.proxy.heard.clear()
    uploads = [make_upload(i, b"x", f"orthanc/{i}") for i in range(3)]
    assert errors(remote.store(uploads)) == [None] * 3
    assert rig.proxy.count("EPSV") == 1
    assert rig.proxy.count("PASV") == 3


def test_the_address_in_a_passive_reply_is_ignored(rig: Rig) -> None:
    waiting = socket.create_server(("127.0.0.1", 0))
    waiting.listen()
    high, low = divmod(waiting.getsockname()[1], 256)
    wrong = f"227 Entering passive mode (192,0,2,9,{high},{low}).\r\n".encode()
    remote = rig.remote(
        lambda verb, _line: {
            "EPSV": Answer(b"500 No.\r\n"), "PASV": Answer(wrong), "STOR": Answer(b"450 No.\r\n")
        }.get(verb)
    )
    with waiting:
        assert errors(remote.store([make_upload(1, b"x")])) == [UploadRefused]
        waiting.settimeout(5)
        waiting.accept()[0].close()  # it came to the control connection's peer


@pytest.mark.parametrize(
    "reply", [b"227 (1,2,3,4,999,999)", b"227 none", b"227 (127,0,0,1,0,0)", b"229 (|||x|)"]
)
def test_a_passive_reply_without_a_port_is_out_of_step(rig: Rig, reply: bytes) -> None:
    verb = "EPSV" if reply.startswith(b"229") else "PASV"
    answers = {"EPSV": Answer(b"500 No.\r\n"), verb: Answer(reply + b"\r\n")}
    remote = rig.remote(lambda seen, _line: answers.get(seen))
    with pytest.raises(OutOfStep):
        list(remote.store([make_upload(1, b"x")]))


def test_blocked_passive_ports_stop_the_run(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reply = f"229 (|||{port}|)\r\n".encode()
    high, low = divmod(port, 256)
    pasv = f"227 (127,0,0,1,{high},{low})\r\n".encode()
    answers = {"EPSV": Answer(reply), "PASV": Answer(pasv)}
    remote = rig.closed_remote()
    rig.proxy.script = lambda seen, _line: answers.get(seen)
    remote.open()
    with pytest.raises(DataConnectionFailed):
        remote.prepare()


def test_one_failed_data_connection_among_good_ones_is_a_lost_session(rig: Rig) -> None:
    remote = rig.remote(at("STOR", None, Answer(b"425 Cannot open data connection.\r\n")))
    results = remote.store([make_upload(1, b"x"), make_upload(2, b"y", "orthanc/y")])
    assert only([next(results)]).error is None
    with pytest.raises(ConnectionLost):
        next(results)


def test_active_mode_stores_too(real_place: RealPlace) -> None:
    settings = replace(real_place.settings, is_passive=False)
    remote = FtpRemote(settings, HOME_ID)
    remote.open()
    remote.prepare()
    content = bytes(range(256)) * 4000
    assert errors(remote.store([make_upload(1, content)])) == [None]
    assert real_place.read("orthanc/a/b") == content
    remote.close()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second loopback address")
def test_a_stranger_on_the_active_port_gets_no_data(rig: Rig) -> None:
    strangers: list[socket.socket] = []

    def connect_first(verb: str, line: str) -> Meddling:
        if verb == "PORT":
            high, low = line.split(",")[-2:]
            port = int(high) * 256 + int(low)
            address = ("127.0.0.1", port)
            strangers.append(socket.create_connection(address, 5, ("127.0.0.9", 0)))
        return None

    remote = rig.remote(connect_first, is_passive=False)
    assert errors(remote.store([make_upload(1, b"for the server only")])) == [None]
    assert rig.place.read("orthanc/a/b") == b"for the server only"
    (stranger,) = strangers
    with stranger:
        assert stranger.recv(100) == b""


def test_ipv6_stores_too(tmp_path: Path) -> None:
    try:
        server = PyFtpServer(tmp_path, host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    for is_passive in (True, False):
        remote = FtpRemote(
            at_port(int(server.port), host="::1", user="farcopy", password="far-secret",
                    is_passive=is_passive),
            HOME_ID,
        )
        remote.open()
        remote.prepare()
        assert errors(remote.store([make_upload(1, b"six")])) == [None]
        remote.close()
    server.stop()


def test_a_path_without_a_leading_slash_counts_from_the_login_directory(rig: Rig) -> None:
    pwd = Replace(b'257 "/backup/in ""here""" is the current directory\r\n')
    rig.proxy.script = always("PWD", pwd)
    remote = rig.closed_remote(path="deep/er")
    remote.open()
    remote.prepare()
    assert errors(remote.store([make_upload(1, b"x")])) == [None]
    assert rig.place.read('in "here"/deep/er/orthanc/a/b') == b"x"


@pytest.mark.parametrize("verb", ["EPSV", "STOR", "SIZE", "RNTO"])
def test_abort_ends_every_wait_at_once(rig: Rig, verb: str) -> None:
    is_waiting = threading.Event()

    def script(seen: str, _line: str) -> Meddling:
        if seen == verb:
            is_waiting.set()
        return Stall() if seen == verb else None

    remote = rig.remote(script, deadlines=Deadlines())
    assert_aborts(remote, is_waiting, lambda: list(remote.store([make_upload(1, b"x")])))


def test_abort_ends_a_login_at_once() -> None:
    is_waiting = threading.Event()

    class Silent(Mumbler):
        def serve(self, client: socket.socket) -> None:
            is_waiting.set()
            client.recv(1)

    server = Silent(b"")
    remote = FtpRemote(at_port(server.port, deadlines=Deadlines()), HOME_ID)
    assert_aborts(remote, is_waiting, remote.open)
    server.stop()


def assert_aborts(
    remote: FtpRemote, is_waiting: threading.Event, work: Callable[[], object]
) -> None:
    ended: list[FarcopyError] = []

    def run() -> None:
        try:
            work()
        except FarcopyError as error:
            ended.append(error)

    worker = threading.Thread(target=run)
    worker.start()
    assert is_waiting.wait(5)
    begun_s = time.monotonic()
    remote.abort()
    worker.join(10)
    assert time.monotonic() - begun_s < 2
    assert [type(error) for error in ended] == [Interrupted]


def test_a_slow_line_is_no_stall() -> None:
    # Each wait is for some progress: a block may take longer than stall_s in all.
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    took: list[int] = []

    def take_slowly() -> None:
        while block := theirs.recv(16_384):
            took.append(len(block))
            time.sleep(0.05)

    reader = threading.Thread(target=take_slowly)
    reader.start()
    guard = Guard()
    guard.add(ours)
    with theirs, DataConnection(ours, guard, Deadlines(stall_s=0.3), Budget()) as data:
        begun_s = time.monotonic()
        data.send(bytes(256 * 1024))
        data.finish()
        reader.join(10)
        assert time.monotonic() - begun_s > 0.6
    assert sum(took) == 256 * 1024


@pytest.mark.parametrize("answers_in_order", [True, False])
def test_a_transfer_that_stands_still_without_a_word_ends_soon_and_is_named_so(
    monkeypatch: pytest.MonkeyPatch, answers_in_order: bool
) -> None:
    monkeypatch.setattr("farcopy.ftp.transfer.STALL_REPLY_S", 0.2)
    server = Unread()
    host = HostProfile(answers_in_order=answers_in_order)
    waits = Deadlines(reply_s=30, stall_s=0.3, final_reply_s=30)
    remote = FtpRemote(at_port(server.port, path="/b", deadlines=waits), HOME_ID, host=host)
    try:
        remote.open()
        begun_s = time.monotonic()
        with pytest.raises(DataStalled):
            list(remote.store([make_upload(1, bytes(30_000_000))]))
        assert time.monotonic() - begun_s < 20  # and not a reply's time more
    finally:
        remote.close()
        server.stop()


def test_no_directory_is_stayed_in(rig: Rig) -> None:
    remote = rig.remote()
    assert remote.temporaries() == ()
    visits = [line for line in rig.proxy.heard if line.startswith("CWD")]
    assert visits[-2:] == [f"CWD /backup/{FOLDER}", "CWD /"]


def test_a_server_that_takes_no_more_data_is_not_waited_for(rig: Rig) -> None:
    remote = rig.remote(deadlines=QUICK)
    begun_s = time.monotonic()
    upload = make_upload(1, bytes(50_000_000), on_bytes=lambda _count: rig.place.freeze())
    try:
        with pytest.raises(DataStalled) as raised:
            list(remote.store([upload]))
    finally:
        rig.place.thaw()
    assert raised.value.uses_attempt
    assert time.monotonic() - begun_s < 5
