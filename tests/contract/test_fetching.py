"""Fetching from a hostile remote, onto a real disk: nothing lands outside, or half."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from farcopy.core.errors import Interrupted, TargetOccupied
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
    for folder, entries in walk(session, PurePosixPath("orthanc")):
        for entry in entries:
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
    def no_links(*_: object) -> None:
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
