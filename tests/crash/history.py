"""The sources' history, kept by who writes them; and a writer that never rests.

A version counts as complete if it was to be seen while nobody wrote: farcopy promises
bytes of one version, by looking at the file before and after it reads. So a version is
in the history before it can be seen, and a change in place is one page, one write, and
then no other for longer than a tick of the file system's clock.
"""

import contextlib
import hashlib
import os
import random
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

Version = tuple[str, int]
"""MD5 in hex, and size in bytes."""
PAGE = 4096
TICK_S = 0.012
"""Linux stamps files with a clock of 4 ms ticks, of 10 ms at most (CONFIG_HZ=100)."""
SIZES = (0, 1, 700, 5_000, 5_000, 30_000, 30_000, 120_000, 400_000, 2_000_000)
MARK = b"CANARY-CONTENT "


class History:
    """`root/relative path` -> every complete version it ever had. Safe for threads."""

    def __init__(self) -> None:
        self._versions: dict[str, set[Version]] = {}
        self._lock = threading.Lock()

    def note(self, name: str, content: bytes | bytearray) -> None:
        version = hashlib.md5(content, usedforsecurity=False).hexdigest(), len(content)
        with self._lock:
            self._versions.setdefault(name, set()).add(version)

    def note_tree(self, root: str, folder: Path) -> None:
        for path in folder.rglob("*"):
            if path.is_file():
                self.note(f"{root}/{path.relative_to(folder).as_posix()}", path.read_bytes())

    def knows(self, name: str) -> bool:
        return name in self._versions

    def had(self, name: str, version: Version) -> bool:
        with self._lock:
            return version in self._versions.get(name, ())

    def count(self) -> int:
        with self._lock:
            return sum(map(len, self._versions.values()))


class Writer:
    """Creates, replaces, rewrites in place, appends, truncates and deletes, from a seed.

    names: `root/relative path` of all files that may come to be. staging: a folder of the
    same file system, outside the roots: what stands there half written is no source.
    """

    def __init__(
        self, sources: Mapping[str, Path], staging: Path, names: list[str], seed: int,
        pause_s: float = 0.03,
    ) -> None:
        self._sources, self._staging, self._names = sources, staging, names
        self._random = random.Random(f"writer {seed}")
        self._pause_s = pause_s
        self._held: dict[str, bytearray] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="writer", daemon=True)
        self.history = History()
        self.changes = 0
        staging.mkdir(parents=True, exist_ok=True)
        for folder in sources.values():
            folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            self._replace(name)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Leave the sources at rest."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _write_on(self) -> None:
        while not self._ended.wait(self._random.uniform(0.3, 1.7) * self._pause_s):
            self.change()

    def change(self) -> None:
        """One change of one file."""
        name = self._random.choice(self._names)
        if name not in self._held:
            change = self._replace
        else:
            change = self._random.choices(
                (self._replace, self._rewrite, self._append, self._truncate, self._delete),
                (4, 3, 2, 1, 1),
            )[0]
        change(name)
        self.changes += 1

    def _path(self, name: str) -> Path:
        root, _, relative = name.partition("/")
        return self._sources[root] / relative

    def _fresh(self, size: int) -> bytearray:
        block = self._random.randbytes(min(size, 65_536))
        return bytearray((MARK + block * (size // max(len(block), 1) + 1))[:size])

    def _replace(self, name: str) -> None:
        """A new version of any size, at once: written aside and renamed."""
        content = self._fresh(self._random.choice(SIZES))
        beside = self._staging / "beside"
        beside.write_bytes(content)
        self.history.note(name, content)
        target = self._path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside.replace(target)
        self._held[name] = content

    def _rewrite(self, name: str) -> None:
        """Of the same size: up to three pages, one after the other."""
        content = self._held[name]
        for _ in range(self._random.randint(1, 3)):
            if content:
                page = self._random.randrange(len(content)) // PAGE * PAGE
                self._write(name, page, self._random.randbytes(min(PAGE, len(content) - page)))

    def _append(self, name: str) -> None:
        size = len(self._held[name])
        self._write(name, size, self._random.randbytes(PAGE - size % PAGE))

    def _write(self, name: str, offset: int, block: bytes) -> None:
        content = self._held[name]
        content[offset:offset + len(block)] = block
        self.history.note(name, content)
        with self._open(name) as file:
            os.pwrite(file, block, offset)
        self._ended.wait(TICK_S)

    def _truncate(self, name: str) -> None:
        content = self._held[name]
        del content[len(content) // 2:]
        self.history.note(name, content)
        with self._open(name) as file:
            os.ftruncate(file, len(content))
        self._ended.wait(TICK_S)

    def _delete(self, name: str) -> None:
        self._path(name).unlink()
        del self._held[name]

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[int]:
        file = os.open(self._path(name), os.O_WRONLY)
        try:
            yield file
        finally:
            os.close(file)
