"""The lock of a home: somebody has it, or nobody can have it there. The two are told apart."""

import errno
from pathlib import Path

import portalocker
import pytest

from tests.contract.databases import set_up_django

set_up_django()

from farcopy.core.errors import EngineBusy, HomeUnusable  # noqa: E402
from farcopy.store.lease import EngineLock  # noqa: E402


def test_a_lock_that_somebody_holds_is_a_busy_engine(tmp_path: Path) -> None:
    first = EngineLock(tmp_path)
    first.acquire()
    with pytest.raises(EngineBusy):
        EngineLock(tmp_path).acquire()
    first.release()
    EngineLock(tmp_path).acquire()


def test_a_share_without_locks_is_no_busy_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:  # as NFS without its lock daemon: no such share is here
        raise portalocker.LockException(OSError(errno.ENOLCK, "No locks available"))

    monkeypatch.setattr(portalocker, "lock", refuse)
    with pytest.raises(HomeUnusable, match="cannot be locked"):
        EngineLock(tmp_path).acquire()
