"""The nouns of the house, all immutable. The glossary gives them the same meaning.

SourceFile, LedgerEntry and DirectoryListing are NamedTuples: a run makes one for every file
or directory of the archive, and a tuple costs a fifth of a dataclass.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from farcopy.core.errors import FarcopyError
from farcopy.core.states import FileState, RunEnd, RunState, SyncType


class RootLabel(StrEnum):
    """The two sources. The label, not the drive, is a file's identity and its remote folder."""

    ORTHANC = "orthanc"
    HOSPITAL = "hospital"


class SourceFile(NamedTuple):
    """A regular file as a scan saw it.

    directory: relative to the root, forward slashes, "" for the root itself.
    Names are encoded by planning/remote_path: safe text, the same here, in the
    ledger and on the remote. mtime_ns: nanoseconds.
    """

    root: str
    directory: str
    name: str
    size_bytes: int
    mtime_ns: int

    @property
    def relative_path(self) -> str:
        return f"{self.directory}/{self.name}" if self.directory else self.name


class LedgerEntry(NamedTuple):
    """What the ledger knows of a file at the destination in question.

    md5: of the version the remote holds, "" if it holds none. is_undecided: found
    changed or vanished, and held back until the tripwire has judged.
    """

    size_bytes: int
    mtime_ns: int
    state: str
    md5: str
    retry_at: datetime | None
    is_undecided: bool = False


KnownVersion = tuple[str, str, str, int, int | None]
"""The fields of a SourceFile as the ledger has them: equal to it when the remote holds that
version. mtime_ns is None, as no file's is, when it holds no version or an older one."""


class SkippedName(NamedTuple):
    """A directory entry that is not sent, by rule. reason: a Reason value."""

    name: str
    reason: str


class DirectoryListing(NamedTuple):
    """One directory of a source as `Source.scan` yields it.

    is_unreadable: it could not be listed; nothing may be concluded from it.
    excluded: names that are there and hidden by the setting `exclude`. unreadable: names that
    are there, and the disk would tell no more of them.
    """

    root: str
    directory: str
    files: tuple[SourceFile, ...] = ()
    skipped: tuple[SkippedName, ...] = ()
    is_unreadable: bool = False
    excluded: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


class ActionKind(StrEnum):
    SEND = "send"
    CHECK = "check"  # touched: its MD5 decides
    WAIT = "wait"  # too young to be at rest: a second look decides
    HOLD = "hold"  # found changed before, and the tripwire has not judged yet
    SKIP = "skip"


class Reason(StrEnum):
    """Why an action was planned."""

    NEW = "new"
    CHANGED = "changed"
    TOUCHED = "touched"
    UNFINISHED = "unfinished"  # due since an earlier run
    RETRY = "retry"
    RETURNED = "returned"  # had vanished
    RETRY_LATER = "retry_later"
    UNSETTLED = "unsettled"  # written a moment ago
    SYMLINK = "symlink"
    SOCKET = "socket"
    FIFO = "fifo"
    DEVICE = "device"
    SPECIAL = "special_file"  # whatever else is no regular file
    NAME = "local_name"
    SYSTEM = "system"  # a directory that systems put there: lost+found, wastebaskets
    OWN = "own"  # farcopy's home, or a file with a key of its
    EXCLUDED = "excluded"  # the setting `exclude` hides it


