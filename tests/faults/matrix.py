"""Fault kinds x places x servers x plain and TLS: a case is a sync with one fault in it.

After each: what the run said is true, nothing is called stored that is not there, and
one more run, without the fault, brings everything home.
`python -m tests.faults.matrix --kind lose-226 --server vsftpd --seed 3` repeats cases.
"""

import argparse
import contextlib
import logging
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tests.contract.pyftp import PASSWORD, USER, PyFtpServer
from tests.crash.checker import Violation
from tests.crash.history import MARK
from tests.crash.stage import CANARY, HASTY, Place, SimplePlace, Stage, server, stage
from tests.faults.actions import Fault
from tests.faults.kinds import BY_NAME, KINDS, LARGE, Kind
from tests.faults.proxy import Certificate, FaultProxy
from tests.parts.fixtures import make_ftp_place
from tests.parts.ftp_servers import KINDS as SERVERS
from tests.parts.ftp_servers import why_not
from tests.running import rows

# pyftpdlib's TLS wants PyOpenSSL, which is no part of the tests.
PLACES: tuple[tuple[str, bool], ...] = (
    *((kind, tls) for tls in (False, True) for kind in SERVERS), ("pyftpdlib", False),
)


@dataclass
class Result:
    """A case. has_struck: False when the sync ended before the fault's turn came."""

    kind: str
    fault: Fault
    where: str
    has_struck: bool
    status: str
    lasted_s: float
    violations: list[Violation] = field(default_factory=list)

    def line(self) -> str:
        told = "; ".join(map(str, self.violations)) or "well"
        struck = "" if self.has_struck else " (never came)"
        return f"{self.kind} {self.fault} on {self.where}{struck}: {self.status}, {told}"


@dataclass
class Board:
    """A stage with the proxy before its server, and the versions of its files counted."""

    play: Stage
    proxy: FaultProxy
    where: str
    turn: int = 0
    version: int = 0

    def change_sources(self, *, again: bool = False) -> None:
        """Three files due: a stored one replaced by one of its size, a large and an empty one.

        Two new ones each time would fill the stage, so these come in turn; again: the same.
        """
        self.version += 1
        self.turn += not again
        names = {
            f"hospital/{CANARY}/a": self._content(4000),
            f"hospital/{CANARY}/b {self.turn % 4}": self._content(LARGE),
            f"hospital/{CANARY}/c {self.turn % 5}": self._content(self.turn % 3 * 700),
        }
        for name, content in names.items():
            root, _, relative = name.partition("/")
            path = self.play.sources[root] / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            self.play.checker.scene.history.note(name, content)
            path.write_bytes(content)

    def _content(self, size: int) -> bytes:
        mark = b"%s version %d of %d " % (MARK, self.version, size)
        return (mark * (size // len(mark) + 1))[:size]


@contextlib.contextmanager
def board(
    kind: str,
    *,
    tls: bool = False,
    env: Mapping[str, str] = HASTY,
    source_tree: Path | None = None,
    **more: object,
) -> Iterator[Board]:
    """A server of a kind, its proxy, a home, and a first sync without a fault."""
    with contextlib.ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="farcopy-proxy-")))
        place: Place
        if kind == "pyftpdlib":
            (folder / "remote").mkdir()
            simple = PyFtpServer(folder / "remote")
            ends.callback(simple.stop)
            place = SimplePlace(
                simple.host, simple.port, simple.root, USER, PASSWORD, PurePosixPath("/")
            )
        else:
            place = make_ftp_place(ends.enter_context(server(kind, tls=tls)))  # type: ignore[arg-type]
        certificate = Certificate.make(folder) if tls else None
        proxy = ends.enter_context(
            FaultProxy(place.port, place.user, place.password, certificate)
        )
        settings: dict[str, Any] = {
            "ftp_connections": 1, "ftp_tls": "required" if tls else "off", **more
        }
        if certificate is not None:
            settings["ftp_tls_ca"] = str(certificate.ca_file)
        play = ends.enter_context(
            stage(place, account=proxy, env=env, source_tree=source_tree, **settings)
        )
        here = Board(play, proxy, f"{kind} {'tls' if tls else 'plain'}")
        here.change_sources()
        answer = play.zygote.sync()
        assert answer["status"] == "success", answer
        yield here


