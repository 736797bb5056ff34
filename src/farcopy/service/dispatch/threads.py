"""The Dispatcher port with threads of this process: one worker, one session, one thread.

Threads start as batches come, so a short run opens one connection only, and at most
as many as the tuning wants at that moment. One too many ends after its batch.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from farcopy.core.errors import TooManyConnections
from farcopy.core.ports import Stop, Worker
from farcopy.planning.tuning import ConnectionTuning, Seen

WAITING_A_WORKER = 2
POLL_S = 0.2
MOST_OPEN = 2
"""A worker takes the next batch when of those before one file is in hand."""


class ThreadDispatcher:
    """As many workers as `tuning` wants; aborts them when `stop` turns hard.

    seen: what the run has done so far, for the tuning. on_crash: told of an exception a
    worker should not have raised; all work is then aborted.
    """

    def __init__(
        self,
        tuning: ConnectionTuning,
        seen: Callable[[], Seen],
        stop: Stop,
        on_crash: Callable[[BaseException], None],
    ) -> None:
        self._tuning = tuning
        self._seen = seen
        self._stop = stop
        self._on_crash = on_crash
        self._changed = threading.Condition()
        self._batches: deque[int] = deque()
        self._busy = 0
        self._is_draining = False
        self._is_ending = False
        self._is_aborted = False
        self._workers: list[Worker] = []
        self._threads: list[threading.Thread] = []
        self._living: set[threading.Thread] = set()
        self._make_worker: Callable[[], Worker] | None = None

    def start(self, make_worker: Callable[[], Worker]) -> None:
        self._make_worker = make_worker

    def submit(self, batch_id: int) -> None:
        with self._changed:
            most = self._tuning.at_most * WAITING_A_WORKER
            while len(self._batches) >= most and not self._is_aborted:
                self._wait()
            if self._is_aborted:
                return
            self._batches.append(batch_id)
            self._adjust()
            self._changed.notify_all()

    def is_hungry(self) -> bool:
        with self._changed:
            return len(self._batches) < self._tuning.wanted

    def drain(self) -> None:
        with self._changed:
            self._is_draining = True
            self._changed.notify_all()
            while self._batches or self._busy:
                self._wait()

    def abort(self) -> None:
        with self._changed:
            self._batches.clear()
            self._is_aborted = True
            workers = list(self._workers)
            self._changed.notify_all()
        for worker in workers:
            worker.abort()

    def stop(self) -> None:
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()
        for thread in list(self._threads):
            while thread.is_alive():
                thread.join(POLL_S)
                self._abort_if_hard()

    def _wait(self) -> None:
        """Wait for a change, and act on a stop that turned hard meanwhile."""
        self._changed.wait(POLL_S)
        self._adjust()
        if self._stop.is_hard() and not self._is_aborted:
            with self._unlocked():
                self.abort()

    @contextlib.contextmanager
    def _unlocked(self) -> Iterator[None]:
        self._changed.release()
        try:
            yield
        finally:
            self._changed.acquire()

    def _abort_if_hard(self) -> None:
        if self._stop.is_hard() and not self._is_aborted:
            self.abort()

    def _adjust(self) -> None:
        """Ask the tuning, and start the threads that now have a batch to take."""
        self._tuning.look(time.monotonic(), self._seen())
        waiting = len(self._batches) - (len(self._living) - self._busy)
        while waiting > 0 and len(self._living) < self._tuning.wanted and not self._is_ending:
            self._add_thread()
            waiting -= 1

    def _add_thread(self) -> None:
        thread = threading.Thread(
            target=self._work, name=f"farcopy-transfer-{len(self._threads) + 1}", daemon=True
        )
        thread.start()  # it waits for our lock
        self._threads.append(thread)
        self._living.add(thread)

    def _work(self) -> None:
        worker: Worker | None = None
        try:
            while (batch_id := self._take(worker)) is not None:
                taken = deque([batch_id], MOST_OPEN)
                try:
                    if worker is None:
                        worker = self._enlist()
                    worker.execute(batch_id, partial(self._take_next, taken))
                except TooManyConnections:
                    self._give_back(taken)
                    return
                finally:
                    with self._changed:
                        self._busy -= 1
                        self._adjust()
                        self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001  # the edge of a thread: it must be told
            self._on_crash(error)
            self.abort()
        finally:
            if worker is not None:
                worker.close()
            with self._changed:
                self._living.discard(threading.current_thread())
                self._changed.notify_all()

    def _enlist(self) -> Worker:
        assert self._make_worker is not None, "submit() before start()"
        worker = self._make_worker()
        with self._changed:
            self._workers.append(worker)
            is_late = self._is_aborted
        if is_late:
            worker.abort()
        return worker

    def _take(self, worker: Worker | None) -> int | None:
        may_rest = worker is not None
        with self._changed:
            while len(self._living) <= self._tuning.wanted and not self._batches:
                if worker and may_rest and self._is_draining and not self._is_aborted:
                    may_rest = False
                    with self._unlocked():
                        worker.rest()
                    continue
                if self._is_ending:
                    return None
                self._changed.wait(POLL_S)
            if len(self._living) > self._tuning.wanted:
                # At once, or a second one would think itself too many.
                self._living.discard(threading.current_thread())
                self._changed.notify_all()
                return None
            self._busy += 1
            batch_id = self._batches.popleft()
            self._changed.notify_all()
            return batch_id

    def _take_next(self, taken: deque[int]) -> int | None:
        """For a worker that has nearly done what it took: at once, or not at all."""
        with self._changed:
            if not self._batches or len(self._living) > self._tuning.wanted:
                return None
            taken.append(self._batches.popleft())
            self._changed.notify_all()
            return taken[-1]

    def _give_back(self, taken: Iterable[int]) -> None:
        """The server takes no more connections: this thread was one too many."""
        with self._changed:
            if not self._is_aborted:
                self._batches.extendleft(taken)
            self._living.discard(threading.current_thread())
            self._tuning.refused(time.monotonic(), len(self._living))
            self._changed.notify_all()
