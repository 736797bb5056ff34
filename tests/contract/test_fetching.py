"""Fetching from a hostile remote, onto a real disk: nothing lands outside, or half."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from farcopy.core.errors import Interrupted, LocalName, TargetOccupied
from farcopy.engine.fetch import Fetched, Fetcher, Wanted, walk
from farcopy.engine.reading import ReadingSession
from farcopy.service.landing import FolderTarget
from farcopy.service.stop import StopSignal
from tests.contract.fakes import FakeRemote, FakeServer
from tests.running import read_tree


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def stop() -> StopSignal:
    return StopSignal()


@pytest.fixture
def session(server: FakeServer, stop: StopSignal) -> Iterator[ReadingSession]:
    session = ReadingSession(FakeRemote(server), stop, 0.0)
    yield session
    session.close()


@pytest.fixture
def fetcher(session: ReadingSession, tmp_path: Path) -> Fetcher:
    return Fetcher(session, FolderTarget(tmp_path / "to"))


@pytest.mark.parametrize(
    "name", ["../../evil", "..", ".", "a/../../../evil", "%2E%2E", "x\0y", "%00", "n" * 300]
)
def test_no_name_of_a_server_leads_out_of_the_target(
    server: FakeServer, session: ReadingSession, fetcher: Fetcher, tmp_path: Path, name: str
) -> None:
    server.files[f"orthanc/{name}"] = b"evil"
    server.files["orthanc/good"] = b"good"
    for folder, listed in walk(session, PurePosixPath("orthanc")):
        for entry in listed.entries:
            fetcher.fetch(Wanted(folder / entry.name))
    fetcher.fetch(Wanted(PurePosixPath(f"orthanc/{name}")))
    assert read_tree(tmp_path) == {"to/orthanc/good": b"good"}


def test_codes_of_a_separator_stay_codes(
    server: FakeServer, fetcher: Fetcher, tmp_path: Path
) -> None:
    server.files["orthanc/..%2F..%2Fevil"] = b"x"
    assert fetcher.fetch(Wanted(PurePosixPath("orthanc/..%2F..%2Fevil"))) is Fetched.UNPROVEN
    assert read_tree(tmp_path) == {"to/orthanc/..%2F..%2Fevil": b"x"}


def test_a_lost_session_begins_the_file_again(
    server: FakeServer, fetcher: Fetcher, tmp_path: Path
) -> None:
    content = os.urandom(300_000)
    server.files["orthanc/a"] = content
    server.cut_after_bytes = 100_000
    assert fetcher.fetch(Wanted(PurePosixPath("orthanc/a"))) is Fetched.UNPROVEN
    assert read_tree(tmp_path) == {"to/orthanc/a": content}
    assert server.logins == 2


def test_a_hash_of_the_server_proves_without_a_ledger(
    server: FakeServer, fetcher: Fetcher
) -> None:
    server.has_hashes = True
    server.files["orthanc/a"] = b"a"
    assert fetcher.fetch(Wanted(PurePosixPath("orthanc/a"))) is Fetched.PROVEN


def test_a_file_the_server_will_not_send_is_told(
    server: FakeServer, fetcher: Fetcher, tmp_path: Path
) -> None:
    server.files["orthanc/a"] = b"a"
    server.unreadable.add("orthanc/a")
    assert fetcher.fetch(Wanted(PurePosixPath("orthanc/a"))) is Fetched.UNREADABLE
    assert read_tree(tmp_path) == {}


def test_a_stop_leaves_nothing_half(
    server: FakeServer, fetcher: Fetcher, tmp_path: Path, stop: StopSignal
) -> None:
    server.files["orthanc/a"] = b"a"
    stop.request()
    with pytest.raises(Interrupted):
        fetcher.fetch(Wanted(PurePosixPath("orthanc/a")))
    assert read_tree(tmp_path) == {}


def test_a_file_that_came_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = FolderTarget(tmp_path)
    with pytest.raises(TargetOccupied), target.new_file(PurePosixPath("orthanc/a")) as new:
        new.write(b"ours")
        (tmp_path / "orthanc/a").write_bytes(b"theirs")
        new.keep(None)
    assert read_tree(tmp_path) == {"orthanc/a": b"theirs"}


def test_without_hard_links_it_works_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    target = FolderTarget(tmp_path)
    with target.new_file(PurePosixPath("orthanc/a")) as new:
        new.write(b"ours")
        new.keep(7_000_000_000)
    assert read_tree(tmp_path) == {"orthanc/a": b"ours"}
    with pytest.raises(TargetOccupied), target.new_file(PurePosixPath("orthanc/a")) as new:
        new.write(b"again")
        new.keep(None)
    assert read_tree(tmp_path) == {"orthanc/a": b"ours"}


def test_a_file_where_a_folder_is_needed_is_left_alone(
    server: FakeServer, fetcher: Fetcher, tmp_path: Path
) -> None:
    (tmp_path / "to").mkdir(exist_ok=True)
    (tmp_path / "to/orthanc").write_bytes(b"mine")
    server.files["orthanc/a"] = b"a"
    assert fetcher.fetch(Wanted(PurePosixPath("orthanc/a"))) is Fetched.OCCUPIED
    assert read_tree(tmp_path) == {"to/orthanc": b"mine"}


NEEDS_LINKS = pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")


@NEEDS_LINKS
@pytest.mark.parametrize("link", ["orthanc", "orthanc/deep"])
def test_nothing_is_made_through_a_link_in_the_target(tmp_path: Path, link: str) -> None:
    outside, to = tmp_path / "outside", tmp_path / "to"
    outside.mkdir()
    (to / link).parent.mkdir(parents=True)
    (to / link).symlink_to(outside)
    target = FolderTarget(to)
    path = PurePosixPath("orthanc/deep/deeper/a")
    assert target.find_md5(path, 1) is None
    with pytest.raises(LocalName):
        target.new_file(path)
    assert list(outside.iterdir()) == []


@NEEDS_LINKS
def test_a_file_behind_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "to/orthanc").mkdir(parents=True)
    (tmp_path / "to/orthanc/a").symlink_to(tmp_path / "secret")
    (tmp_path / "to/deep").symlink_to(tmp_path)
    target = FolderTarget(tmp_path / "to")
    assert target.find_md5(PurePosixPath("orthanc/a"), 1) == ""
    assert target.find_md5(PurePosixPath("deep/secret"), 1) is None


@NEEDS_LINKS
def test_a_link_swapped_in_right_after_a_look_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside, deep = tmp_path / "outside", tmp_path / "to/orthanc/deep"
    outside.mkdir()
    look = os.stat

    def look_and_swap(path: Any, **how: Any) -> os.stat_result:
        seen = look(path, **how)
        if path in ("deep", str(deep)) and not os.path.islink(deep):  # noqa: PTH114
            deep.rmdir()
            deep.symlink_to(outside)
        return seen

    target = FolderTarget(tmp_path / "to")
    monkeypatch.setattr(os, "stat", look_and_swap)
    with pytest.raises(LocalName):
        target.new_file(PurePosixPath("orthanc/deep/er/a"))
    monkeypatch.undo()
    assert deep.is_symlink()
    assert list(outside.iterdir()) == []


@NEEDS_LINKS
def test_a_link_swapped_in_while_a_file_is_written_gets_nothing(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "to/orthanc"
    outside.mkdir()
    with FolderTarget(tmp_path / "to").new_file(PurePosixPath("orthanc/a")) as new:
        new.write(b"ours")
        folder.rename(tmp_path / "aside")
        folder.symlink_to(outside)
        new.keep(7_000_000_000)
    assert list(outside.iterdir()) == []
    assert read_tree(tmp_path / "aside") == {"a": b"ours"}


def test_no_descriptor_of_the_target_stays_open(tmp_path: Path) -> None:
    if not (held := Path("/proc/self/fd")).is_dir():
        pytest.skip("descriptors are counted on Linux only")
    target = FolderTarget(tmp_path)
    before = len(list(held.iterdir()))
    path = PurePosixPath("orthanc/a")
    with target.new_file(path) as new:
        new.keep(None)
    assert target.find_md5(path, 0)
    for wrong in ("orthanc/a/b", "n" * 300 + "/a"):
        with pytest.raises((TargetOccupied, LocalName)):
            target.new_file(PurePosixPath(wrong))
    assert len(list(held.iterdir())) == before
