"""Small files of our own, beside the copies: sent as these are, and read.

They are no copies of anything, and no run depends on them. Called by remote.
"""

import hashlib
from pathlib import PurePosixPath
from types import TracebackType
from typing import Self

from farcopy.core.errors import DownloadRefused
from farcopy.core.model import Upload
from farcopy.ftp import reading
from farcopy.ftp.session import Session
from farcopy.ftp.sizing import size_of
from farcopy.planning.remote_path import NOBODY, temporary_name

MAX_BYTES = 64 * 1024


def as_upload(content: bytes, final_path: PurePosixPath) -> Upload:
    """Its way is that of any file, proofs included; no ledger has to know of it."""
    return Upload(
        replica_id=NOBODY, size_bytes=len(content),
        temporary_name=temporary_name(NOBODY, NOBODY), final_path=final_path,
        open_source=lambda: _Content(content), may_publish=lambda _md5: True,
        withdraw=lambda: None, on_bytes=lambda _count: None,
    )


def read(session: Session, path: PurePosixPath) -> bytes | None:
    """None: there is no such file. Raises: DownloadRefused also when it is far too long."""
    size_bytes = size_of(session, path)
    if size_bytes is None:
        return None
    if size_bytes > MAX_BYTES:
        raise DownloadRefused("a file of our own is longer than we write any")
    return b"".join(reading.blocks(session, path, size_bytes))


class _Content:
    """A SourceReader of bytes in memory."""

    def __init__(self, content: bytes) -> None:
        self._whole, self._rest = content, content

    def read(self, size_bytes: int, /) -> bytes:
        block, self._rest = self._rest[:size_bytes], self._rest[size_bytes:]
        return block

    def skip(self, size_bytes: int, /) -> int:
        return len(self.read(size_bytes))

    def check_unchanged(self) -> None:
        pass

    def also_sha256(self) -> None:
        pass

    @property
    def md5(self) -> str:
        return hashlib.md5(self._read, usedforsecurity=False).hexdigest()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self._read).hexdigest()

    @property
    def _read(self) -> bytes:
        return self._whole[: len(self._whole) - len(self._rest)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass
