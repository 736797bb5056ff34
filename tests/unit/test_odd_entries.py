"""One bad entry among good ones, what systems put beside files, and a ctime that moves."""

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from farcopy.core.errors import SourceChanged, SourceMissing, SourceReplaced
from farcopy.core.model import DirectoryListing, Reason
from farcopy.sources.entries import EARLIEST_NS, LATEST_NS, is_of_the_system, mtime_of
from farcopy.sources.folder import FolderReader, FolderSource
from tests.bad_entries import bend, with_fields

YEAR_1601_NS = -11_644_473_600 * 10**9
YEAR_2264_NS = 9_300_000_000 * 10**9
posix_only = pytest.mark.skipif(os.name != "posix", reason="Windows' ctime never moves")


def listings(source: FolderSource) -> dict[str, DirectoryListing]:
    return {listing.directory: listing for listing in source.scan()}


def tree(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES, errno.EOVERFLOW])
@pytest.mark.parametrize("directory", ["", "sub"])
def test_one_entry_that_cannot_be_read_is_named_and_its_neighbours_are_listed(
    directory: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "a", "sub/a", f"{directory}/bad".lstrip("/"))
    bend(monkeypatch, {"bad": number})
    found = listings(FolderSource("hospital", tmp_path))
    assert found[directory].unreadable == ("bad",)
    assert [[f.name for f in found[name].files] for name in ("", "sub")] == [["a"], ["a"]]


def test_a_directory_that_may_be_listed_and_not_entered_is_one_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "good", "sub/x", "sub/y")
    bend(monkeypatch, {"x": errno.EACCES, "y": errno.EACCES})
    listing = listings(FolderSource("hospital", tmp_path))["sub"]
    assert listing == DirectoryListing("hospital", "sub", is_unreadable=True)
    with pytest.raises(SourceMissing):
        list(FolderSource("hospital", tmp_path / "sub").scan())


def test_an_unreadable_entry_that_is_left_out_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "good", "bad")
    bend(monkeypatch, {"bad": errno.EIO})
    listing = listings(FolderSource("hospital", tmp_path, exclude=("bad",)))[""]
    assert (listing.excluded, listing.unreadable) == (("bad",), ())


@pytest.mark.parametrize("mtime_ns", [YEAR_1601_NS, -1, YEAR_2264_NS, 1 << 94])
def test_an_impossible_time_becomes_one_that_the_ledger_holds(
    mtime_ns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "odd", "good")
    bend(monkeypatch, {"odd": {"st_mtime_ns": mtime_ns}})
    (odd,) = (f for f in listings(FolderSource("hospital", tmp_path))[""].files if f.name == "odd")
    assert EARLIEST_NS <= odd.mtime_ns <= LATEST_NS
    assert (odd.mtime_ns < 0) == (mtime_ns < 0)
    assert datetime.fromtimestamp(odd.mtime_ns / 1e9, UTC)


def test_two_impossible_times_stay_two(tmp_path: Path) -> None:
    seen = tmp_path.stat()
    for before in (YEAR_1601_NS, YEAR_2264_NS):
        times = {mtime_of(with_fields(seen, {"st_mtime_ns": before + n})) for n in (0, 1, 10**9)}
        assert len(times) == 3


SYSTEMS = (
    "lost+found", "System Volume Information", "$RECYCLE.BIN", "$Recycle.Bin", ".Trash-0",
    ".Trash-1000", ".Trashes", ".@__thumb", "@Recycle", "@eaDir", "#recycle",
)


@pytest.mark.skipif(os.name != "posix", reason="names that differ in case only")
def test_what_systems_put_into_a_root_is_skipped_by_rule_and_not_entered(tmp_path: Path) -> None:
    tree(tmp_path, "f", *(f"{name}/inside" for name in SYSTEMS))
    found = listings(FolderSource("hospital", tmp_path))
    assert set(found) == {""}
    assert set(found[""].skipped) == {(name, Reason.SYSTEM) for name in SYSTEMS}


def test_a_file_of_such_a_name_goes_and_so_does_a_disks_directory_elsewhere(
    tmp_path: Path,
) -> None:
    tree(tmp_path, "@eaDir", "old/lost+found/f", "old/.Trash-0/f", "share/#recycle/f", "x/@eaDir/f")
    found = listings(FolderSource("hospital", tmp_path))
    assert {f.relative_path for listing in found.values() for f in listing.files} == {
        "@eaDir", "old/lost+found/f", "old/.Trash-0/f"}
    assert found["x"].skipped == (("@eaDir", Reason.SYSTEM),)


def test_a_disk_mounted_below_the_root_has_its_own() -> None:
    assert os.path.ismount("/")
    assert is_of_the_system("lost+found", "disk", "/")


@posix_only
def test_a_ctime_that_moves_while_nobody_writes_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"hello")
    source = FolderSource("hospital", tmp_path)
    (seen,) = listings(source)[""].files
    with source.open(seen) as reader:
        read = reader.read(3)
        _move_ctime(path)
        read += reader.read(10) + reader.read(10)
        reader.check_unchanged()
        assert (read, reader.md5) == (b"hello", "5d41402abc4b2a76b9719d911017c592")
        reader.check_unchanged()


@posix_only
def test_a_rewrite_of_what_was_read_is_found_though_size_and_time_were_put_back(
    tmp_path: Path,
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"hello")
    source = FolderSource("hospital", tmp_path)
    (seen,) = listings(source)[""].files
    with source.open(seen) as reader:
        assert reader.read(10) == b"hello"
        _move_ctime(path)
        path.write_bytes(b"Hello")
        os.utime(path, ns=(seen.mtime_ns, seen.mtime_ns))
        with pytest.raises(SourceChanged):
            reader.check_unchanged()


@posix_only
def test_a_file_that_lost_its_name_is_replaced_though_its_content_is_the_same(
    tmp_path: Path,
) -> None:
    (tmp_path / "f").write_bytes(b"hello")
    with _opened(tmp_path / "f") as reader:
        reader.read(10)
        (tmp_path / "f").unlink()
        with pytest.raises(SourceReplaced):
            reader.check_unchanged()


def _opened(path: Path) -> FolderReader:
    return FolderReader(os.open(path, os.O_RDONLY))


def _move_ctime(path: Path) -> None:
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:  # its clock ticks every few milliseconds
        path.chmod(path.stat().st_mode)
