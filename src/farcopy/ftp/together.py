"""Several commands in one segment: one round trip for all of them.

Only for commands that need no data connection. Hardly a server minds, but some read
one command and drop the rest: a host nobody knows gets less time to answer, and then
one command at a time. Called by login, order and remote.
"""

import contextlib
from collections.abc import Iterator, Sequence

from farcopy.core.errors import ConnectionLost, OutOfStep, ReplyTimeout
from farcopy.ftp.host import HostProfile
from farcopy.ftp.replies import Reply
from farcopy.ftp.session import Session

UNKNOWN_HOST_S = 5.0
"""For a reply of a host that was never sent several at once; beyond, it is asked singly."""


def ask_together(session: Session, lines: Sequence[str]) -> list[Reply]:
    """A reply to each, whatever it says but goodbye; singly of a host that minds.

    Raises: as Session.ask.
    """
    if session.host.answers_in_order is False:
        return [session.ask(line) for line in lines]
    send_together(session, lines)
    return read_together(session, lines)


def send_together(session: Session, lines: Sequence[str]) -> None:
    """To a host that does not mind, as far as we know. Raises: as Session.send."""
    with _learning(session.host):
        session.send(lines)


def read_together(session: Session, lines: Sequence[str]) -> list[Reply]:
    """The replies to what was sent so, or to the first of it. Raises: as Session.read."""
    is_known = session.host.answers_in_order is True
    wait_s = None if is_known else min(UNKNOWN_HOST_S, session.settings.deadlines.reply_s)
    with _learning(session.host):
        return [session.read(line.partition(" ")[0], wait_s=wait_s) for line in lines]


@contextlib.contextmanager
def _learning(host: HostProfile) -> Iterator[None]:
    try:
        yield
    except OutOfStep:
        host.note_lost_step()
        raise
    except ReplyTimeout:
        host.note_silence()
        raise
    except ConnectionLost:
        if host.answers_in_order is not True:
            host.note_silence()
        raise
