"""The bandwidth limit: all connections together read no faster than it allows.

`Bucket` decides, with the time handed in; `Throttle` waits, in the sender's own
thread and between two socket calls, so that no deadline runs meanwhile. The limit
may change at any time. Called by transfer, through the reader of each file.
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from farcopy.core.errors import Interrupted
from farcopy.core.model import SourceReader

BURST_S = 0.25
"""What was not used is saved up for so long and no longer."""
PIECES_A_SECOND = 8
SMALLEST_PIECE_BYTES = 4 * 1024
"""A connection waits for the pieces of all others. Small pieces keep each of them moving:
servers end data connections that are silent for minutes."""
LOOK_S = 0.25
"""How soon a waiting thread sees that the run is over."""


class Bucket:
    """Counts bytes in the order they are drawn; each is through when the rate has come so far.

    bytes_per_s: 0 is no limit.
    """

    def __init__(self, bytes_per_s: int, now_s: float) -> None:
        self.bytes_per_s = bytes_per_s
        self._now_s = now_s
        self._drawn = 0
        self._allowed = bytes_per_s * BURST_S

    def set_rate(self, bytes_per_s: int, now_s: float) -> None:
        """What waits now goes on at the new rate."""
        self._pass_to(now_s)
        self.bytes_per_s = bytes_per_s

    def draw(self, count: int, now_s: float) -> int:
        """Take a place in the line, for so many bytes; `wait_s` tells when they are through."""
        self._pass_to(now_s)
        self._drawn += count
        return self._drawn

    def wait_s(self, place: int, now_s: float) -> float:
        """How long it still takes as things are; 0: through."""
        if not self.bytes_per_s:
            return 0.0
        self._pass_to(now_s)
        return max(place - self._allowed, 0.0) / self.bytes_per_s

    def _pass_to(self, now_s: float) -> None:
        passed_s, self._now_s = max(now_s - self._now_s, 0.0), now_s
        if self.bytes_per_s:
            most = self._drawn + self.bytes_per_s * BURST_S
            self._allowed = min(self._allowed + passed_s * self.bytes_per_s, most)
        else:
            self._allowed = self._drawn


class Throttle:
    """One for a run. is_over: whether not even the file in hand goes on; asked by all threads."""

    def __init__(
        self,
        monotonic_s: Callable[[], float],
        is_over: Callable[[], bool] = lambda: False,
        bytes_per_s: int = 0,
    ) -> None:
        self._monotonic_s = monotonic_s
        self._is_over = is_over
        self._changed = threading.Condition()
        self._bucket = Bucket(bytes_per_s, monotonic_s())

    def set_limit(self, bytes_per_s: int) -> None:
        """0 lifts it. Threads that wait go on at once at the new rate."""
        with self._changed:
            if bytes_per_s != self._bucket.bytes_per_s:
                self._bucket.set_rate(bytes_per_s, self._monotonic_s())
                self._changed.notify_all()

    def piece_bytes(self, at_most: int) -> int:
        """How much to send between two waits."""
        rate = self._bucket.bytes_per_s
        if not rate:
            return at_most
        return min(at_most, max(rate // PIECES_A_SECOND, SMALLEST_PIECE_BYTES))

    def wait(self, count: int) -> None:
        """Until so many bytes more may be sent. Raises: Interrupted when it is over."""
        if not self._bucket.bytes_per_s:
            return
        with self._changed:
            place = self._bucket.draw(count, self._monotonic_s())
            while (left_s := self._bucket.wait_s(place, self._monotonic_s())) > 0:
                if self._is_over():
                    raise Interrupted  # not the rest at full speed: that is no end of it
                self._changed.wait(min(left_s, LOOK_S))


class ThrottledReader:
    """A SourceReader that gives its bytes only when they may be sent."""

    def __init__(self, reader: SourceReader, throttle: Throttle) -> None:
        self._reader = reader
        self._throttle = throttle

    def read(self, size_bytes: int, /) -> bytes:
        block = self._reader.read(self._throttle.piece_bytes(size_bytes))
        if block:
            self._throttle.wait(len(block))
        return block

    def skip(self, size_bytes: int, /) -> int:
        return self._reader.skip(size_bytes)

    def check_unchanged(self) -> None:
        self._reader.check_unchanged()

    def also_sha256(self) -> None:
        self._reader.also_sha256()

    @property
    def md5(self) -> str:
        return self._reader.md5

    @property
    def sha256(self) -> str:
        return self._reader.sha256

    def __enter__(self) -> Self:
        self._reader.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reader.__exit__(kind, error, trace)
