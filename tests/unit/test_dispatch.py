"""The thread dispatcher with workers that only count: no socket, no database."""

import threading
from collections.abc import Callable

from farcopy.core.errors import TooManyConnections
from farcopy.planning.tuning import ConnectionTuning, Seen
from farcopy.service.dispatch.threads import WAITING_A_WORKER, ThreadDispatcher
from farcopy.service.stop import StopSignal


class CountingWorker:
    """Notes what it did; `during` runs inside each batch. As a real one, it takes more."""

    def __init__(self, during: Callable[[int], None] = lambda _batch: None) -> None:
        self.done: list[int] = []
        self.aborted = threading.Event()
        self.is_closed = False
        self.executed = 0
        self.rests = 0
        self._during = during

    def execute(self, batch_id: int, take_next: Callable[[], int | None]) -> None:
        self.executed += 1
        batch: int | None = batch_id
        while batch is not None:
            self._during(batch)
            self.done.append(batch)
            batch = take_next()

    def rest(self) -> None:
        self.rests += 1

    def abort(self) -> None:
        self.aborted.set()

    def close(self) -> None:
        self.is_closed = True


class FixedTuning(ConnectionTuning):
    """Wants what the test sets."""

    def __init__(self, wanted: int, at_most: int) -> None:
        super().__init__(at_most)
        self.wanted = wanted

    def look(self, now_s: float, seen: Seen) -> None:
        pass


def dispatcher(
    size: int, stop: StopSignal | None = None, tuning: ConnectionTuning | None = None
) -> tuple[ThreadDispatcher, list[BaseException]]:
    crashes: list[BaseException] = []
    tuning = tuning or ConnectionTuning(size)
    work = ThreadDispatcher(tuning, lambda: Seen(0), stop or StopSignal(), crashes.append)
    return work, crashes


def test_every_batch_is_executed_once_and_no_thread_is_left() -> None:
    workers: list[CountingWorker] = []

    def make() -> CountingWorker:
        workers.append(CountingWorker())
        return workers[-1]

    before = threading.active_count()
    work, crashes = dispatcher(4)
    work.start(make)
    for batch in range(200):
        work.submit(batch)
    work.drain()
    work.stop()
    assert sorted(b for w in workers for b in w.done) == list(range(200))
    assert all(w.is_closed for w in workers)
    assert threading.active_count() == before
    assert not crashes


def test_a_worker_without_a_batch_rests_while_another_works_and_not_before_all_are_handed_out(
) -> None:
    has_rested, go_on = threading.Event(), threading.Event()

    class Resting(CountingWorker):
        def rest(self) -> None:
            super().rest()
            has_rested.set()

    workers: list[Resting] = []

    def make() -> Resting:
        # The first batch takes until the other worker has rested.
        workers.append(Resting(lambda batch: go_on.wait(10) and None if batch == 0 else None))
        return workers[-1]

    work, crashes = dispatcher(2)
    work.start(make)
    work.submit(0)
    work.submit(1)
    assert not has_rested.wait(0.3)  # more may come

    draining = threading.Thread(target=work.drain)
    draining.start()
    assert has_rested.wait(10)
    assert draining.is_alive()
    go_on.set()
    draining.join(10)
    work.stop()
    assert [worker.rests for worker in workers] == [1, 1]
    assert not crashes


def test_the_only_worker_rests_too_before_it_ends() -> None:
    worker = CountingWorker()
    work, _ = dispatcher(1)
    work.start(lambda: worker)
    work.submit(0)
    work.drain()
    work.stop()
    assert worker.rests == 1
    assert worker.is_closed


def test_an_aborted_worker_does_not_rest() -> None:
    worker = CountingWorker()
    work, _ = dispatcher(1)
    work.start(lambda: worker)
    work.submit(0)
    work.abort()
    work.drain()
    work.stop()
    assert worker.rests == 0


def test_a_worker_takes_the_batches_that_wait_in_one_go() -> None:
    go_on = threading.Event()
    worker = CountingWorker(lambda _batch: go_on.wait(10) and None)
    work, _ = dispatcher(1)
    work.start(lambda: worker)
    for batch in range(1 + WAITING_A_WORKER):
        work.submit(batch)
    go_on.set()
    work.drain()
    work.stop()
    assert worker.done == list(range(1 + WAITING_A_WORKER))
    assert worker.executed == 1


def test_of_a_worker_too_many_the_batch_before_is_given_back_too() -> None:
    refused: list[int] = []
    is_other_in = threading.Event()
    go_on = threading.Event()

    def during(batch: int) -> None:
        if batch == 1:  # held by the one who stays
            is_other_in.set()
            go_on.wait(10)
        if batch == 2 and not refused:  # the second of the one too many
            refused.append(batch)
            raise TooManyConnections

    workers: list[CountingWorker] = []

    def make() -> CountingWorker:
        workers.append(CountingWorker(during))
        return workers[-1]

    work, crashes = dispatcher(2)
    work.start(make)
    work.submit(1)
    assert is_other_in.wait(10)
    work.submit(0)
    work.submit(2)
    for _ in range(100):
        if refused:
            break
        threading.Event().wait(0.05)
    go_on.set()
    work.drain()
    work.stop()
    assert refused == [2]
    # Batch 0 was done by who then gave it back: what is done of it, the ledger knows.
    assert {0, 1, 2} == {batch for worker in workers for batch in worker.done}
    assert not crashes


