"""Tries out settings without leaving a trace: log in, list the directory, say what failed.

Uploads and creates nothing. Every error it raises has a `cause_word`. Called by
the service for test-connection and by the command line.
"""

from dataclasses import dataclass

from farcopy.core.errors import FarcopyError, RemotePathMissing
from farcopy.ftp.listing import count_files
from farcopy.ftp.login import log_in
from farcopy.ftp.settings import Budget, SessionSettings
from farcopy.ftp.sockets import Guard


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """files_in_directory: regular files directly in ftp_path."""

    files_in_directory: int
    is_tls: bool


def probe(settings: SessionSettings, deadline_s: float = 15.0) -> ProbeResult:
    """Log in and list ftp_path over a data connection, within deadline_s in all.

    Raises: RunError, SessionError; TimedOut when the whole took too long.
    """
    budget = Budget(deadline_s)
    session = log_in(settings, Guard(), budget)
    try:
        folder = settings.base(session.login_directory)
        return ProbeResult(count_files(session, folder), session.is_tls)
    except FarcopyError as error:
        if error.cause_word:
            raise
        # Logged in, only commands about the path are left that one file's errors judge.
        raise RemotePathMissing(error.detail) from error
    finally:
        session.close()
