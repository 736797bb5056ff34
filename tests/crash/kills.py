"""The kill loop: SIGKILL at random moments of a sync over a slow line, while sources change.

`python -m tests.crash.kills --seed 7 --kills 200` repeats a run as far as chance allows: the
changes and the moments come from the seed, what the machine does in between does not.
"""

import argparse
import contextlib
import ftplib
import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.crash import checker as checks
from tests.crash.checker import Violation
from tests.crash.history import Writer
from tests.crash.stage import CANARY, PATIENT, Stage, server, stage
from tests.parts.fixtures import FtpPlace, make_ftp_place
from tests.parts.ftp_servers import KINDS, FtpServer, Kind

LINE = ("local_max_rate=2500000",)
"""60 Mbit/s over three sessions: without a throttle a kill hits nothing half done."""
COMMAND_LOG = ("xferlog_enable=YES", "xferlog_std_format=NO", "log_ftp_protocol=YES")
LINES: dict[Kind, tuple[str, ...]] = {
    "vsftpd": (*LINE, *COMMAND_LOG),
    "proftpd": ("TransferRate STOR 2500",),
    "pure-ftpd": ("-T 2500:2500",),
}
LONGEST_S = 0.45
WHOLE_RUN_EVERY = 15
SERVER_KILL_EVERY = 9
FILES = 28


class Victim(Protocol):
    """A process that works, and is killed."""

    def has_ended(self, within_s: float) -> bool: ...

    def kill(self) -> bool: ...


@dataclass
class Report:
    """The line a loop prints, and what it found."""

    seed: int
    where: str = "vsftpd plain"
    kills: int = 0
    server_kills: int = 0
    whole_runs: int = 0
    changes: int = 0
    versions: int = 0
    stored_rows: int = 0
    finals: int = 0
    commands: int = 0
    lasted_s: float = 0.0
    violations: list[Violation] = field(default_factory=list)

    def line(self) -> str:
        counts: dict[str, int] = {}
        for violation in self.violations:
            name = f"{violation.invariant} {violation.kind}"
            counts[name] = counts.get(name, 0) + 1
        found = ", ".join(f"{name} x{count}" for name, count in counts.items()) or "nothing"
        return (
            f"kills: seed {self.seed}, {self.where}, {self.kills} kills and"
            f" {self.server_kills} of the server's in {self.lasted_s:.0f} s,"
            f" {self.whole_runs} whole runs, {self.changes} changes,"
            f" {self.stored_rows} stored rows, {self.finals} finals and {self.commands} commands"
            f" checked: {found}"
        )


def names(count: int = FILES) -> list[str]:
    """In both roots, some at the top and some deep; a blank and an umlaut among them."""
    folders = ("orthanc/ab/cd", "orthanc/ab/ef", "hospital", "hospital/Ärzte/bericht 1")
    return [f"{folders[n % len(folders)]}/{CANARY}-{n:03}" for n in range(count)]


def kill_loop(
    play: Stage,
    writer: Writer,
    start: Callable[[], Victim],
    kills: int,
    seed: int,
    *,
    until: frozenset[str] = frozenset(),
) -> Report:
    """Start and kill until so many kills hit. Invariants that hold at any moment are checked
    after each; the sources change all the while and are at rest in the end.

    until: invariants that a worker must be found to break; the loop ends when all are.
    """
    chance, report, begun_s = random.Random(f"kills {seed}"), Report(seed), time.monotonic()
    killed_runs: set[int] = set()
    writer.start()
    try:
        for turn in itertools.count(1):
            victim = start()
            if turn % WHOLE_RUN_EVERY == 0:
                victim.has_ended(20)
            elif turn % SERVER_KILL_EVERY == 0:
                victim.has_ended(chance.uniform(0.1, LONGEST_S))
                report.server_kills += kill_a_session(_server_of(play), chance)
                victim.has_ended(chance.uniform(0.0, LONGEST_S))
            else:
                victim.has_ended(chance.uniform(0.02, LONGEST_S))
            if victim.kill():
                report.kills += 1
                killed_runs |= runs_on(play.home)
            else:
                report.whole_runs += 1
            report.violations += play.checker.at_any_moment()
            is_found_out = until and until <= {found.invariant for found in report.violations}
            if report.kills >= kills or is_found_out:
                break
    finally:
        writer.stop()
    report.changes, report.versions = writer.changes, writer.history.count()
    report.stored_rows = play.checker.tally.stored_rows
    report.finals = play.checker.tally.finals
    report.commands = sum(map(len, sessions_of(_server_of(play))))
    report.violations += [] if until else settle(play, killed_runs)
    report.lasted_s = time.monotonic() - begun_s
    return report


