"""Several commands in one segment: one round trip for all of them.

Only for commands that need no data connection. Hardly a server minds, but some read
one command and drop the rest: a host nobody knows gets less time to answer, and then
one command at a time. Called by login and remote.
"""

from collections.abc import Sequence

from farcopy.core.errors import ConnectionLost, OutOfStep, ReplyTimeout
from farcopy.ftp.replies import Reply
from farcopy.ftp.session import Session

UNKNOWN_HOST_S = 5.0
"""For a reply of a host that was never sent several at once; beyond, it is asked singly."""


def ask_together(
    session: Session, lines: Sequence[str], behind: Sequence[str] = ()
) -> list[Reply]:
    """A reply to each, whatever it says but goodbye. Raises: as Session.ask.

    behind: sent with them, or after their replies to a host that minds; the replies to
    these are for the caller to read.
    """
    host = session.host
    if host.answers_in_order is False:
        replies = [session.ask(line) for line in lines]
        if behind:
            session.send(behind)
        return replies
    is_known = host.answers_in_order is True
    try:
        session.send([*lines, *behind])
        wait_s = None if is_known else min(UNKNOWN_HOST_S, session.settings.deadlines.reply_s)
        return [session.read(line.partition(" ")[0], wait_s=wait_s) for line in lines]
    except OutOfStep:
        host.note_lost_step()
        raise
    except ReplyTimeout:
        host.note_silence()
        raise
    except ConnectionLost:
        if not is_known:
            host.note_silence()
        raise
