"""The Stop port: asked softly it lets the file in hand finish, and turns hard after a grace."""

import threading
import time

GRACE_S = 20.0
"""SIGTERM finishes the file in hand, 20 s at most; service managers kill after 30 or more."""


class StopSignal:
    """Set from any thread or signal handler; asked again, the shorter grace counts.

    parent: a stop of it is a stop of ours. by: who asked, in words for a person.
    """

    def __init__(self, parent: "StopSignal | None" = None) -> None:
        self._parent = parent
        self._event = threading.Event()
        self._hard_at_s = 0.0
        self.by = ""

    def request(self, grace_s: float = GRACE_S) -> None:
        """grace_s: seconds the file in hand may take to finish."""
        hard_at_s = time.monotonic() + grace_s
        self._hard_at_s = min(self._hard_at_s, hard_at_s) if self._event.is_set() else hard_at_s
        self._event.set()

    def hasten(self) -> None:
        """What a signal does: the first asks softly, one more does not wait any longer."""
        self.request(0.0 if self._event.is_set() else GRACE_S)

    def is_set(self) -> bool:
        return self._event.is_set() or (self._parent is not None and self._parent.is_set())

    def is_own(self) -> bool:
        """Whether this very signal was given, not only its parent."""
        return self._event.is_set()

    def is_hard(self) -> bool:
        if self._event.is_set() and time.monotonic() >= self._hard_at_s:
            return True
        return self._parent is not None and self._parent.is_hard()

    def wait(self, timeout_s: float) -> bool:
        """Sleeps in short steps when there is a parent, whose event is another one."""
        deadline_s = time.monotonic() + timeout_s
        while not self.is_set():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            self._event.wait(left_s if self._parent is None else min(left_s, 0.1))
        return True
