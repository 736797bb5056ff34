"""How a run is told: its status, its messages, its list of errors. Pure."""

from typing import Final

from farcopy.core.model import Reason, RunCounts
from farcopy.core.states import RunEnd, RunState

MAX_ERRORS = 100
"""Lines of `errors`; one more says how many were left out."""


def run_state(
    end: RunEnd, counts: RunCounts, *, problems: int, has_run_error: bool, missing_roots: int = 0
) -> RunState:
    """success, partial (some stored, some not) or failed (nothing stored of what was due).

    problems: unreadable files and directories, missing roots; without these, they alone make
    no run fail: everything that could be read is off-site. A crash is always `failed`: nobody
    saw what it left undone.
    """
    if end is RunEnd.CRASHED:
        return RunState.FAILED
    is_cut = end in (RunEnd.CANCELLED, RunEnd.STOPPED)
    if not (is_cut or has_run_error or problems or counts.files_failed):
        return RunState.SUCCESS
    is_only_unreadable = not (is_cut or has_run_error or missing_roots or counts.files_failed)
    is_partial = counts.files_synced or is_only_unreadable
    return RunState.PARTIAL if is_partial else RunState.FAILED


def shorten(errors: list[str], total: int) -> tuple[str, ...]:
    """At most 100 lines, then one line with how many more."""
    lines = errors[:MAX_ERRORS]
    if total > len(lines):
        lines = [*lines, f"… and {total - len(lines)} more"]
    return tuple(lines)


SKIP_WORDS: Final[dict[str, str]] = {
    Reason.SYMLINK.value: "a symbolic link; links are not followed",
    Reason.EXCLUDED.value: "left out by a pattern of the setting exclude",
    Reason.SOCKET.value: "a socket, not a file",
    Reason.FIFO.value: "a named pipe, not a file",
    Reason.DEVICE.value: "a device, not a file",
    Reason.SPECIAL.value: "no regular file",
    Reason.SYSTEM.value: "a directory of the system: a wastebasket, an index or thumbnails",
    Reason.OWN.value: "farcopy's own: its home, or a file with a key or password of its",
    Reason.NAME.value: "the name is too long or cannot be expressed on the remote",
}
"""Why an entry is never sent, for people: by the Reason's value."""


def skipped_warning(entries: int, why: str, example: str) -> str:
    """Of entries that are never sent, by rule: how many, why, and one of them."""
    subject = "1 entry is" if entries == 1 else f"{entries:,} entries are"
    return f"{subject} never sent ({why}), as {example}"


def growing_warning(files: int) -> str:
    """What to say of files that were no failure, but did not go either."""
    subject = "1 file was" if files == 1 else f"{files} files were"
    return f"{subject} still being written to; the next sync looks again"


def run_message(
    end: RunEnd, counts: RunCounts, problems: int, run_error: str | None
) -> str | None:
    """The one sentence of the history; None when all went well."""
    parts = []
    if end is RunEnd.CANCELLED:
        parts.append("The run was cancelled")
    elif end is RunEnd.STOPPED:
        parts.append("The run was stopped because the service was stopped")
    if run_error:
        parts.append(run_error)
    if counts.files_failed:
        # Of how many is known only to a run that came to its end.
        of = "" if run_error or end is not RunEnd.FINISHED else f" of {counts.files_due}"
        files = "file" if counts.files_failed == 1 and not of else "files"
        parts.append(f"{counts.files_failed}{of} {files} could not be sent")
    if problems:
        what = "file, directory or root" if problems == 1 else "files, directories or roots"
        parts.append(f"{problems} {what} could not be read")
    return "; ".join(parts) or None