def test_one_batch_starts_one_worker() -> None:
    made: list[CountingWorker] = []

    def make() -> CountingWorker:
        made.append(CountingWorker())
        return made[-1]

    work, _ = dispatcher(8)
    work.start(make)
    work.submit(1)
    work.drain()
    work.stop()
    assert len(made) == 1


def test_submit_waits_while_enough_batches_wait() -> None:
    go_on = threading.Event()
    work, _ = dispatcher(1)
    work.start(lambda: CountingWorker(lambda _batch: go_on.wait(10) and None))
    submitted: list[int] = []

    def submit_many() -> None:
        for batch in range(20):
            work.submit(batch)
            submitted.append(batch)

    thread = threading.Thread(target=submit_many)
    thread.start()
    thread.join(0.5)
    waiting = len(submitted)
    assert 1 <= waiting <= WAITING_A_WORKER + 1
    go_on.set()
    thread.join(10)
    work.drain()
    work.stop()
    assert len(submitted) == 20


def test_a_worker_too_many_gives_its_batch_back_to_the_others() -> None:
    lock = threading.Lock()
    refused: list[int] = []
    workers: list[CountingWorker] = []
    both_in = threading.Barrier(2, timeout=10)
    is_first_round = [True, True]

    def during(batch: int) -> None:
        with lock:
            is_first = bool(is_first_round)
            mine = is_first_round.pop() if is_first else False
            should_refuse = is_first and not is_first_round
        if mine:
            both_in.wait()
        if should_refuse:
            refused.append(batch)
            raise TooManyConnections

    def make() -> CountingWorker:
        worker = CountingWorker(during)
        workers.append(worker)
        return worker

    work, crashes = dispatcher(2)
    work.start(make)
    for batch in range(10):
        work.submit(batch)
    work.drain()
    work.stop()
    assert len(refused) == 1
    assert sorted(b for w in workers for b in w.done) == list(range(10))
    assert not crashes


def test_as_many_workers_as_the_tuning_wants_work_at_once_and_more_when_it_wants_more() -> None:
    tuning = FixedTuning(2, at_most=8)
    lock = threading.Condition()
    inside: set[int] = set()
    go_on = threading.Event()

    def during(batch: int) -> None:
        with lock:
            inside.add(batch)
            lock.notify_all()
        go_on.wait(10)

    work, crashes = dispatcher(8, tuning=tuning)
    work.start(lambda: CountingWorker(during))
    for batch in range(8):
        work.submit(batch)
    with lock:
        assert lock.wait_for(lambda: len(inside) == 2, 10)
    assert threads_of_ours() == 2
    tuning.wanted = 5
    drained = threading.Thread(target=work.drain)
    drained.start()  # whoever waits for the end looks at the tuning meanwhile
    with lock:
        assert lock.wait_for(lambda: len(inside) == 5, 10)
    assert threads_of_ours() == 5
    go_on.set()
    drained.join(10)
    work.stop()
    assert len(inside) == 8
    assert not crashes


def test_workers_too_many_end_after_their_batch_and_the_rest_is_done() -> None:
    tuning = FixedTuning(4, at_most=4)
    all_in = threading.Barrier(5, timeout=10)
    go_on = threading.Event()
    workers: list[CountingWorker] = []

    def during(batch: int) -> None:
        if batch < 4:  # the first four, at once; what comes later passes
            all_in.wait()
            go_on.wait(10)

    def make() -> CountingWorker:
        workers.append(CountingWorker(during))
        return workers[-1]

    work, crashes = dispatcher(4, tuning=tuning)
    work.start(make)
    for batch in range(8):
        work.submit(batch)
    all_in.wait()
    tuning.wanted = 1
    go_on.set()
    work.drain()
    work.stop()
    assert sorted(b for w in workers for b in w.done) == list(range(8))
    assert sum(len(w.done) > 1 for w in workers) <= 1
    assert all(w.is_closed for w in workers)
    assert not crashes


def threads_of_ours() -> int:
    return sum(t.name.startswith("farcopy-transfer") for t in threading.enumerate())


def test_a_stop_turned_hard_aborts_the_worker_in_hand() -> None:
    stop = StopSignal()
    worker = CountingWorker()
    worker._during = lambda _batch: worker.aborted.wait(10) and None
    work, _ = dispatcher(1, stop)
    work.start(lambda: worker)
    work.submit(1)
    stop.request(grace_s=0.0)
    work.drain()
    work.stop()
    assert worker.aborted.is_set()


def test_a_crash_of_a_worker_is_told_and_does_not_hang_the_run() -> None:
    def during(_batch: int) -> None:
        raise RuntimeError("boom")

    work, crashes = dispatcher(2)
    work.start(lambda: CountingWorker(during))
    for batch in range(20):
        work.submit(batch)
    work.drain()
    work.stop()
    assert any(isinstance(crash, RuntimeError) for crash in crashes)


def test_a_stop_is_soft_first_and_hard_after_its_grace() -> None:
    stop = StopSignal()
    child = StopSignal(stop)
    assert not child.wait(0.0)
    stop.request(grace_s=60.0)
    assert child.is_set()
    assert not child.is_hard()
    assert not child.is_own()
    child.request(grace_s=0.0)
    assert child.is_hard()
    assert not stop.is_hard()
