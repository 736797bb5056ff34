"""How large the next batch is. Pure.

A batch is the unit of claiming: at most 256 files or 64 MiB. The connections take
one after another, so the last one to end works alone for at most a batch: each is a
small share of what was handed out before it.
"""

MAX_FILES = 256
MAX_BYTES = 64 * 1024 * 1024
_FIRST_FILES = 2
_SHARE = 16
"""The last batch then costs at most a sixteenth of the time the run has taken so far."""


def batch_limit(files_cut: int, connections: int) -> int:
    """Files in the next batch. files_cut: in all those before."""
    share = files_cut // (_SHARE * max(connections, 1))
    return min(MAX_FILES, max(_FIRST_FILES, share))


def is_full(files: int, size_bytes: int, limit: int) -> bool:
    return files >= limit or size_bytes >= MAX_BYTES
