"""Verify: compare what the remote holds with what the ledger says of it. Only reads there.

SIZE first, then the server's own hash, else the content read back. What is
wrong becomes due again; what was replaced meanwhile is left alone. Sees ports only.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from farcopy.core.errors import FileError, ListingUnreadable
from farcopy.core.model import Check, CheckCounts, Finding, HeldFile
from farcopy.core.ports import Clock, Proofs, Remote
from farcopy.core.states import FileState
from farcopy.engine.reading import ReadingSession
from farcopy.planning.remote_path import remote_path

SETTLE_FILES = 64
SETTLE_S = 0.5
"""Findings are written in bulk, but none waits longer: a stop must lose little."""


class BudgetUsedUp(Exception):
    """Not a failure: no more is to be read back today."""


class Verifier:
    """Checks files one after the other over one session.

    reads_content: False looks at sizes only. reads_back: asks no server for hashes: it may say
    of what it was sent what it no longer has. on_check: told of each check that counts,
    after it was written down. on_bytes: of each block read back. may_read: asked before a
    file of so many bytes is.
    """

    def __init__(
        self,
        session: ReadingSession,
        proofs: Proofs,
        clock: Clock,
        *,
        reads_content: bool = True,
        reads_back: bool = False,
        on_check: Callable[[Check], None] = lambda _check: None,
        on_bytes: Callable[[int], None] = lambda _count: None,
        may_read: Callable[[int], bool] = lambda _size: True,
    ) -> None:
        self._session = session
        self._proofs = proofs
        self._clock = clock
        self._reads_content = reads_content
        self._reads_back = reads_back
        self._on_check = on_check
        self._on_bytes = on_bytes
        self._may_read = may_read
        self._waiting: list[Check] = []
        self._has_base = False
        self.counts = CheckCounts()

    def check_all(self, files: Iterable[HeldFile], *, reads_back: bool | None = None) -> None:
        """Check each; what was found is written down also when it ends early.

        reads_back: other than it does by itself. Raises: RunError, Interrupted.
        """
        if reads_back is not None:
            self._reads_back = reads_back
        settled_at_s = self._clock.monotonic_s()
        try:
            for file in files:
                self._session.check()
                try:
                    self._waiting.append(self._check(file))
                except BudgetUsedUp:
                    return
                waited_s = self._clock.monotonic_s() - settled_at_s
                if len(self._waiting) >= SETTLE_FILES or waited_s > SETTLE_S:
                    self._settle()
                    settled_at_s = self._clock.monotonic_s()
        finally:
            self._settle()

    def _check(self, file: HeldFile) -> Check:
        path = remote_path(file.root, file.relative_path)
        try:
            size = self._session.do(lambda remote: remote.size(path))
            if size is None:
                self._make_sure_of_base()
                return Check(file, Finding.MISSING)
            if size == file.size_bytes and not self._reads_content:
                return Check(file, Finding.SIZED)
            # Of a file that changed and then vanished the ledger knows another size than the
            # remote's: there the content alone may condemn what may be the last copy.
            if size != file.size_bytes and file.state != FileState.VANISHED:
                return Check(file, Finding.DIFFERS)
            return self._session.do(lambda remote: self._compare(remote, file, path, size))
        except FileError:
            return Check(file, Finding.UNREADABLE)

    def _compare(
        self, remote: Remote, file: HeldFile, path: PurePosixPath, size_bytes: int
    ) -> Check:
        md5 = None if self._reads_back else remote.content_md5(path, size_bytes)
        bytes_read = 0
        is_read_back = md5 is None
        if md5 is None:
            if not self._may_read(size_bytes):
                raise BudgetUsedUp
            blocks = self._session.checked(remote.read(path, size_bytes))
            md5 = md5_of(told(blocks, self._on_bytes))
            bytes_read = size_bytes
        finding = Finding.VERIFIED if md5 == file.md5 else Finding.DIFFERS
        return Check(file, finding, bytes_read, is_read_back)

    def _make_sure_of_base(self) -> None:
        """ftp_path itself is there: else all files would be called missing for one wrong setting.

        Raises: RemotePathMissing.
        """
        if not self._has_base:
            self._session.do(_enter_base)
            self._has_base = True

    def _settle(self) -> None:
        checks, self._waiting = self._waiting, []
        if not checks:
            return
        settled = self._proofs.settle(checks)
        for check in checks:
            if check.file.replica_id in settled:
                self.counts = counted(self.counts, check)
                self._on_check(check)
            else:  # replaced meanwhile: looked at was another version
                read = self.counts.bytes_read + check.bytes_read
                self.counts = replace(self.counts, bytes_read=read)


def _enter_base(remote: Remote) -> None:
    with contextlib.suppress(ListingUnreadable):  # it is there, whatever lies in it
        for _ in remote.listing(PurePosixPath()):
            pass


_COUNTER = {
    Finding.VERIFIED: "files_verified",
    Finding.SIZED: "files_sized",
    Finding.DIFFERS: "files_differing",
    Finding.MISSING: "files_missing",
    Finding.UNREADABLE: "files_unreadable",
}


def counted(counts: CheckCounts, check: Check) -> CheckCounts:
    name = _COUNTER[check.finding]
    return replace(
        counts,
        files_checked=counts.files_checked + 1,
        files_read_back=counts.files_read_back
        + (check.is_read_back and check.finding is Finding.VERIFIED),
        bytes_read=counts.bytes_read + check.bytes_read,
        **{name: getattr(counts, name) + 1},
    )


def told(blocks: Iterable[bytes], on_bytes: Callable[[int], None]) -> Iterator[bytes]:
    """The blocks, and of each how long it is."""
    for block in blocks:
        on_bytes(len(block))
        yield block


def md5_of(blocks: Iterable[bytes]) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    for block in blocks:
        md5.update(block)
    return md5.hexdigest()
