"""The history of a hospital that has had farcopy for years: 100,000 runs, and looks between them.

For tests of the page, and for bench.answers.
"""

import math
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from tests.api.farcopy_server import FarcopyServer

RUNS = 100_000


def fill_years(server: FarcopyServer) -> None:
    """Runs, looks and a frozen moment of a hospital that has had farcopy for years."""
    now = datetime.now(UTC)
    with closing(sqlite3.connect(server.home / "farcopy.sqlite3", timeout=30)) as database:
        database.executemany(
            'INSERT INTO sync_history (id, sync_type, destination_label, status, "end",'
            " requested_by, started_at, completed_at, duration_s, error_code, error_message,"
            " files_synced, total_size_bytes, files_failed, files_skipped, files_unchanged,"
            " files_due, bytes_due, problems, problem_count, files_growing, phase, bytes_on_line,"
            " bytes_per_s, connections) VALUES (?, 'scheduled', 'archive', ?, 'finished', '', ?, ?,"
            " ?, '', NULL, ?, ?, 0, 0, 180000, ?, ?, '[]', 0, 0, '', 0, 0, 0)",
            [
                (number, "partial" if number % 97 == 0 else "success", stamp(began),
                 stamp(began + timedelta(seconds=files)), files, files, files * 520_000, files,
                 files * 520_000)
                for number in range(1, RUNS + 1)
                for began in [now - timedelta(minutes=30 * (RUNS - number) + 20)]
                for files in [busy(began) * (number * 7919 % 40 + 60) // 100]
            ],
        )
        database.executemany(
            "INSERT INTO backlog_samples (at, files, bytes, lag_s, is_whole)"
            " VALUES (?, ?, ?, ?, 1)",
            [
                (stamp(now - timedelta(minutes=30 * n)), n * 31 % 300, 1000,
                 n * 7919 % 1500 + (5400 if n in range(100, 106) else 0))
                for n in range(4000, 0, -1)
            ] + [(stamp(now - timedelta(minutes=5)), 0, 0, 0)],
        )
        database.commit()


def busy(moment: datetime) -> int:
    """Files that come in half an hour: many by day, few by night and on Sundays."""
    by_day = round(300 * max(0.0, math.sin(math.pi * (moment.hour - 6) / 14)) ** 2)
    return 4 + by_day // (8 if moment.weekday() == 6 else 1)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
