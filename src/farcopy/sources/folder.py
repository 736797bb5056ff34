"""A directory tree of files at rest: scan it, open its files. Never writes.

Below the root no link is followed, neither a file's nor a directory's, also
not as a parent that is swapped for a link between scan and reading.
"""

import errno
import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from farcopy.core.errors import (
    LocalName,
    SourceChanged,
    SourceGrew,
    SourceMissing,
    SourceNotAllowed,
    SourceReplaced,
    SourceShrank,
    SourceUnreadable,
    SourceVanished,
)
from farcopy.core.model import DirectoryListing, Reason, SkippedName, SourceFile
from farcopy.core.patterns import hidden_by
from farcopy.planning.remote_path import decode_name, decode_path, encode_name, is_too_long
from farcopy.sources.descent import CAN_OPEN_AT, Descent, open_directory
from farcopy.sources.entries import (
    is_directory,
    is_junction,
    is_of_the_system,
    kind_of,
    mtime_of,
)
from farcopy.sources.hashing import Hashes, hashes_of

_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)  # Windows would translate line ends
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO put in a file's place must not hang us
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
)
READ_AGAIN_BYTES = 1024 * 1024


class FolderSource:
    """The Source port on a directory.

    label: the root's name in ledger and remote. root: may itself be a link,
    resolved once. never_sent: fits names directly in the root that are not sent.
    own_paths, own_identities: farcopy's own directories and files, resolved, and by device and
    inode: left out wherever they lie and by whatever name. is_allowed: False, and nothing is
    read. exclude: patterns in gitignore's syntax, for paths below the root as the disk names
    them.
    """

    def __init__(
        self,
        label: str,
        root: Path,
        *,
        never_sent: re.Pattern[str] | None = None,
        own_paths: Collection[str] = (),
        own_identities: Collection[tuple[int, int]] = (),
        exclude: Sequence[str] = (),
        is_allowed: bool = True,
    ) -> None:
        self.label = str(label)  # of an enumeration's member, comparing takes longer
        self._never_sent = never_sent
        self._own_paths = frozenset(own_paths)
        self._own_identities = frozenset(own_identities)
        self._is_allowed = is_allowed
        self._root = root.resolve()
        self._is_hidden = hidden_by(exclude) if exclude else None

    def scan(self) -> Iterator[DirectoryListing]:
        """Yield every directory, parents first, those of one parent by name.

        The ledger's index is in about the same order: it is read from front to back.
        A directory that is excluded is walked too, without asking for any file's size or time:
        what is below it has to be counted, must not be taken for gone, and a later `!` may bring
        some of it back.

        Raises: SourceMissing when the root cannot be listed; SourceNotAllowed.
        """
        if not self._is_allowed:
            raise SourceNotAllowed
        with Descent(str(self._root)) as descent:
            yield from self._walk(descent)

    def _walk(self, descent: Descent) -> Iterator[DirectoryListing]:
        # A stack of paths, not of open iterators: depth costs no descriptors.
        waiting = [("", str(self._root))]
        while waiting:
            directory, path = waiting.pop()
            try:
                with descent.scan(path) as (entries, seen):
                    if self._is_own(path, seen):
                        if not directory:
                            raise SourceNotAllowed
                        continue  # since its parent was listed; the next run tells of it
                    listing, below = self._list(directory, path, entries)
            except OSError as error:
                if not directory:
                    raise SourceMissing(_name_of(error)) from error
                # It went while we walked, or a link has taken its place; the next run sees it.
                if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EMLINK):
                    continue
                if self._is_hidden and self._is_hidden(f"{decode_path(directory)}/"):
                    continue  # nobody wants to hear of it; what is held from there stays so
                yield DirectoryListing(self.label, directory, is_unreadable=True)
                continue
            below.sort(reverse=True)
            waiting.extend(below)
            yield listing

    def _list(
        self, directory: str, path: str, entries: Iterator[os.DirEntry[str]]
    ) -> tuple[DirectoryListing, list[tuple[str, str]]]:
        files: list[SourceFile] = []
        skipped: list[SkippedName] = []
        below: list[tuple[str, str]] = []
        excluded: list[str] = []
        unreadable: list[str] = []
        refusal: OSError | None = None
        prefix = f"{directory}/" if directory else ""
        never_sent = None if directory else self._never_sent
        is_hidden = self._is_hidden
        own = bool(self._own_paths)
        local_prefix = decode_path(prefix) if is_hidden else ""
        for entry in entries:
            if never_sent and never_sent.fullmatch(entry.name):
                continue
            try:
                if is_hidden and is_hidden(local_prefix + entry.name) and not is_directory(entry):
                    excluded.append(_as_encoded(entry.name))
                    continue
                name = encode_name(entry.name)
                # The common case first: neither question follows a link.
                if entry.is_file(follow_symlinks=False):
                    if is_too_long(directory, name):
                        skipped.append(SkippedName(name, Reason.NAME))
                        continue
                    seen = entry.stat(follow_symlinks=False)
                    if own and self._is_own(f"{path}/{entry.name}", seen):
                        skipped.append(SkippedName(name, Reason.OWN))
                        continue
                    files.append(
                        SourceFile(self.label, directory, name, seen.st_size, mtime_of(seen))
                    )
                elif is_directory(entry):
                    if is_of_the_system(entry.name, directory, path):
                        skipped.append(SkippedName(name, Reason.SYSTEM))
                    elif is_too_long(directory, name):
                        skipped.append(SkippedName(name, Reason.NAME))
                    elif own and self._is_own(
                        f"{path}/{entry.name}", entry.stat(follow_symlinks=False)
                    ):
                        skipped.append(SkippedName(name, Reason.OWN))
                    else:
                        below.append((prefix + name, f"{path}/{entry.name}"))
                elif entry.is_symlink() or is_junction(entry):
                    skipped.append(SkippedName(name, Reason.SYMLINK))
                else:
                    mode = entry.stat(follow_symlinks=False).st_mode
                    skipped.append(SkippedName(name, kind_of(mode)))
            except LocalName:
                skipped.append(SkippedName(_as_encoded(entry.name), Reason.NAME))
            except FileNotFoundError:
                continue  # went between listing and stat
            except OSError as error:  # one bad entry: the disk, the share, or one too large
                if is_hidden and is_hidden(local_prefix + entry.name):
                    excluded.append(_as_encoded(entry.name))
                    continue
                unreadable.append(_as_encoded(entry.name))
                refusal = error
        if refusal and refusal.errno == errno.EACCES and not (files or skipped or below):
            raise refusal  # not one of them: it is the directory that may not be entered
        listing = DirectoryListing(
            self.label, directory, tuple(files), tuple(skipped), False, tuple(excluded),
            tuple(unreadable),
        )
        return listing, below

    def _is_own(self, path: str, seen: os.stat_result | None) -> bool:
        if os.path.normcase(path) in self._own_paths:
            return True
        return seen is not None and (seen.st_dev, seen.st_ino) in self._own_identities

    def has_directory(self, directory: str) -> bool:
        try:
            return stat.S_ISDIR(os.lstat(f"{self._root}/{decode_path(directory)}").st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True  # in doubt it is there

    def is_excluded(self, file: SourceFile) -> bool:
        return self._is_hidden is not None and self._is_hidden(decode_path(file.relative_path))

    def stat(self, file: SourceFile) -> SourceFile:
        with self._open(file) as reader:
            return file._replace(size_bytes=reader.size_bytes, mtime_ns=reader.mtime_ns)

    def open(self, file: SourceFile) -> "FolderReader":
        reader = self._open(file)
        if (reader.size_bytes, reader.mtime_ns) != (file.size_bytes, file.mtime_ns):
            reader.close()
            raise _change_of(reader.size_bytes - file.size_bytes)("between scan and opening")
        return reader

    def _path(self, relative_path: str) -> Path:
        return self._root / decode_path(relative_path)

    def _open(self, file: SourceFile) -> "FolderReader":
        if not self._is_allowed:
            raise SourceUnreadable("no source may lie there")
        try:
            descriptor = self._open_below_root(file)
            try:
                return FolderReader(descriptor, self._own_identities)
            except BaseException:
                os.close(descriptor)
                raise
        except (FileNotFoundError, NotADirectoryError) as error:
            raise SourceVanished(_name_of(error)) from error
        except OSError as error:
            # A link stands where the file or a parent was: that file is gone.
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise SourceVanished(_name_of(error)) from error
            raise SourceUnreadable(_name_of(error)) from error

    def _open_below_root(self, file: SourceFile) -> int:
        if not CAN_OPEN_AT:  # Windows
            path = self._path(file.relative_path)
            if not path.resolve().is_relative_to(self._root):
                raise FileNotFoundError(errno.ENOENT, "outside the root")
            return os.open(path, _OPEN_FLAGS)
        # O_NOFOLLOW guards only the last part of a path, so each part is opened
        # from the one before: a parent that became a link is not entered.
        here = open_directory(str(self._root), None)
        try:
            for part in file.directory.split("/") if file.directory else ():
                below = open_directory(decode_name(part), here)
                os.close(here)
                here = below
            return os.open(decode_name(file.name), _OPEN_FLAGS, dir_fd=here)
        finally:
            os.close(here)


class FolderReader:
    """An open file that hashes what is read and can tell whether it changed meanwhile."""

    def __init__(self, descriptor: int, own: Collection[tuple[int, int]] = ()) -> None:
        """own: what is farcopy's own, by device and inode, and not read."""
        self._opened = os.fstat(descriptor)
        if (self._opened.st_dev, self._opened.st_ino) in own:
            raise PermissionError(errno.EACCES, "farcopy's own")
        if not stat.S_ISREG(self._opened.st_mode):
            raise FileNotFoundError(errno.ENOENT, "no regular file any more")
        self._descriptor = descriptor
        self._hashes = hashes_of(self._opened.st_size)

    @property
    def size_bytes(self) -> int:
        return self._opened.st_size

    @property
    def mtime_ns(self) -> int:
        return mtime_of(self._opened)

    @property
    def md5(self) -> str:
        return self._hashes.md5

    @property
    def sha256(self) -> str:
        return self._hashes.sha256

    def also_sha256(self) -> None:
        self._hashes.also_sha256()

    def read(self, size_bytes: int, /) -> bytes:
        try:
            block = os.read(self._descriptor, size_bytes)
        except OSError as error:
            raise SourceUnreadable(_name_of(error)) from error
        self._hashes.update(block)
        return block

    def skip(self, size_bytes: int, /) -> int:
        return len(self.read(size_bytes))

    def check_unchanged(self) -> None:
        """Raises SourceChanged unless what was read is the file's content still.

        ctime tells of a rewrite that put size and mtime back, and moves just as well when a
        backup agent, a virus scanner or a share sets an attribute. Then the content decides.
        (Windows has no ctime of that meaning: there it is the creation time, and never differs.)
        """
        now = os.fstat(self._descriptor)
        if _identity(now) == _identity(self._opened) and not self._has_lost_its_name(now):
            if now.st_ctime_ns == self._opened.st_ctime_ns or self._is_read_the_same_again():
                return
        elif self._has_lost_its_name(now):  # another file has its name, or none
            raise SourceReplaced("while it was read")
        raise _change_of(now.st_size - self._opened.st_size)("while it was read")

    def _has_lost_its_name(self, now: os.stat_result) -> bool:
        # A file system that counts no links says 0 from the beginning.
        return not now.st_nlink and bool(self._opened.st_nlink)

    def _is_read_the_same_again(self) -> bool:
        """Whether a second reading of what was read finds it so, and the file at rest."""
        try:
            left_bytes = os.lseek(self._descriptor, 0, os.SEEK_CUR)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            again = Hashes()
            while block := os.read(self._descriptor, min(left_bytes, READ_AGAIN_BYTES)):
                again.update(block)
                left_bytes -= len(block)
        except OSError as error:
            raise SourceUnreadable(_name_of(error)) from error
        now = os.fstat(self._descriptor)
        if _identity(now) != _identity(self._opened) or self._has_lost_its_name(now):
            return False
        return not left_bytes and again.md5 == self.md5

    def close(self) -> None:
        self._hashes.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _change_of(growth_bytes: int) -> type[SourceChanged]:
    """What to call a change by how much larger the file is now."""
    if not growth_bytes:
        return SourceChanged
    return SourceGrew if growth_bytes > 0 else SourceShrank


def _identity(seen: os.stat_result) -> tuple[int, int, int]:
    return (seen.st_size, seen.st_mtime_ns, seen.st_ino)


def _as_encoded(name: str) -> str:
    try:
        return encode_name(name)
    except LocalName:
        return name.encode("utf-8", "replace").decode()  # as such names are shown


def _name_of(error: OSError) -> str:
    """The errno's name: what the log may say of an OS error, whose text holds the path."""
    return errno.errorcode.get(error.errno or 0, "OSError")
