"""test-connection: logs in and lists the remote directory. Uploads nothing, makes nothing."""

from dataclasses import dataclass

from farcopy.core.config import SyncSettings
from farcopy.core.errors import FtpNotConfigured, LoginRefused
from farcopy.ftp.probe import probe
from farcopy.service import wiring
from farcopy.store import configuration as stored
from farcopy.store import counters

WITHIN_S = 15.0
"""The whole test, name resolution included: a page waits for it."""
MADE_BY_A_SYNC = "a sync makes the directory if it is only not there yet; this test makes nothing"
"""Said with RemotePathMissing: see docs/decisions/0004."""


@dataclass(frozen=True, slots=True)
class Tested:
    """files_in_directory: regular files directly in ftp_path, whosever. files_held: those that
    farcopy holds below it, by its ledger."""

    ftp_path: str
    files_in_directory: int
    files_held: int
    is_tls: bool


def test_connection() -> Tested:
    """Raises: FtpNotConfigured, KeyMismatch, or an error that names the cause."""
    row = stored.load()
    if not row.settings.is_ftp_configured:
        raise FtpNotConfigured
    try:
        result = probe(wiring.session_settings(row), WITHIN_S)
    except LoginRefused:
        stored.note_login(row, is_refused=True)
        raise
    wiring.note_let_in(row, is_tls=result.is_tls)
    return Tested(
        row.settings.ftp_path, result.files_in_directory, files_held(row.settings),
        result.is_tls,
    )


def files_held(settings: SyncSettings) -> int:
    """How many files the ledger says are at this destination, their sources still there."""
    destination = stored.find_destination(settings)
    return 0 if destination is None else counters.held_files(destination.pk)
