"""The shapes of the answers about past runs: history, details, charts, files tried again."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict

from farcopy.web.query import MAX_ID
from farcopy.web.schemas import Answer, example_of, told
from farcopy.web.status_schemas import HistoryEntry, RunId


class RunLine(HistoryEntry):
    """A run, as lists show it."""

    destination: str = told("The host without ftp. or www., its first label.", "godaddy")
    files_failed: int = told("Files that could not be sent.", 2)
    files_skipped: int = told("Files skipped by rule: links, special files.", 0)
    files_excluded: int = told("Files that a pattern of the setting exclude hid.", 12)
    files_unchanged: int = told("Files that were off-site already.", 1842)
    error_code: str = told("Code of what ended it early, or empty.", "")
    error_message: str | None = told(
        "Why not all went well, or null.", "2 of 44 files could not be sent"
    )


Now = Annotated[str, told("The time of this answer, in the zone of all others.",
                          "2025-11-22 10:42:45")]


class RunsData(BaseModel):
    now: Now
    runs: list[RunLine] = told("The newest first.", [example_of(RunLine)])
    next_before: int | None = told(
        "Give it as `before` for the runs that follow; null when there are none.", 5
    )


class RunsAnswer(Answer):
    data: RunsData = told("A page of runs.", example_of(RunsData))


class FileEntry(BaseModel):
    """What became of a file."""

    id: int = told("For retry.php.", 9042)
    root: str = told("Which source: orthanc or hospital.", "orthanc")
    path: str = told("Relative to the source, forward slashes.", "ab/cd/abcd1234")
    outcome: Literal["failed", "vanished", "skipped", "stored", "verified"] = told(
        "What became of it.", "failed"
    )
    bytes: int = told("Bytes stored; 0 if it did not go.", 0)
    reason: str = told(
        "A code; of an error, or symlink, socket, fifo, excluded, …; empty if it went.",
        "path_refused",
    )
    text: str = told(
        "The reason for people.",
        "the server refused this path; check permissions and name rules on the remote",
    )
    state: str = told("Where it stands now: a failed one may be stored since.", "pending")
    proof: Literal["size", "server_hash", "read_back", ""] = told(
        "What speaks for the copy that is there now; empty where none is held.", "server_hash"
    )
    at: str = told("When (YYYY-MM-DD HH:MM:SS, configured time zone).", "2025-11-22 10:30:12")


class Problem(BaseModel):
    """A file, directory or root that could not be read."""

    root: str = told("Which source: orthanc or hospital.", "hospital")
    path: str = told("Relative to the source; empty for the root itself.", "reports/2019")
    reason: str = told("An error's code.", "source_directory_unreadable")
    text: str = told("The reason for people.", "a directory below the source could not be listed")


class RunDetailsData(BaseModel):
    now: Now
    run: RunLine = told("The run.", example_of(RunLine))
    files_due: int = told("Files found that had to go.", 44)
    bytes_due: int = told("Their bytes.", 270000000)
    bytes_per_s: float | None = told(
        "Bytes stored a second, over the whole run; null if nothing was.", 5981275.0
    )
    outcomes: dict[str, int] = told(
        "Transfers by how they ended: stored, verified, failed, vanished, pending.",
        {"stored": 42, "failed": 2},
    )
    problems: list[Problem] = told("What could not be read; at most 100.", [example_of(Problem)])
    problem_count: int = told("How many there were in all.", 1)
    files: list[FileEntry] = told(
        "A page of what was asked for in `files`, the first first.", [example_of(FileEntry)]
    )
    next_after: int | None = told(
        "Give it as `after` for the files that follow; null when there are none.", None
    )


class RunDetailsAnswer(Answer):
    data: RunDetailsData = told("A run in detail.", example_of(RunDetailsData))


class RetryBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    run_id: int = told("The run in which they failed.", 15, ge=1, le=MAX_ID)
    file_id: int | None = told(
        "One file of it, `id` in run.php; null or left out: all of them.", 9042, ge=1, le=MAX_ID,
        default=None,
    )


class RetryData(BaseModel):
    files: int = told("Files that were failed and are due now.", 2)


class RetryAnswer(Answer):
    data: RetryData = told("What the next sync sends again.", example_of(RetryData))


class RunPoint(BaseModel):
    """A finished run."""

    id: RunId
    at: str = told("When it began (YYYY-MM-DD HH:MM:SS, configured time zone).",
                   "2025-11-22 10:30:00")
    files: int = told("Files stored.", 42)
    bytes: int = told("Bytes stored.", 269157376)
    status: Literal["success", "partial", "failed"] = told("How it ended.", "success")


class BacklogPoint(BaseModel):
    """What a look or a run found waiting."""

    at: str = told("When (YYYY-MM-DD HH:MM:SS, configured time zone).", "2025-11-22 10:30:00")
    files: int = told("Files not yet off-site.", 312)
    bytes: int = told("Their bytes.", 104857600)
    lag_seconds: int = told("For how long one had waited at most.", 7800)


class ChartData(BaseModel):
    since: str = told("Where the stretch begins.", "2025-11-15 10:42:45")
    now: str = told("Where it ends.", "2025-11-22 10:42:45")
    runs: list[RunPoint] = told(
        "Finished runs in the order of time; the 500 newest at most.", [example_of(RunPoint)]
    )
    backlog: list[BacklogPoint] = told(
        "In the order of time; at most 500, of each stretch the longest wait.",
        [example_of(BacklogPoint)],
    )


class ChartAnswer(Answer):
    data: ChartData = told("Series to draw.", example_of(ChartData))
