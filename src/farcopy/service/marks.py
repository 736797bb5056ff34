"""The marks of the audit trail: copies of its end, in the home and on the remote.

An older copy of the whole database cannot be told from the right one by itself;
by a mark it can. On the remote it is put by every run that sent something.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings as django_settings
from django.db import transaction
from django.utils import timezone

from farcopy.core.errors import (
    ConnectionLost,
    FarcopyError,
    FtpNotConfigured,
    Interrupted,
)
from farcopy.core.ports import Remote
from farcopy.ftp.folders import KnownFolders
from farcopy.service import wiring
from farcopy.store import audit, key_history
from farcopy.store import configuration as stored
from farcopy.store.audit_models import AuditHead
from farcopy.store.chain import Mark
from farcopy.store.configuration import StoredConfiguration
from farcopy.store.keys import key_id

LOCAL_FILE: Final = "audit-mark.json"
_MAX_BYTES: Final = 64 * 1024
_log = logging.getLogger("farcopy.service")


@dataclass(frozen=True, slots=True)
class Found:
    """A mark's file. mark: None when there is none, or it is no mark."""

    exists: bool
    mark: Mark | None = None


def current() -> Mark:
    """Of the trail as it is now. Raises: KeyMismatch, KeyUnusable, LedgerTrouble."""
    with transaction.atomic():
        head, key = audit.locked_head()
        mark = Mark(
            head.chain_id, head.sequence, head.mac, key_id(key_history.in_force()),
            timezone.now().isoformat(timespec="seconds"),
        )
    return mark.sealed_with(key)


def write_local(mark: Mark) -> None:
    """Into the home, unless a newer one is there. Raises: OSError."""
    before = read_local().mark
    if before and before.chain_id == mark.chain_id and before.sequence >= mark.sequence:
        return
    path = _local_path()
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(mark.text())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_local() -> Found:
    try:
        return _found(_local_path().read_bytes()[:_MAX_BYTES])
    except FileNotFoundError:
        return Found(exists=False)
    except OSError:
        return Found(exists=True)


def renew() -> None:
    """Write the home's mark, if that can be done; a check tells when it lags far behind."""
    with contextlib.suppress(FarcopyError, OSError):
        write_local(current())


class RunMark:
    """A run's mark on the remote: put once, over a session that has nothing left to send,
    while the others still send. A failure is a warning of the status, and no run's business.

    is_due: whether the run sent something, and is to go on. persist: with the run's patience.
    """

    def __init__(
        self,
        row: StoredConfiguration,
        is_due: Callable[[], bool],
        persist: Callable[[Callable[[], Mark]], Mark],
    ) -> None:
        self._row = row
        self._is_due = is_due
        self._persist = persist
        self._lock = threading.Lock()
        self._is_put = False
        self._problem = ""

    def put(self, remote: Remote) -> None:
        """Unless another session of the run does or did. For any thread."""
        if not self._is_due() or not self._lock.acquire(blocking=False):
            return
        try:
            if not self._is_put:
                remote.keep(_remote_name(self._row), self._persist(current).text())
                self._is_put, self._problem = True, ""
        except Interrupted:
            pass  # the run is to end at once
        except FarcopyError as error:
            self._problem = error.code
        finally:
            self._lock.release()

    def conclude(self) -> None:
        """After the run: what became of it, and the home's mark, which knows of the end."""
        if not (self._is_put or self._is_due()):
            return
        renew()
        problem = "" if self._is_put else self._problem or ConnectionLost.code
        if problem:
            _log.warning("audit.mark_not_sent", extra={"code": problem})
        with contextlib.suppress(FarcopyError):
            AuditHead.objects.exclude(sent_problem=problem).update(sent_problem=problem)


def read_remote() -> Found:
    """Raises: FtpNotConfigured, KeyMismatch, and what the connection meets."""
    row = stored.load()
    if not row.settings.is_ftp_configured:
        raise FtpNotConfigured
    with contextlib.closing(wiring.make_remote(row, KnownFolders())) as remote:
        remote.open()
        text = remote.kept(_remote_name(row))
    return Found(exists=False) if text is None else _found(text)


def _found(text: bytes) -> Found:
    try:
        return Found(True, Mark.of_text(text))
    except ValueError:
        return Found(exists=True)


def _remote_name(row: StoredConfiguration) -> str:
    # Two homes may share an account and a path.
    return f"audit-mark-{row.home_id}.json"


def _local_path() -> Path:
    return Path(django_settings.FARCOPY_HOME) / LOCAL_FILE