def run_case(here: Board, kind: Kind, chance: random.Random, *, tls: bool) -> Result:
    """A fault, and the run after it."""
    play, proxy, begun_s = here.play, here.proxy, time.monotonic()
    scene = play.checker.scene
    here.change_sources()
    fault = kind.place(chance, tls=tls)
    scene.server_lies = kind.is_lie
    first_session = len(proxy.sessions)
    proxy.set_fault(fault)
    answer = play.zygote.sync()
    result = Result(kind.name, fault, here.where, proxy.has_struck, answer["status"], 0.0)
    found = result.violations
    found += play.checker.at_any_moment() + play.checker.is_truthful(answer)
    if kind.is_lost_reply and any(row[0] for row in rows(play.home, _ATTEMPTS, answer["run_id"])):
        found.append(Violation("I6", "lost-reply-used-an-attempt", str(answer)))
    proxy.set_fault(None)
    if kind.is_lie and result.has_struck and not found:
        found.append(Violation("machine", "lie-not-seen", str(fault)))
    if kind.is_lie:
        found[:] = [violation for violation in found if not violation.is_expected]
        here.change_sources(again=True)  # new versions over what was spoilt
        scene.server_lies = False
    proxy.release()
    recovered = play.zygote.run("sync", "--json")
    found += play.checker.is_truthful(recovered.answer())
    if recovered.code != 0:
        found.append(Violation("I3", "not-recovered", recovered.stdout + recovered.stderr))
    found += play.checker.at_the_end([recovered.stdout], proxy.sessions[first_session:])
    result.lasted_s = time.monotonic() - begun_s
    return result


_ATTEMPTS = (
    "SELECT r.attempts FROM replicas r JOIN transfers t ON t.replica_id = r.id WHERE t.run_id = ?"
)


def spread(kinds: Sequence[Kind], seed: int) -> dict[tuple[str, bool], list[Kind]]:
    """Each kind once, over the servers that are here, turned on by the seed."""
    here = [place for place in PLACES if place[0] == "pyftpdlib" or not why_not(place[0])]  # type: ignore[arg-type]
    shared: dict[tuple[str, bool], list[Kind]] = {place: [] for place in here}
    for number, kind in enumerate(kinds):
        shared[here[(number + seed) % len(here)]].append(kind)
    return shared


def run_place(
    name: str, kinds: Sequence[Kind], seed: int, *, tls: bool, repetitions: int = 1
) -> Iterator[Result]:
    """Cases on one server, one after the other on one home, as in a long life."""
    with board(name, tls=tls) as here:
        for kind in kinds:
            for turn in range(repetitions):
                chance = random.Random(f"{kind.name} {seed} {turn} {name} {tls}")
                yield run_case(here, kind, chance, tls=tls)


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig()  # or pyftpdlib would set up its own, which tells everything
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=sorted(BY_NAME), action="append", default=[])
    parser.add_argument("--server", choices=[*SERVERS, "pyftpdlib"], help="default: spread")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repetitions", type=int, default=1)
    given = parser.parse_args(arguments)
    kinds = [BY_NAME[name] for name in given.kind] or list(KINDS)
    shared = (
        {(given.server, given.tls): kinds} if given.server else spread(kinds, given.seed)
    )
    cases = missed = failed = 0
    for (name, tls), some in shared.items():
        for result in run_place(name, some, given.seed, tls=tls, repetitions=given.repetitions):
            cases += 1
            missed += not result.has_struck
            failed += bool(result.violations)
            print(f"{result.lasted_s:5.1f} s {result.line()}", flush=True)
    print(
        f"faults: seed {given.seed}, {cases} cases, {missed} never came, {failed} with violations"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
