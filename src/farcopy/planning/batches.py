"""How large the next batch is. Pure.

A batch is the unit of claiming: at most 256 files or 64 MiB. Each costs a few
transactions of the ledger, so they grow with the run. As many files as would make a
batch for each connection are held in reserve until the end is in sight; of these the
batches become smaller and smaller, so that all connections end together.
"""

from collections.abc import Iterable
from dataclasses import dataclass

MAX_FILES = 256
MAX_BYTES = 64 * 1024 * 1024
WAIT_S = 1.0
"""A file waits no longer for others while a connection may be without work."""
_FIRST_FILES = 8
_SHARE = 4
"""What is in reserve is then at most a quarter of what was handed out before."""


def batch_limit(files_cut: int, connections: int) -> int:
    """Files in the next batch. files_cut: in all those before."""
    share = files_cut // (_SHARE * max(connections, 1))
    return min(MAX_FILES, max(_FIRST_FILES, share))


@dataclass(frozen=True, slots=True)
class Waiting:
    """Files that are due and in no batch yet. waited_s: the first of them."""

    files: int
    size_bytes: int
    waited_s: float = 0.0

    def is_batch(self, limit: int, connections: int, *, is_hungry: bool) -> bool:
        """Whether to cut one off. is_hungry: a connection may soon be without work."""
        if is_hungry and (self.files >= limit or self.waited_s >= WAIT_S):
            return True
        return self.files > limit * connections or self.size_bytes >= MAX_BYTES


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
