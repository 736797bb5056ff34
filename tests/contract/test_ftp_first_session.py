"""The first session with a host nobody knows: what is sent together, and what if it minds."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace

import pytest

from farcopy.core.errors import ConnectionLost, DataConnectionFailed, FarcopyError, ReplyTimeout
from farcopy.core.model import Upload
from farcopy.ftp.host import HostProfile
from farcopy.ftp.remote import FtpRemote
from farcopy.planning.remote_path import temporary_name
from tests.contract.fakes import make_upload
from tests.contract.hostile import Answer, MeddlingProxy, Replace, always, at
from tests.contract.places import HOME_ID, PyFtpPlace, RealPlace
from tests.contract.rig import QUICK


class OneCommandAPacket(MeddlingProxy):
    """Takes what arrives together for one command, as servers do that call recv once."""

    def __init__(self, upstream_port: int, *, hangs_up: bool = False) -> None:
        self.hangs_up = hangs_up
        super().__init__(upstream_port)

    def serve(self, client: socket.socket) -> None:
        ours, theirs = socket.socketpair()
        self._sockets += [ours, theirs]

        def pass_first_lines() -> None:
            with closing(theirs), suppress(OSError):  # closed by whoever ends the other way
                while packet := client.recv(65536):
                    first, _, rest = packet.partition(b"\n")
                    if rest and self.hangs_up:
                        client.shutdown(socket.SHUT_RDWR)
                        return
                    theirs.sendall(first + b"\n")

        feeder = threading.Thread(target=pass_first_lines, name="hostile")
        feeder.start()
        self._threads.append(feeder)
        super().serve(_Split(client, ours))  # type: ignore[arg-type]


class _Split:
    """Reads from one socket and writes to another."""

    def __init__(self, out: socket.socket, into: socket.socket) -> None:
        self.sendall, self.recv, self.makefile = out.sendall, into.recv, into.makefile


@pytest.fixture
def host() -> HostProfile:
    return HostProfile()


def remote_at(place: PyFtpPlace | RealPlace, port: int, host: HostProfile) -> FtpRemote:
    settings = replace(place.settings, port=port, deadlines=QUICK)
    return FtpRemote(settings, HOME_ID, host=host)


@pytest.mark.parametrize(
    ("hangs_up", "expected"), [(False, ReplyTimeout), (True, ConnectionLost)]
)
def test_a_host_that_minds_several_commands_is_asked_singly_the_next_time(
    pyftp_place: PyFtpPlace, host: HostProfile, *, hangs_up: bool, expected: type[FarcopyError]
) -> None:
    proxy = OneCommandAPacket(pyftp_place.settings.port, hangs_up=hangs_up)
    remote = remote_at(pyftp_place, proxy.port, host)
    with pytest.raises(expected):
        remote.open()
    remote.open()
    remote.prepare()
    assert [result.error for result in remote.store([make_upload(1, b"x")])] == [None]
    assert host.answers_in_order is False
    remote.close()
    proxy.stop()


def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_after_a_port_of_epsv_that_nobody_answers_pasv_is_used_and_remembered(
    real_place: RealPlace, host: HostProfile
) -> None:
    port = dead_port()
    proxy = MeddlingProxy(
        real_place.settings.port, always("EPSV", Replace(f"229 (|||{port}|)\r\n".encode()))
    )
    remote = remote_at(real_place, proxy.port, host)
    remote.open()
    with pytest.raises(ConnectionLost):
        remote.prepare()
    remote.open()
    remote.prepare()
    assert [result.error for result in remote.store([make_upload(1, b"x")])] == [None]
    assert host.refuses_epsv
    assert host.answers_in_order
    remote.close()
    proxy.stop()


def test_temporaries_are_found_although_our_folder_could_not_be_entered_at_once(
    real_place: RealPlace, host: HostProfile
) -> None:
    name = temporary_name(7, 3)
    real_place.put_temporary(name, b"of a crash")
    proxy = MeddlingProxy(real_place.settings.port)
    remote = remote_at(real_place, proxy.port, host)
    remote.open()
    proxy.script = at("CWD", Answer(b"550 No.\r\n"))
    assert remote.prepare() == (name,)
    remote.close()
    proxy.stop()


def test_when_neither_port_answers_it_is_the_data_connection(
    real_place: RealPlace, host: HostProfile
) -> None:
    port = dead_port()
    wrong = {
        "EPSV": Replace(f"229 (|||{port}|)\r\n".encode()),
        "PASV": Replace(f"227 (127,0,0,1,{port // 256},{port % 256})\r\n".encode()),
    }
    proxy = MeddlingProxy(real_place.settings.port, lambda verb, _line: wrong.get(verb))
    remote = remote_at(real_place, proxy.port, host)
    remote.open()
    with pytest.raises(ConnectionLost):
        remote.prepare()
    remote.open()
    with pytest.raises(DataConnectionFailed):
        remote.prepare()
    remote.close()
    proxy.stop()


def test_our_folder_is_listed_once_and_what_lies_in_it_is_told(
    real_place: RealPlace, host: HostProfile
) -> None:
    proxy = MeddlingProxy(real_place.settings.port)
    remote = remote_at(real_place, proxy.port, host)
    remote.open()
    remote.prepare()
    left = make_upload(7, b"left behind")
    with pytest.raises(RuntimeError):
        for _ in remote.store(_interrupted(left)):
            pass
    remote.close()
    again = remote_at(real_place, proxy.port, HostProfile())
    again.open()
    proxy.heard.clear()
    assert again.prepare() == (left.temporary_name,)
    assert [line.split()[0] for line in proxy.heard if line[:4] in ("LIST", "MLSD")] == ["LIST"]
    again.discard_temporary(left.temporary_name)
    assert again.prepare() == ()
    again.close()
    proxy.stop()


def _interrupted(upload: Upload) -> Iterator[Upload]:
    yield upload
    raise RuntimeError("a worker that dies before the renaming")
