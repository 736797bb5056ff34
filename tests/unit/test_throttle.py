"""The bandwidth limit: the bucket on a clock of the test, the waiting on real threads."""

import threading
import time

import pytest

from farcopy.core.errors import Interrupted
from farcopy.engine.throttle import (
    BURST_S,
    SMALLEST_PIECE_BYTES,
    Bucket,
    Throttle,
    ThrottledReader,
)
from tests.contract.fakes import MemoryReader

KIB = 1024


def seconds_for(bucket: Bucket, blocks: list[int], begun_s: float = 100.0) -> float:
    """One sender after the other: when the last block is through."""
    now_s = begun_s
    for block in blocks:
        now_s += bucket.wait_s(bucket.draw(block, now_s), now_s)
    return now_s - begun_s


@pytest.mark.parametrize("block", [4 * KIB, 128 * KIB, 3 * 1024 * KIB])
def test_bytes_take_their_time_whatever_the_blocks(block: int) -> None:
    size = 3 * 1024 * KIB
    took_s = seconds_for(Bucket(1024 * KIB, 100.0), [block] * (size // block))
    assert took_s == pytest.approx(3 - BURST_S)


def test_senders_together_get_what_one_would() -> None:
    bucket = Bucket(64 * KIB, 0.0)
    places = [bucket.draw(32 * KIB, 0.0) for _ in range(8)]
    waits = [bucket.wait_s(place, 0.0) for place in places]
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(8 * 32 / 64 - BURST_S)


def test_a_pause_saves_up_next_to_nothing() -> None:
    bucket = Bucket(1024 * KIB, 0.0)
    assert seconds_for(bucket, [1024 * KIB] * 2, begun_s=3600.0) == pytest.approx(2 - BURST_S)


def test_without_a_limit_nothing_waits() -> None:
    assert seconds_for(Bucket(0, 0.0), [1 << 30] * 3) == 0


def test_what_was_sent_without_a_limit_is_not_charged_when_one_comes() -> None:
    bucket = Bucket(0, 0.0)
    bucket.draw(1 << 30, 0.0)
    bucket.set_rate(1024 * KIB, 1.0)
    assert bucket.wait_s(bucket.draw(1024 * KIB, 1.0), 1.0) == pytest.approx(1.0)


def test_who_waits_goes_on_at_the_new_rate() -> None:
    bucket = Bucket(KIB, 0.0)
    place = bucket.draw(101 * KIB, 0.0)
    assert bucket.wait_s(place, 1.0) == pytest.approx(100 - BURST_S)
    bucket.set_rate(100 * KIB, 1.0)
    assert bucket.wait_s(place, 1.0) == pytest.approx(1.0, rel=0.01)
    bucket.set_rate(0, 1.0)
    assert bucket.wait_s(place, 1.0) == 0


def test_a_clock_that_stands_still_or_goes_back_gives_nothing_away() -> None:
    bucket = Bucket(KIB, 10.0)
    place = bucket.draw(KIB, 10.0)
    assert bucket.wait_s(place, 5.0) == bucket.wait_s(place, 5.0) == pytest.approx(1 - BURST_S)


def test_a_low_limit_makes_small_pieces_and_a_high_one_whole_blocks() -> None:
    def piece(limit: int) -> int:
        return Throttle(time.monotonic, bytes_per_s=limit).piece_bytes(256 * KIB)

    assert piece(0) == piece(100 * 1024 * KIB) == 256 * KIB
    assert piece(64 * KIB) == 8 * KIB
    assert piece(KIB) == SMALLEST_PIECE_BYTES


def waiting(throttle: Throttle, count: int) -> threading.Thread:
    thread = threading.Thread(target=throttle.wait, args=(count,), daemon=True)
    thread.start()
    return thread


def test_a_lifted_limit_wakes_who_waits() -> None:
    throttle = Throttle(time.monotonic, bytes_per_s=KIB)
    thread = waiting(throttle, 3600 * KIB)
    throttle.set_limit(0)
    thread.join(5)
    assert not thread.is_alive()


def test_the_end_of_the_run_wakes_who_waits_and_lets_nothing_more_through() -> None:
    is_over = threading.Event()
    throttle = Throttle(time.monotonic, is_over.is_set, bytes_per_s=KIB)
    ended: list[str] = []

    def read_on() -> None:
        with ThrottledReader(MemoryReader(bytes(3600 * KIB)), throttle) as reader:
            try:
                while reader.read(64 * KIB):
                    pass
            except Interrupted:
                ended.append("interrupted")

    thread = threading.Thread(target=read_on)
    thread.start()
    is_over.set()
    thread.join(5)
    assert ended == ["interrupted"]


def test_a_throttled_reader_gives_the_same_bytes_and_the_same_hash() -> None:
    content = bytes(range(256)) * 1000
    plain = MemoryReader(content)
    plain.read(len(content))
    throttle = Throttle(time.monotonic, bytes_per_s=100 * 1024 * KIB)
    with ThrottledReader(MemoryReader(content), throttle) as reader:
        read = b"".join(iter(lambda: reader.read(64 * KIB), b""))
        reader.check_unchanged()
    assert read == content
    assert reader.md5 == plain.md5
