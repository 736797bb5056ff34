"""What the one sentence is made from, and its shape. planning/health makes it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from farcopy.core.states import RunEnd, RunState
from farcopy.core.stock import Stock


class Level(StrEnum):
    """The colour. IDLE: nothing is wrong, and nothing is promised either."""

    GOOD = "good"
    BUSY = "busy"
    IDLE = "idle"
    WARN = "warn"
    BAD = "bad"


class OffSite(StrEnum):
    """How much of the sources is off-site, for programs: exit codes 0, 3 and 1."""

    ALL = "all"
    NOT_ALL = "not_all"  # or it is not known
    NOTHING = "nothing"  # nothing is copied, or there is trouble


@dataclass(frozen=True, slots=True)
class Look:
    """The newest look at these very sources, for this destination.

    ended_at: None when it never came to its end. is_whole: every root was there and looked
    through; else more may wait. unsent_files: seen, and not in the ledger as due: new, or
    too young. problems: files and directories that could not be read. is_of_a_run: a run's,
    else monitoring's.
    """

    begun_at: datetime
    ended_at: datetime | None
    is_whole: bool = True
    unsent_files: int = 0
    unsent_bytes: int = 0
    problems: int = 0
    excluded_files: int = 0
    is_of_a_run: bool = True


@dataclass(frozen=True, slots=True)
class Root:
    """A source as it stands at this moment. name: as in `the Orthanc storage`.

    shows: what it shows of the known files, None if it is not suddenly empty.
    """

    name: str
    is_there: bool = True
    shows: int | None = None
    known: int = 0


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run that ended. message: why it did not go well, in the run's own words.

    has_error: something ended it before all was tried.
    """

    state: RunState
    end: RunEnd
    ended_at: datetime
    message: str = ""
    has_error: bool = False


@dataclass(frozen=True, slots=True)
class RunOn:
    """The run that has not ended. silent_s: since its engine last gave a sign of life.

    is_total_known: it has looked through the sources.
    """

    files_failed: int = 0
    silent_s: float = 0.0
    is_alive: bool = True
    is_total_known: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What the sentence is made from. trouble: text of what is wrong with the database.

    look: None when these sources were never looked at for this destination. waiting_since:
    no file that is due has waited for longer, as far as is known.
    """

    now: datetime
    has_source: bool = True
    is_ftp_configured: bool = True
    is_service_running: bool = True
    run: RunOn | None = None
    trouble: str = ""
    frozen: str = ""
    sync_enabled: bool = True
    interval_min: int = 120
    last_run: LastRun | None = None
    stock: Stock = field(default_factory=Stock)
    look: Look | None = None
    roots: tuple[Root, ...] = ()
    waiting_since: datetime | None = None

    @property
    def due_bytes(self) -> int:
        return self.stock.due_bytes + (self.look.unsent_bytes if self.look else 0)

    @property
    def due_files(self) -> int:
        """Known not to be off-site as they are in the sources."""
        return self.stock.due + (self.look.unsent_files if self.look else 0)


@dataclass(frozen=True, slots=True)
class Health:
    """code: stable, for programs. title: the sentence. text: what is known, and what to do."""

    level: Level
    code: str
    title: str
    text: str
    off_site: OffSite = OffSite.NOT_ALL
