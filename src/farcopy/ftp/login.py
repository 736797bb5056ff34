"""From settings to a logged-in session: connect, greeting, TLS, login, binary mode.

One attempt at the password, never two: hosts ban who tries again. Called by
remote and probe; the doctor takes the steps one by one.
"""

import ssl
from collections.abc import Callable

from farcopy.core.errors import LocalName, LoginRefused, TlsFailed
from farcopy.ftp import tls
from farcopy.ftp.features import Features, parse_features
from farcopy.ftp.host import HostProfile
from farcopy.ftp.replies import FOREIGN, GREETING, Reply
from farcopy.ftp.session import Session
from farcopy.ftp.settings import Budget, SessionSettings
from farcopy.ftp.sockets import Guard, connect_first, keep_alive, resolve
from farcopy.ftp.together import ask_together
from farcopy.ftp.wire import Wire


class OtherCurvesNeeded(Exception):
    """A signal to whoever called `secure`: connect anew, with all curves."""


def log_in(
    settings: SessionSettings,
    guard: Guard,
    budget: Budget | None = None,
    host: HostProfile | None = None,
    before_login: Callable[[], None] = lambda: None,
    on_login: Callable[[], None] = lambda: None,
) -> Session:
    """A session in binary mode. Raises: RunError, SessionError, Interrupted.

    guard: lets another thread abort all of it, the session included. host: what other
    sessions learnt is not asked again, and what this one learns stands there. before_login,
    on_login: as of Remote.open.
    """
    budget = budget or Budget()
    # Who only looks in once takes no chances with a host nobody knows.
    host = host or HostProfile(answers_in_order=False)
    try:
        try:
            session = _connect(settings, guard, budget, host, is_p256_only=True)
        except OtherCurvesNeeded:
            guard.close_all()
            session = _connect(settings, guard, budget, host, is_p256_only=False)
        before_login()
        authenticate(session)
        on_login()
        settle_in(session)
    except BaseException:
        guard.close_all()
        raise
    return session


def _connect(
    settings: SessionSettings,
    guard: Guard,
    budget: Budget,
    host: HostProfile,
    *,
    is_p256_only: bool,
) -> Session:
    context = tls.make_context(settings, is_p256_only=is_p256_only)
    addresses = find(settings, budget, guard)
    session = greet(settings, context, addresses, budget, guard, host)
    if settings.tls != "off":
        secure(session, may_retry=is_p256_only)
    return session


def find(settings: SessionSettings, budget: Budget, guard: Guard) -> list[str]:
    """The addresses of the host. Raises: DnsFailed, HostRefused, Interrupted."""
    guard.check()
    wait_s = budget.cut(settings.deadlines.connect_s)
    return resolve(settings.host, settings.port, wait_s, guard)


def greet(
    settings: SessionSettings,
    context: ssl.SSLContext,
    addresses: list[str],
    budget: Budget,
    guard: Guard,
    host: HostProfile,
) -> Session:
    """Connected, and the server has said that it is one. Raises: RunError, SessionError."""
    waits = settings.deadlines
    sock = connect_first(addresses, settings.port, waits.connect_s, budget, guard)
    keep_alive(sock)
    wire = Wire(sock, context, waits.reply_s, budget)
    session = Session(settings, wire, context, guard, budget, host)
    _await_greeting(session)
    return session


def _await_greeting(session: Session) -> None:
    reply = session.exchange(GREETING)
    if reply.code == 120:  # "ready in nnn minutes" (RFC 959 §5.4): one more, no longer
        reply = session.exchange(GREETING)
    if reply.code != 220:
        raise session.refusal(reply, GREETING)


def secure(session: Session, *, may_retry: bool) -> None:
    """TLS, where the settings and the server have it. Raises: TlsFailed, SessionError.

    may_retry: raise OtherCurvesNeeded where other curves may be what is missing.
    """
    reply = session.exchange("AUTH", "AUTH TLS")
    if reply.code == 421:
        raise session.refusal(reply, "AUTH")
    if not tls.is_offered(reply, session.settings):
        return
    wire = session.wire
    if wire.has_unread:
        # Read ahead of the handshake, it would pass for a reply given under TLS.
        raise TlsFailed("bytes in clear text after AUTH")
    wait_s = session.budget.cut(wire.reply_s)
    try:
        secured = tls.handshake(
            wire.connection, session.context, session.server_name, wait_s, session.guard
        )
    except FOREIGN as error:
        if may_retry and isinstance(error, ssl.SSLError) and tls.wants_other_curve(error):
            raise OtherCurvesNeeded from error
        raise session.failure(error, "AUTH") from error
    wire.sock = secured
    tls.check_fingerprint(secured, session.settings.fingerprint)


def authenticate(session: Session) -> None:
    """Name and password, once. Raises: LoginRefused, TooManyConnections, SessionError."""
    command = "USER"
    try:
        reply = session.exchange(command, f"USER {session.settings.user}")
        if reply.code == 331:
            command = "PASS"
            reply = session.exchange(command, f"PASS {session.settings.password}")
    except LocalName as error:
        raise LoginRefused(f"a control character in {command}") from error
    if reply.is_more:  # an account (332), or yet another password
        raise LoginRefused(f"{reply.code} to {command}") from reply.as_error()
    if not reply.is_positive:
        raise session.refusal(reply, command)


def settle_in(session: Session) -> None:
    """Private data connections, features, binary mode. Raises: TlsFailed, SessionError."""
    host = session.host
    session.is_epsv_refused = (host.refuses_epsv or host.tries_pasv) and session.has_pasv
    # RFC 4217 §9: PBSZ 0, then PROT P. Data in clear text is no option.
    # FEAT may forget UTF8, and OPTS be refused: paths are sent in UTF-8 anyway.
    needed = [*(("PBSZ 0", "PROT P") if session.is_tls else ()), "OPTS UTF8 ON", "TYPE I"]
    asked = ["FEAT", "PWD"] if host.features is None else []
    if session.settings.is_passive and host.answers_in_order is not False:
        asked.append(session.passive_command)  # for the first transfer: a round trip less
    replies = dict(zip(lines := [*needed, *asked], ask_together(session, lines), strict=True))
    for line in needed:
        _judge(session, line, replies[line])
    if host.features is None:
        reply = replies["FEAT"]
        host.features = parse_features(reply.text) if reply.is_positive else Features()
        session.note_login_directory(replies["PWD"])
    session.features = host.features
    session.keep_port(replies.get(session.passive_command))


def _judge(session: Session, line: str, reply: Reply) -> None:
    # Who follows RFC 2640 needs no OPTS UTF8, and may refuse it.
    if reply.code // 10 in (20, 25) or (line.startswith("OPTS") and reply.code != 421):
        return
    if reply.code < 400:
        raise session.out_of_step(reply)
    raise session.refusal(reply, line[:4])
