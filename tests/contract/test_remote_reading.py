"""The contract of the Remote port's reading half, on every destination."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from farcopy.core.errors import (
    FarcopyError,
    FileError,
    Interrupted,
    LocalName,
    PathRefused,
    RemotePathMissing,
    SessionError,
)
from farcopy.core.model import RemoteEntry
from farcopy.core.ports import Remote
from tests.contract.fakes import make_upload
from tests.contract.places import FOLDER, FakePlace, Place

LARGE = os.urandom(1024 * 1024) * 24
PATH = PurePosixPath("orthanc/ab/cd/abcd-1")


@pytest.fixture
def remote(place: Place) -> Iterator[Remote]:
    remote = place.remote()
    remote.open()
    yield remote
    remote.close()


def test_a_size_is_told_and_none_for_what_is_not_there(place: Place, remote: Remote) -> None:
    place.put("orthanc/seven", b"7 bytes")
    place.put("orthanc/empty", b"")
    assert remote.size(PurePosixPath("orthanc/seven")) == 7
    assert remote.size(PurePosixPath("orthanc/empty")) == 0
    assert remote.size(PurePosixPath("orthanc/nothing")) is None
    assert remote.size(PurePosixPath("nowhere/nothing")) is None


@pytest.mark.parametrize("size", [0, 1, 700_001])
def test_what_is_read_is_what_lies_there(place: Place, remote: Remote, size: int) -> None:
    content = os.urandom(size)
    place.put(str(PATH), content)
    assert b"".join(remote.read(PATH, size)) == content
    assert b"".join(remote.read(PATH, size)) == content  # the session lives on


@pytest.mark.parametrize("claimed", [699_999, 700_001, 0])
def test_another_number_of_bytes_is_an_error_and_not_a_short_file(
    place: Place, remote: Remote, claimed: int
) -> None:
    place.put(str(PATH), bytes(700_000))
    with pytest.raises(FileError):
        list(remote.read(PATH, claimed))


def test_a_file_that_is_not_there_is_refused_and_the_session_lives_on(
    place: Place, remote: Remote
) -> None:
    place.put("orthanc/b", b"here")
    with pytest.raises(PathRefused):
        list(remote.read(PurePosixPath("orthanc/a"), 4))
    assert b"".join(remote.read(PurePosixPath("orthanc/b"), 4)) == b"here"


def test_who_stops_reading_in_the_middle_opens_again(place: Place, remote: Remote) -> None:
    place.put(str(PATH), LARGE)
    blocks = remote.read(PATH, len(LARGE))
    assert next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    with pytest.raises(SessionError):
        remote.size(PATH)
    remote.open()
    assert remote.size(PATH) == len(LARGE)


def test_a_connection_lost_while_reading_is_told(place: Place, remote: Remote) -> None:
    place.put(str(PATH), LARGE)
    cuts = [place.cut]
    with pytest.raises((SessionError, FileError)):
        for _ in remote.read(PATH, len(LARGE)):
            if cuts:
                cuts.pop()()
    remote.open()
    assert b"".join(remote.read(PATH, len(LARGE))) == LARGE


def test_abort_from_another_thread_ends_a_stuck_reading_at_once(
    place: Place, remote: Remote
) -> None:
    place.put(str(PATH), LARGE)
    is_stuck = threading.Event()
    ended: list[FarcopyError] = []

    def read() -> None:
        try:
            for _ in remote.read(PATH, len(LARGE)):
                if not is_stuck.is_set():
                    place.freeze()
                    is_stuck.set()
        except FarcopyError as error:
            ended.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert is_stuck.wait(10)
        begun_s = time.monotonic()
        remote.abort()
        reader.join(10)
        took_s = time.monotonic() - begun_s
    finally:
        place.thaw()
    assert [type(error) for error in ended] == [Interrupted]
    assert took_s < 2


def test_a_listing_tells_files_with_their_sizes_and_folders(place: Place, remote: Remote) -> None:
    place.put("hospital/a/inside", b"x")
    place.put("hospital/top", b"1234")
    place.put("hospital/two words", b"")
    place.put("hospital/.hidden", b"12")
    place.put("hospital/Bildgröße-日本", b"1")
    found = set(remote.listing(PurePosixPath("hospital")))
    assert found - {RemoteEntry(".hidden", False, 2)} == {
        RemoteEntry("a", True),
        RemoteEntry("top", False, 4),
        RemoteEntry("two words", False, 0),
        RemoteEntry("Bildgröße-日本", False, 1),
    }
    assert list(remote.listing(PurePosixPath("hospital/a"))) == [RemoteEntry("inside", False, 1)]


def test_the_listing_of_ftp_path_itself_is_had_by_an_empty_path(
    place: Place, remote: Remote
) -> None:
    place.put("orthanc/x", b"1")
    names = {entry.name for entry in remote.listing(PurePosixPath())}
    assert names - {FOLDER} == {"orthanc"}


def test_a_folder_that_is_not_there_cannot_be_listed(place: Place, remote: Remote) -> None:
    place.put("orthanc/x", b"1")
    with pytest.raises(RemotePathMissing):
        list(remote.listing(PurePosixPath("orthanc/nothing")))
    assert remote.size(PurePosixPath("orthanc/x")) == 1


def test_nothing_outside_ftp_path_is_asked_for(remote: Remote) -> None:
    for path in (PurePosixPath("/etc/passwd"), PurePosixPath("orthanc/../../x")):
        for ask in (
            remote.size, lambda p: list(remote.listing(p)), lambda p: list(remote.read(p, 1))
        ):
            with pytest.raises(LocalName):
                ask(path)


def test_a_hash_is_that_of_the_content_or_none(place: Place, remote: Remote) -> None:
    content = os.urandom(100_000)
    place.put(str(PATH), content)
    expected = {hashlib.md5(content, usedforsecurity=False).hexdigest(), None}
    assert remote.content_md5(PATH, len(content)) in expected


def test_the_fake_tells_hashes_when_its_server_has_them() -> None:
    place = FakePlace()
    place.server.has_hashes = True
    place.put("a", b"hello")
    remote = place.remote()
    remote.open()
    assert remote.content_md5(PurePosixPath("a"), 5) == "5d41402abc4b2a76b9719d911017c592"


def test_an_upload_is_verified_where_the_server_has_hashes(place: Place, remote: Remote) -> None:
    remote.prepare()
    (result,) = remote.store([make_upload(1, b"hello", str(PATH))])
    assert result.error is None
    can_hash = remote.content_md5(PATH, 5) is not None
    assert result.is_verified == can_hash


def test_odd_names_are_read_and_hashed(place: Place, remote: Remote) -> None:
    for name in ("-rf", "a:b", "5d41402abc4b2a76b9719d911017c592", '#a;b&c|d\'e"f', "two  blanks"):
        path = PurePosixPath("hospital") / name
        place.put(str(path), b"content")
        assert remote.size(path) == 7
        assert b"".join(remote.read(path, 7)) == b"content"
        md5 = hashlib.md5(b"content", usedforsecurity=False).hexdigest()
        assert remote.content_md5(path, 7) in (md5, None)
