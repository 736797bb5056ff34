"""The long forms of what tries to break farcopy: `make soak`, hours where `make test` has minutes.

Each scenario prints one line with its seed. `--only kills` and the like runs one of them:
kills (1,000 for each seed), syscalls (each one of a sync), faults (each kind, many times),
endurance (a service that works for hours on many files, with a fault a minute), fuzzing
(100,000 cases of what a hostile server or source says) and openapi (schemathesis, for long).
"""

import argparse
import itertools
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.api.farcopy_server import FarcopyServer
from tests.api.openapi_attack import Effort, attack, configure_for_runs
from tests.contract.pyftp import PyFtpServer
from tests.crash import kills, syscalls
from tests.crash.checker import Violation
from tests.crash.history import MARK, History
from tests.crash.stage import CANARY, PATIENT, Stage, server, stage
from tests.faults import matrix
from tests.faults.kinds import KINDS
from tests.faults.proxy import FaultProxy
from tests.parts.fixtures import make_ftp_place
from tests.parts.ftp_servers import Kind
from tests.running import serving, wait_until

MAY_GROW_BYTES = 50 * 1024 * 1024
CHANGED_A_ROUND = 50
"""Below what a tripwire for mass changes would stop at."""
WITHIN_S = 3600.0


@dataclass(frozen=True)
class Sample:
    """A process, while nothing is on."""

    rss_bytes: int
    descriptors: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Sample":
        process = Path(f"/proc/{pid}")
        status = dict(
            line.split(":", 1) for line in (process / "status").read_text().splitlines()
        )
        return cls(
            int(status["VmRSS"].split()[0]) * 1024,
            len(list((process / "fd").iterdir())),
            int(status["Threads"]),
        )


def kill_loops(given: argparse.Namespace) -> int:
    """The seeds take the servers in turn, so that three see them all, and TLS."""
    turns: tuple[tuple[Kind, bool], ...] = (
        ("vsftpd", False), ("proftpd", True), ("pure-ftpd", False),
        ("vsftpd", True), ("proftpd", False), ("pure-ftpd", True),
    )
    failed = 0
    for seed, (kind, tls) in zip(given.seeds, itertools.cycle(turns), strict=False):
        report = kills.run(seed, given.kills, kind=kind, tls=tls)
        failed += _tell(report.line(), report.violations)
    return failed


def every_syscall(given: argparse.Namespace) -> int:
    return syscalls.main(["--every", "1"]) + syscalls.main(["--refuses-to-replace"])


def every_fault(given: argparse.Namespace) -> int:
    """Each kind so many times, over all servers, plain and TLS, by the seeds in turn."""
    failed = cases = missed = 0
    for turn in range(given.repetitions):
        seed = given.seeds[0] + turn
        for (name, tls), some in matrix.spread(KINDS, seed).items():
            for result in matrix.run_place(name, some, seed, tls=tls):
                cases += 1
                missed += not result.has_struck
                if result.violations:
                    failed += 1
                    print(result.line(), flush=True)
    print(
        f"faults: seeds {given.seeds[0]} to {given.seeds[0] + given.repetitions - 1},"
        f" {len(KINDS)} kinds, {cases} cases, {missed} never came, {failed} with violations",
        flush=True,
    )
    return failed


def fuzzing(given: argparse.Namespace) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "0",
         "--hypothesis-profile", "long", "--hypothesis-seed", str(given.seeds[0]),
         "tests/unit/test_fuzzing.py"],
        check=False,
    )
    print(f"fuzzing: seed {given.seeds[0]}, 100,000 cases each, {done.returncode}", flush=True)
    return done.returncode


