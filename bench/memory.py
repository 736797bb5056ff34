"""Peak memory of a first sync of 10,000 files beside one of 1,000, to a server of its own.

usage: python -m bench.memory [SMALL] [LARGE]     (1000 10000)

Files of 1 KiB in Orthanc's shape; pyftpdlib in another process. The bound of
the design: 60 MiB of growth.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measure import Cost, farcopy

SERVER = """
import logging, sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())
logging.getLogger("pyftpdlib").propagate = False
FTPHandler.authorizer = DummyAuthorizer()
FTPHandler.authorizer.add_user("u", "p", sys.argv[1], perm="elradfmwMT")
server = FTPServer(("127.0.0.1", 0), FTPHandler)
print(server.socket.getsockname()[1], flush=True)
server.serve_forever()
"""


def make_tree(root: Path, files: int) -> None:
    numbers = random.Random(files)
    for _ in range(files):
        name = numbers.randbytes(16).hex()
        folder = root / name[:2] / name[2:4]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(numbers.randbytes(1024))


def first_sync(folder: Path, port: str, files: int) -> Cost:
    make_tree(folder / f"tree-{files}", files)
    home = folder / f"home-{files}"
    farcopy(
        home, "configure", "--orthanc-storage-path", str(folder / f"tree-{files}"),
        "--ftp-host", "127.0.0.1", "--ftp-port", port, "--ftp-username", "u",
        "--ftp-path", f"/{files}", "--ftp-password-stdin", stdin="p\n",
    )
    cost = farcopy(home, "sync")
    assert f"Success: {files} files" in cost.output, cost.output
    arrived = sum(len(names) for _, _, names in os.walk(folder / "remote" / str(files)))
    assert arrived == files, f"{arrived} files on the server"
    return cost


def main(small: int, large: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="farcopy-bench-"))
    (folder / "remote").mkdir()
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SERVER, str(folder / "remote")],
        stdout=subprocess.PIPE, text=True,
    )
    try:
        assert server.stdout
        port = server.stdout.readline().strip()
        costs = {files: first_sync(folder, port, files) for files in (small, large)}
        for files, cost in costs.items():
            print(f"{files:>8} files  {cost.wall_s:6.1f} s  cpu {cost.cpu_s:6.1f} s  "
                  f"peak {cost.peak_bytes / 2**20:6.1f} MiB")
        growth = (costs[large].peak_bytes - costs[small].peak_bytes) / 2**20
        print(f"growth {growth:.1f} MiB (bound 60), "
              f"ratio {costs[large].peak_bytes / costs[small].peak_bytes:.2f}")
        if growth > 60:
            sys.exit("memory grows with the archive")
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in (*sys.argv[1:3], *("1000", "10000")[len(sys.argv) - 1:])))
