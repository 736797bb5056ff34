"""Whether a server keeps commands waiting while a transfer is on, and answers in order.

Those that do (vsftpd, ProFTPD, Pure-FTPd) may be sent several at once. Those that
look at a command at once (pyftpdlib and others with an event loop) would drop the
transfer for the EPSV that came with it. Asked with a listing of our own folder,
which costs nobody a file. Called by remote, once a host.
"""

from pathlib import PurePosixPath

from farcopy.core.errors import DataConnectionFailed, FarcopyError
from farcopy.ftp import transfer
from farcopy.ftp.data import DataConnection, passive_port
from farcopy.ftp.replies import DATA, FOREIGN
from farcopy.ftp.session import Session
from farcopy.ftp.sockets import connect, wait_for_reading

HEAD_START_S = 0.1
"""The data connection comes this much after CWD: an event loop has answered by then; who
serves in turn waits for the data."""
MAX_LINES = 100_000
_NO_DATA = frozenset({421, 425, 426, 522})


def list_in_order(session: Session, home: str, wait_s: float) -> list[bytes] | None:
    """Send LIST and CWD home at once: does CWD's reply come after the transfer's end?

    If so, the lines of the listing of the working directory; None also in doubt.
    wait_s: before the data connection is made; a reply to CWD comes earlier where the round
    trip is short. Raises: SessionError, DataConnectionFailed.
    """
    port = session.take_port() or _ask_for_port(session)
    if port is None:
        session.ask(f"CWD {home}")
        return None
    session.send(["LIST", f"CWD {home}"])
    # The data connection comes late on purpose: until then no transfer can end.
    wait_for_reading(session.wire.connection, wait_s, session.guard)
    lines, codes = _listing(session, port)
    return lines if codes in ((150, 226, 250), (125, 226, 250)) else None


def answers_in_order(session: Session, folder: PurePosixPath) -> bool:
    """As `list_in_order`, for who only wants to know. False in doubt."""
    home = session.login_directory
    session.command(f"CWD {folder}")
    return list_in_order(session, home, HEAD_START_S) is not None


def _ask_for_port(session: Session) -> int | None:
    reply = session.ask(session.passive_command)
    if reply.is_refusal and session.has_pasv and not session.is_epsv_refused:
        session.is_epsv_refused = True
        reply = session.ask(session.passive_command)
    return passive_port(reply) if reply.code in (227, 229) else None


def _listing(session: Session, port: int) -> tuple[list[bytes], tuple[int, ...]]:
    peer = session.wire.connection.getpeername()[0]
    deadlines = session.settings.deadlines
    try:
        sock = connect(peer, port, session.budget.cut(deadlines.connect_s), session.guard)
    except OSError as error:
        raise transfer.port_lost(session) from error
    try:
        with DataConnection(
            transfer.secure(session, sock), session.guard, deadlines.stall_s, session.budget
        ) as data:
            lines = list(data.lines(MAX_LINES))
    except FOREIGN as error:
        session.is_usable = False
        raise DataConnectionFailed(type(error).__name__) from error
    except FarcopyError:
        session.is_usable = False
        raise
    codes: list[int] = []
    while len(codes) < 3:
        reply = session.exchange(DATA)
        if reply.code in _NO_DATA:
            session.is_usable = False
            raise session.refusal(reply, DATA)
        codes.append(reply.code)
        if len(codes) == 2 and codes[0] >= 400:
            break  # the listing was refused, and CWD answered
    return lines, tuple(codes)