def settle(play: Stage, killed_runs: set[int]) -> list[Violation]:
    """The sources are at rest: one run recovers, one is idle, and then all must be well."""
    answers = [play.zygote.run("sync", "--json") for _ in range(2)]
    found = [v for ended in answers for v in play.checker.is_truthful(ended.answer())]
    found += play.checker.at_the_end(
        (ended.stdout + ended.stderr for ended in answers), sessions_of(_server_of(play))
    )
    found += play.checker.status_agrees(play.zygote.run("status", "--json").answer())
    found += checks.not_closed_as_crashed(play.home, killed_runs)
    # Plain, also where TLS is offered: it is the bytes that are looked at.
    with ftplib.FTP() as ftp:
        ftp.connect(play.place.host, play.place.port, timeout=10)
        ftp.login(play.place.user, play.place.password)
        found += checks.not_restored(play.checker, ftp, str(play.place.ftp_path))
    return found


def _server_of(play: Stage) -> FtpServer:
    assert isinstance(play.place, FtpPlace)
    return play.place.server


def runs_on(home: Path) -> set[int]:
    """Runs that nobody ended: their process was just killed."""
    with contextlib.closing(sqlite3.connect(home / checks.DATABASE, timeout=30)) as database:
        found = database.execute("SELECT id FROM sync_history WHERE status = 'running'")
        return {row[0] for row in found}


def kill_a_session(ftp_server: FtpServer, chance: random.Random) -> int:
    """SIGKILL to one of the server's own processes; the listener lives. How many were killed."""
    sessions = ftp_server.processes()[2:]
    if not sessions:
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(chance.choice(sessions), signal.SIGKILL)
        return 1
    return 0


def sessions_of(ftp_server: FtpServer) -> list[list[str]]:
    """The commands of each session in vsftpd's own log, if it keeps one (see COMMAND_LOG)."""
    log = ftp_server.log_file.with_name("commands.log")
    sessions: dict[str, list[str]] = {}
    if log.exists():
        for line in log.read_text(errors="replace").splitlines():
            head, sign, said = line.partition("FTP command: ")
            if sign:
                pid = head.partition("[pid ")[2].partition("]")[0]
                command = said.partition('"')[2].partition(", ")[2] or said.partition('"')[2]
                sessions.setdefault(pid, []).append(command.rstrip('"'))
    return list(sessions.values())


@contextlib.contextmanager
def slow_stage(
    source_tree: Path | None = None, *, kind: Kind = "vsftpd", tls: bool = False
) -> Iterator[Stage]:
    """A server on a throttled line; vsftpd keeps a log of every command."""
    with server(kind, tls=tls, options=LINES[kind]) as ftp_server:
        if kind == "vsftpd":
            log = ftp_server.log_file.with_name("commands.log")
            settings = log.with_name("vsftpd.conf")
            settings.write_text(settings.read_text() + f"vsftpd_log_file={log}\n")
            ftp_server.restart()
        settings_of_tls: dict[str, Any] = {
            "ftp_tls": "required" if tls else "off",
            "ftp_tls_ca": str(ftp_server.ca_file) if tls else None,
        }
        with stage(
            make_ftp_place(ftp_server), env=PATIENT, source_tree=source_tree, ftp_connections=3,
            **settings_of_tls,
        ) as play:
            yield play


def run(seed: int, kills: int, *, kind: Kind = "vsftpd", tls: bool = False) -> Report:
    """The whole scenario, from an empty server on."""
    with slow_stage(kind=kind, tls=tls) as play:
        writer = Writer(play.sources, play.folder / "staging", names(), seed)
        play.new_history(writer.history)
        report = kill_loop(
            play, writer, lambda: play.zygote.start("sync", "--json"), kills, seed
        )
    report.where = f"{kind} {'tls' if tls else 'plain'}"
    return report


@dataclass
class NaiveWorker:
    """tests/crash/naive.py, in a process of its own."""

    process: subprocess.Popen[bytes]

    def has_ended(self, within_s: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(within_s)
        return self.process.poll() is not None

    def kill(self) -> bool:
        self.process.kill()
        return self.process.wait() == -signal.SIGKILL


def run_naive(seed: int, kills: int) -> Report:
    """The same scenario for the worker that is meant to fail."""
    with slow_stage() as play:
        writer = Writer(play.sources, play.folder / "staging", names(), seed)
        play.new_history(writer.history)
        place = play.place
        words = [place.host, str(place.port), place.user, place.password, str(place.ftp_path)]
        script = [sys.executable, "-I", str(Path(__file__).with_name("naive.py"))]

        def start() -> NaiveWorker:
            return NaiveWorker(
                subprocess.Popen([*script, str(play.home), *words], stderr=subprocess.DEVNULL)
            )

        return kill_loop(play, writer, start, kills, seed, until=frozenset({"I1", "I2"}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--naive", action="store_true", help="a worker that must be found out")
    parser.add_argument("--server", choices=KINDS, default="vsftpd")
    parser.add_argument("--tls", action="store_true")
    given = parser.parse_args()
    if given.naive:
        report = run_naive(given.seed, given.kills)
    else:
        report = run(given.seed, given.kills, kind=given.server, tls=given.tls)
    print(report.line())
    for violation in report.violations[:50]:
        print(f"  {violation}")
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
