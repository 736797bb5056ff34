"""Fetch: bring files back from the remote, each proven before it gets its name here.

Proof is the ledger's MD5, else the server's own; without either a file is said to
be unproven. Sees ports only; where files lie locally is the target's matter.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from farcopy.core.errors import (
    FileError,
    ListingBeyondLimits,
    LocalName,
    RemotePathMissing,
    TargetOccupied,
)
from farcopy.core.model import RemoteEntry
from farcopy.core.ports import Remote, Target
from farcopy.engine.reading import ReadingSession
from farcopy.planning.remote_path import is_too_long

MAX_KEPT_CHARS = 64 * 1024 * 1024
"""Of names at a time: a million of the length Orthanc gives. More is no archive of ours."""


class Fetched(StrEnum):
    """What became of one file."""

    PROVEN = "proven"
    UNPROVEN = "unproven"  # whole by its size; nobody has a hash of it
    PRESENT = "present"  # it was there already
    OCCUPIED = "occupied"  # another file has its name, and keeps it
    DIFFERS = "differs"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    LOCAL_NAME = "local_name"
    UNLISTED = "unlisted"  # a folder: what more there is in it could not be read


FINE = frozenset({Fetched.PROVEN, Fetched.UNPROVEN, Fetched.PRESENT})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to bring back. path: root label first; md5, mtime_ns: if the ledger knows.

    size_bytes: as the ledger or a listing has it; None where neither does.
    """

    path: PurePosixPath
    md5: str = ""
    mtime_ns: int | None = None
    size_bytes: int | None = None


class _Differs(Exception):
    """A signal within this module: nothing of the file is kept."""


class Fetcher:
    """Brings one file after the other over one session. bytes_read: so far.

    on_bytes: told of each block.
    """

    def __init__(
        self,
        session: ReadingSession,
        target: Target,
        on_bytes: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._session = session
        self._target = target
        self._on_bytes = on_bytes
        self.bytes_read = 0

    def fetch(self, wanted: Wanted) -> Fetched:
        """Raises: RunError, Interrupted, OSError (the local disk's)."""
        try:
            size = self._session.do(lambda remote: remote.size(wanted.path))
            if size is None:
                return Fetched.MISSING
            here = self._target.find_md5(wanted.path, size)
            if here is not None:
                is_same = here == wanted.md5 if wanted.md5 else here != ""
                return Fetched.PRESENT if is_same else Fetched.OCCUPIED
            return self._session.do(lambda remote: self._bring(remote, wanted, size))
        except _Differs:
            return Fetched.DIFFERS
        except TargetOccupied:
            return Fetched.OCCUPIED
        except LocalName:
            return Fetched.LOCAL_NAME
        except FileError:
            return Fetched.UNREADABLE

    def _bring(self, remote: Remote, wanted: Wanted, size_bytes: int) -> Fetched:
        expected = wanted.md5 or remote.content_md5(wanted.path, size_bytes)
        md5 = hashlib.md5(usedforsecurity=False)
        with self._target.new_file(wanted.path) as new:
            for block in remote.read(wanted.path, size_bytes):
                self._session.check()
                md5.update(block)
                self.bytes_read += len(block)
                self._on_bytes(len(block))
                new.write(block)
            if expected and md5.hexdigest() != expected:
                raise _Differs
            new.keep(wanted.mtime_ns)
        return Fetched.PROVEN if expected else Fetched.UNPROVEN


@dataclass
class Listed:
    """A folder of the remote, as far as it is wanted.

    other_files: how many more lie there. is_whole: all of it could be read.
    """

    entries: list[RemoteEntry] = field(default_factory=list)
    other_files: int = 0
    is_whole: bool = True


def walk(
    session: ReadingSession,
    folder: PurePosixPath,
    is_wanted: Callable[[PurePosixPath, RemoteEntry], bool] = lambda _folder, _entry: True,
) -> Iterator[tuple[PurePosixPath, Listed]]:
    """Every folder of the remote from this one down; none if it is not there.

    is_wanted: asked of each file while the listing is read; what is not wanted is not kept.
    Raises: RunError, Interrupted.
    """
    waiting = [folder]
    waiting_chars = 0
    while waiting:
        here = waiting.pop()
        waiting_chars -= len(str(here))

        def is_kept(entry: RemoteEntry, here: PurePosixPath = here) -> bool:
            if entry.is_folder:
                # Longer ones are none of ours, and a server could go on for ever.
                return not is_too_long(str(here), entry.name)
            return is_wanted(here, entry)

        listed = listing(session, here, is_kept)
        if listed is None:
            continue
        yield here, listed
        below = [here / entry.name for entry in listed.entries if entry.is_folder]
        waiting_chars += sum(len(str(path)) for path in below)
        if waiting_chars > MAX_KEPT_CHARS:
            raise ListingBeyondLimits("folders without end")
        waiting.extend(below)


def listing(
    session: ReadingSession, folder: PurePosixPath, is_kept: Callable[[RemoteEntry], bool]
) -> Listed | None:
    """What of a folder of the remote is to be kept; None: there is no such folder.

    is_kept: asked of each entry as it comes. Raises: RunError, Interrupted.
    """

    def ask(remote: Remote) -> Listed | None:
        listed = Listed()
        kept_chars = 0
        try:
            for entry in remote.listing(folder):
                session.check()
                if is_kept(entry):
                    listed.entries.append(entry)
                    kept_chars += len(entry.name)
                    if kept_chars > MAX_KEPT_CHARS:
                        raise ListingBeyondLimits("names without end")
                else:
                    listed.other_files += not entry.is_folder
        except RemotePathMissing:
            return None
        except FileError:
            listed.is_whole = False
        return listed

    return session.do(ask)
