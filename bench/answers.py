"""What an answer costs with a history of 100,000 runs: the server's processor time, call by call.

usage: python -m bench.answers [ROUNDS]     (20)

Beside each stands what the plainest answer costs (`/healthz`): the ratio says more than the
milliseconds of a machine that does something else besides. The bound of the design: a tenth of
a second of work.
"""

import os
import sys
import tempfile
from pathlib import Path

from tests.api.farcopy_server import FarcopyServer
from tests.api.years import RUNS, fill_years

PATHS = (
    "/healthz", "/healthz?deep", "/", "/api/sync/status.php", "/api/sync/runs.php",
    "/api/sync/chart.php?days=92", f"/api/sync/run.php?id={RUNS}",
    "/api/sync/runs.php?status=failed&limit=50", "/api/audit/list.php", "/api/users/list.php",
)


def main(arguments: list[str]) -> int:
    rounds = int(arguments[0]) if arguments else 20
    with tempfile.TemporaryDirectory() as folder:
        server = FarcopyServer(Path(folder) / "home", verb="web")
        try:
            fill_years(server)
            with server.signed_in() as boss:
                plainest_s = 0.0
                for path in PATHS:
                    boss.get(path)
                    before_s = cpu_s(server.pid)
                    for _ in range(rounds):
                        boss.get(path)
                    each_s = (cpu_s(server.pid) - before_s) / rounds
                    plainest_s = plainest_s or each_s or 0.001
                    print(f"{path:45} {each_s * 1000:6.1f} ms  {each_s / plainest_s:5.1f}x")
        finally:
            server.stop()
    return 0


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
