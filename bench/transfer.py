"""farcopy beside lftp, rclone and threaded ftplib: one account, one tree, in one run.

usage: python -m bench.transfer S200 O200 --rounds 3              (loopback)
       python -m bench.transfer S200 --at HOST:PORT --user U --password P --remote-root DIR

Whole processes, in turn, each round into a fresh remote folder; afterwards all
that arrived is compared with the tree by path and SHA-256. One bad round, and a
contender has no time. farcopy is the verb itself, on a home that is set up.
"""

import argparse
import hashlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import corpora, places
from bench.contenders import CONTENDERS, Command, Job, Place, farcopy_sync, why_left_out
from bench.measure import Cost, run

START_UPS = 5


@dataclass
class Column:
    """One contender's rounds."""

    costs: list[Cost] = field(default_factory=list)
    failure: str = ""

    def median(self, of: Callable[[Cost], float]) -> float:
        return statistics.median(map(of, self.costs))


def tree(root: Path) -> dict[str, str]:
    """SHA-256 by path."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            with path.open("rb") as file:
                found[str(path.relative_to(root))] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def one_round(
    make: Callable[[Job], Command], job: Job, wanted: dict[str, str], within_s: float
) -> Cost:
    """Raises: RuntimeError when it failed, or did not bring everything, and nothing else."""
    landing = job.place.root / job.destination.lstrip("/")
    landing.mkdir()
    owner = job.place.root.stat()
    os.chown(landing, owner.st_uid, owner.st_gid)
    try:
        command = make(job)
        cost = run(command.argv, command.env, command.stdin, within_s)
        if command.own:
            shutil.rmtree(landing / command.own, ignore_errors=True)
        got = tree(landing)
        below = f"{command.below}/" if command.below else ""
        if got != {below + path: digest for path, digest in wanted.items()}:
            raise RuntimeError(f"not the same: {len(got)} files of {len(wanted)}: {cost.output}")
        return cost
    finally:
        shutil.rmtree(landing, ignore_errors=True)


def start_up(folder: Path) -> float:
    """Seconds from the start of `farcopy sync` to its first packet: a socket of ours waits."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        corpora.fill(folder / "one", "one", 1, 1024)
        place = Place("127.0.0.1", listener.getsockname()[1], "u", "p", folder)
        command = farcopy_sync(Job(place, folder / "one", "/", 1, folder))
        began_s = time.perf_counter()
        process = subprocess.Popen(
            command.argv, env={**os.environ, **command.env},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            listener.settimeout(30)
            listener.accept()[0].close()
            return time.perf_counter() - began_s
        finally:
            process.kill()
            process.wait()


def raw_md5_s(source: Path) -> float:
    began_s = time.perf_counter()
    for path in sorted(source.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                hashlib.file_digest(file, "md5")
    return time.perf_counter() - began_s


def compare(
    names: Sequence[str], job: Job, rounds: int, within_s: float
) -> tuple[dict[str, Column], list[float]]:
    """The contenders' columns, and the seconds MD5 alone takes for the tree."""
    wanted = tree(job.source)
    columns = {name: Column() for name in names}
    md5s = []
    for number in range(rounds):
        for name in names:
            if columns[name].failure:
                continue
            destination = f"/bench-{os.getpid()}-{number}-{name}"
            try:
                cost = one_round(
                    CONTENDERS[name], replace(job, destination=destination), wanted, within_s
                )
            except RuntimeError as error:
                columns[name].failure = str(error)
                print(f"{name} FAILED: {error}", file=sys.stderr, flush=True)
            else:
                columns[name].costs.append(cost)
                print(f"  {number + 1} {name:8} {cost.wall_s:7.2f} s", file=sys.stderr, flush=True)
        md5s.append(raw_md5_s(job.source))
    return columns, md5s


def table(name: str, what: str, columns: dict[str, Column]) -> list[str]:
    corpus = corpora.CORPORA[name]
    lines = [
        f"**{name}**: {corpus.what}; {what}", "",
        "| | wall s | min - max | farcopy is | files/s | MB/s | CPU s | peak MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    ours = columns.get("farcopy")
    ours_s = ours.median(lambda cost: cost.wall_s) if ours and ours.costs else None
    for contender, column in columns.items():
        if column.failure or not column.costs:
            lines.append(f"| {contender} | failed | | | | | | |")
            continue
        wall_s = column.median(lambda cost: cost.wall_s)
        walls = [cost.wall_s for cost in column.costs]
        times = f"{wall_s / ours_s:.2f}x" if ours_s and contender != "farcopy" else ""
        lines.append(
            f"| {contender} | {wall_s:.2f} | {min(walls):.2f} - {max(walls):.2f} | {times} "
            f"| {corpus.files / wall_s:.1f} | {corpus.total_bytes / wall_s / 1e6:.1f} "
            f"| {column.median(lambda cost: cost.cpu_s):.2f} "
            f"| {column.median(lambda cost: cost.peak_bytes) / 2**20:.0f} |"
        )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.transfer", description=__doc__, epilog=places.DESTINATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("corpora", nargs="*", choices=[*corpora.CORPORA, []], metavar="CORPUS",
                        help=", ".join(corpora.CORPORA))
    places.add_options(parser)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--within", type=float, default=600, metavar="S", help="for one round")
    parser.add_argument("--peer", action="append", choices=[*CONTENDERS], help="default: all")
    parser.add_argument("--line", default="", help="what to call the line, for the heading")
    options = parser.parse_args()
    names = ["farcopy"]
    for peer in options.peer or CONTENDERS:
        if peer == "farcopy":
            continue
        if why := why_left_out(peer):
            print(f"LEFT OUT: {peer}: {why}", file=sys.stderr, flush=True)
        else:
            names.append(peer)
    folder = Path(tempfile.mkdtemp(prefix="farcopy-bench-"))
    has_failed = False
    try:
        with places.place(options) as (label, place):
            speech = f"TLS {place.tls}" if place.tls else "plain"
            what = ", ".join(filter(None, (
                label, options.line, speech, f"{options.connections} connections",
                f"median of {options.rounds}",
            )))
            for name in options.corpora or ["S200", "O200"]:
                source = corpora.make(name, folder)
                job = Job(place, source, "", options.connections, folder)
                columns, md5s = compare(names, job, options.rounds, options.within)
                has_failed = has_failed or bool(columns["farcopy"].failure)
                print("\n".join(table(name, what, columns)))
                print(f"\nMD5 alone: {statistics.median(md5s):.2f} s\n", flush=True)
        starts = [start_up(folder / f"start-{number}") for number in range(START_UPS)]
        print(f"farcopy's start, to its first packet: {statistics.median(starts):.2f} s "
              f"({min(starts):.2f} - {max(starts):.2f}), contained in its times above")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main())
