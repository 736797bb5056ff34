"""Renames and removes on the server: waits for who holds a file, and makes do without deleting.

Only ever called for names of ours: temporaries, and finals of the ledger. Called by publish,
storing, continuing, remote and doctor.
"""

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TypeVar

from farcopy.core.errors import FarcopyError, PathRefused, UploadRefused
from farcopy.ftp.replies import parse_reply
from farcopy.ftp.session import Session
from farcopy.ftp.sizing import size_of
from farcopy.ftp.sockets import wait_for_reading

FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 4.0
IN_VAIN_S = 1.0
T = TypeVar("T")


def patiently(session: Session, ask: Callable[[], T]) -> T:
    """Ask again and again while somebody on the server holds the file, a virus scanner mostly.

    Where one was waited for in vain the next are not waited for as long: some servers say the
    same of a folder that may not be written to.
    Raises: as `ask` does, when it is held longer than deadlines.locked_s or refused for good.
    """
    left_s, wait_s = session.settings.deadlines.locked_s, FIRST_WAIT_S
    if session.host.lets_go is False:
        left_s = min(left_s, IN_VAIN_S)
    has_waited = False
    while True:
        try:
            answer = ask()
        except (PathRefused, UploadRefused) as error:
            if not _is_held(error):
                raise
            if left_s <= 0:
                session.host.lets_go = False
                raise
        else:
            if has_waited:
                session.host.lets_go = True
            return answer
        has_waited = True
        # Whatever comes meanwhile, a goodbye mostly, the next question reads.
        wait_for_reading(session.wire.connection, min(wait_s, left_s), session.guard)
        left_s -= wait_s
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)


def _is_held(error: FarcopyError) -> bool:
    return error.__cause__ is not None and parse_reply(str(error.__cause__)).says_held


def remove(session: Session, path: PurePosixPath) -> None:
    """DELE; one that is not there is fine. Raises: PathRefused, UploadRefused, SessionError."""
    reply = session.ask(f"DELE {path}")
    if not reply.is_positive and size_of(session, path) is not None:
        raise session.refusal(reply, "DELE")


def tidy_away(session: Session, path: PurePosixPath) -> bool:
    """Remove what only lies about. False: it stays, in our folder, and does no harm there.

    An account that may not delete is good practice against ransomware, and must do.
    """
    if session.host.refuses_deleting:
        return size_of(session, path) is None
    try:
        remove(session, path)
    except (PathRefused, UploadRefused) as error:
        if not _is_held(error):
            session.host.note_deleting_refused()
        return False
    return True


def rename(session: Session, old: PurePosixPath, new: PurePosixPath) -> None:
    def ask() -> None:
        session.command(f"RNFR {old}")
        session.command(f"RNTO {new}")

    patiently(session, ask)
