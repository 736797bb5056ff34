"""Killed, or refused by the disk, at a chosen system call."""

import contextlib
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.crash.syscalls import (
    ERRORS,
    REPLACED,
    RUN,
    TRANSFER,
    Bench,
    Point,
    bench,
    points,
    why_not_traced,
)
from tests.parts.ftp_servers import why_not
from tests.running import temporaries

EVERY, SEED = 5, 3
_REASON = (
    "processes are forked and traced: Linux only" if sys.platform != "linux"
    else why_not("vsftpd") or why_not_traced()
)
pytestmark = pytest.mark.skipif(bool(_REASON), reason=str(_REASON))


@pytest.fixture(scope="module")
def on() -> Iterator[Bench]:
    with bench() as on:
        yield on


def test_every_fifth_system_call_may_be_the_last(on: Bench) -> None:
    results = [on.strike(point) for point in points(on, EVERY, SEED)]

    assert [result.line() for result in results if result.violations] == []
    killed = sum(result.ended.code == -9 for result in results)
    # All but those beyond the last call; a run may make one more or less than was counted.
    assert killed >= len(results) - 5 > 10, f"{killed} of {len(results)}"


@pytest.mark.parametrize("thread", [RUN, TRANSFER])
@pytest.mark.parametrize(("call", "error"), ERRORS)
def test_a_ledger_the_disk_refuses_is_told_and_nothing_is_claimed(
    on: Bench, thread: str, call: str, error: str
) -> None:
    """From the third such call of a thread on, each fails: no retry gets past it."""
    result = on.strike(Point(thread, call, 3, f"error={error}"), forever=True)

    assert result.violations == [], result.line()
    assert result.ended.code not in (0, -9), result.ended


@pytest.fixture(scope="module")
def on_refusing() -> Iterator[Bench]:
    with bench(refuses_to_replace=True) as on:
        yield on


def test_a_replacement_cut_in_two_is_made_whole(on_refusing: Bench) -> None:
    """On a server that does not rename over a file: old aside, new in its place, old away."""
    some = points(on_refusing, EVERY, SEED, TRANSFER, "sendto")
    results = [on_refusing.strike(point) for point in some]

    assert [result.line() for result in results if result.violations] == []


def crash_until(on: Bench, is_so: Callable[[Bench], bool]) -> None:
    """Kill at one sendto after the other, each time from the beginning."""
    for nth in range(1, on.count(TRANSFER)["sendto"]):
        on.crash(Point(TRANSFER, "sendto", nth))
        if is_so(on):
            return
    pytest.fail("no kill left things so")


@contextlib.contextmanager
def new_files_deleted(on: Bench) -> Iterator[None]:
    """All that was due is gone from the sources, and nothing is due any more."""
    paths = [on.play.sources[n.partition("/")[0]] / n.partition("/")[2] for n in on.new]
    held = {path: path.read_bytes() for path in paths}
    for path in paths:
        path.unlink()
    try:
        yield
    finally:
        for path, content in held.items():
            path.write_bytes(content)


def test_an_old_version_set_aside_comes_back_though_nothing_is_due(on_refusing: Bench) -> None:
    """Killed between the two renamings: the remote has the file under no final name."""
    play = on_refusing.play
    copy = play.place.root / REPLACED
    crash_until(on_refusing, lambda _: not copy.exists())
    with new_files_deleted(on_refusing):
        for _ in range(2):
            play.zygote.sync()

        assert copy.exists()
        assert [str(found) for found in play.checker.at_the_end()] == []


def test_a_temporary_is_removed_though_nothing_is_due(on: Bench) -> None:
    remote = on.play.place.root
    crash_until(on, lambda _: bool(temporaries(remote)))
    with new_files_deleted(on):
        for _ in range(2):
            on.play.zygote.sync()

        assert temporaries(remote) == []
