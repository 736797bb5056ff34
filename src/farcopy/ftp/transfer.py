"""Transfers on a session: set up the data connection, secure it, judge its end.

A data connection that breaks says nothing of the reason: the reply on the
control connection does (452, 552, 451), so it is always read. Called by publish,
reading and listing.
"""

import socket
import ssl
from collections.abc import Iterator, Sequence

from farcopy.core.errors import (
    ConnectionLost,
    DataConnectionFailed,
    DataStalled,
    FarcopyError,
    FileError,
    Interrupted,
    PathRefused,
    RemotePathMissing,
    ReplyTimeout,
    TlsFailed,
    UploadRefused,
)
from farcopy.ftp import tls
from farcopy.ftp.data import (
    DataConnection,
    TooSlow,
    listen_beside,
    passive_port,
    port_command,
)
from farcopy.ftp.replies import DATA, FOREIGN
from farcopy.ftp.session import Session
from farcopy.ftp.sockets import accept, connect

STALL_REPLY_S = 5.0
"""For a server that let a transfer stand still: what it knows of that it has said by then."""


def after_stall_s(session: Session, error: Exception) -> float | None:
    """How long to wait for the reply to a transfer that ended so; None: as usual."""
    if not isinstance(error, TimeoutError):
        return None
    return min(STALL_REPLY_S, session.settings.deadlines.reply_s)


def stalled_or(lost: FarcopyError, error: Exception) -> FarcopyError:
    """What it means that no reply came after a data connection had failed so."""
    if isinstance(lost, ReplyTimeout) and isinstance(error, TimeoutError):
        stalled = DataStalled("no progress, no reply")
        stalled.__cause__ = error
        return stalled
    return lost


def begin(
    session: Session, line: str, *, path_error: type[FarcopyError] = PathRefused, offset: int = 0
) -> DataConnection:
    """Begin a transfer: the server said 150, and data is secured if the session is.

    offset: where in the remote file it begins (REST, RFC 3659 §5).
    Raises: DataConnectionFailed (only if this session never had one: later, one
    bad moment is a SessionError), and what a refusal of `line` means.
    """
    open_socket = _open_passive if session.settings.is_passive else _open_active
    ahead = [f"REST {offset}"] if offset else []
    try:
        sock = _secure(session, open_socket(session, [*ahead, line], path_error))
    except DataConnectionFailed as error:
        if not session.has_had_data:
            raise
        session.is_usable = False
        raise ConnectionLost("the data connection failed") from error
    session.has_had_data = True
    return DataConnection(sock, session.guard, session.settings.deadlines, session.budget)


def finish(session: Session, data: DataConnection, size_bytes: int) -> None:
    """End an upload; returns when the server confirmed it (226 or 250).

    size_bytes: of the whole file, which the server may copy or check first.
    Raises: SessionError (its outcome then is unknown), FileError, RemoteFull.
    """
    try:
        data.finish()
    except FOREIGN as error:
        meant = broken(session, data, error)
        raise meant from meant.__cause__  # the server's reply, if it said more
    # A deadline of its own: servers sync and check a long file before they answer.
    wait_s = session.settings.deadlines.final_reply_of(size_bytes)
    reply = session.exchange(DATA, wait_s=wait_s)
    data.close()
    if reply.code not in (200, 226, 250):
        raise session.refusal(reply, DATA)


def abandon(session: Session, data: DataConnection) -> None:
    """Break a transfer off. The server says something about it, which is read and dropped."""
    data.close()
    session.exchange(DATA)


def broken(
    session: Session,
    data: DataConnection,
    error: Exception,
    otherwise: type[FarcopyError] = UploadRefused,
    command: str = DATA,
) -> FarcopyError:
    """What the failure of a data connection meant; `otherwise` if the server's reply tells no more.
    """
    data.close()
    return _judge_broken(session, error, otherwise, command)


def read_listing(
    session: Session, data: DataConnection, verb: str, max_lines: int, max_bytes: int,
    *, path_error: type[FarcopyError] = RemotePathMissing,
) -> Iterator[bytes]:
    """The lines of a listing that has begun, to the end and its reply.

    Who stops before has used the session up.
    Raises: SessionError, DataConnectionFailed, ListingBeyondLimits; path_error.
    """
    is_at_end = False
    try:
        with data:
            try:
                yield from data.lines(max_lines, max_bytes)
            except TooSlow as error:
                raise ReplyTimeout("a listing that drips") from error
            except FOREIGN as error:
                is_at_end = True  # its reply was read, or the session says itself what it is
                meant = broken(session, data, error, DataConnectionFailed)
                raise meant from meant.__cause__
        is_at_end = True
    finally:
        if not is_at_end:
            session.is_usable = False
    reply = session.exchange(verb, wait_s=session.settings.deadlines.final_reply_s)
    session.last_text = reply.text
    if not reply.is_positive:
        # In the middle, 4yz is about the transfer; only instead of one about the folder.
        judged = path_error if reply.is_refusal or reply.says_no_files else DataConnectionFailed
        raise session.refusal(reply, verb, judged)


