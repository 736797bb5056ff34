"""What the engine needs of the world, as Protocols. Adapters meet it in service/wiring.py."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Protocol

from farcopy.core.errors import FarcopyError
from farcopy.core.examination import Sign, Step
from farcopy.core.model import (
    Check,
    ClaimedFile,
    DirectoryListing,
    KnownVersion,
    LedgerEntry,
    Looked,
    NewFile,
    Outcome,
    RemoteEntry,
    Renaming,
    SkippedName,
    SourceFile,
    SourceReader,
    StoreResult,
    Upheaval,
    Upload,
)


class Clock(Protocol):
    """Wall time for records, monotonic time for durations."""

    def now(self) -> datetime:
        """Aware, UTC."""

    def monotonic_s(self) -> float: ...


class Stop(Protocol):
    """A request to end. `is_set`: begin nothing new; `is_hard`: not even this file."""

    def is_set(self) -> bool: ...

    def is_hard(self) -> bool: ...

    def wait(self, timeout_s: float) -> bool:
        """Sleep, but wake at once when a stop is asked; returns is_set()."""


class Source(Protocol):
    """One root of files. Only ever read."""

    label: str

    def scan(self) -> Iterator[DirectoryListing]:
        """Every directory below the root, parents before children.

        Raises: SourceMissing when the root itself cannot be listed.
        """

    def open(self, file: SourceFile) -> SourceReader:
        """Raises SourceVanished, SourceUnreadable, SourceChanged (not what was scanned)."""

    def stat(self, file: SourceFile) -> SourceFile:
        """The file as it is now. Raises SourceVanished, SourceUnreadable."""

    def has_directory(self, directory: str) -> bool:
        """False only when it is certainly gone; True in doubt."""

    def is_excluded(self, file: SourceFile) -> bool:
        """Whether the setting `exclude` hides it now, and a scan would not yield it."""


class Remote(Protocol):
    """A destination, over one session. There is no general delete."""

    def open(
        self,
        before_login: Callable[[], None] = lambda: None,
        on_login: Callable[[], None] = lambda: None,
    ) -> None:
        """Connect and log in. before_login: told when the server has answered and, where it
        is to be, is encrypted; may wait, and what it raises ends the session. on_login: told
        once the name and password were right.

        Raises RunError, or SessionError.
        """

    def prepare(self) -> Sequence[str]:
        """Make sure our folders are there. Returns the names in the temporary one.

        Raises: RemotePathMissing, RemoteReadOnly.
        """

    def store(self, uploads: Iterable[Upload]) -> Iterator[StoreResult]:
        """Publish each upload, yielding as each is settled, in order.

        A FileError is a result; a SessionError or RunError is raised, and the
        upload in hand then has no result: open() again, and ask settle().
        """

    def settle(self, upload: Upload) -> StoreResult | None:
        """After a lost session: what became of the upload in hand; None means send it again."""

    def was_renamed(self, temporary_name: str, final_path: str, size_bytes: int) -> bool:
        """Whether a renaming took place whose reply nobody heard: the temporary is gone and
        the final has the size."""

    def restore_displaced(self, name: str, final_path: str) -> None:
        """Undo a replacement cut in the middle: put the old file back if no new one is there."""

    def discard_temporary(self, name: str) -> bool:
        """False: it stays, for the account may not delete."""

    # Reading. Paths are relative to ftp_path.

    def size(self, final_path: PurePosixPath) -> int | None:
        """Bytes of a file; None if there is no such file."""

    def content_md5(self, final_path: PurePosixPath, size_bytes: int) -> str | None:
        """MD5 of a file as the server computes it; None if it cannot, or would not once."""

    def read(self, final_path: PurePosixPath, size_bytes: int) -> Iterator[bytes]:
        """The content of a file of so many bytes; who leaves before its end has to open() again.

        Raises DownloadRefused (also when another number of bytes came), PathRefused.
        """

    def listing(self, folder: PurePosixPath) -> Iterator[RemoteEntry]:
        """Files and folders directly in a folder, as they come; a server may hide some. Who
        leaves before the end has to open() again.

        Raises RemotePathMissing when there is no such folder; ListingUnreadable when it was
        refused, or, after all that could be read, when some of it could not.
        """

    # Small files of our own, below `farcopy/`.

    def keep(self, name: str, content: bytes) -> None:
        """Write one, whole or not at all; after prepare()."""

    def kept(self, name: str) -> bytes | None:
        """Its content; None if there is no such file."""

    def abort(self) -> None:
        """From any thread: make the operation in progress fail at once."""

    def close(self) -> None: ...


class Examination(Protocol):
    """A server under examination: one step at a time, in the order of `Step`."""

    def perform(self, step: Step) -> Sequence[tuple[str, str]]:
        """What was seen, for people. Raises: FarcopyError."""

    def sign_of(self, error: FarcopyError) -> Sign:
        """What tells the cause of an error that `perform` raised."""

    def seen_despite(self, error: FarcopyError) -> Sequence[tuple[str, str]]:
        """What can be told all the same, as the certificate that was not trusted."""

    def close(self) -> None: ...


class FirstLooks(Protocol):
    """The part of the ledger for files too young to be at rest. Files come by directory."""

    def look(self, files: Sequence[SourceFile], now: datetime, settle_s: float) -> Looked:
        """Note how they are now, unless they are as they were at least settle_s ago."""

    def note_looks(self, files: Sequence[SourceFile], now: datetime) -> None:
        """Note how they are now, whatever was noted before."""

    def latest_look(self, roots: Sequence[str]) -> datetime | None: ...

    def first_looks(self, roots: Sequence[str], until: datetime) -> Sequence[SourceFile]:
        """Some of those taken by then, as they were when looked at; forget them to see more."""

    def count_looks(self, roots: Sequence[str]) -> int: ...

    def forget_looks(self, files: Sequence[SourceFile]) -> None: ...

    def forget_old_looks(self, now: datetime) -> None: ...


class Renamings(Protocol):
    """The part of the ledger for intents: what may have been renamed when a process died."""

    def intend(self, replica_id: int, claim: int, md5: str) -> bool:
        """The fence: whether this claim still owns the file, and if so, note what it is about
        to give its final name."""

    def withdraw(self, replica_id: int, claim: int) -> None:
        """It was not renamed, for certain."""

    def renamings(self) -> Sequence[Renaming]:
        """Those of which nobody knows, and which nobody has in hand."""

    def settle_renaming(self, run_id: int, renaming: Renaming, *, took_place: bool) -> None: ...

    def is_untidy(self) -> bool:
        """Whether something of ours may lie on the remote that no run has in hand."""

    def note_untidy(self, is_untidy: bool) -> None: ...


class Upheavals(Protocol):
    """The part of the ledger for the tripwire: what is held back until it has judged."""

    def hold(self, files: Sequence[SourceFile]) -> None:
        """Of these the remote holds another version; they wait for the judgement."""

    def undecided(self) -> tuple[int, int]:
        """How many wait for it: (changed, vanished)."""

    def known_files(self) -> int:
        """Files the remote holds a version of, those gone and accepted not counted."""

    def held_back(self, after: int) -> Sequence[tuple[int, SourceFile]]:
        """The next changed ones that wait, (id, file), beyond the id `after`; 0 begins."""

    def accept_vanished(self, root: str | None = None) -> None:
        """What vanished has vanished. root: of this source only."""

    def live_files(self, root: str) -> int:
        """How many files the source had, as far as the ledger knows."""

    def accepted_roots(self) -> Collection[str]:
        """Sources of which an admin said that they are as empty as they look."""

    def forget_accepted(self, root: str) -> None: ...

    def is_frozen(self) -> bool: ...

    def freeze(self, seen: Upheaval, now: datetime) -> None: ...

    def unfreeze(self) -> None: ...


class Ledger(FirstLooks, Renamings, Upheavals, Protocol):
    """The truth about what is where, for one destination."""

    def known(
        self, root: str, directories: Sequence[str]
    ) -> Mapping[str, Mapping[str, LedgerEntry]]:
        """directory -> name -> entry, for every directory asked for."""

    def known_versions(self, root: str, directories: Sequence[str]) -> set[KnownVersion]:
        """What a scan has to find in these directories if nothing is new; vanished files are
        left out."""

    def directories(self, root: str) -> Iterator[str]:
        """Every directory in which the ledger has files that have not vanished."""

    def admit(self, run_id: int, number: int, files: Sequence[SourceFile]) -> int:
        """Make the files due and bind them into a batch. Returns the batch's id.

        number: of the batch within its run; the same number twice is one batch.
        """

    def confirm(self, files: Sequence[SourceFile]) -> None:
        """The remote holds this very content: note size and modification time as they are."""

    def skip(
        self, run_id: int, root: str, directory: str, names: Sequence[SkippedName]
    ) -> None:
        """Note entries that are never sent."""

    def vanish(self, root: str, directory: str, names: Sequence[str] | None = None) -> int:
        """Note files gone from the source (None: all of the directory). Returns how many."""

    def claim(self, batch_id: int) -> Sequence[ClaimedFile]:
        """Take a batch under a new claim number; its pending files become uploading."""

    def reclaim(self, claimed: ClaimedFile) -> ClaimedFile | None:
        """The same file under a new claim number; None: the old one is no longer in force."""

    def put_back(self, batch_id: int) -> None:
        """Give a claimed batch back: what it has not settled may be claimed again."""

    def record(self, run_id: int, outcomes: Sequence[Outcome]) -> None:
        """Write outcomes and the run's counters in one transaction, under their claims."""

    def explain_temporary(self, replica_id: int, claim: int) -> str | None:
        """The final path (relative to ftp_path) a temporary was made for; None: not ours, or
        still in hand."""

    def awaits(self, replica_id: int) -> int | None:
        """Size in bytes of a file that is still to be sent, None of any other."""


