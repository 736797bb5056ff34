"""Retry, schedule, batches and verdict: pure decisions with the clock handed in."""

from collections import deque
from datetime import UTC, datetime, timedelta

import pytest

from farcopy.core.errors import (
    ConnectionLost,
    FarcopyError,
    PathRefused,
    SourceChanged,
    UploadRefused,
)
from farcopy.core.model import RunCounts
from farcopy.core.states import MOVES, FileState, RunEnd, RunState, sources_of
from farcopy.planning.batches import (
    MAX_BYTES,
    MAX_FILES,
    batch_limit,
    cut,
    last_batch,
    next_batch,
)
from farcopy.planning.retry import ATTEMPTS, decide_retry
from farcopy.planning.schedule import (
    LastAttempt,
    next_asking_due,
    next_look_due,
    next_run_due,
    next_sync_at,
)
from farcopy.planning.verdict import run_state, shorten

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
AGO = NOW - timedelta(minutes=10)


@pytest.mark.parametrize("error", [ConnectionLost(), UploadRefused()])
def test_a_temporary_error_gets_three_attempts(error: FarcopyError) -> None:
    again = [decide_retry(error, n, n, 0.5).again for n in range(1, ATTEMPTS + 1)]
    assert again == [True, True, False]


def test_waits_grow_and_carry_jitter() -> None:
    waits = [decide_retry(ConnectionLost(), n, n, 0.5).wait_s for n in (1, 2)]
    assert waits == [1.0, 5.0]
    assert decide_retry(ConnectionLost(), 1, 1, 0.0).wait_s < 1.0


def test_a_refused_path_is_not_tried_again_now_but_later() -> None:
    decision = decide_retry(PathRefused(), 1, 1, 0.5)
    assert not decision.again
    assert decision.retry_in > timedelta(0)


def test_a_changing_source_uses_no_attempt_but_does_not_hold_a_run_for_ever() -> None:
    again = [decide_retry(SourceChanged(), 0, tries, 0.5).again for tries in range(1, 20)]
    assert again[0]
    assert not again[-1]


def test_the_first_run_is_due_at_once() -> None:
    assert next_run_due(120, None, NOW) == NOW


def test_the_next_run_is_counted_from_the_last_attempt_also_a_failed_one() -> None:
    assert next_run_due(120, LastAttempt(AGO, RunEnd.FINISHED), NOW) == AGO + timedelta(minutes=120)


@pytest.mark.parametrize("end", [RunEnd.CRASHED, RunEnd.STOPPED])
def test_a_run_cut_off_is_resumed_at_once(end: RunEnd) -> None:
    assert next_run_due(120, LastAttempt(AGO, end), NOW) == NOW


def test_a_crash_that_repeats_does_not_run_hot_and_goes_on_within_half_a_minute() -> None:
    waits = [
        next_run_due(120, LastAttempt(AGO, RunEnd.CRASHED, crashes=n), NOW) for n in (1, 2, 3, 20)
    ]
    assert waits == [NOW, *(AGO + timedelta(seconds=s) for s in (5, 10, 25))]


@pytest.mark.parametrize(("failures", "hours"), [
    (1, 1), (2, 2), (3, 4), (5, 16), (6, 24), (50, 24),
])
def test_hard_errors_wait_an_hour_doubling_to_a_day(failures: int, hours: int) -> None:
    last = LastAttempt(AGO, RunEnd.FINISHED, failures)
    assert next_run_due(1, last, NOW) == AGO + timedelta(hours=hours)


def test_next_sync_at_is_shown_only_when_enabled() -> None:
    assert next_sync_at(False, 5, AGO, NOW) is None
    assert next_sync_at(True, 5, AGO, NOW) == AGO + timedelta(minutes=5)
    assert next_sync_at(True, 5, None, NOW) == NOW


def test_a_look_is_due_at_once_and_then_every_interval() -> None:
    assert next_look_due(30, None, NOW) == NOW
    assert next_look_due(30, AGO, NOW) == AGO + timedelta(minutes=30)


def test_a_batch_is_a_small_share_of_those_before_and_none_is_larger_than_the_bound() -> None:
    cuts = range(0, 50_000, 100)
    limits = [batch_limit(cut, 8) for cut in cuts]
    assert limits[0] == 8
    assert limits == sorted(limits)
    assert limits[-1] == MAX_FILES
    assert all(limit <= max(8, cut / 8 / 4) for cut, limit in zip(cuts, limits, strict=True))


def test_files_are_kept_in_reserve_unless_a_connection_would_be_without() -> None:
    assert next_batch(1, 10, 8, 4, is_hungry=True) == 1
    assert next_batch(17, 10, 8, 4, is_hungry=True) == 3
    assert next_batch(999, 10, 8, 4, is_hungry=True) == 8
    assert next_batch(32, 10, 8, 4, is_hungry=False) == 0
    assert next_batch(33, 10, 8, 4, is_hungry=False) == 8
    assert next_batch(1, MAX_BYTES, 8, 4, is_hungry=False) == 8


