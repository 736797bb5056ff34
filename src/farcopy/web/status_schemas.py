"""The shape of status.php's answer; apart from the rest because of its length."""

from typing import Annotated, Literal

from pydantic import BaseModel

from farcopy.web.schemas import Answer, LastSyncAt, Statistics, Warnings, example_of, told

SyncType = Literal["manual", "scheduled", "monitoring"]
RunId = Annotated[int, told("The run in the history.", 15)]
Kind = Annotated[SyncType, told("Who asked for the run.", "manual")]
StartedAt = Annotated[
    str, told("YYYY-MM-DD HH:MM:SS in the configured time zone.", "2025-11-22 10:30:00")
]


class HistoryEntry(BaseModel):
    """A run in the history."""

    id: RunId
    sync_type: Kind
    files_synced: int = told("Files stored.", 42)
    total_size_bytes: int = told("Bytes stored.", 269157376)
    total_size_mb: float = told("The same in units of 1,048,576 bytes.", 256.75)
    status: Literal["success", "partial", "failed", "running"] = told("How it ended.", "success")
    started_at: StartedAt
    completed_at: str | None = told("null while it runs.", "2025-11-22 10:30:45")
    duration_seconds: int = told("Whole seconds; so far, while it runs.", 45)
    end: Literal["", "finished", "cancelled", "stopped", "crashed"] = told(
        "Why it ended; empty while it runs.", "finished"
    )
    requested_by: str = told("The account that asked for it; empty for automatic runs.", "admin")


class LastSync(HistoryEntry):
    """The last finished run."""

    destination: str = told("The host without ftp. or www., its first label.", "godaddy")
    error_message: str | None = told("Why it ended early, or null.", None)


class Schedule(BaseModel):
    sync_enabled: bool = told("Whether automatic sync is on.", True)
    sync_interval: int = told("Minutes between automatic syncs.", 120)
    monitoring_enabled: bool = told("Whether the sources are looked at in between.", False)
    monitoring_interval: int = told("Minutes between looks.", 30)
    last_sync_at: LastSyncAt
    next_sync_at: str | None = told(
        "When the next automatic sync is due; null when automatic sync is off.",
        "2025-11-22 12:30:45",
    )


class CurrentSync(BaseModel):
    """The run that is on."""

    run_id: RunId
    sync_type: Kind
    phase: str = told("What it does at the moment.", "transferring")
    connections: int = told("FTP connections in use.", 4)
    is_cancelling: bool = told("Whether it was asked to end.", False)
    files_done: int = told("Files settled, failed ones too.", 17)
    files_due: int = told("Files found so far that have to go.", 42)
    files_failed: int = told("Of those settled, how many could not be stored.", 0)
    is_total_known: bool = told("false: the scan still finds more.", True)
    bytes_done: int = told("Bytes on their way or stored.", 104857600)
    bytes_due: int = told("Bytes found so far that have to go.", 269157376)
    bytes_per_s: float = told("Rate of the last seconds.", 1310720.0)
    eta_seconds: int | None = told(
        "Seconds left at this rate; null if unknown, as while the scan is on.", 125
    )
    started_at: StartedAt


class Backlog(BaseModel):
    """What the last look of monitoring found waiting."""

    files: int = told("Files that wait to be sent.", 312)
    bytes: int = told("Their bytes.", 104857600)
    oldest_at: str | None = told(
        "Modification time of the oldest; null when nothing waits.", "2025-11-22 08:15:00"
    )
    looked_at: str = told("When the look was taken.", "2025-11-22 10:30:00")


class LastVerification(BaseModel):
    """A comparison of the remote with what was sent."""

    kind: Literal["command", "scrub"] = told("farcopy verify, or a day's scrub.", "scrub")
    started_at: StartedAt
    completed_at: str = told("When it was over.", "2025-11-22 11:05:12")
    files_checked: int = told("Files looked at.", 1500)
    files_verified: int = told("Of the right content.", 1499)
    files_read_back: int = told("Of these: by reading them back.", 230)
    files_sized: int = told("Of the right size; their content was not asked for.", 0)
    files_differing: int = told("Of another content or size; due again.", 1)
    files_missing: int = told("No longer there; due again.", 0)
    bytes_read: int = told("Read back for it.", 104857600)
    code: str = told("Why it ended early; empty if it did not.", "")


class Frozen(BaseModel):
    """The write-once tripwire has fired: nothing is sent until an admin confirms."""

    since: str = told("When it fired.", "2025-11-22 10:30:00")
    changed_files: int = told("Files that differ from their copies.", 412)
    vanished_files: int = told("Files gone from the sources.", 3)
    known_files: int = told("Files the remote held then.", 2140)
    emptied_sources: list[str] = told(
        "orthanc, hospital: sources that were suddenly empty, or as good as.", []
    )