class Proofs(Protocol):
    """Where checks of held files are written down, for one destination."""

    def settle(self, checks: Sequence[Check]) -> Collection[int]:
        """Move the rows that still are as compared; returns the replica ids of those.

        A file that was replaced meanwhile is left as it is: another version was looked at.
        """


class Target(Protocol):
    """Where fetched files are put."""

    def find_md5(self, path: PurePosixPath, size_bytes: int) -> str | None:
        """MD5 of the file that has this name already, "" if it has another size; None: none."""

    def new_file(self, path: PurePosixPath) -> NewFile:
        """Raises LocalName when this system cannot have the name, or it leads elsewhere."""


class RunLog(Protocol):
    """What the engine tells about the run as it goes."""

    def phase(self, name: str) -> None: ...

    def passed_over(self, unchanged_files: int, skipped_files: int) -> None:
        """Files that needed nothing, and entries never sent by rule."""

    def problem(self, root: str, path: str, code: str) -> None:
        """A directory or root that could not be read."""

    def excluded(self, files: int) -> None:
        """Files, beside those told before, that the setting `exclude` hides."""

    def growing(self, files: int) -> None:
        """Files that are still being written: the next run takes them."""

    def total_is_known(self) -> None:
        """The scan is over: no more is found to be due."""

    def sent_bytes(self, count: int) -> None:
        """Bytes on the line, for the display only."""


class Worker(Protocol):
    """Carries out batches, one after another, on one thread."""

    def tidy(self) -> None:
        """Open a session only to settle and sweep what an earlier run left."""

    def execute(self, batch_id: int, take_next: Callable[[], int | None]) -> None:
        """Carry out this batch and those of take_next, in one go; None: no more of them now.

        Raises TooManyConnections (put all of them back, one worker less).
        """

    def rest(self) -> None:
        """There is no batch for it now, while others may still work."""

    def abort(self) -> None: ...

    def close(self) -> None: ...


class Dispatcher(Protocol):
    """Hands batches to workers: threads in this process, or machines in a cluster."""

    def start(self, make_worker: Callable[[], Worker]) -> None: ...

    def submit(self, batch_id: int) -> None:
        """Waits while enough batches wait already: memory does not grow with the archive."""

    def is_hungry(self) -> bool:
        """Whether a worker may soon find no batch."""

    def drain(self) -> None:
        """Wait until every submitted batch was executed or dropped."""

    def abort(self) -> None:
        """Drop waiting batches and interrupt those in hand."""

    def stop(self) -> None:
        """End all workers; leaves no thread behind."""
