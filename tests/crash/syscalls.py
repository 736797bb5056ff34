"""Crashes that leave nothing to chance: SIGKILL at the nth system call of a thread, for every n.

A sync of three files, one of them a replacement of the same size. strace is attached to one
thread of it, when the thread begins, and kills at its nth pwrite64 or fdatasync (the ledger)
or sendto (a command, or bytes of a file). After each: one run recovers, one is idle, and the
checker looks. Errors are injected the same way: a disk that fails (EIO) or is full (ENOSPC).
`python -m tests.crash.syscalls --thread farcopy-transfer --call sendto --nth 12` repeats one.
"""

import argparse
import contextlib
import logging
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.contract.pyftp import PASSWORD, USER, PyFtpServer
from tests.crash.checker import DATABASE, Checker, Violation
from tests.crash.history import MARK
from tests.crash.stage import CANARY, PATIENT, Place, SimplePlace, Stage, server, stage
from tests.crash.zygote import Ended
from tests.parts.fetch import command, why_missing
from tests.parts.fixtures import make_ftp_place

RUN, TRANSFER = "farcopy-run", "farcopy-transfer"
"""The threads that write the ledger: the one that scans and admits, and the one that sends."""
CALLS = {RUN: ("pwrite64", "fdatasync"), TRANSFER: ("pwrite64", "fdatasync", "sendto")}
ERRORS = (("fdatasync", "EIO"), ("pwrite64", "ENOSPC"), ("pwrite64", "EIO"))
REPLACED = f"hospital/{CANARY}/a"
"""The file that is there already, and is sent anew with the same size."""
ALWAYS = "+"
"""strace's mark for: from the nth on, each."""


@dataclass(frozen=True)
class Point:
    """Where it happens. what: strace's words for it."""

    thread: str
    call: str
    nth: int
    what: str = "signal=SIGKILL"

    def __str__(self) -> str:
        return f"{self.what} at {self.call} {self.nth} of {self.thread}"


@dataclass
class Result:
    point: Point
    ended: Ended
    violations: list[Violation] = field(default_factory=list)

    def line(self) -> str:
        told = "; ".join(map(str, self.violations)) or "well"
        return f"{self.point}: exit {self.ended.code}, {told}"


def why_not_traced() -> str | None:
    """Why no system call can be traced here, or None: the reason of a skip."""
    if reason := why_missing("strace"):
        return reason
    attempt = subprocess.run(command("strace", "strace", "true"), capture_output=True, text=True)
    if attempt.returncode:
        return f"strace may not trace here: {attempt.stderr.strip()[:200]}"
    return None