class FileCounts(BaseModel):
    """How many files of the configured sources stand where at this destination."""

    held: int = told("Off-site: stored, or stored and verified.", 2140)
    verified: int = told("Of these, whose content was checked there.", 2140)
    read_back: int = told("Of the verified: last proven by reading them back.", 430)
    hashed: int = told("Of the verified: by the server's own hash, and never read back.", 1710)
    sized: int = told("Held, and only their size was compared.", 0)
    pending: int = told("Due, or on their way.", 0)
    failed: int = told("Could not be copied; tried again.", 0)
    undecided: int = told("Found changed or vanished, and not judged yet.", 0)
    wrong: int = told("Of those due: found damaged or missing off-site.", 0)
    lost: int = told("Gone from the source, and damaged or missing off-site.", 0)
    vanished: int = told("Gone from the source; copies are kept.", 3)
    skipped: int = told("Links and the like, never sent.", 0)
    unsent: int | None = told(
        "Found by the last look, and neither off-site nor among those due; null: no look.", 0
    )
    excluded: int | None = told("Left out by the patterns of `exclude`; null: no look.", 0)


class Health(BaseModel):
    """All of it in one sentence: is everything off-site, and what is to be done."""

    level: Literal["good", "busy", "idle", "warn", "bad"] = told("The colour.", "good")
    code: str = told(
        "Which sentence: good, manual, empty, due, late, running, new, setup, cut, cut_off, "
        "broke_off, failed, files_failed, unsendable, unreadable, unknown, damaged, lost, "
        "source_gone, service, frozen or ledger.", "good",
    )
    off_site: Literal["all", "not_all", "nothing"] = told(
        "all: everything is off-site, as of looked_at; not_all: not everything, or it is not "
        "known; nothing: nothing is copied, or there is trouble.", "all",
    )
    title: str = told("The sentence.", "Everything is off-site")
    text: str = told(
        "What is known, and what to do.", "As of the last look at the sources, 12 min ago."
    )
    waiting_files: int | None = told(
        "Files not yet off-site, as far as is known; null: nothing is.", 0
    )
    waiting_bytes: int | None = told("Their bytes.", 0)
    lag_seconds: int | None = told("For how long a file has waited at most; 0 if none waits.", 0)
    is_whole: bool = told(
        "false: there was no look at these sources for this destination, or it was cut short: "
        "more may wait.", True,
    )
    looked_at: str | None = told("When the last look began.", "2025-11-22 10:30:45")
    files: FileCounts = told("The counts behind it.", example_of(FileCounts))


class UnconfirmedChange(BaseModel):
    first_at: str = told("The first time (YYYY-MM-DD HH:MM:SS, configured time zone).",
                         "2025-11-22 10:30:45")
    changed_at: str = told("The last time.", "2025-11-22 10:30:45")
    times: int = told("How often.", 1)
    username: str = told("Whose session, or whose token.", "erika")
    ip_address: str = told("Whence; empty when that is not known.", "10.0.0.5")
    token: str = told("The token's name; empty when it was a session.", "")
    fields: list[str] = told("All settings that were moved.", ["ftp_host", "ftp_username"])
    text: str = told("All of it in one sentence.", "erika changed ftp_host on …")


class StatusData(BaseModel):
    last_sync: LastSync | None = told(
        "The last finished run; null before the first.", example_of(LastSync)
    )
    sync_history: list[HistoryEntry] = told(
        "The 10 newest runs, newest first.", [example_of(HistoryEntry)]
    )
    configuration: Schedule = told("The schedule.", example_of(Schedule))
    statistics: Statistics = told("What has been done so far.", example_of(Statistics))
    current_sync: CurrentSync | None = told("The run that is on, or null.", None)
    backlog: Backlog | None = told(
        "What waits, as of the last look; null before the first.", example_of(Backlog)
    )
    last_verification: LastVerification | None = told(
        "The last comparison of the remote with what was sent; null before the first.",
        example_of(LastVerification),
    )
    health: Health = told("All of it in one sentence.", example_of(Health))
    now: str = told("The time of this answer, in the zone of all others.", "2025-11-22 10:42:45")
    service_running: bool = told(
        "Whether the background service lives; without it nothing syncs.", True
    )
    ledger: str = told(
        "ok, or the code of what keeps the database from being written (ledger_full …).", "ok"
    )
    frozen: Frozen | None = told(
        "Why sync stands still until confirm-changes; null when it does not.", None
    )
    warnings: Warnings
    unconfirmed_changes: list[UnconfirmedChange] = told(
        "Changes of destination or sources of the last seven days, by a session whose password "
        "was given more than five minutes before, or by a token: one for each account, address and "
        "token, the newest first, at most 50.",
        [],
    )


class StatusAnswer(Answer):
    data: StatusData = told("Status, history, schedule and statistics.", example_of(StatusData))
