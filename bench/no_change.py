"""A run of nothing new over many files, beside `find -printf`, and what it asks the remote.

usage: python -m bench.no_change [FILES] [ROUNDS]     (200000 3)

The tree has Orthanc's shape. The ledger is filled through the ledger itself,
as a first sync would; the "FTP server" is a socket that counts who comes.
"""

import itertools
import os
import random
import shutil
import socket
import statistics
import sys
import tempfile
from pathlib import Path

from bench.measure import farcopy, run


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
        rows = []
        for _ in range(rounds):
            start_up = farcopy(empty, "sync")
            ours = farcopy(home, "sync")
            find = run(["find", str(tree), "-type", "f", "-printf", "%s %T@ %p\\n"])
            assert "Nothing new" in ours.output, ours.output
            assert f"({files} unchanged)" in ours.output, ours.output
            rows.append((start_up.wall_s, ours.wall_s, find.wall_s, ours.peak_bytes,
                         start_up.peak_bytes))
        connections = 0
        try:
            while True:
                listener.accept()[0].close()
                connections += 1
        except BlockingIOError:
            pass
        median = [statistics.median(column) for column in zip(*rows, strict=True)]
        start_s, ours_s, find_s, ours_bytes, start_bytes = median
        print(f"files {files}, rounds {rounds}")
        print(f"find -printf            {find_s:6.2f} s")
        print(f"farcopy sync            {ours_s:6.2f} s  (start-up alone {start_s:.2f} s)")
        print(f"ratio to find           {ours_s / find_s:6.2f}")
        print(f"ratio, start-up apart   {(ours_s - start_s) / find_s:6.2f}")
        print(f"peak memory             {ours_bytes / 2**20:6.1f} MiB"
              f"  (start-up alone {start_bytes / 2**20:.1f} MiB)")
        print(f"connections to the remote: {connections}")
        if connections:
            sys.exit("a run of nothing new must ask the remote nothing")
    finally:
        listener.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in (*sys.argv[1:3], *("200000", "3")[len(sys.argv) - 1:])))
