"""The Target port on a local directory: new files only, whole or not at all.

A file is written under a temporary name beside its place, flushed to the disk,
and linked to its name, which fails where something has that name. Works on
Windows, and on file systems without hard links.
"""

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from farcopy.core.errors import LocalName, TargetOccupied
from farcopy.planning.local_path import local_names

BLOCK_BYTES = 1024 * 1024


class FolderTarget:
    """root: made when missing. Names below it are the original ones."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root.resolve()

    def find_md5(self, path: PurePosixPath, size_bytes: int) -> str | None:
        place = self._place(path)
        with _names_judged():
            return self._find_md5(place, size_bytes)

    @staticmethod
    def _find_md5(place: Path, size_bytes: int) -> str | None:
        try:
            if place.is_symlink() or (place.exists() and not place.is_file()):
                return ""
            if not place.exists():
                return None
            if place.stat().st_size != size_bytes:
                return ""
            md5 = hashlib.md5(usedforsecurity=False)
            with place.open("rb") as file:
                while block := file.read(BLOCK_BYTES):
                    md5.update(block)
            return md5.hexdigest()
        except NotADirectoryError:
            return None  # new_file will tell

    def new_file(self, path: PurePosixPath) -> "LandingFile":
        place = self._place(path)
        with _names_judged():
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError) as error:
                raise TargetOccupied("a file where a folder is needed") from error
            # A link in the target that leads elsewhere is not followed.
            if not place.parent.resolve().is_relative_to(self._root):
                raise LocalName("a link leads out of the target")
            return LandingFile(place)

    def _place(self, path: PurePosixPath) -> Path:
        return self._root.joinpath(*local_names(str(path), is_windows=os.name == "nt"))


@contextlib.contextmanager
def _names_judged() -> Iterator[None]:
    """A name this file system cannot have is one file's matter, a full disk everybody's."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL):
            raise LocalName(errno.errorcode[error.errno]) from error
        raise


class LandingFile:
    """The NewFile port."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._draft = place.with_name(f".farcopy-{secrets.token_hex(8)}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._file = os.fdopen(os.open(self._draft, flags, 0o600), "wb")

    def write(self, block: bytes, /) -> None:
        self._file.write(block)

    def keep(self, mtime_ns: int | None) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if mtime_ns is not None:
            os.utime(self._draft, ns=(mtime_ns, mtime_ns))
        try:
            os.link(self._draft, self._place)
        except FileExistsError as error:
            raise TargetOccupied from error
        except (OSError, NotImplementedError):
            with _names_judged():
                self._rename()

    def _rename(self) -> None:
        """Where there are no hard links: an empty file takes the name first, if it is free."""
        try:
            os.close(os.open(self._place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError as error:
            raise TargetOccupied from error
        try:
            self._draft.replace(self._place)
        except OSError:
            self._place.unlink()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):  # a full disk fails again when the rest is flushed
            self._file.close()
        self._draft.unlink(missing_ok=True)