class Bench:
    """A stage that can be put back to where it was, at the price of copying a few files."""

    def __init__(self, play: Stage) -> None:
        self.play = play
        self._kept = play.folder / "kept"
        old = {REPLACED: b"old", f"orthanc/{CANARY}/kept": b"kept"}
        self._write({name: self._content(mark) for name, mark in old.items()})
        assert play.zygote.sync()["status"] == "success"
        new = {REPLACED: b"NEW", f"orthanc/{CANARY}/b": b"b", "hospital/c": b""}
        self._write({name: self._content(mark) for name, mark in new.items()})
        self.new = list(new)
        self._kept.mkdir()
        _copy(play.place.root, self._kept / "remote")
        # The logs stay: they are not what is put back, and their files are open.
        for file in self._database():
            shutil.copy(file, self._kept)

    def put_back(self) -> None:
        for file in self._database():
            file.unlink()
        for kept in self._kept.glob(f"{DATABASE}*"):
            shutil.copy(kept, self.play.home)
        for part in self.play.place.root.iterdir():
            shutil.rmtree(part)
        for part in (self._kept / "remote").iterdir():
            _copy(part, self.play.place.root)

    def _database(self) -> list[Path]:
        return list(self.play.home.glob(f"{DATABASE}*"))

    def _write(self, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            root, _, relative = name.partition("/")
            path = self.play.sources[root] / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            self.play.checker.scene.history.note(name, content)
            path.write_bytes(content)

    @staticmethod
    def _content(mark: bytes) -> bytes:
        return (MARK + mark) * 3000 if mark else b""

    # --- a sync under strace ---

    def count(self, thread: str) -> dict[str, int]:
        """How many of each call the thread makes when nothing goes wrong."""
        self.put_back()
        log = self.play.folder / "calls"
        ended = self._traced(thread, ["-e", f"trace={','.join(CALLS[thread])}"], log)
        assert ended.code == 0, ended
        found = re.findall(r"^(\w+)\(", log.read_text(), re.MULTILINE)
        return {call: found.count(call) for call in CALLS[thread]}

    def crash(self, point: Point, *, forever: bool = False) -> Ended:
        """From where it was, a sync with the point in it."""
        self.put_back()
        when = f"{point.nth}{ALWAYS if forever else ''}"
        inject = ["-e", f"inject={point.call}:{point.what}:when={when}"]
        return self._traced(
            point.thread, ["-e", f"trace={point.call}", *inject], Path("/dev/null")
        )

    def strike(self, point: Point, *, forever: bool = False) -> Result:
        """A crash, then recovery, and the checker's word."""
        ended = self.crash(point, forever=forever)
        # A new checker: what it saw of the case before was put back too.
        checker = Checker(self.play.checker.scene)
        result = Result(point, ended)
        found = result.violations
        found += checker.at_any_moment()
        if ended.code >= 0 and ended.stdout.startswith("{"):
            found += checker.is_truthful(ended.answer())
        answers = [self.play.zygote.run("sync", "--json") for _ in range(2)]
        for answer in answers:
            if answer.code != 0:
                found.append(Violation("I3", "not-recovered", answer.stdout + answer.stderr[-300:]))
            else:
                found += checker.is_truthful(answer.answer())
        found += checker.at_the_end(answer.stdout for answer in answers)
        return result

    def _traced(self, thread: str, options: Sequence[str], log: Path) -> Ended:
        child = self.play.zygote.start("sync", "--json", traced=thread)
        tracer = subprocess.Popen(
            command("strace", "strace", "-qq", "-o", log, *options, "-p", str(child.thread)),
            stderr=subprocess.PIPE, text=True,
        )
        try:
            ended = child.wait()
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                tracer.wait(5)
            tracer.kill()
            complaint = tracer.communicate()[1]
        assert "attach" not in complaint, complaint
        return ended


def _copy(source: Path, target: Path) -> None:
    # With owners: what is not the server's own, it may not rename over.
    subprocess.run(["cp", "-a", source, target], check=True)


@contextlib.contextmanager
def bench(source_tree: Path | None = None, *, refuses_to_replace: bool = False) -> Iterator[Bench]:
    """On vsftpd; or on a server that does not rename over a file, as some do not."""
    with contextlib.ExitStack() as ends:
        place: Place
        if refuses_to_replace:
            root = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="farcopy-remote-")))
            simple = PyFtpServer(root, can_rename_over=False)
            ends.callback(simple.stop)
            place = SimplePlace(
                simple.host, simple.port, root, USER, PASSWORD, PurePosixPath("/")
            )
        else:
            place = make_ftp_place(ends.enter_context(server("vsftpd")))
        play = ends.enter_context(
            stage(place, env=PATIENT, source_tree=source_tree, ftp_connections=1)
        )
        play.checker.scene.refuses_to_replace = refuses_to_replace
        yield Bench(play)


def points(
    on: Bench, every: int = 1, seed: int = 0, thread: str = "", call: str = ""
) -> list[Point]:
    """Every call of both threads, and one beyond the last; or each fifth and so on."""
    return [
        Point(one, name, nth)
        for one in CALLS
        if thread in ("", one)
        for name, count in on.count(one).items()
        if call in ("", name)
        for nth in range(1 + seed % every, count + 2, every)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig()  # or pyftpdlib would set up its own, which tells everything
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--thread", choices=list(CALLS), default="")
    parser.add_argument("--call", default="")
    parser.add_argument("--nth", type=int)
    parser.add_argument("--refuses-to-replace", action="store_true", help="another server")
    given = parser.parse_args(arguments)
    begun_s = time.monotonic()
    failed = killed = 0
    with bench(refuses_to_replace=given.refuses_to_replace) as on:
        wanted = (
            [Point(given.thread, given.call, given.nth)] if given.nth
            else points(on, given.every, given.seed, given.thread, given.call)
        )
        for point in wanted:
            result = on.strike(point)
            killed += result.ended.code == -9
            if result.violations:
                failed += 1
                print(result.line(), flush=True)
    print(
        f"syscalls: every {given.every}, seed {given.seed}, {len(wanted)} points, {killed} killed,"
        f" {failed} with violations, in {time.monotonic() - begun_s:.0f} s"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