def _judge_broken(
    session: Session, error: Exception, otherwise: type[FarcopyError], command: str = DATA
) -> FarcopyError:
    """otherwise: what it means when the server's reply tells no more."""
    if session.guard.is_aborted:
        session.is_usable = False
        return Interrupted()
    try:
        reply = session.exchange(command, wait_s=after_stall_s(session, error))
    except FarcopyError as lost:
        return stalled_or(lost, error)
    said = session.refusal(reply, command) if reply.code >= 400 else None
    if said is not None and not isinstance(said, FileError):
        return said
    ours = otherwise(f"{type(error).__name__}, then {reply.code}")
    ours.__cause__ = error if said is None else said.__cause__
    return ours


def _open_passive(
    session: Session, lines: Sequence[str], path_error: type[FarcopyError]
) -> socket.socket:
    sock = connect_passive(session)
    try:
        _ask_to_begin(session, lines, path_error)
    except BaseException:
        session.guard.close(sock)
        raise
    return sock


def connect_passive(session: Session) -> socket.socket:
    """Ask for a passive port and connect to it. Raises: DataConnectionFailed, SessionError."""
    session.take_port()  # one that was asked for ahead is closed by the next question
    wait_s = session.budget.cut(session.settings.deadlines.connect_s)
    port = ask_for_port(session)
    if session.is_epsv_refused or not session.has_pasv:
        return _connect(session, port, wait_s)
    try:
        # Half the time: some firewalls know PASV only and drop this one.
        return _connect(session, port, wait_s / 2)
    except DataConnectionFailed:
        session.is_epsv_refused = True
        return _connect(session, ask_for_port(session), wait_s)


def ask_for_port(session: Session) -> int:
    """By EPSV, or by PASV where that is refused. Raises: DataConnectionFailed, SessionError."""
    if not session.is_epsv_refused:
        reply = session.ask("EPSV")
        if reply.code == 229:
            return passive_port(reply)
        if not (session.has_pasv and reply.is_refusal):
            raise session.refusal(reply, "EPSV")
        session.is_epsv_refused = True
    reply = session.ask("PASV")
    if reply.code != 227:
        raise session.refusal(reply, "PASV")
    return passive_port(reply)


def port_lost(session: Session) -> FarcopyError:
    """What it means that a port asked for ahead does not answer. This session is over:
    commands are on their way whose replies wait for the data."""
    session.is_usable = False
    if session.has_had_data:
        return ConnectionLost("the data connection failed")
    if session.has_pasv and not session.is_epsv_refused:
        session.host.tries_pasv = True  # some firewalls know PASV only
        return ConnectionLost("the port of EPSV does not answer")
    return DataConnectionFailed("the passive port does not answer")


def _connect(session: Session, port: int, wait_s: float) -> socket.socket:
    # To the control connection's peer, whatever address the reply names: a server
    # must not send us elsewhere, and behind NAT it names a wrong one anyway.
    try:
        return connect(session.peer_address, port, session.budget.cut(wait_s), session.guard)
    except OSError as error:
        raise DataConnectionFailed(type(error).__name__) from error


def _open_active(
    session: Session, lines: Sequence[str], path_error: type[FarcopyError]
) -> socket.socket:
    control = session.wire.connection
    listener = listen_beside(control, session.guard)
    try:
        command = port_command(listener)
        reply = session.ask(command)
        if not reply.is_positive:
            raise session.refusal(reply, command[:4])
        _ask_to_begin(session, lines, path_error)
        wait_s = session.budget.cut(session.settings.deadlines.connect_s)
        try:
            return accept(listener, session.peer_address, wait_s, session.guard)
        except OSError as error:
            meant = _judge_broken(session, error, DataConnectionFailed)
            raise meant from meant.__cause__
    finally:
        session.guard.close(listener)


def _ask_to_begin(
    session: Session, lines: Sequence[str], path_error: type[FarcopyError]
) -> None:
    *ahead, line = lines
    verb = line.partition(" ")[0]
    for rest in ahead:  # right before: a command between would undo it
        reply = session.ask(rest)
        if not reply.is_more:
            raise session.refusal(reply, verb, path_error)
    reply = session.ask(line)
    if reply.code == 200:  # some servers send it ahead of the 150; ftplib knows them too
        reply = session.exchange(verb)
    if not reply.is_wait:
        raise session.refusal(reply, verb, path_error)


def _secure(session: Session, sock: socket.socket) -> socket.socket:
    try:
        return secure(session, sock)
    except FOREIGN as error:
        session.guard.close(sock)
        meant = _judge_broken(session, error, DataConnectionFailed)
        raise meant from meant.__cause__


def secure(session: Session, sock: socket.socket) -> socket.socket:
    """The data connection as the session wants it: encrypted if the session is.

    Raises: TlsFailed, OSError (what it meant, the reply on the control connection tells).
    """
    if not session.is_tls:
        return sock
    wait_s = session.budget.cut(session.settings.deadlines.reply_s)
    try:
        secured = tls.handshake(
            sock, session.context, session.server_name, wait_s, session.guard,
            session.tls_to_resume,
        )
    except ssl.SSLCertVerificationError as error:
        raise TlsFailed("the data connection's certificate") from error
    if not secured.session_reused:
        session.forget_tls()
    try:
        tls.check_fingerprint(secured, session.settings.fingerprint)
    except TlsFailed:
        session.guard.close(secured)
        raise
    return secured
