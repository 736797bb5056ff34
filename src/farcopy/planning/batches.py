"""How large the next batch is. Pure.

A batch is the unit of claiming: at most 256 files or 64 MiB. The connections take
one after another, so the last one to end works alone for at most a batch: each is a
small share of what was handed out before it. A few are not cut before the end is in
sight, and those become smaller and smaller, so that all connections end together.
"""

from collections.abc import Iterable

MAX_FILES = 256
MAX_BYTES = 64 * 1024 * 1024
_FIRST_FILES = 2
_SHARE = 16
"""The last batch then costs at most a sixteenth of the time the run has taken so far."""


def batch_limit(files_cut: int, connections: int) -> int:
    """Files in the next batch. files_cut: in all those before."""
    share = files_cut // (_SHARE * max(connections, 1))
    return min(MAX_FILES, max(_FIRST_FILES, share))


def is_due(
    files: int, size_bytes: int, limit: int, connections: int, *, is_hungry: bool
) -> bool:
    """Whether to cut a batch from so many files. is_hungry: a connection may soon be without."""
    if files >= limit and is_hungry:
        return True
    return files > limit * connections or size_bytes >= MAX_BYTES


def cut(sizes: Iterable[int], limit: int) -> int:
    """How many of the next files, by their sizes in bytes, make a batch: one at least."""
    count = total = 0
    for size_bytes in sizes:
        if count and (count == limit or total + size_bytes > MAX_BYTES):
            break
        count += 1
        total += size_bytes
    return count


def last_limit(files: int, connections: int) -> int:
    """Files in the next batch when these are the last."""
    return files if connections <= 1 else -(-files // (2 * connections))
