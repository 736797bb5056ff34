"""How many passwords are hashed at once, and how many callers wait for it.

Argon2 takes 100 MB and much time for each: a crowd that signs in must leave
memory, and threads, to those who only ask for the status. And one sender must
leave room to the others, and all strangers to those who are known.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from farcopy.web import refusals
from farcopy.web.refusals import Refused

AT_ONCE: Final = 2
IN_THE_ROOM: Final = 24
"""Hashing or waiting; the server has more threads (`requests.THREADS`)."""
STRANGERS: Final = 16
"""Of these, for whoever has not signed in from there lately."""
A_SHARE: Final = 6
"""Of one sender, or of one account where it is at home."""
_desks = threading.BoundedSemaphore(AT_ONCE)


class _Room:
    """Who is in it, by share; strangers counted apart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside: Counter[str] = Counter()
        self._strangers = 0

    def enter(self, share: str, *, is_stranger: bool) -> bool:
        with self._lock:
            is_full = (
                self._inside.total() >= IN_THE_ROOM
                or self._inside[share] >= A_SHARE
                or (is_stranger and self._strangers >= STRANGERS)
            )
            if is_full:
                return False
            self._inside[share] += 1
            self._strangers += is_stranger
            return True

    def leave(self, share: str, *, is_stranger: bool) -> None:
        with self._lock:
            self._inside[share] -= 1
            self._strangers -= is_stranger
            if not self._inside[share]:
                del self._inside[share]


_room = _Room()


@contextmanager
def hashing(share: str = "signed in", *, is_stranger: bool = False) -> Iterator[None]:
    """Wait for a turn. share: whose places these are; nobody has more than a quarter of them.

    Raises: Refused (429) when too many wait already.
    """
    if not _room.enter(share, is_stranger=is_stranger):
        text = "Too many sign-ins at this moment; try again"
        raise Refused(refusals.too_many("too_many_attempts", text, 1.0))
    try:
        with _desks:
            yield
    finally:
        _room.leave(share, is_stranger=is_stranger)
