"""The Remote port in memory, and uploads to give to any Remote.

FakeRemote passes the contract of tests/contract/test_remote.py, so engine tests
may trust it. Faults are switched on its FakeServer.
"""

import hashlib
import io
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import TracebackType
from typing import Self

from farcopy.core.errors import (
    ConnectionLost,
    DownloadRefused,
    FarcopyError,
    Fenced,
    FileError,
    Interrupted,
    LocalName,
    LoginRefused,
    PathRefused,
    RemotePathMissing,
    RemoteReadOnly,
    SessionError,
    SourceChanged,
    SourceGrew,
    SourceShrank,
)
from farcopy.core.model import RemoteEntry, SourceReader, StoreResult, Upload
from farcopy.planning.remote_path import displaced_name, parse_temporary, temporary_name


class MemoryReader:
    """A SourceReader over bytes. is_changed: what check_unchanged finds."""

    def __init__(self, content: bytes, *, is_changed: bool = False) -> None:
        self._content = io.BytesIO(content)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._has_sha256 = False
        self.is_changed = is_changed
        self.is_closed = False

    def read(self, size_bytes: int, /) -> bytes:
        block = self._content.read(size_bytes)
        self._md5.update(block)
        self._sha256.update(block)
        return block

    def skip(self, size_bytes: int, /) -> int:
        return len(self.read(size_bytes))

    def check_unchanged(self) -> None:
        if self.is_changed:
            raise SourceChanged

    def also_sha256(self) -> None:
        assert not self._content.tell()
        self._has_sha256 = True

    @property
    def md5(self) -> str:
        return self._md5.hexdigest()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest() if self._has_sha256 else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.is_closed = True


def make_upload(
    replica_id: int,
    content: bytes,
    final_path: str = "orthanc/a/b",
    *,
    claim: int = 1,
    size_bytes: int | None = None,
    is_changed: bool = False,
    may_publish: Callable[[str], bool] = lambda _md5: True,
    withdraw: Callable[[], None] = lambda: None,
    on_bytes: Callable[[int], None] = lambda _count: None,
    error: FileError | None = None,
) -> Upload:
    """An upload of these bytes. error: what opening the source raises."""

    def open_source() -> SourceReader:
        if error is not None:
            raise error
        return MemoryReader(content, is_changed=is_changed)

    return Upload(
        replica_id=replica_id,
        size_bytes=len(content) if size_bytes is None else size_bytes,
        temporary_name=temporary_name(replica_id, claim),
        final_path=PurePosixPath(final_path),
        open_source=open_source,
        may_publish=may_publish,
        withdraw=withdraw,
        on_bytes=on_bytes,
    )


@dataclass
class FakeServer:
    """What a FakeRemote stores to. Paths are relative to ftp_path.

    cut_after_bytes: break the next transfer there. loses_rename_reply: carry
    the next renaming out and break. is_frozen: stop in mid-transfer. has_hashes: it
    tells MD5s. unreadable: paths it refuses to send. commands: of reading, in order.
    """

    password: str = "secret"
    files: dict[str, bytes] = field(default_factory=dict)
    temporaries: dict[str, bytes] = field(default_factory=dict)
    is_missing: bool = False
    is_read_only: bool = False
    cut_after_bytes: int | None = None
    loses_rename_reply: bool = False
    is_frozen: bool = False
    logins: int = 0
    has_hashes: bool = False
    unreadable: set[str] = field(default_factory=set)
    commands: list[tuple[str, str]] = field(default_factory=list)


