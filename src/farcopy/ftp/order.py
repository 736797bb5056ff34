"""Whether a server keeps commands waiting while a transfer is on, and answers in order.

Those that do (vsftpd, ProFTPD, Pure-FTPd) may be sent several at once. Those that
look at a command at once (pyftpdlib and others with an event loop) would drop the
transfer for the EPSV that came with it. Asked with a listing of our own folder,
which costs nobody a file. Called by remote, once a host.
"""

import socket
import time
from pathlib import PurePosixPath

from farcopy.core.errors import DataConnectionFailed, FarcopyError, OutOfStep, ReplyTimeout
from farcopy.ftp import transfer
from farcopy.ftp.data import DataConnection, TooSlow
from farcopy.ftp.replies import DATA, FOREIGN, Reply
from farcopy.ftp.session import Session
from farcopy.ftp.sockets import connect, wait_for_reading
from farcopy.ftp.together import ask_together, read_together, send_together
from farcopy.planning.remote_path import parse_temporary

HEAD_START_S = 0.05
"""The data connection comes this much after CWD: an event loop has answered by then; who
serves in turn waits for the data."""
MAX_LINES = 100_000
MAX_BYTES = 32 * 1024 * 1024
_NO_DATA = frozenset({421, 425, 426, 522})


def list_in_order(
    session: Session, folder: PurePosixPath, home: str, wait_s: float
) -> tuple[bool, list[str] | None]:
    """Make the folder, enter it, LIST it and leave it, all in one segment: does the last
    reply come after the transfer's end?

    Returns whether it could be entered (else another one was listed), and the temporary names
    if the replies were in order; None also in doubt. home: where to go then. wait_s: after the
    commands, before the data connection is made.
    Raises: SessionError, DataConnectionFailed, ListingBeyondLimits.
    """
    inside = [f"MKD {folder}", f"CWD {folder}"]
    leave = f"CWD {home}"
    try:
        port = session.take_port() or transfer.ask_for_port(session)
    except DataConnectionFailed:
        _, entered = ask_together(session, inside)
        session.ask(leave)
        return entered.is_positive, None
    replies: list[Reply] = []
    until_s = time.monotonic() + wait_s
    send_together(session, [*inside, "LIST", leave])
    # The data connection comes late on purpose: until then no transfer can end. Over a long
    # line it is late enough before the first reply is there; both go the same way.
    wait_for_reading(session.wire.connection, wait_s, session.guard)
    if time.monotonic() < until_s:
        replies = read_together(session, inside)
        left_s = max(until_s - time.monotonic(), 0.0)
        wait_for_reading(session.wire.connection, left_s, session.guard)
    try:
        sock = _connect(session, port)
        try:
            _, entered = replies or read_together(session, inside)
            begun = _code(session)
            # Refused, there are no data, and many servers leave the connection as it is.
            names = _temporaries(session, sock) if begun < 400 else []
        finally:
            session.guard.close(sock)
        codes = (begun, *(_code(session) for _ in range(2 if begun < 400 else 1)))
    except OutOfStep:
        session.host.note_lost_step()  # or the next session would try the same
        raise
    is_in_order = codes in ((150, 226, 250), (125, 226, 250))
    return entered.is_positive, names if is_in_order else None


def _connect(session: Session, port: int) -> socket.socket:
    wait_s = session.budget.cut(session.settings.deadlines.connect_s)
    try:
        return connect(session.peer_address, port, wait_s, session.guard)
    except OSError as error:
        raise transfer.port_lost(session) from error


def _temporaries(session: Session, sock: socket.socket) -> list[str]:
    deadlines = session.settings.deadlines
    try:
        with DataConnection(
            transfer.secure(session, sock), session.guard, deadlines, session.budget
        ) as data:
            # In whatever form the line is: no name of ours has a blank, and it ends with it.
            lasts = (line.rpartition(b" ")[2] for line in data.lines(MAX_LINES, MAX_BYTES))
            names = (last.decode("utf-8", "replace") for last in lasts)
            return [name for name in names if parse_temporary(name)]
    except TooSlow as error:
        session.is_usable = False
        raise ReplyTimeout("a listing that drips") from error
    except FOREIGN as error:
        session.is_usable = False
        raise DataConnectionFailed(type(error).__name__) from error
    except FarcopyError:
        session.is_usable = False
        raise


def _code(session: Session) -> int:
    """Of a reply to the listing, or to what came behind it."""
    reply = session.exchange(DATA)
    if reply.code in _NO_DATA:
        session.is_usable = False
        raise session.refusal(reply, DATA)
    return reply.code
