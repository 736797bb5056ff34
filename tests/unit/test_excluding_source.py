"""What a folder source leaves out: counted where it lies, never opened, never taken for gone."""

import errno
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from farcopy.core.model import DirectoryListing, Reason
from farcopy.core.patterns import is_pattern
from farcopy.planning.remote_path import decode_path
from farcopy.sources.folder import FolderSource
from farcopy.sources.orthanc import orthanc_source
from tests.bad_entries import path_of

posix_only = pytest.mark.skipif(os.name != "posix", reason="POSIX names, links and rights")


def tree(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    return root


def seen(source: FolderSource) -> tuple[set[str], set[str]]:
    """(yielded, excluded) paths."""
    yielded, excluded = set(), set()
    for listing in source.scan():
        yielded |= {file.relative_path for file in listing.files}
        prefix = f"{listing.directory}/" if listing.directory else ""
        excluded |= {prefix + name for name in listing.excluded}
    return yielded, excluded


def test_what_a_pattern_hides_is_counted_in_its_directory(tmp_path: Path) -> None:
    tree(tmp_path, "f", "Thumbs.db", "a/Thumbs.db", "a/f", "export/b/f", "x/export/f")
    source = FolderSource("hospital", tmp_path, exclude=("Thumbs.db", "/export/"))
    assert seen(source) == (
        {"f", "a/f", "x/export/f"}, {"Thumbs.db", "a/Thumbs.db", "export/b/f"})
    listings = {listing.directory: listing for listing in source.scan()}
    assert listings["export/b"] == DirectoryListing("hospital", "export/b", excluded=("f",))


def test_a_file_is_brought_back_from_below_a_directory_that_is_left_out(tmp_path: Path) -> None:
    tree(tmp_path, "x/f", "x/keep", "x/y/keep")
    source = FolderSource("hospital", tmp_path, exclude=("x/", "!keep"))
    assert seen(source) == ({"x/keep", "x/y/keep"}, {"x/f"})


def test_without_patterns_nothing_is_left_out_and_the_library_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pathspec", None)  # importing it fails
    assert seen(FolderSource("hospital", tree(tmp_path, "f"))) == ({"f"}, set())


def test_the_question_whether_a_file_is_left_out_answers_as_the_scan_does(tmp_path: Path) -> None:
    tree(tmp_path, "a/f.tmp", "a/f", "f.tmp", "a/%41.tmp", "a/A.tmp")
    every = [file for listing in FolderSource("hospital", tmp_path).scan()
             for file in listing.files]
    source = FolderSource("hospital", tmp_path, exclude=("/a/f.tmp", "/a/%41*"))
    left_out = {file.relative_path for file in every if source.is_excluded(file)}
    assert left_out == seen(source)[1] == {"a/f.tmp", "a/%2541.tmp"}


def test_each_root_has_the_patterns_for_itself_and_orthancs_index_is_not_counted(
    tmp_path: Path,
) -> None:
    tree(tmp_path, "index", "index-wal", "ab/index")
    assert seen(orthanc_source(tmp_path, exclude=("/index*", "ab"))) == (set(), {"ab/index"})


@posix_only
def test_names_are_matched_as_they_lie_on_the_disk_and_told_encoded(tmp_path: Path) -> None:
    raw = os.fsdecode(b"caf\xe9")
    tree(tmp_path, "100%41.tmp", raw, "a\\b", "d%2F/f")
    source = FolderSource("hospital", tmp_path, exclude=("100%41*", "caf?", "a\\\\b", "d%2F/"))
    yielded, excluded = seen(source)
    assert yielded == set()
    assert {decode_path(path) for path in excluded} == {"100%41.tmp", raw, "a\\b", "d%2F/f"}
    assert "caf%E9" in excluded
    assert seen(FolderSource("hospital", tmp_path, exclude=("b", "caf%E9", "100A*")))[1] == set()


@posix_only
def test_a_link_that_is_left_out_is_not_told_as_one_that_is_not_followed(tmp_path: Path) -> None:
    tree(tmp_path, "real/f")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "other").symlink_to(tmp_path / "real")
    source = FolderSource("hospital", tmp_path, exclude=("link", "other/"))
    (root, _) = source.scan()
    # `other/` is of directories, and a link is none.
    assert (root.excluded, root.skipped) == (("link",), (("other", Reason.SYMLINK),))


def test_a_directory_that_is_left_out_and_unreadable_is_no_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "lost+found/f", "other/f")
    scandir = os.scandir

    def refuse(path: str | int) -> object:  # as without rights; who runs the tests may be root
        if path_of(path) != str(tmp_path):
            raise PermissionError(errno.EACCES, "no")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    listings = list(FolderSource("hospital", tmp_path, exclude=("lost+found/",)).scan())
    assert {listing.directory: listing.is_unreadable for listing in listings} == {
        "": False, "other": True}


NAME = st.text("ab.", min_size=1, max_size=3).filter(lambda name: name.strip("."))
PATH = st.lists(NAME, min_size=1, max_size=3).map("/".join)
PATTERN = st.builds(
    "{}{}{}".format, st.sampled_from(["", "", "!", "/", "!/", "**/"]),
    st.lists(st.text("ab.*?", min_size=1, max_size=3), min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "", "/", "/**", "/*"]),
).filter(is_pattern)


@settings(max_examples=200, deadline=None)
@given(st.sets(PATH, max_size=12), st.lists(PATTERN, min_size=1, max_size=4))
def test_over_a_whole_tree_what_is_left_out_is_what_the_library_matches(
    paths: set[str], patterns: list[str]
) -> None:
    """The library walks the tree itself, from another end."""
    root = Path(tempfile.mkdtemp())
    try:
        for path in sorted(paths, key=len, reverse=True):
            if not (root / path).exists() and not any(
                parent.is_file() for parent in (root / path).parents
            ):
                tree(root, path)
        yielded, excluded = seen(FolderSource("hospital", root, exclude=patterns))
        assert excluded == set(GitIgnoreSpec.from_lines(patterns).match_tree_files(root))
        assert yielded | excluded == {
            path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    finally:
        shutil.rmtree(root)
