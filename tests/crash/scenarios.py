"""Short forms of the machine's own parts: a sync with one thing in it, and the checker's word.

source_tree: another farcopy than ours, a mutant; None is the tree as it is.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from tests.crash.checker import Violation
from tests.crash.history import MARK, Writer
from tests.crash.kills import names, settle, slow_stage
from tests.crash.stage import CANARY, PATIENT
from tests.crash.syscalls import TRANSFER, Point, bench
from tests.faults import actions as do
from tests.faults.actions import Fault
from tests.faults.matrix import Board, board
from tests.running import rows, wait_until

Scenario = Callable[[Path | None], list[Violation]]
BIG = 24_000_000
"""More than the buffers between farcopy and a proxy that has stopped to read."""


def with_fault(fault: Fault) -> Scenario:
    """On a server with a proxy before it: the faulty run, then one without."""

    def play(tree: Path | None) -> list[Violation]:
        with board("vsftpd", source_tree=tree) as here:
            here.change_sources()
            here.proxy.set_fault(fault)
            first = len(here.proxy.sessions)
            answer = here.play.zygote.sync()
            found = here.play.checker.at_any_moment() + here.play.checker.is_truthful(answer)
            here.proxy.set_fault(None)
            return found + _recovered(here, first)

    return play


def _recovered(here: Board, first_session: int) -> list[Violation]:
    play = here.play
    for _ in range(2):
        ended = play.zygote.run("sync", "--json")
    return play.checker.at_the_end([ended.stdout], here.proxy.sessions[first_session:])


def fence_race(tree: Path | None) -> list[Violation]:
    """A worker wakes late: another has the file by now, and has published a newer version.

    The source is as the late one knew it: no look at it tells, only the fence.
    """
    name = f"hospital/{CANARY}/a"
    newer = (MARK + b"newer") * 100
    older = (MARK + b"older") * 200
    with board("vsftpd", env=PATIENT, source_tree=tree) as here:
        play = here.play
        play.checker.scene.history.note(name, older)
        (play.sources["hospital"] / CANARY / "a").write_bytes(older)
        here.proxy.set_fault(Fault("STOR", 1, do.Delay(1.5)))
        child = play.zygote.start("sync", "--json")
        wait_until(lambda: here.proxy.has_struck, what="the first STOR")
        play.checker.scene.history.note(name, newer)
        (play.place.root / name).write_bytes(newer)
        rows(
            play.home,
            "UPDATE replicas SET state = 'stored', md5 = ?, size_bytes = ?, claim = claim + 1000"
            " WHERE source_file_id = (SELECT id FROM source_files WHERE name = 'a')",
            hashlib.md5(newer, usedforsecurity=False).hexdigest(), len(newer),
        )
        child.wait()
        return play.checker.at_any_moment()


def source_rewritten(tree: Path | None) -> list[Violation]:
    """First and last page of a file change while its middle is on the line."""
    with board("vsftpd", source_tree=tree) as here:
        play = here.play
        path = play.sources["orthanc"] / "big"
        content = bytearray(MARK * (BIG // len(MARK)))
        path.write_bytes(content)
        play.checker.scene.history.note("orthanc/big", content)
        here.proxy.set_fault(Fault("DATA", 1, do.AtByte("delay", 1000)))
        child = play.zygote.start("sync", "--json")
        wait_until(lambda: here.proxy.has_struck, what="the first bytes")
        for offset in (0, len(content) - 4096):
            content[offset:offset + 4096] = b"x" * 4096
            with path.open("r+b") as file:
                file.seek(offset)
                file.write(b"x" * 4096)
            play.checker.scene.history.note("orthanc/big", content)
        child.wait()
        found = play.checker.at_any_moment()
        if rows(play.home, "SELECT 1 FROM replicas WHERE attempts > 0"):
            found.append(Violation("I6", "a-changed-source-used-an-attempt", "orthanc/big"))
        return found + _recovered(here, 0)


def slow_parallel(tree: Path | None) -> list[Violation]:
    """Three sessions on a slow line, one whole run and nothing else."""
    with slow_stage(tree) as play:
        writer = Writer(play.sources, play.folder / "staging", names(60), 1)
        play.new_history(writer.history)
        return [*settle(play, set()), *play.checker.at_rest()]


def crash_at(call: str, *nths: int) -> Scenario:
    """SIGKILL at calls of the thread that sends; negative: counted from the last."""

    def play(tree: Path | None) -> list[Violation]:
        found: list[Violation] = []
        with bench(tree) as on:
            count = on.count(TRANSFER)[call] if min(nths) < 0 else 0
            for nth in nths:
                point = Point(TRANSFER, call, nth if nth > 0 else count + 1 + nth)
                found += on.strike(point).violations
                if found:
                    break
        return found

    return play


def not_ours(tree: Path | None) -> list[Violation]:
    """A file in our folder that the ledger cannot explain is nobody's to remove."""
    with board("vsftpd", source_tree=tree) as here:
        (folder,) = here.play.place.root.glob("farcopy-tmp-*")
        stray = folder / "new-999999-1"
        stray.write_bytes(b"another's")
        here.change_sources()
        here.play.zygote.sync()
        is_there = stray.exists()
        return [] if is_there else [Violation("I8", "swept-what-is-not-ours", stray.name)]