@dataclass(frozen=True, slots=True)
class Action:
    """One decision of the plan about one file."""

    kind: ActionKind
    reason: Reason
    file: SourceFile

    @property
    def is_due(self) -> bool:
        """Whether a run would read the file now."""
        return self.kind in (ActionKind.SEND, ActionKind.CHECK)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do in one directory. Unchanged files are counted, not listed.

    vanished: names the ledger has and the directory no longer. excluded: were due, hidden now.
    """

    root: str
    directory: str
    actions: tuple[Action, ...] = ()
    vanished: tuple[str, ...] = ()
    is_unreadable: bool = False
    unchanged_files: int = 0
    excluded: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimedFile:
    """A file of a claimed batch. claim: the fence; attempts: used up in this run."""

    replica_id: int
    claim: int
    file: SourceFile
    attempts: int = 0


class SourceReader(Protocol):
    """An open source file that hashes what is read from it."""

    def read(self, size_bytes: int, /) -> bytes: ...

    def skip(self, size_bytes: int, /) -> int:
        """Hash at most so many bytes that are not to be sent. Returns how many; 0 at the end."""
        ...

    def check_unchanged(self) -> None:
        """Raises SourceChanged unless fstat equals the one at opening."""
        ...

    def also_sha256(self) -> None:
        """Make that hash too: of servers that tell no other. Before the first byte is read."""
        ...

    @property
    def md5(self) -> str:
        """MD5 of everything read so far, 32 hex digits."""
        ...

    @property
    def sha256(self) -> str:
        """64 hex digits, "" unless it was asked for."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Upload:
    """One file on its way: what `Remote.store` needs and nothing more.

    final_path: relative to ftp_path. temporary_name: in our temporary folder.
    open_source raises SourceVanished, SourceUnreadable or SourceChanged.
    may_publish is the fence, asked right before RNTO with the MD5 of what was sent:
    the ledger notes it, so that a crash leaves no doubt. withdraw takes that back;
    called before a temporary is removed for which may_publish said yes. on_bytes
    is told of progress. left_over: the temporary of an earlier try, which may be continued.
    """

    replica_id: int
    size_bytes: int
    temporary_name: str
    final_path: PurePosixPath
    open_source: Callable[[], SourceReader]
    may_publish: Callable[[str], bool] = field(compare=False)
    withdraw: Callable[[], None] = field(compare=False)
    on_bytes: Callable[[int], None] = field(compare=False)
    left_over: str | None = None


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What became of one Upload. error is None if and only if it is published.

    is_verified: its content was checked by a hash of the server.
    """

    replica_id: int
    bytes_sent: int = 0
    md5: str = ""
    is_verified: bool = False
    error: FarcopyError | None = None


class RemoteEntry(NamedTuple):
    """A name in a folder of the remote. size_bytes: None for a folder, or where none is told."""

    name: str
    is_folder: bool
    size_bytes: int | None = None


class NewFile(Protocol):
    """A file being fetched: under a temporary name until `keep`, and gone without."""

    def write(self, block: bytes, /) -> None: ...

    def keep(self, mtime_ns: int | None) -> None:
        """Give it its name, once all is on the disk. Raises TargetOccupied."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class HeldFile(NamedTuple):
    """A file of which the ledger says that the remote holds a version, and which.

    size_bytes, mtime_ns: of that version, unless the file is due again; state: a FileState.
    """

    replica_id: int
    state: str
    root: str
    directory: str
    name: str
    size_bytes: int
    mtime_ns: int
    md5: str

    @property
    def relative_path(self) -> str:
        return f"{self.directory}/{self.name}" if self.directory else self.name


class Finding(StrEnum):
    """What looking at a file on the remote found."""

    VERIFIED = "verified"  # the right content
    SIZED = "sized"  # the right size; its content was not asked for
    DIFFERS = "differs"
    MISSING = "missing"
    UNREADABLE = "unreadable"  # there, but the server would not let it be read


@dataclass(frozen=True, slots=True)
class Check:
    """One file looked at. bytes_read: read back for it; is_read_back: its content was."""

    file: HeldFile
    finding: Finding
    bytes_read: int = 0
    is_read_back: bool = False


@dataclass(frozen=True, slots=True)
class CheckCounts:
    """What a verification found so far. files_read_back: of the verified ones."""

    files_checked: int = 0
    files_verified: int = 0
    files_read_back: int = 0
    files_sized: int = 0
    files_differing: int = 0
    files_missing: int = 0
    files_unreadable: int = 0
    bytes_read: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A line for the ledger: the new state of one claimed file.

    error_code and retry_at only with FAILED; bytes_sent counts published bytes.
    """

    claimed: ClaimedFile
    state: FileState
    bytes_sent: int = 0
    md5: str = ""
    error_code: str = ""
    attempts: int = 0
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Renaming:
    """A file whose renaming may have been carried out: its reply was lost with a process.

    md5: of the version that lay under the temporary name. final_path: relative to ftp_path.
    """

    replica_id: int
    claim: int
    md5: str
    size_bytes: int
    final_path: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at young files told. settled: as they were at a look long enough ago.

    growing: how many have changed since they were first seen.
    """

    settled: tuple[SourceFile, ...] = ()
    growing: int = 0


@dataclass(frozen=True, slots=True)
class Upheaval:
    """How much of what the remote holds was found otherwise in the source, at once.

    known: all files the remote holds a version of. roots: labels of sources suddenly empty.
    """

    changed: int
    vanished: int
    known: int
    roots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunCounts:
    """The counters of a run, as its row has them."""

    files_synced: int = 0
    bytes_synced: int = 0
    files_failed: int = 0
    files_skipped: int = 0
    files_unchanged: int = 0
    files_due: int = 0
    bytes_due: int = 0
    files_growing: int = 0
    files_excluded: int = 0


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A finished run. errors: at most 100 lines, then one that counts the rest. warnings: of
    what was passed over and is no failure. server_seen_at: when the server last let us in.
    """

    run_id: int
    sync_type: SyncType
    state: RunState
    end: RunEnd
    counts: RunCounts
    duration_s: float
    error_code: str = ""
    error_message: str | None = None
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    server_seen_at: datetime | None = None