def openapi(given: argparse.Namespace) -> int:
    """Both parts of the attack, once for each seed."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed, runs in itertools.product(given.seeds, (False, True)):
            place = Path(folder) / f"{seed}-{runs}"
            place.mkdir()
            failed += _attack(place, Effort(given.examples, seed, is_whole=True), runs=runs)
    return failed


def _attack(folder: Path, effort: Effort, *, runs: bool) -> int:
    ftp = PyFtpServer(folder)
    attacked = FarcopyServer(folder / "farcopy", verb="serve" if runs else "web")
    try:
        if runs:
            configure_for_runs(attacked, ftp, folder / "data")
        found = attack(attacked, folder, effort, runs=runs)
    finally:
        attacked.stop()
        ftp.stop()
    line = found.stdout.rstrip().rpartition("\n")[2].strip("= ")
    print(f"openapi: seed {effort.seed}, {'runs' if runs else 'the rest'}: {line}", flush=True)
    if found.returncode:
        print(found.stdout, found.stderr, flush=True)
    return found.returncode


def endurance(given: argparse.Namespace) -> int:
    """A service at work for long, on many files, with one fault each minute."""
    chance = random.Random(f"endurance {given.seeds[0]}")
    with server("vsftpd") as ftp_server:
        place = make_ftp_place(ftp_server)
        with (
            FaultProxy(place.port, place.user, place.password) as proxy,
            stage(place, account=proxy, env=PATIENT, ftp_tls="off") as play,
        ):
            files = Files(play, given.files, chance)
            with serving(play.home, verb="service", env=PATIENT) as service:
                return _endure(given, play, proxy, files, service.process.pid, chance)


def _endure(
    given: argparse.Namespace, play: Stage, proxy: FaultProxy, files: "Files", pid: int,
    chance: random.Random,
) -> int:
    assert _sync(play) == 0, "the first run, without a fault"
    first = last = _settled(pid)
    most = first.rss_bytes
    ends_at_s = time.monotonic() + given.minutes * 60
    fault_at_s = time.monotonic()
    rounds = faults = 0
    while time.monotonic() < ends_at_s:
        files.change(CHANGED_A_ROUND)
        if time.monotonic() >= fault_at_s:
            fault_at_s += given.fault_every_s
            kind = chance.choice([kind for kind in KINDS if not kind.is_lie])
            proxy.set_fault(kind.place(chance, tls=False))
            faults += 1
        _sync(play)
        proxy.set_fault(None)
        last = _settled(pid)
        most = max(most, last.rss_bytes)
        rounds += 1
        if rounds % 20 == 0:
            _tell(f"  round {rounds}: {last}", play.checker.at_any_moment(is_engine_alive=True))
        time.sleep(min(given.pause_s, max(ends_at_s - time.monotonic(), 0)))
    _sync(play)
    _sync(play)
    found = play.checker.at_the_end()
    grown = most - first.rss_bytes, last.descriptors - first.descriptors, (
        last.threads - first.threads
    )
    line = (
        f"endurance: seed {given.seeds[0]}, {given.files} files, {given.minutes:g} min,"
        f" {rounds} runs, {faults} faults; grown by {grown[0] / 2**20:.1f} MB,"
        f" {grown[1]} descriptors, {grown[2]} threads"
    )
    is_grown = grown[0] > MAY_GROW_BYTES or grown[1] > 0 or grown[2] > 0
    return _tell(line, found) or int(is_grown)


class Files:
    """Many small files; a change writes some of them anew."""

    def __init__(self, play: Stage, count: int, chance: random.Random) -> None:
        self._play, self._count, self._chance = play, count, chance
        self._history = History()
        play.new_history(self._history)
        for number in range(count):
            self._write(number)

    def change(self, count: int) -> None:
        for number in self._chance.sample(range(self._count), min(count, self._count)):
            self._write(number)

    def _write(self, number: int) -> None:
        name = f"{number // 1000:03}/{CANARY}-{number:06}"
        content = MARK + self._chance.randbytes(self._chance.choice((0, 100, 2000)))
        root = ("orthanc", "hospital")[number % 2]
        path = self._play.sources[root] / name
        path.parent.mkdir(exist_ok=True)
        self._history.note(f"{root}/{name}", content)
        path.write_bytes(content)


def _sync(play: Stage) -> int:
    """By the service, as a command beside it asks."""
    return play.zygote.start("sync", "--json").wait(WITHIN_S).code


def _settled(pid: int) -> Sample:
    """When the threads of the run are gone: the same count twice in a row."""
    seen: list[Sample] = []

    def is_settled() -> bool:
        seen.append(Sample.of(pid))
        time.sleep(0.5)
        return len(seen) > 3 and len({sample.threads for sample in seen[-3:]}) == 1

    wait_until(is_settled)
    return seen[-1]


def _tell(line: str, violations: list[Violation]) -> int:
    print(line, flush=True)
    for violation in violations[:20]:
        print(f"  {violation}", flush=True)
    return len(violations)


SCENARIOS: dict[str, Callable[[argparse.Namespace], int]] = {
    "syscalls": every_syscall,
    "faults": every_fault,
    "kills": kill_loops,
    "endurance": endurance,
    "fuzzing": fuzzing,
    "openapi": openapi,
}


def main() -> int:
    logging.basicConfig()  # or pyftpdlib would set up its own, which tells everything
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(SCENARIOS), action="append")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    parser.add_argument("--kills", type=int, default=1000, help="for each seed")
    parser.add_argument("--repetitions", type=int, default=25, help="of each kind of fault")
    parser.add_argument("--examples", type=int, default=1000, help="of each operation, openapi")
    parser.add_argument("--minutes", type=float, default=60, help="of endurance")
    parser.add_argument("--files", type=int, default=100_000, help="of endurance")
    parser.add_argument("--fault-every-s", type=float, default=60)
    parser.add_argument("--pause-s", type=float, default=5, help="between runs of endurance")
    given = parser.parse_args()
    failed = [name for name in given.only or SCENARIOS if SCENARIOS[name](given)]
    print(f"soak: FAILED: {', '.join(failed)}" if failed else "soak: everything passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
