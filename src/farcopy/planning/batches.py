"""How large the next batch is. Pure.

A batch is the unit of claiming and recording: at most 256 files or 64 MiB. The
first ones are small, so that a short run keeps every connection busy.
"""

MAX_FILES = 256
MAX_BYTES = 64 * 1024 * 1024
_FIRST_FILES = 8


def batch_limit(batches_cut: int, connections: int) -> int:
    """Files in the next batch: doubles each time every connection has had one."""
    rounds = batches_cut // max(connections, 1)
    return min(MAX_FILES, _FIRST_FILES << min(rounds, 10))


def is_full(files: int, size_bytes: int, limit: int) -> bool:
    return files >= limit or size_bytes >= MAX_BYTES
