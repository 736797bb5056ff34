"""Where sources may lie: judged by where paths lead and what files are, never by their text."""

import os
from pathlib import Path

import pytest

from farcopy.core.errors import SourceNotAllowed, SourceUnreadable
from farcopy.core.model import DirectoryListing, Reason
from farcopy.settings.fence import OUTSIDE, OWN, Fence
from farcopy.sources.descent import Descent
from farcopy.sources.folder import FolderSource
from farcopy.store.home import name_files

posix_only = pytest.mark.skipif(os.name != "posix", reason="POSIX links")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    for folder in ("home/logs", "secrets", "data/below", "creds"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "home/farcopy.key").write_text("key")
    (tmp_path / "secrets/key").write_text("key")
    (tmp_path / "secrets/tls.key").write_text("key")
    (tmp_path / "secrets/report").write_text("a report")
    return tmp_path.resolve()


def fence_of(disk: Path, *roots: Path) -> Fence:
    return Fence.of(
        disk / "home", str(disk / "creds"), tuple(map(str, roots)),
        {"FARCOPY_KEY_FILE": str(disk / "secrets/key"), "PATH": "/bin"},
    )


def source_of(root: Path, fence: Fence) -> FolderSource:
    guarded = fence.guarded()
    return FolderSource(
        "hospital", root, own_paths=guarded.paths, own_identities=guarded.identities,
        is_allowed=not fence.why_not(str(root)),
    )


def scanned(source: FolderSource) -> dict[str, DirectoryListing]:
    return {listing.directory: listing for listing in source.scan()}


@posix_only
def test_a_source_lies_below_a_root_only_where_it_really_does(disk: Path) -> None:
    (disk / "data/out").symlink_to(disk / "secrets")
    (disk / "way in").symlink_to(disk / "data")
    fence = fence_of(disk, disk / "way in")
    assert fence.why_not(str(disk / "data/below")) == ""
    assert fence.why_not(str(disk / "way in/below")) == ""
    assert fence.why_not(str(disk / "data/not there yet")) == ""
    assert fence.why_not(str(disk / "data/out")) == OUTSIDE
    assert fence.why_not(str(disk / "data/below/../../secrets")) == OUTSIDE


@posix_only
@pytest.mark.parametrize(
    "folder", ["home", "home/logs", "creds", "creds/more", "link", "link/logs"]
)
def test_what_is_farcopys_own_is_no_source_however_it_is_reached(disk: Path, folder: str) -> None:
    (disk / "link").symlink_to(disk / "home")
    (disk / "creds/more").mkdir()
    fence = fence_of(disk)
    assert fence.why_not(str(disk / folder)) == OWN
    with pytest.raises(SourceNotAllowed):
        list(source_of(disk / folder, fence).scan())


def test_below_a_source_ones_own_is_skipped_and_told(disk: Path) -> None:
    found = scanned(source_of(disk, fence_of(disk)))
    assert {("home", Reason.OWN), ("creds", Reason.OWN)} <= set(found[""].skipped)
    assert not any(directory.startswith(("home", "creds")) for directory in found)
    assert sorted(file.name for file in found["secrets"].files) == ["report", "tls.key"]
    assert found["secrets"].skipped == (("key", Reason.OWN),)


@posix_only
def test_a_hard_link_to_a_key_is_that_key(disk: Path) -> None:
    (disk / "data/innocent").hardlink_to(disk / "secrets/key")
    (disk / "data/own").hardlink_to(disk / "secrets/report")
    found = scanned(source_of(disk / "data", fence_of(disk)))
    assert [file.name for file in found[""].files] == ["own"]
    assert found[""].skipped == (("innocent", Reason.OWN),)


@posix_only
def test_a_key_that_takes_a_files_place_after_the_scan_is_not_read(disk: Path) -> None:
    (disk / "data/x").write_text("a report")
    source = source_of(disk / "data", fence_of(disk))
    (file,) = scanned(source)[""].files
    (disk / "data/x").unlink()
    (disk / "data/x").hardlink_to(disk / "secrets/key")
    with pytest.raises(SourceUnreadable):
        source.stat(file)


def test_the_file_of_a_tls_key_is_known_to_other_processes(disk: Path) -> None:
    name_files(disk / "home", [disk / "secrets/tls.key"])
    name_files(disk / "home", [disk / "secrets/tls.key"])
    found = scanned(source_of(disk / "secrets", fence_of(disk)))
    assert [file.name for file in found[""].files] == ["report"]
    assert sorted(found[""].skipped) == [("key", Reason.OWN), ("tls.key", Reason.OWN)]


@posix_only
def test_a_directory_that_became_a_link_after_it_was_listed_gives_no_names(disk: Path) -> None:
    (disk / "data/below/deeper").mkdir()
    (disk / "data/below/deeper/file").write_text("mine")
    source = source_of(disk / "data", fence_of(disk))
    walk = source.scan()
    assert next(walk).directory == ""
    (disk / "data/below").rename(disk / "moved")
    (disk / "data/below").symlink_to(disk / "secrets")
    assert [listing.directory for listing in walk] == []


@posix_only
def test_a_parent_that_became_a_link_is_not_entered_either(disk: Path) -> None:
    (disk / "secrets/deeper").mkdir()
    (disk / "secrets/deeper/secret").write_text("not mine")
    (disk / "data/below/deeper").mkdir()
    root = str(disk / "data")
    with Descent(root) as descent:
        (disk / "data/below").rename(disk / "moved")
        (disk / "data/below").symlink_to(disk / "secrets")
        with pytest.raises(OSError), descent.scan(f"{root}/below/deeper"):
            pass


@posix_only
def test_a_tree_deeper_than_descriptors_reach_is_walked_whole(tmp_path: Path) -> None:
    folder = tmp_path
    for level in range(100):
        folder = folder / f"{level}"
        (folder / "beside").mkdir(parents=True)
        (folder / "f").write_text("x")
    open_now = Path("/proc/self/fd")
    before = len(list(open_now.iterdir())) if open_now.is_dir() else 0
    most = 0
    files = 0
    for listing in FolderSource("hospital", tmp_path).scan():
        files += len(listing.files)
        if before:
            most = max(most, len(list(open_now.iterdir())) - before)
    assert files == 100
    assert most <= 40
