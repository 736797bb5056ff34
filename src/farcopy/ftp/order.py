"""Whether a server keeps commands waiting while a transfer is on, and answers in order.

Those that do (vsftpd, ProFTPD, Pure-FTPd) may be sent several at once. Those that
look at a command at once (pyftpdlib and others with an event loop) would drop the
transfer for the EPSV that came with it. Asked with a listing of our own folder,
which costs nobody a file. Called by remote, once a host.
"""

import time
from pathlib import PurePosixPath

from farcopy.core.errors import DataConnectionFailed, FarcopyError
from farcopy.ftp import transfer
from farcopy.ftp.data import DataConnection, passive_port
from farcopy.ftp.replies import DATA, FOREIGN
from farcopy.ftp.session import Session
from farcopy.ftp.sockets import connect, wait_for_reading

HEAD_START_S = 0.1
"""An event loop answers within a round trip; one that serves in turn waits for the data."""
MAX_LINES = 100_000
_NO_DATA = frozenset({421, 425, 426, 522})


def answers_in_order(session: Session, folder: PurePosixPath) -> bool:
    """Send LIST and NOOP at once: does NOOP's reply come after the transfer's end?

    False in doubt. Raises: SessionError, DataConnectionFailed.
    """
    home = session.login_directory
    if not session.ask(f"CWD {folder}").is_positive:
        return False
    began_s = time.monotonic()
    reply = session.ask("PASV" if session.is_epsv_refused else "EPSV")
    round_trip_s = time.monotonic() - began_s
    is_in_order = False
    if reply.code in (227, 229):
        session.send(["LIST", "NOOP"])
        # The data connection comes late on purpose: until then no transfer can end.
        wait_for_reading(session.wire.connection, HEAD_START_S + 2 * round_trip_s, session.guard)
        is_in_order = _codes(session, passive_port(reply)) in ((150, 226, 200), (125, 226, 200))
    session.ask(f"CWD {home}")
    return is_in_order


def _codes(session: Session, port: int) -> tuple[int, ...]:
    peer = session.wire.connection.getpeername()[0]
    deadlines = session.settings.deadlines
    try:
        sock = connect(peer, port, session.budget.cut(deadlines.connect_s), session.guard)
        with DataConnection(
            transfer.secure(session, sock), session.guard, deadlines.stall_s, session.budget
        ) as data:
            for _ in data.lines(MAX_LINES):
                pass
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
            break  # the listing was refused, and NOOP answered
    return tuple(codes)