class FakeRemote:
    """The Remote port. `abort` is for good, as FtpRemote's."""

    BLOCK_BYTES = 64 * 1024

    def __init__(self, server: FakeServer, password: str = "secret") -> None:
        self.server = server
        self._password = password
        self._is_open = False
        self._is_aborted = threading.Event()
        self._in_hand: tuple[Upload, str, bool] | None = None  # upload, md5, is_renaming

    def open(
        self,
        before_login: Callable[[], None] = lambda: None,
        on_login: Callable[[], None] = lambda: None,
    ) -> None:
        self._check()
        before_login()
        self.server.logins += 1
        if self._password != self.server.password:
            raise LoginRefused
        on_login()
        self._is_open = True

    def prepare(self) -> Sequence[str]:
        self._use()
        if self.server.is_missing:
            raise RemotePathMissing
        if self.server.is_read_only:
            raise RemoteReadOnly
        return self.temporaries()

    def store(self, uploads: Iterable[Upload]) -> Iterator[StoreResult]:
        for upload in uploads:
            self._use()
            try:
                with upload.open_source() as reader:
                    result = self._store(upload, reader)
            except FileError as error:
                self._in_hand = None
                self.server.temporaries.pop(upload.temporary_name, None)
                result = StoreResult(upload.replica_id, error=error)
            except SessionError:
                self._is_open = False
                raise
            yield result

    def _store(self, upload: Upload, reader: SourceReader) -> StoreResult:
        server = self.server
        self._in_hand = (upload, "", False)
        content = b""
        while block := reader.read(self.BLOCK_BYTES):
            content += block
            server.temporaries[upload.temporary_name] = content
            if len(content) > upload.size_bytes:
                raise SourceGrew
            upload.on_bytes(len(block))
            if server.is_frozen:
                self._is_aborted.wait()
            self._check()
            if server.cut_after_bytes is not None and len(content) >= server.cut_after_bytes:
                server.cut_after_bytes = None
                raise ConnectionLost
        if len(content) != upload.size_bytes:
            raise SourceShrank
        reader.check_unchanged()
        if not upload.may_publish(reader.md5):
            raise Fenced
        self._in_hand = (upload, reader.md5, True)
        server.temporaries.pop(upload.temporary_name, None)
        server.files[str(upload.final_path)] = content
        if server.loses_rename_reply:
            server.loses_rename_reply = False
            lost = ConnectionLost()
            lost.uses_attempt = False
            raise lost
        self._in_hand = None
        return StoreResult(upload.replica_id, bytes_sent=len(content), md5=reader.md5)

    def settle(self, upload: Upload) -> StoreResult | None:
        self._use()
        hand, self._in_hand = self._in_hand, None
        is_gone = upload.temporary_name not in self.server.temporaries
        if not is_gone or hand is None or not hand[2]:
            upload.withdraw()
        self.server.temporaries.pop(upload.temporary_name, None)
        if hand is None or hand[0] is not upload or not (hand[2] and is_gone):
            return None
        if len(self.server.files.get(str(upload.final_path), b"")) != upload.size_bytes:
            return None
        return StoreResult(upload.replica_id, bytes_sent=upload.size_bytes, md5=hand[1])

    def was_renamed(self, temporary_name: str, final_path: str, size_bytes: int) -> bool:
        self._use()
        if temporary_name in self.server.temporaries:
            return False
        content = self.server.files.get(final_path)
        return content is not None and len(content) == size_bytes

    def temporaries(self) -> Sequence[str]:
        self._use()
        return [name for name in self.server.temporaries if parse_temporary(name)]

    def restore_displaced(self, name: str, final_path: str) -> None:
        self._use()
        self._check_name(name)
        content = self.server.temporaries.pop(name, None)
        if content is not None:
            self.server.files.setdefault(final_path, content)

    def discard_temporary(self, name: str) -> bool:
        self._use()
        self._check_name(name)
        self.server.temporaries.pop(name, None)
        return True

    def size(self, final_path: PurePosixPath) -> int | None:
        self._ask("size", final_path)
        content = self.server.files.get(str(final_path))
        return None if content is None else len(content)

    def content_md5(self, final_path: PurePosixPath, size_bytes: int) -> str | None:
        self._ask("md5", final_path)
        content = self.server.files.get(str(final_path))
        if content is None or not self.server.has_hashes:
            return None
        return hashlib.md5(content, usedforsecurity=False).hexdigest()

    def read(self, final_path: PurePosixPath, size_bytes: int) -> Iterator[bytes]:
        self._ask("read", final_path)
        server, content = self.server, self.server.files.get(str(final_path))
        if content is None:
            raise PathRefused
        if str(final_path) in server.unreadable:
            raise DownloadRefused
        is_whole = False
        try:
            for start in range(0, len(content), self.BLOCK_BYTES):
                yield content[start : start + self.BLOCK_BYTES]
                if server.is_frozen:
                    self._is_aborted.wait()
                self._check()
                if server.cut_after_bytes is not None and start >= server.cut_after_bytes - 1:
                    server.cut_after_bytes = None
                    raise ConnectionLost
            is_whole = True
        finally:
            self._is_open = is_whole
        if len(content) != size_bytes:
            raise DownloadRefused

    def keep(self, name: str, content: bytes) -> None:
        self._use()
        if self.server.is_read_only:
            raise RemoteReadOnly
        self.server.files[f"farcopy/{name}"] = content

    def kept(self, name: str) -> bytes | None:
        self._use()
        return self.server.files.get(f"farcopy/{name}")

    def listing(self, folder: PurePosixPath) -> Iterator[RemoteEntry]:
        self._ask("listing", folder)
        prefix = "" if folder == PurePosixPath() else f"{folder}/"
        found: dict[str, RemoteEntry] = {}
        for path, content in self.server.files.items():
            name, is_below, _ = path.removeprefix(prefix).partition("/")
            if path.startswith(prefix):
                size = None if is_below else len(content)
                found[name] = RemoteEntry(name, bool(is_below), size)
        if (not found and prefix) or self.server.is_missing:
            raise RemotePathMissing
        yield from found.values()

    def _ask(self, command: str, path: PurePosixPath) -> None:
        self._use()
        if path.is_absolute() or ".." in path.parts:
            raise LocalName
        self.server.commands.append((command, str(path)))

    def abort(self) -> None:
        self._is_aborted.set()

    def close(self) -> None:
        self._is_open = False

    @staticmethod
    def _check_name(name: str) -> None:
        if parse_temporary(name) is None:
            raise ValueError(name)

    def _check(self) -> None:
        if self._is_aborted.is_set():
            raise Interrupted

    def _use(self) -> None:
        self._check()
        if not self._is_open:
            raise ConnectionLost("no session")


def old_name(replica_id: int, claim: int = 1) -> str:
    """The name under which a displaced final of this upload waits."""
    return displaced_name(temporary_name(replica_id, claim))


def only(results: Iterable[StoreResult]) -> StoreResult:
    """The single result of a store; its error is raised by the test that wonders."""
    (result,) = results
    return result


def errors(results: Iterable[StoreResult]) -> list[type[FarcopyError] | None]:
    return [type(result.error) if result.error else None for result in results]
