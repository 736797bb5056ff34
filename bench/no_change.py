"""A run of nothing new over many files, beside `find -printf`, and what it asks the remote.

usage: python -m bench.no_change [FILES] [ROUNDS]     (200000 5)

The tree has Orthanc's shape. The ledger is filled through the ledger itself,
as a first sync would; the "FTP server" is a socket that counts who comes.
Start-up, sync and find take turns, so that what else the machine does meets
all of them. CPU seconds say more than wall where others work beside.
The bound of the design: 200 MB of memory, for a million files too.
"""

import itertools
import os
import random
import shutil
import socket
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.measure import Cost, farcopy, run

PEAK_BYTES = 200_000_000


def make_tree(root: Path, files: int) -> None:
    numbers = random.Random(files)
    made = set()
    for _ in range(files):
        name = numbers.randbytes(16).hex()
        folder = root / name[:2] / name[2:4]
        if folder not in made:
            folder.mkdir(parents=True, exist_ok=True)
            made.add(folder)
        os.close(os.open(folder / name, os.O_CREAT | os.O_WRONLY))


def fill_ledger() -> None:
    """Everything the source has counts as stored, in the home of the environment."""
    from farcopy.process import set_up

    set_up()
    from datetime import UTC, datetime

    from farcopy.core.model import Outcome, SourceFile
    from farcopy.core.states import FileState, RunEnd, RunState, SyncType
    from farcopy.service import wiring
    from farcopy.store import configuration, history
    from farcopy.store.ledger import DatabaseLedger

    row = configuration.load()
    destination = configuration.destination_for(row.settings)
    ledger = DatabaseLedger(destination.pk)
    now = datetime.now(UTC)
    run_id = history.begin(SyncType.MANUAL, destination, "bench", "bench", now)
    (source,) = wiring.sources_of(row.settings)
    waiting: list[SourceFile] = []
    numbers = itertools.count()

    def store() -> None:
        claimed = ledger.claim(ledger.admit(run_id, next(numbers), waiting))
        ledger.record(run_id, [Outcome(c, FileState.STORED, 0, "d" * 32) for c in claimed])
        waiting.clear()

    for listing in source.scan():
        waiting.extend(listing.files)
        if len(waiting) >= 4000:
            store()
    store()
    history.finish(run_id, RunState.SUCCESS, RunEnd.FINISHED, now, 1.0, "", None)


def report(costs: Mapping[str, Sequence[Cost]]) -> None:
    """A line a measure: find, farcopy, start-up alone, and how often find's farcopy's is."""
    measures: dict[str, Callable[[Cost], float]] = {
        "wall": lambda cost: cost.wall_s, "cpu": lambda cost: cost.cpu_s,
    }
    print("                    find   farcopy   start-up   ratio   start-up apart")
    for name, measure in measures.items():
        for kind, pick in (("median", statistics.median), ("least", min)):
            start_s, ours_s, find_s = (
                pick([measure(cost) for cost in costs[who]])
                for who in ("start-up", "farcopy", "find")
            )
            print(f"{name + ' s, ' + kind:<16}{find_s:8.2f}{ours_s:10.2f}{start_s:11.2f}"
                  f"{ours_s / find_s:8.2f}{(ours_s - start_s) / find_s:17.2f}")
    peak, start_peak = (
        max(cost.peak_bytes for cost in costs[who]) / 2**20 for who in ("farcopy", "start-up")
    )
    print(f"peak memory: {peak:.1f} MiB (start-up alone {start_peak:.1f} MiB)")


def main(files: int, rounds: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="farcopy-bench-"))
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    try:
        tree, home = folder / "tree", folder / "home"
        make_tree(tree, files)
        farcopy(
            home, "configure", "--orthanc-storage-path", str(tree), "--ftp-host", "127.0.0.1",
            "--ftp-port", str(listener.getsockname()[1]), "--ftp-username", "u",
            "--ftp-password-stdin", stdin="p\n",
        )
        # In a process of its own: a child's peak memory counts what its parent had at the fork.
        run([sys.executable, "-c", "from bench.no_change import fill_ledger; fill_ledger()"],
            {"FARCOPY_HOME": str(home)})
        empty = folder / "empty-home"
        (folder / "none").mkdir()
        farcopy(empty, "configure", "--orthanc-storage-path", str(folder / "none"),
                "--ftp-host", "127.0.0.1", "--ftp-username", "u")
        costs: dict[str, list[Cost]] = {"start-up": [], "farcopy": [], "find": []}
        for _ in range(rounds):
            costs["start-up"].append(farcopy(empty, "sync"))
            ours = farcopy(home, "sync")
            assert "Nothing new" in ours.output, ours.output
            assert f"({files} unchanged)" in ours.output, ours.output
            costs["farcopy"].append(ours)
            costs["find"].append(
                run(["find", str(tree), "-type", "f", "-printf", "%s %T@ %p\\n"])
            )
        connections = 0
        try:
            while True:
                listener.accept()[0].close()
                connections += 1
        except BlockingIOError:
            pass
        print(f"files {files}, rounds {rounds}")
        report(costs)
        print(f"connections to the remote: {connections}")
        if connections:
            sys.exit("a run of nothing new must ask the remote nothing")
        if max(cost.peak_bytes for cost in costs["farcopy"]) > PEAK_BYTES:
            sys.exit("a run of nothing new must not take more than 200 MB")
    finally:
        listener.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in (*sys.argv[1:3], *("200000", "5")[len(sys.argv) - 1:])))