def test_a_batch_has_a_file_at_least_and_else_not_more_than_its_bounds() -> None:
    assert cut([1] * 10, 4) == 4
    assert cut([1] * 3, 4) == 3
    assert cut([MAX_BYTES + 1, 1], 4) == 1
    assert cut([MAX_BYTES // 2] * 4, 4) == 2
    assert cut([MAX_BYTES, 0, 0, 1], 4) == 3


@pytest.mark.parametrize("connections", [1, 2, 8, 32])
@pytest.mark.parametrize("files", [1, 7, 17, 40, 200, 2_000, 20_000])
def test_all_connections_end_within_a_file_of_each_other(files: int, connections: int) -> None:
    """Files of one second each; the scan is ahead, as it always is."""
    free_at = [0] * connections
    waiting: deque[int] = deque()
    due = scanned = handed_out = 0
    while scanned < files or due or waiting:
        while due or scanned < files:
            is_hungry = len(waiting) < connections
            limit = batch_limit(handed_out, connections)
            if scanned < files:
                scanned, due = scanned + 1, due + 1
                count = next_batch(due, 0, limit, connections, is_hungry=is_hungry)
            else:
                count = last_batch(due, connections)
            if count:
                count = cut([1] * due, count)
                waiting.append(count)
                handed_out, due = handed_out + count, due - count
            if len(waiting) >= 2 * connections:
                break
        next_free = min(range(connections), key=free_at.__getitem__)
        free_at[next_free] += waiting.popleft()
    assert max(free_at) - files // connections <= 1


@pytest.mark.parametrize(("end", "synced", "failed", "problems", "error", "expected"), [
    (RunEnd.FINISHED, 5, 0, 0, False, RunState.SUCCESS),
    (RunEnd.FINISHED, 0, 0, 0, False, RunState.SUCCESS),
    (RunEnd.FINISHED, 5, 1, 0, False, RunState.PARTIAL),
    (RunEnd.FINISHED, 0, 1, 0, False, RunState.FAILED),
    (RunEnd.FINISHED, 5, 0, 1, False, RunState.PARTIAL),
    (RunEnd.FINISHED, 0, 0, 1, False, RunState.PARTIAL),
    (RunEnd.FINISHED, 0, 1, 1, False, RunState.FAILED),
    (RunEnd.CANCELLED, 0, 0, 1, False, RunState.FAILED),
    (RunEnd.FINISHED, 5, 0, 0, True, RunState.PARTIAL),
    (RunEnd.FINISHED, 0, 0, 0, True, RunState.FAILED),
    (RunEnd.CANCELLED, 5, 0, 0, False, RunState.PARTIAL),
    (RunEnd.STOPPED, 0, 0, 0, False, RunState.FAILED),
    (RunEnd.CRASHED, 5, 0, 0, False, RunState.FAILED),
])
def test_the_verdict_is_truthful_to_the_file(
    end: RunEnd, synced: int, failed: int, problems: int, error: bool, expected: RunState
) -> None:
    counts = RunCounts(files_synced=synced, files_failed=failed)
    assert run_state(end, counts, problems=problems, has_run_error=error) is expected


def test_an_idle_service_asks_the_server_once_a_day_also_when_refused() -> None:
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert next_asking_due(None, None, now) is None  # never reached: a run will say why
    assert next_asking_due(now, None, now) == now + timedelta(days=1)
    tried_at = now + timedelta(days=1, minutes=5)
    assert next_asking_due(now, tried_at, tried_at) == tried_at + timedelta(days=1)


def test_nothing_stored_beside_a_missing_root_is_a_failure() -> None:
    state = run_state(
        RunEnd.FINISHED, RunCounts(), problems=1, has_run_error=False, missing_roots=1
    )
    assert state is RunState.FAILED


def test_errors_are_at_most_a_hundred_lines_and_one_that_counts_the_rest() -> None:
    lines = [f"line {n}" for n in range(100)]
    assert shorten(lines, 100) == tuple(lines)
    assert shorten(lines, 250) == (*lines, "… and 150 more")


def test_only_uploading_leads_to_stored_but_for_what_was_there_already() -> None:
    assert sources_of(FileState.STORED) == {
        FileState.UPLOADING, FileState.VERIFIED, FileState.VANISHED,  # a file that returned
        FileState.PENDING, FileState.FAILED}  # found unchanged, or renamed before a crash
    assert sources_of(FileState.UPLOADING) == {FileState.PENDING}
    assert set(MOVES) == set(FileState)
