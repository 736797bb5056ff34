"""The Target port on a local directory: new files only, whole or not at all.

A file is written under a temporary name beside its place, flushed to the disk,
and linked to its name, which fails where something has that name. Folders are
opened one below the other and never through a link, so that one put in, also
while this runs, leads nowhere. Works on Windows, and on file systems without hard links.
"""

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from farcopy.core.errors import LocalName, TargetOccupied
from farcopy.planning.local_path import local_names

BLOCK_BYTES = 1024 * 1024
_CAN_OPEN_AT = os.open in os.supports_dir_fd
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_LINK
# O_NONBLOCK: a FIFO put in the file's place must not hang us.
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | _NO_LINK
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | _NO_LINK


class FolderTarget:
    """root: made when missing. Names below it are the original ones."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root.resolve()

    def find_md5(self, path: PurePosixPath, size_bytes: int) -> str | None:
        *folders, name = self._names(path)
        with _names_judged():
            try:
                folder = self._opened(folders)
            except (FileNotFoundError, TargetOccupied, LocalName):
                return None  # new_file will tell
            with folder:
                return folder.find_md5(name, size_bytes)

    def new_file(self, path: PurePosixPath) -> "LandingFile":
        *folders, name = self._names(path)
        with _names_judged():
            folder = self._opened(folders, makes=True)
            try:
                return LandingFile(folder, name)
            except BaseException:
                folder.close()
                raise

    def _names(self, path: PurePosixPath) -> tuple[str, ...]:
        return local_names(str(path), is_windows=os.name == "nt")

    def _opened(self, names: list[str], *, makes: bool = False) -> "_Folder":
        """Raises: TargetOccupied; LocalName for a link; FileNotFoundError unless it makes them."""
        folder = _Folder(self._root, os.open(self._root, _FOLDER) if _CAN_OPEN_AT else None)
        try:
            for name in names:
                folder.enter(name, makes=makes)
        except BaseException:
            folder.close()
            raise
        return folder


class _Folder:
    """A folder held open, so that names below it cannot be led elsewhere meanwhile.

    Windows opens none: there each folder is looked at before one below it is made.
    """

    def __init__(self, path: Path, fd: int | None) -> None:
        self._root = self._path = path
        self.fd = fd

    def place(self, name: str) -> str:
        """For calls that are given `fd` too."""
        return name if self.fd is not None else str(self._path / name)

    def enter(self, name: str, *, makes: bool) -> None:
        if makes:
            with contextlib.suppress(FileExistsError):
                os.mkdir(self.place(name), dir_fd=self.fd)
        seen = self._look(name)
        if stat.S_ISLNK(seen.st_mode):
            raise LocalName("a link in the target is not followed")
        if not stat.S_ISDIR(seen.st_mode):
            raise TargetOccupied("a file where a folder is needed")
        if self.fd is not None:
            try:
                inner = os.open(name, _FOLDER, dir_fd=self.fd)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENOTDIR):
                    raise LocalName("a link in the target is not followed") from error
                raise
            os.close(self.fd)
            self.fd = inner
        self._path /= name
        # A junction of Windows is no link to `stat`.
        if self.fd is None and not self._path.resolve().is_relative_to(self._root):
            raise LocalName("a link leads out of the target")

    def find_md5(self, name: str, size_bytes: int) -> str | None:
        try:
            seen = self._look(name)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(seen.st_mode) or seen.st_size != size_bytes:
            return ""
        md5 = hashlib.md5(usedforsecurity=False)
        with os.fdopen(os.open(self.place(name), _READ, dir_fd=self.fd), "rb") as file:
            while block := file.read(BLOCK_BYTES):
                md5.update(block)
        return md5.hexdigest()

    def _look(self, name: str) -> os.stat_result:
        return os.stat(
            self.place(name), dir_fd=self.fd, follow_symlinks=False
        )

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
    """The NewFile port. folder: closed with it."""

    def __init__(self, folder: _Folder, name: str) -> None:
        self._folder = folder
        self._place = folder.place(name)
        self._draft = folder.place(f".farcopy-{secrets.token_hex(8)}.part")
        self._file = os.fdopen(os.open(self._draft, _NEW, 0o600, dir_fd=folder.fd), "wb")

    def write(self, block: bytes, /) -> None:
        self._file.write(block)

    def keep(self, mtime_ns: int | None) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        at = self._folder.fd
        if mtime_ns is not None:
            os.utime(self._draft, ns=(mtime_ns, mtime_ns), dir_fd=at)
        try:
            os.link(self._draft, self._place, src_dir_fd=at, dst_dir_fd=at)
        except FileExistsError as error:
            raise TargetOccupied from error
        except (OSError, NotImplementedError):
            with _names_judged():
                self._rename()

    def _rename(self) -> None:
        """Where there are no hard links: an empty file takes the name first, if it is free."""
        at = self._folder.fd
        try:
            os.close(os.open(self._place, _NEW, 0o600, dir_fd=at))
        except FileExistsError as error:
            raise TargetOccupied from error
        try:
            os.replace(self._draft, self._place, src_dir_fd=at, dst_dir_fd=at)
        except OSError:
            os.unlink(self._place, dir_fd=at)
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
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._draft, dir_fd=self._folder.fd)
        finally:
            self._folder.close()
