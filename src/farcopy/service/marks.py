"""The marks of the audit trail: copies of its end, in the home and on the remote.

An older copy of the whole database cannot be told from the right one by itself;
by a mark it can. On the remote it is put after every run that sent something.
"""

import contextlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings as django_settings
from django.db import transaction
from django.utils import timezone

from farcopy.core.errors import (
    FarcopyError,
    FtpNotConfigured,
    Interrupted,
    SessionError,
    TooManyConnections,
)
from farcopy.core.ports import Remote, Stop
from farcopy.ftp.folders import KnownFolders
from farcopy.ftp.host import HostProfile
from farcopy.service import wiring
from farcopy.store import audit, key_history
from farcopy.store import configuration as stored
from farcopy.store.audit_models import AuditHead
from farcopy.store.chain import Mark
from farcopy.store.configuration import StoredConfiguration
from farcopy.store.keys import key_id

LOCAL_FILE: Final = "audit-mark.json"
PAUSE_S: Final = 2.0
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


def send(
    row: StoredConfiguration, host: HostProfile, stop: Stop, last: Remote | None = None
) -> None:
    """Put the mark on the remote. A failure is a warning of the status, and no run's business.

    host: what the run learnt of it, so that nothing is asked twice. last: a session of the
    run that is still open; it is used if it can be, and left open.
    """
    problem = ""
    try:
        mark = current()
        with contextlib.suppress(OSError):
            write_local(mark)
        try:
            if not (last and _is_kept(mark, row, last)):
                _put(mark, row, host)
        except TooManyConnections:
            # The run has just closed its own; a server may need a moment to notice.
            stop.wait(PAUSE_S)
            _put(mark, row, host)
    except FarcopyError as error:
        problem = error.code
        _log.warning("audit.mark_not_sent", extra={"code": error.code})
    with contextlib.suppress(FarcopyError):
        AuditHead.objects.exclude(sent_problem=problem).update(sent_problem=problem)


def read_remote() -> Found:
    """Raises: FtpNotConfigured, KeyMismatch, and what the connection meets."""
    row = stored.load()
    if not row.settings.is_ftp_configured:
        raise FtpNotConfigured
    with contextlib.closing(_session(row)) as remote:
        text = remote.kept(_remote_name(row))
    return Found(exists=False) if text is None else _found(text)


def _put(mark: Mark, row: StoredConfiguration, host: HostProfile) -> None:
    with contextlib.closing(_session(row, host)) as remote:
        remote.prepare()
        remote.keep(_remote_name(row), mark.text())


def _is_kept(mark: Mark, row: StoredConfiguration, last: Remote) -> bool:
    try:
        last.keep(_remote_name(row), mark.text())
    except (SessionError, Interrupted):
        return False  # it idled out, say
    return True


def _session(row: StoredConfiguration, host: HostProfile | None = None) -> Remote:
    remote = wiring.make_remote(row, KnownFolders(), host)
    try:
        remote.open()
    except BaseException:
        remote.close()
        raise
    return remote


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
