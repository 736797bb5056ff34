"""What the threads of one run share: whether to go on, its pace, the first session's precedence.
"""

import threading
import time
from collections.abc import Callable

from farcopy.core.errors import FarcopyError
from farcopy.core.ports import Remote, Stop
from farcopy.planning.batches import worthwhile
from farcopy.planning.tuning import Seen

REFUSALS_IN_A_ROW = 36
"""A few dozen: as many round trips, not as many as there are files."""


class RunControl:
    """Ends a run from inside (an error that no file can get past) or outside (a stop)."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._lock = threading.Lock()
        self._failure: FarcopyError | None = None
        self._is_untidy = False
        self._changed_files = 0
        self._refusals = self._stored_files = 0

    def fail(self, error: FarcopyError) -> None:
        """Only the first counts: those after it are mostly its consequences."""
        with self._lock:
            if self._failure is None:
                self._failure = error

    @property
    def failure(self) -> FarcopyError | None:
        return self._failure

    def note_untidy(self) -> None:
        """Something may be left on the remote: the next run looks there, whatever is due."""
        self._is_untidy = True

    @property
    def is_untidy(self) -> bool:
        return self._is_untidy

    def note_stored(self) -> None:
        """The server takes files."""
        with self._lock:
            self._refusals = 0
            self._stored_files += 1

    @property
    def stored_files(self) -> int:
        return self._stored_files

    def note_refusal(self) -> bool:
        """The server would not have a file whose name is as plain as can be. Whether that is so
        of file after file, and it is the account and not the files."""
        with self._lock:
            self._refusals += 1
            return self._refusals >= REFUSALS_IN_A_ROW

    def note_changed(self) -> None:
        """A file changed while it was sent."""
        with self._lock:
            self._changed_files += 1

    @property
    def changed_files(self) -> int:
        return self._changed_files

    @property
    def is_stopped(self) -> bool:
        """Somebody asked it to end: then it hurries."""
        return self._stop.is_set()

    def should_end(self) -> bool:
        return self._failure is not None or self._stop.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Back-off that a stop cuts short. Returns should_end()."""
        self._stop.wait(timeout_s)
        return self.should_end()


class Pace:
    """Counts what all connections together have done, for the tuning of their number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = self._files = self._timeouts = 0
        self._first_at_s = 0.0

    def note_bytes(self, count: int) -> None:
        with self._lock:
            self._bytes += count

    def note_file(self) -> None:
        with self._lock:
            self._files += 1
            self._first_at_s = self._first_at_s or time.monotonic()

    def worthwhile(self) -> int:
        """How many files a batch is to have at least, at this pace."""
        with self._lock:
            return worthwhile(self._files, time.monotonic() - self._first_at_s)

    def note_timeout(self) -> None:
        with self._lock:
            self._timeouts += 1

    @property
    def has_files(self) -> bool:
        return self._files > 0

    def seen(self, sessions: int) -> Seen:
        with self._lock:
            return Seen(sessions, self._bytes, self._files, self._timeouts)


class _FirstFailed(Exception):  # no error of this session: nothing to be tried again
    def __init__(self, error: FarcopyError) -> None:
        super().__init__(error.code)
        self.error = error


class SessionGate:
    """Lets the first session of a run log in alone.

    A wrong password is then tried once, not once a connection: hosts ban after
    a handful. Once the server has answered it, the others connect too; once it is let
    in, they log in, while it prepares our folders. They wait for that, and share its
    fate when it fails.
    """

    def __init__(self, prepare: Callable[[Remote], None]) -> None:
        self._prepare = prepare
        self._changed = threading.Condition()
        self._has_first = False
        self._is_connected = False
        self._is_in = False
        self._is_prepared = False
        self._failure: FarcopyError | None = None
        self._count = 0

    @property
    def open_sessions(self) -> int:
        return self._count

    def open(self, remote: Remote, persist: Callable[[Callable[[], None]], None]) -> None:
        """Open a session. persist: carries out what it is given, with retries.

        Raises: what persist raises in the end, of Remote.open and Remote.prepare.
        """
        with self._changed:
            is_first, self._has_first = not self._has_first, True
        if is_first:
            self._open_first(remote, persist)
            return
        try:
            self._wait_until(lambda: self._is_connected)
            persist(lambda: remote.open(lambda: self._wait_until(lambda: self._is_in)))
            with self._changed:
                self._count += 1  # the tuning asks for more while these wait
            try:
                self._wait_until(lambda: self._is_prepared)
            except BaseException:
                self.left()
                raise
        except _FirstFailed as shared:
            raise shared.error from None

    def _open_first(
        self, remote: Remote, persist: Callable[[Callable[[], None]], None]
    ) -> None:
        def log_in_and_prepare() -> None:
            try:
                remote.open(self._let_others_connect, self._let_others_in)
                self._prepare(remote)
            except BaseException:
                self._uncount_first()
                raise

        try:
            persist(log_in_and_prepare)
        except BaseException as error:
            with self._changed:
                self._failure = error if isinstance(error, FarcopyError) else FarcopyError()
                self._changed.notify_all()
            raise
        with self._changed:
            self._is_prepared = True
            self._changed.notify_all()

    def _let_others_connect(self) -> None:
        with self._changed:
            if not self._is_connected:  # counted from now: one too many of the others gives way
                self._is_connected = True
                self._count += 1
            self._changed.notify_all()

    def _uncount_first(self) -> None:
        """It was counted and is not in: whoever relies on it would wait for nobody."""
        with self._changed:
            if self._is_connected:
                self._is_connected = self._is_in = False
                self._count -= 1

    def _let_others_in(self) -> None:
        with self._changed:
            self._is_in = True
            self._changed.notify_all()

    def _wait_until(self, is_so: Callable[[], bool]) -> None:
        """Raises: _FirstFailed."""
        with self._changed:
            self._changed.wait_for(lambda: is_so() or self._failure is not None)
            if self._failure is not None:
                raise _FirstFailed(self._failure)

    def left(self) -> None:
        """A session was lost, or is needed no longer."""
        with self._changed:
            self._count -= 1
