"""Servers that lie or talk garbage: nothing is called stored on their word."""

import socket
import time

import pytest

from farcopy.core.errors import (
    OutOfStep,
    PathRefused,
    ReplyTimeout,
    SizeMismatch,
)
from tests.contract.fakes import errors, make_upload
from tests.contract.hostile import (
    Answer,
    Meddling,
    Mumbler,
    Replace,
    always,
    at,
)
from tests.contract.places import FOLDER
from tests.contract.rig import Rig, at_port, open_error


@pytest.mark.parametrize("size", [b"213 6", b"213 8", b"213 0", b"550 No such file."])
def test_a_size_that_differs_is_never_published(rig: Rig, size: bytes) -> None:
    rig.place.put("orthanc/a/b", b"old")
    remote = rig.remote(at("SIZE", Replace(size + b"\r\n")))
    results = list(remote.store([make_upload(1, b"content"), make_upload(2, b"x", "orthanc/x")]))
    assert errors(results) == [SizeMismatch, None]
    assert rig.place.read("orthanc/a/b") == b"old"
    assert rig.place.temporaries() == set()


def test_without_size_on_the_server_nothing_is_called_stored(rig: Rig) -> None:
    remote = rig.remote(always("SIZE", Answer(b"502 Not implemented.\r\n")))
    assert errors(remote.store([make_upload(1, b"content")])) == [SizeMismatch]
    assert rig.place.finals() == set()


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n",
        b"\xff\xfe\x00\x00",
        b"226 Transfer complete.\r\n",
        b"999 Beyond.\r\n",
        b"213 " + b"x" * 9000 + b"\r\n",
        b"213 " + b"x" * 20_000,
        b"213-a\r\n" * 1500 + b"213 7\r\n",
    ],
)
def test_a_garbled_reply_ends_the_session_as_out_of_step(rig: Rig, garbage: bytes) -> None:
    remote = rig.remote(at("SIZE", Replace(garbage)))
    with pytest.raises(OutOfStep):
        list(remote.store([make_upload(1, b"content")]))
    assert rig.place.finals() == set()


@pytest.mark.parametrize(
    "odd", [b"213 minus one", b"213 " + b"9" * 30, b"213 " + "²".encode(), b"213 7 bytes", b"213 "]
)
def test_an_odd_answer_to_size_concerns_one_file_and_the_listing_tells(
    rig: Rig, odd: bytes
) -> None:
    remote = rig.remote(at("SIZE", Replace(odd + b"\r\n")))
    results = list(remote.store([make_upload(1, b"content"), make_upload(2, b"x", "orthanc/x")]))
    assert errors(results) == [None, None]
    assert rig.place.read("orthanc/a/b") == b"content"
    assert rig.proxy.count("PASS") == 1


def test_where_the_listing_tells_another_size_nothing_is_published(rig: Rig) -> None:
    answers = at("SIZE", Replace(b"213 many\r\n"))

    def script(verb: str, line: str) -> Meddling:
        if verb == "SIZE":  # what is there is cut before anybody looks
            for name in rig.place.temporaries():
                (rig.place.root / FOLDER / name).write_bytes(b"cut")
        return answers(verb, line)

    remote = rig.remote(script)
    assert errors(remote.store([make_upload(1, b"content")])) == [SizeMismatch]
    assert rig.place.finals() == set()


def test_an_empty_file_whose_size_is_refused_is_found_in_the_listing(rig: Rig) -> None:
    remote = rig.remote(at("SIZE", Answer(b"550 Could not get file size.\r\n")))
    assert errors(remote.store([make_upload(1, b"")])) == [None]
    assert rig.place.read("orthanc/a/b") == b""


def test_a_folder_that_has_a_files_name_stays_where_it_is(rig: Rig) -> None:
    rig.place.put("orthanc/a/b/inside", b"somebody's")
    remote = rig.remote(at("SIZE", None, Answer(b"213 4096\r\n")))  # as Twisted says of folders
    assert errors(remote.store([make_upload(1, b"content")])) == [PathRefused]
    assert rig.place.read("orthanc/a/b/inside") == b"somebody's"


def test_a_late_226_is_not_taken_for_a_renaming(rig: Rig) -> None:
    remote = rig.remote(at("RNTO", Answer(b"226 Transfer complete.\r\n")))
    with pytest.raises(OutOfStep):
        list(remote.store([make_upload(1, b"content")]))
    assert rig.place.finals() == set()


@pytest.mark.parametrize("more", [b"250 More.\r\n", b"350 Ready.\r\n250 Renamed.\r\n"])
def test_replies_nobody_asked_for_are_not_taken_for_those_to_come(rig: Rig, more: bytes) -> None:
    remote = rig.remote(at("SIZE", Replace(b"213 7\r\n" + more)))
    with pytest.raises(OutOfStep):
        list(remote.store([make_upload(1, b"content")]))
    assert rig.place.finals() == set()


def test_bytes_that_are_no_utf8_in_a_reply_hurt_nothing(rig: Rig) -> None:
    remote = rig.remote(at("RNFR", Replace(b"350 \xe9\xff\x80 ready\r\n")))
    assert errors(remote.store([make_upload(1, b"content")])) == [None]


def test_a_reply_in_drops_is_bounded_as_a_whole() -> None:
    class Dripper(Mumbler):
        def serve(self, client: socket.socket) -> None:
            for _ in range(100):
                client.sendall(b"2")
                time.sleep(0.1)

    server = Dripper(b"")
    try:
        begun_s = time.monotonic()
        assert isinstance(open_error(at_port(server.port)), ReplyTimeout)
        assert time.monotonic() - begun_s < 3
    finally:
        server.stop()
