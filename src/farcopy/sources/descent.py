"""Opens the directories of a tree one below the other, each from the one it lies in.

So a directory that was swapped for a link between listing and scan is not entered: the link
is refused (O_NOFOLLOW), at whatever level it stands. Where the system cannot open so (Windows),
where a path really leads is looked at. Called by folder.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

CAN_OPEN_AT = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
_KEPT_OPEN = 32
"""Levels; below, each directory is opened anew from there. Depth must not cost descriptors."""


class Descent:
    """root: an absolute path without links in it. For one thread."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._names: list[str] = []
        self._opened: list[int] = []  # the root, and one for each name

    @contextmanager
    def scan(
        self, path: str
    ) -> Iterator[tuple[Iterator[os.DirEntry[str]], os.stat_result | None]]:
        """The entries of a directory, and what it is. path: as root, or below it.

        Raises: OSError; ELOOP or ENOTDIR for a link.
        """
        if not CAN_OPEN_AT:
            if os.path.realpath(path) != path and path != self._root:
                raise OSError(errno.ELOOP, "a link on the way")
            with os.scandir(path) as entries:
                yield entries, None
            return
        descriptor, is_kept = self._open(path)
        try:
            with os.scandir(descriptor) as entries:
                yield entries, os.fstat(descriptor)
        finally:
            if not is_kept:
                os.close(descriptor)

    def _open(self, path: str) -> tuple[int, bool]:
        if not self._opened:
            self._opened.append(open_directory(self._root, None))
        below = path[len(self._root) :].strip("/")
        names = below.split("/") if below else []
        common = 0
        for mine, wanted in zip(self._names, names, strict=False):
            if mine != wanted:
                break
            common += 1
        self._close_below(common)
        for name in names[common:_KEPT_OPEN]:
            self._opened.append(open_directory(name, self._opened[-1]))
            self._names.append(name)
        here, is_kept = self._opened[-1], True
        for name in names[_KEPT_OPEN:]:
            try:
                deeper = open_directory(name, here)
            finally:
                if not is_kept:
                    os.close(here)
            here, is_kept = deeper, False
        return here, is_kept

    def _close_below(self, level: int) -> None:
        while len(self._names) > level:
            self._names.pop()
            os.close(self._opened.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close_below(0)
        while self._opened:
            os.close(self._opened.pop())


def open_directory(name: str, within: int | None) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    # The root may be named by a link; it was resolved before.
    return os.open(name, flags if within is None else flags | os.O_NOFOLLOW, dir_fd=within)
