"""Refusals: which stop one file, and which the run; folders that went missing."""

import socket
import struct
import threading
from dataclasses import replace

import pytest

from farcopy.core.errors import (
    FarcopyError,
    LocalName,
    PathRefused,
    RemoteFull,
    RemoteReadOnly,
    UploadRefused,
)
from farcopy.ftp.host import HostProfile
from farcopy.ftp.remote import FtpRemote
from farcopy.ftp.settings import SessionSettings
from tests.contract.fakes import errors, make_upload
from tests.contract.hostile import Answer, MeddlingProxy, Replace, at
from tests.contract.places import FOLDER, HOME_ID, RealPlace
from tests.contract.rig import Rig
from tests.parts.fixtures import FtpServerFactory


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"426 Failure reading network stream.", UploadRefused),
        (b"450 Busy.", UploadRefused),
        (b"451 Local error.", UploadRefused),
        (b"550 Virus found.", PathRefused),
    ],
)
def test_an_upload_refused_at_its_end_is_one_files_matter(
    rig: Rig, reply: bytes, expected: type[FarcopyError]
) -> None:
    remote = rig.remote(at("STOR", Replace(reply + b"\r\n")))
    results = list(remote.store([make_upload(1, b"content"), make_upload(2, b"x", "orthanc/x")]))
    assert errors(results) == [expected, None]
    assert str(results[0].error.__cause__) == reply.decode()  # type: ignore[union-attr]
    assert rig.place.finals() == {"orthanc/x"}
    assert rig.place.temporaries() == set()


@pytest.mark.parametrize(
    "reply",
    [
        b"452 Insufficient storage.",
        b"552-Quota exceeded\r\n552 You have used 4 of 4.",
        b"451 Failure writing to local file.",
        b"426 Transfer aborted: No space left on device",
        b"550 Disk quota exceeded",
    ],
)
def test_a_full_remote_stops_the_run_and_its_part_is_removed(rig: Rig, reply: bytes) -> None:
    remote = rig.remote(at("STOR", Replace(reply + b"\r\n")))
    with pytest.raises(RemoteFull):
        list(remote.store([make_upload(1, b"content")]))
    assert rig.place.finals() == set()
    assert rig.place.temporaries() == set()


def test_a_quota_that_is_used_up_stops_the_run(ftp_server_factory: FtpServerFactory) -> None:
    server = ftp_server_factory("pure-ftpd", options=["-n 1000:2"])  # 2 MB
    settings = SessionSettings(
        host=server.host, port=server.port, user=server.user, password=server.password
    )
    remote = FtpRemote(settings, HOME_ID)
    remote.open()
    remote.prepare()
    results = remote.store([make_upload(1, b"x"), make_upload(2, bytes(8_000_000), "orthanc/2")])
    assert next(results).error is None
    with pytest.raises(RemoteFull) as raised:
        next(results)
    assert str(raised.value.__cause__).startswith("552")  # not the broken data connection
    assert remote.temporaries() == ()
    remote.close()


def test_a_name_with_a_second_command_in_it_is_refused_here(real_rig: Rig) -> None:
    rig = real_rig
    remote = rig.remote()
    heard = len(rig.proxy.heard)
    for name in ("a\r\nDELE x", "a\nb", "a\0b"):
        assert errors(remote.store([make_upload(1, b"x", f"orthanc/{name}")])) == [LocalName]
    assert not any("DELE x" in line for line in rig.proxy.heard[heard:])
    assert errors(remote.store([make_upload(1, b"x", "../../outside")])) == [LocalName]
    assert errors(remote.store([make_upload(1, b"x", "/outside")])) == [LocalName]
    assert errors(remote.store([make_upload(1, b"x")])) == [None]


def test_a_file_where_a_folder_should_be_is_one_files_matter(rig: Rig) -> None:
    rig.place.put("orthanc/a", b"a file")
    results = rig.remote().store([make_upload(1, b"x"), make_upload(2, b"y", "orthanc/y")])
    assert errors(results) == [PathRefused, None]


def test_a_folder_that_went_missing_is_made_again(rig: Rig) -> None:
    remote = rig.remote()
    assert errors(remote.store([make_upload(1, b"x")])) == [None]
    (rig.place.root / "orthanc/a/b").unlink()
    (rig.place.root / "orthanc/a").rmdir()
    assert errors(remote.store([make_upload(2, b"y")])) == [None]
    assert rig.place.read("orthanc/a/b") == b"y"


def test_our_folder_that_went_missing_is_made_again(real_rig: Rig) -> None:
    remote = real_rig.remote()
    (real_rig.place.root / FOLDER).rmdir()
    assert errors(remote.store([make_upload(1, b"x")])) == [None]


def test_our_folder_that_may_not_be_written_to_stops_the_run(real_place: RealPlace) -> None:
    remote = real_place.remote()
    remote.open()
    remote.prepare()
    (real_place.root / FOLDER).chmod(0o555)
    with pytest.raises(RemoteReadOnly):
        list(remote.store([make_upload(1, b"x")]))
    remote.close()


def test_a_refused_transfer_whose_port_is_closed_is_no_lost_connection(
    real_place: RealPlace,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take_and_reset() -> None:  # as a server does that closes a port nobody has come to
            taken, _ = listener.accept()
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            taken.close()

        closer = threading.Thread(target=take_and_reset)
        closer.start()
        its_port = b"229 Entering (|||%d|)\r\n" % listener.getsockname()[1]
        ports = at("EPSV", None, None, Answer(its_port))
        stores = at("STOR", None, Answer(b"553\r\n"))
        proxy = MeddlingProxy(
            real_place.settings.port, lambda verb, line: ports(verb, line) or stores(verb, line)
        )
        settings = replace(real_place.settings, port=proxy.port)
        remote = FtpRemote(settings, HOME_ID, host=HostProfile(answers_in_order=True))
        remote.open()
        remote.prepare()
        # Refused once: then sent again, one command at a time.
        uploads = [make_upload(n, b"x", f"orthanc/{n}") for n in (1, 2)]
        assert errors(remote.store(uploads)) == [None, None]
        remote.close()
        proxy.stop()
        closer.join()
    assert real_place.finals() == {"orthanc/1", "orthanc/2"}


def test_a_known_folder_costs_no_command(rig: Rig) -> None:
    remote = rig.remote()
    uploads = [make_upload(i, b"x", f"orthanc/a/f{i}") for i in range(5)]
    assert errors(remote.store(uploads)) == [None] * 5
    assert rig.proxy.count("MKD") == 3  # ours, orthanc, orthanc/a
