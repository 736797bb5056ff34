"""What is where, counted: by the ledger's counters, and by a look at the sources."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Stock:
    """How many files of the configured sources stand where at a destination, as the ledger has it.

    held: stored ones and verified ones, of which `verified`; and of those `read_back`, the
    others proven by the server's own hash. pending: due, also those in
    hand; undecided: found changed or vanished, and not judged yet. wrong: of those due, found
    damaged or missing off-site; lost: found so, and gone from the source. unsendable: of the
    skipped, files whose names cannot be had on the remote. due_bytes: of all due.
    """

    held: int = 0
    verified: int = 0
    read_back: int = 0
    pending: int = 0
    failed: int = 0
    undecided: int = 0
    wrong: int = 0
    lost: int = 0
    vanished: int = 0
    skipped: int = 0
    unsendable: int = 0
    due_bytes: int = 0

    @property
    def hashed(self) -> int:
        return self.verified - self.read_back

    @property
    def sized(self) -> int:
        return self.held - self.verified

    @property
    def due(self) -> int:
        return self.pending + self.failed + self.undecided


class RootFound(NamedTuple):
    """A root that a look could conclude nothing from. seen: None when it was not there; else
    how many files it showed of those known."""

    label: str
    seen: int | None
    known: int


@dataclass(frozen=True, slots=True)
class SourcesSeen:
    """What a look at the sources found, whoever took it.

    is_whole: all roots were there and looked through. unsent_files: to be sent (or compared),
    and not in the ledger as due. oldest_mtime_ns: of all that waits, None when nothing does.
    problems: files and directories that could not be read.
    """

    is_whole: bool = False
    files: int = 0
    unsent_files: int = 0
    unsent_bytes: int = 0
    waiting_files: int = 0
    waiting_bytes: int = 0
    oldest_mtime_ns: int | None = None
    problems: int = 0
    excluded_files: int = 0
    gone: tuple[RootFound, ...] = ()
