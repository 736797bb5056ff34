"""The folder source on real directories: what is yielded, skipped, refused."""

import os
import socket
import threading
from pathlib import Path

import pytest

from farcopy.core.errors import SourceChanged, SourceMissing, SourceVanished
from farcopy.core.model import DirectoryListing, Reason, SourceFile
from farcopy.sources.folder import FolderSource
from farcopy.sources.orthanc import orthanc_source

posix_only = pytest.mark.skipif(os.name != "posix", reason="POSIX file types and links")


def listings(source: FolderSource) -> dict[str, DirectoryListing]:
    return {listing.directory: listing for listing in source.scan()}


def files(source: FolderSource) -> dict[str, SourceFile]:
    return {f.relative_path: f for listing in source.scan() for f in listing.files}


def test_every_regular_file_is_yielded_with_its_size_and_time(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").write_bytes(b"12345")
    (tmp_path / "top").write_bytes(b"")
    os.utime(tmp_path / "top", ns=(1, 123_456_789))
    found = files(FolderSource("hospital", tmp_path))
    assert {path: f.size_bytes for path, f in found.items()} == {"a/b/x": 5, "top": 0}
    assert found["top"].mtime_ns == 123_456_789


def test_orthancs_index_is_left_out_at_the_root_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    for name in ("index", "index-wal", "index-shm", "index-journal", "index-old", "ab/index"):
        (tmp_path / name).write_bytes(b"x")
    assert set(files(orthanc_source(tmp_path))) == {"index-old", "ab/index"}


def test_a_plugins_queue_of_deletions_is_left_out_at_the_root_and_nowhere_else(
    tmp_path: Path,
) -> None:
    (tmp_path / "ab").mkdir()
    queue = "pending-deletions.0a1b-2c3d.db"
    sent = {f"ab/{queue}", f"{queue}.old", f"my-{queue}", "pending-deletions.db"}
    for name in (*sent, queue, f"{queue}-wal", f"{queue}-shm", f"{queue}-journal"):
        (tmp_path / name).write_bytes(b"x")
    assert set(files(orthanc_source(tmp_path))) == sent


@posix_only
def test_links_below_the_root_are_skipped_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "f").write_bytes(b"x")
    (tmp_path / "dirlink").symlink_to(tmp_path / "real")
    (tmp_path / "filelink").symlink_to(tmp_path / "real" / "f")
    (tmp_path / "real" / "loop").symlink_to(tmp_path)
    source = FolderSource("hospital", tmp_path)
    assert set(files(source)) == {"real/f"}
    assert set(listings(source)[""].skipped) == {
        ("dirlink", Reason.SYMLINK), ("filelink", Reason.SYMLINK)}


@posix_only
def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "f").write_bytes(b"x")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert set(files(FolderSource("hospital", tmp_path / "root"))) == {"f"}


@posix_only
def test_fifos_and_sockets_are_skipped_as_what_they_are(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    source = FolderSource("hospital", tmp_path)
    assert sorted(listings(source)[""].skipped) == [
        ("fifo", Reason.FIFO), ("socket", Reason.SOCKET)]


@posix_only
def test_names_that_are_no_text_keep_their_bytes(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9\n")).write_bytes(b"x")
    source = FolderSource("hospital", tmp_path)
    (found,) = files(source).values()
    assert found.name == "caf%E9%0A"
    with source.open(found) as reader:
        assert reader.read(10) == b"x"


def test_a_missing_root_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing):
        list(FolderSource("hospital", tmp_path / "nope").scan())


def test_farcopys_home_is_not_entered_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "farcopy.key").write_bytes(b"x")
    (tmp_path / "f").write_bytes(b"x")
    source = FolderSource("hospital", tmp_path, own_paths={str(tmp_path / "home")})
    assert set(files(source)) == {"f"}
    with pytest.raises(SourceMissing):
        list(FolderSource("hospital", tmp_path / "home", own_paths={str(tmp_path / "home")}).scan())


def test_reading_hashes_and_notices_an_unchanged_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"hello")
    source = FolderSource("hospital", tmp_path)
    with source.open(files(source)["f"]) as reader:
        assert reader.read(3) + reader.read(10) + reader.read(10) == b"hello"
        reader.check_unchanged()
        assert reader.md5 == "5d41402abc4b2a76b9719d911017c592"


def test_a_file_changed_since_the_scan_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"hello")
    source = FolderSource("hospital", tmp_path)
    seen = files(source)["f"]
    (tmp_path / "f").write_bytes(b"hello!")
    with pytest.raises(SourceChanged):
        source.open(seen)
    assert source.stat(seen).size_bytes == 6


def test_a_file_changed_while_it_is_read_is_noticed_even_with_its_time_put_back(
    tmp_path: Path,
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"hello")
    source = FolderSource("hospital", tmp_path)
    seen = files(source)["f"]
    with source.open(seen) as reader:
        reader.read(2)
        path.write_bytes(b"HELLO")
        os.utime(path, ns=(seen.mtime_ns, seen.mtime_ns))
        with pytest.raises(SourceChanged):
            reader.check_unchanged()


@posix_only
def test_a_file_or_parent_swapped_for_a_link_counts_as_vanished(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "d").mkdir(parents=True)
    outside.mkdir()
    for folder in (root / "d", outside):
        (folder / "f").write_bytes(b"x")
    source = FolderSource("hospital", root)
    seen = files(source)["d/f"]
    (root / "d" / "f").unlink()
    (root / "d").rmdir()
    (root / "d").symlink_to(outside)
    with pytest.raises(SourceVanished):
        source.open(seen)


@posix_only
def test_a_fifo_in_a_files_place_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    source = FolderSource("hospital", tmp_path)
    seen = files(source)["f"]
    path.unlink()
    os.mkfifo(path)
    done = threading.Event()

    def try_it() -> None:
        with pytest.raises(SourceVanished):
            source.open(seen)
        done.set()

    threading.Thread(target=try_it, daemon=True).start()
    assert done.wait(5)


def test_a_directory_is_gone_only_when_it_certainly_is(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "f").write_bytes(b"x")
    source = FolderSource("hospital", tmp_path)
    assert source.has_directory("d")
    assert not source.has_directory("e")
    assert not source.has_directory("f/below")
