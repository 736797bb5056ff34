"""What 10,000 calls without a session leave in the audit trail: rows and bytes, and how fast.

    python -m bench.unauthenticated
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.api.farcopy_server import FarcopyServer

CALLS = 10_000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = FarcopyServer(Path(folder) / "home", verb="web")
        size_before, rows_before = measured(server)
        began_s = time.monotonic()
        with server.client() as client:
            for _ in range(CALLS):
                assert client.get("/api/sync/status.php").status_code == 401
        took_s = time.monotonic() - began_s
        server.stop()
        size, rows = measured(server)
        sys.stdout.write(
            f"{CALLS} calls in {took_s:.0f} s: {rows - rows_before} rows, "
            f"{(size - size_before) / 1024:.0f} KiB of database\n"
        )


def measured(server: FarcopyServer) -> tuple[int, int]:
    """(bytes of the database, rows of the trail)"""
    server.query("PRAGMA wal_checkpoint(TRUNCATE)")
    (rows,) = server.query("SELECT count(*) FROM audit_logs")[0]
    return (server.home / "farcopy.sqlite3").stat().st_size, rows


if __name__ == "__main__":
    main()
