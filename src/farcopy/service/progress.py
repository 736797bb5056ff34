"""What is seen of a run while it is on: its phase, its bytes on the line, its rate.

The RunLog port. Bytes are counted in memory and written once a second by a
thread of its own, which also learns whether somebody asked to cancel or changed
the bandwidth limit.
"""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from django.db import connection
from django.utils import timezone

from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.engine.throttle import Throttle
from farcopy.service import waiting
from farcopy.service.stop import StopSignal
from farcopy.store import configuration, counters, history
from farcopy.store.patience import Patience

WRITE_S = 1.0
RATE_OVER_S = 10.0
SAMPLE_S = 300.0
"""A run may last for days; the curve of what waits is to have a shape by then."""
FOLD_S = 15.0
"""Some ten thousand changes of counters at most wait to be added up."""
_log = logging.getLogger("farcopy.sync")


class RunProgress:
    """Use as a context manager: the writing thread lives inside.

    stop: requested, at once, when the run's row asks for a cancel. patience: of the
    run's own writes; those for the eye are left out while the database is away.
    throttle: set to what the configuration says, about once a second.
    destination_id: of which the backlog is noted every five minutes.
    """

    def __init__(
        self, run_id: int, stop: StopSignal, patience: Patience, throttle: Throttle,
        destination_id: int,
    ) -> None:
        self._run_id = run_id
        self._destination_id = destination_id
        self._stop = stop
        self._patience = patience
        self._throttle = throttle
        self._count_connections: Callable[[], int] = lambda: 0
        self._is_late = False
        self._lock = threading.Lock()
        self._bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(
            target=self._write_on, name="farcopy-progress", daemon=True
        )

    # --- RunLog ---

    def phase(self, name: str) -> None:
        self._patience.persist(lambda: history.note_phase(self._run_id, name))

    def passed_over(self, unchanged_files: int, skipped_files: int) -> None:
        # Counted twice if PostgreSQL ends between commit and reply: for the eye only.
        self._patience.persist(
            lambda: history.note_passed_over(self._run_id, unchanged_files, skipped_files)
        )

    def excluded(self, files: int) -> None:
        self._patience.persist(lambda: history.note_excluded(self._run_id, files))

    def problem(self, root: str, path: str, code: str) -> None:
        _log.warning("source.problem", extra={"run": self._run_id, "root": root, "code": code})
        # At least once: told twice is better than not told.
        self._patience.persist(lambda: history.note_problem(self._run_id, root, path, code))

    def growing(self, files: int) -> None:
        self._patience.persist(lambda: history.note_growing(self._run_id, files))

    def total_is_known(self) -> None:
        self._patience.persist(lambda: history.note_total_known(self._run_id))

    def sent_bytes(self, count: int) -> None:
        with self._lock:
            self._bytes += count

    def watch_connections(self, count: Callable[[], int]) -> None:
        """count: asked once a second how many sessions are open."""
        self._count_connections = count

    # --- the thread ---

    def __enter__(self) -> "RunProgress":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _write_on(self) -> None:
        marks: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        sample_due_s = time.monotonic() + SAMPLE_S
        fold_due_s = time.monotonic() + FOLD_S
        try:
            while not self._ended.wait(WRITE_S):
                with self._lock:
                    sent = self._bytes
                marks.append((time.monotonic(), sent))
                while len(marks) > 2 and marks[0][0] < marks[-1][0] - RATE_OVER_S:
                    marks.popleft()
                rate = (sent - marks[0][1]) / max(marks[-1][0] - marks[0][0], 0.001)
                self._write(sent, rate)
                if time.monotonic() >= sample_due_s:
                    sample_due_s += SAMPLE_S
                    self._sample()
                if time.monotonic() >= fold_due_s:
                    fold_due_s += FOLD_S
                    with contextlib.suppress(LedgerTrouble):  # the next time does it
                        counters.fold()
        finally:
            connection.close()

    def _write(self, sent: int, rate: float) -> None:
        try:
            if history.note_progress(self._run_id, sent, rate, self._count_connections()):
                self._stop.request(grace_s=0.0)
            self._throttle.set_limit(configuration.limit_bytes_per_s())
            self._is_late = False
        except LedgerTrouble as error:
            # Only the display is late; the ledger's own writes tell of real trouble.
            if not self._is_late:
                _log.warning("progress.unwritten", extra={"run": self._run_id, "code": error.code})
            self._is_late = True
            connection.close()

    def _sample(self) -> None:
        with contextlib.suppress(LedgerTrouble):  # a point of a curve
            waiting.note_ledger(self._destination_id, 0, timezone.now(), is_whole=False)
