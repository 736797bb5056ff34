"""How often a user may do a thing: so many within a window. In memory, for one process."""

import threading
import time
from collections import deque
from collections.abc import Callable


class RateLimit:
    """At most `calls` within any `window_s` seconds, for each key (a user's id)."""

    def __init__(
        self, calls: int, window_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._calls = calls
        self._window_s = window_s
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: dict[int, deque[float]] = {}

    def take(self, key: int) -> float:
        """0 and the call counts, or the seconds to wait and it does not."""
        with self._lock:
            now = self._clock()
            taken = self._taken.setdefault(key, deque())
            while taken and taken[0] <= now - self._window_s:
                taken.popleft()
            if len(taken) >= self._calls:
                return taken[0] + self._window_s - now
            taken.append(now)
            return 0.0


CONNECTION_TESTS = RateLimit(calls=6, window_s=60.0)
"""Of test-connection and doctor together. Hosts ban a client after a handful of bad logins;
and it must not serve as a port scanner."""
