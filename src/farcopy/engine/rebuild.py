"""Rebuild: fill a lost ledger from the sources and the remote, without sending anything again.

Adopted is a source file whose final name holds as many bytes; by a hash or by
reading back it is verified as well. What the ledger knows, it knows better: its
rows are left alone. Sees ports only; nothing is written on the remote.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from farcopy.core.errors import FileError, SourceMissing
from farcopy.core.model import DirectoryListing, RemoteEntry, SourceFile
from farcopy.core.ports import Clock, Ledger, Remote, Source
from farcopy.engine.fetch import Listed, walk
from farcopy.engine.fetch import listing as remote_listing
from farcopy.engine.reading import ReadingSession
from farcopy.engine.verify import md5_of, told
from farcopy.planning.remote_path import remote_path

READ_BYTES = 1024 * 1024
ADOPT_FILES = 64
ADOPT_S = 0.5


class Rebuilt(StrEnum):
    """What was found of one source file."""

    KNOWN = "known"  # the ledger had it already
    STORED = "stored"  # as many bytes are there
    VERIFIED = "verified"  # and the same content
    ABSENT = "absent"  # not there, or of another size: due
    DIFFERS = "differs"  # the same size and another content: due
    UNREADABLE = "unreadable"  # the source would not be read, or changed meanwhile: due


class Proof(StrEnum):
    """By what a file was adopted."""

    SIZE = "size"
    SERVER_HASH = "server_hash"
    READ_BACK = "read_back"


Adopt = Callable[[Sequence[tuple[SourceFile, str]], Proof], None]
"""(files with their MD5s, how they were proven)"""


@dataclass
class RebuildCounts:
    """remote_only: files of the remote without a source. unreadable_folders: of a source;
    unlisted_folders: of the remote, whose listing could not be read whole."""

    known: int = 0
    stored: int = 0
    verified: int = 0
    absent: int = 0
    differs: int = 0
    unreadable: int = 0
    remote_only: int = 0
    unreadable_folders: int = 0
    unlisted_folders: int = 0
    missing_roots: int = 0

    def add(self, what: Rebuilt) -> None:
        setattr(self, what.value, getattr(self, what.value) + 1)


class Rebuilder:
    """Goes through a source directory by directory, beside the remote's folders.

    reads_back: read each file back to compare it, whatever hash the server tells.
    on_bytes: of each block, of the remote's where it is read back, else of the source's.
    """

    def __init__(
        self,
        session: ReadingSession,
        ledger: Ledger,
        adopt: Adopt,
        clock: Clock,
        *,
        reads_back: bool = False,
        on_file: Callable[[SourceFile, Rebuilt], None] = lambda _file, _what: None,
        on_bytes: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._session = session
        self._ledger = ledger
        self._adopt = adopt
        self._clock = clock
        self._reads_back = reads_back
        self._on_file = on_file
        self._on_bytes = on_bytes
        self._waiting: dict[Proof, list[tuple[SourceFile, str]]] = {how: [] for how in Proof}
        self._adopted_at_s = clock.monotonic_s()
        self.counts = RebuildCounts()

    def rebuild(self, source: Source) -> None:
        """Raises: RunError, Interrupted; what was found until then is written down."""
        try:
            for directory in source.scan():
                self._session.check()
                if directory.is_unreadable:
                    self.counts.unreadable_folders += 1
                else:
                    self._compare(source, directory)
        except SourceMissing:
            self.counts.missing_roots += 1
        finally:
            self._flush()

    def _compare(self, source: Source, directory: DirectoryListing) -> None:
        root, name = directory.root, directory.directory
        known = self._ledger.known(root, [name])[name]
        # What is excluded or cannot be read has a source all the same.
        names = {file.name for file in directory.files}.union(
            directory.excluded, directory.unreadable
        )
        there = remote_listing(
            self._session, remote_path(root, name),
            lambda entry: entry.is_folder or entry.name in names,
        ) or Listed()
        entries = {entry.name: entry for entry in there.entries if not entry.is_folder}
        for file in directory.files:
            if file.name in known:
                what = Rebuilt.KNOWN
            else:
                what = self._judge(source, file, entries.get(file.name))
            self.counts.add(what)
            self._on_file(file, what)
        self.counts.unreadable += len(directory.unreadable)
        self.counts.remote_only += there.other_files
        self.counts.unlisted_folders += not there.is_whole
        for entry in there.entries:
            below = f"{name}/{entry.name}" if name else entry.name
            if entry.is_folder and not source.has_directory(below):
                for _, listed in walk(self._session, remote_path(root, below), _nothing):
                    self.counts.remote_only += listed.other_files
                    self.counts.unlisted_folders += not listed.is_whole

    def _judge(self, source: Source, file: SourceFile, entry: RemoteEntry | None) -> Rebuilt:
        path = remote_path(file.root, file.relative_path)
        try:
            size = entry.size_bytes if entry else None
            if size is None:  # a listing may hide names, and sizes
                size = self._session.do(lambda remote: remote.size(path))
            if size != file.size_bytes:
                return Rebuilt.ABSENT
            md5 = self._read_source(source, file)
            there, proof = self._session.do(
                lambda remote: self._remote_md5(remote, path, file.size_bytes)
            )
        except FileError:
            return Rebuilt.UNREADABLE
        if there not in (None, md5):
            return Rebuilt.DIFFERS
        self._note(file, md5, proof)
        return Rebuilt.STORED if there is None else Rebuilt.VERIFIED

    def _read_source(self, source: Source, file: SourceFile) -> str:
        with source.open(file) as reader:
            while count := len(reader.read(READ_BYTES)):
                self._session.check()
                if not self._reads_back:
                    self._on_bytes(count)
            reader.check_unchanged()
            return reader.md5

    def _remote_md5(
        self, remote: Remote, path: PurePosixPath, size_bytes: int
    ) -> tuple[str | None, Proof]:
        if self._reads_back:
            blocks = self._session.checked(remote.read(path, size_bytes))
            return md5_of(told(blocks, self._on_bytes)), Proof.READ_BACK
        md5 = remote.content_md5(path, size_bytes)
        return md5, Proof.SIZE if md5 is None else Proof.SERVER_HASH

    def _note(self, file: SourceFile, md5: str, proof: Proof) -> None:
        self._waiting[proof].append((file, md5))
        waited_s = self._clock.monotonic_s() - self._adopted_at_s
        if sum(map(len, self._waiting.values())) >= ADOPT_FILES or waited_s > ADOPT_S:
            self._flush()

    def _flush(self) -> None:
        for proof, files in self._waiting.items():
            if files:
                self._adopt(files, proof)
                self._waiting[proof] = []
        self._adopted_at_s = self._clock.monotonic_s()


def _nothing(_folder: PurePosixPath, _entry: RemoteEntry) -> bool:
    """Only to be counted."""
    return False
