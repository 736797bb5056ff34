"""The hashes of what is read: made at once, or by a thread that follows the reader.

Of a small file the bytes are hashed before they are sent, while the processor's
cache still holds them. Of a large one that would be half of the time of a fast
line, so sending goes ahead and hashing comes behind.
"""

import hashlib
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

BEHIND_FROM_BYTES = 4 * 1024 * 1024
MOST_BLOCKS_BEHIND = 4
"""The reader waits for the thread then: it may be sent faster than it is hashed."""


class Hashes:
    """MD5, and SHA-256 where it was asked for before the first byte."""

    def __init__(self) -> None:
        # MD5 finds changes here, it guards no secret.
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256: hashlib._Hash | None = None

    def also_sha256(self) -> None:
        self._sha256 = hashlib.sha256()

    def update(self, block: bytes) -> None:
        self._md5.update(block)
        if self._sha256:
            self._sha256.update(block)

    @property
    def md5(self) -> str:
        return self._md5.hexdigest()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest() if self._sha256 else ""

    def close(self) -> None:
        """Nothing is asked any more."""


class HashesBehind(Hashes):
    """The same, a few blocks later: who asks for one waits until all are in it."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = ThreadPoolExecutor(1, "farcopy-hash")
        self._behind: deque[Future[None]] = deque()

    def update(self, block: bytes) -> None:
        if len(self._behind) >= MOST_BLOCKS_BEHIND:
            self._behind.popleft().result()
        self._behind.append(self._thread.submit(super().update, block))

    def _catch_up(self) -> None:
        while self._behind:
            self._behind.popleft().result()

    @property
    def md5(self) -> str:
        self._catch_up()
        return super().md5

    @property
    def sha256(self) -> str:
        self._catch_up()
        return super().sha256

    def close(self) -> None:
        self._thread.shutdown()


def hashes_of(size_bytes: int) -> Hashes:
    """size_bytes: of the file that is to be read."""
    if size_bytes < BEHIND_FROM_BYTES or os.cpu_count() == 1:
        return Hashes()
    return HashesBehind()
