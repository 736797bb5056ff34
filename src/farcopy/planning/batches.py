"""How large the next batch is. Pure.

A batch is the unit of claiming: at most 256 files or 64 MiB. Each costs a few
transactions of the ledger, so they grow with the run. As many files as would make a
batch for each connection are held in reserve while none is without work; of these,
and of the last, batches become smaller and smaller: all connections end together.
"""

import math
from collections.abc import Iterable

MAX_FILES = 256
MAX_BYTES = 64 * 1024 * 1024
_FIRST_FILES = 8
BATCH_COST_S = 0.01
"""Claiming it, recording it, handing it out: seen on SQLite with eight threads in its way."""
_WORTH = 4
_KNOWN_AFTER = 8
_SHARE = 4
"""What is in reserve is then at most a quarter of what was handed out before."""


def batch_limit(files_cut: int, connections: int) -> int:
    """Files in the next batch. files_cut: in all those before."""
    share = files_cut // (_SHARE * max(connections, 1))
    return min(MAX_FILES, max(_FIRST_FILES, share))


def worthwhile(files: int, passed_s: float) -> int:
    """How many files a batch has at least, where a connection is hungry: to be worth several
    times its own cost. files: stored so far, by all connections, within passed_s seconds.

    Over a long line a file takes longer than a batch costs, and is a batch if need be. In the
    next room eight connections would ask for batches of one file as fast as the scan finds
    them, and wait for the ledger instead of the server.
    """
    if files < _KNOWN_AFTER or passed_s <= 0:
        return 1
    worth = math.ceil(_WORTH * BATCH_COST_S * files / passed_s)
    return min(max(worth, 1), MAX_FILES // 4)


def next_batch(
    files: int, size_bytes: int, limit: int, connections: int, *, is_hungry: bool,
    at_least: int = 1,
) -> int:
    """How many of the files that are due to hand out now; 0: wait for more.

    is_hungry: a connection may soon be without work; then they are shared as if they were
    the last, but none is smaller than at_least.
    """
    if is_hungry:
        if files < at_least:
            return 0
        return min(max(limit, at_least), max(last_batch(files, connections), at_least))
    return limit if files > limit * connections or size_bytes >= MAX_BYTES else 0


def cut(sizes: Iterable[int], limit: int) -> int:
    """How many of the next files, by their sizes in bytes, make a batch: one at least."""
    count = total = 0
    for size_bytes in sizes:
        if count and (count == limit or total + size_bytes > MAX_BYTES):
            break
        count += 1
        total += size_bytes
    return count


def last_batch(files: int, connections: int) -> int:
    """How many to hand out when these are the last."""
    return files if connections <= 1 else -(-files // (2 * connections))
