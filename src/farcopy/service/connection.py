"""test-connection: logs in and lists the remote directory. Uploads nothing, makes nothing."""

from farcopy.core.errors import FtpNotConfigured
from farcopy.ftp.probe import ProbeResult, probe
from farcopy.service import wiring
from farcopy.store import configuration as stored

WITHIN_S = 15.0
"""The whole test, name resolution included: a page waits for it."""


def test_connection() -> ProbeResult:
    """Raises: FtpNotConfigured, KeyMismatch, or an error that names the cause."""
    row = stored.load()
    if not row.settings.is_ftp_configured:
        raise FtpNotConfigured
    result = probe(wiring.session_settings(row), WITHIN_S)
    wiring.note_let_in(row, is_tls=result.is_tls)
    return result
