"""One session for reading, opened anew when it is lost. Used by verify, fetch and rebuild."""

import random
from collections.abc import Callable, Iterator
from typing import TypeVar

from farcopy.core.errors import (
    ConnectFailed,
    FarcopyError,
    Interrupted,
    ReplyTimeout,
    RunError,
    SessionError,
    TimedOut,
    TooManyConnections,
)
from farcopy.core.ports import Remote, Stop
from farcopy.planning.retry import decide_retry

T = TypeVar("T")


class ReadingSession:
    """Does pieces of work over one remote. A stop ends it between two blocks or waits.

    retry_scale: factor on the waits between attempts. on_open: told when the server has let
    us in.
    """

    def __init__(
        self, remote: Remote, stop: Stop, retry_scale: float = 1.0,
        on_open: Callable[[], None] = lambda: None,
    ) -> None:
        self._remote = remote
        self._on_open = on_open
        self._stop = stop
        self._retry_scale = retry_scale
        self._is_open = False

    def do(self, work: Callable[[Remote], T]) -> T:
        """The work's answer; begun again, from its beginning, when the session is lost.

        Raises: what the work raises of one file; RunError when no session can be had or
        kept; Interrupted.
        """
        tries = 0
        while True:
            self.check()
            try:
                if not self._is_open:
                    self._remote.open()
                    self._is_open = True
                    self._on_open()
                return work(self._remote)
            except (SessionError, RunError) as error:
                self._is_open = False
                tries += 1
                decision = decide_retry(error, tries, tries, random.random())  # noqa: S311
                if not error.is_retryable or not decision.again:
                    raise as_run_error(error) from error
                if self._stop.wait(decision.wait_s * self._retry_scale):
                    raise Interrupted from error

    def check(self) -> None:
        """Raises: Interrupted when a stop was asked for."""
        if self._stop.is_set():
            raise Interrupted

    def checked(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """The blocks, with a check before each."""
        for block in blocks:
            self.check()
            yield block

    def close(self) -> None:
        self._remote.close()
        self._is_open = False


def as_run_error(error: FarcopyError) -> FarcopyError:
    """No session, no work."""
    if isinstance(error, ReplyTimeout):
        return TimedOut()
    if isinstance(error, SessionError) and not isinstance(error, TooManyConnections):
        return ConnectFailed()
    return error
