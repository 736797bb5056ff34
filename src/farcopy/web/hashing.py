"""How many passwords are hashed at once, and how many callers wait for it.

Argon2 takes 100 MB and much time for each: a crowd that signs in must leave
memory, and threads, to those who only ask for the status.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from farcopy.web import refusals
from farcopy.web.refusals import Refused

AT_ONCE: Final = 2
IN_THE_ROOM: Final = 24
"""Hashing or waiting; the server has more threads (`server.THREADS`)."""
_room = threading.BoundedSemaphore(IN_THE_ROOM)
_desks = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def hashing() -> Iterator[None]:
    """Wait for a turn. Raises: Refused (429) when too many wait already."""
    if not _room.acquire(blocking=False):
        text = "Too many sign-ins at this moment; try again"
        raise Refused(refusals.too_many("too_many_attempts", text, 1.0))
    try:
        with _desks:
            yield
    finally:
        _room.release()
