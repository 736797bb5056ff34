"""The marks of the audit trail on the remote: copies of its end, put by runs that sent something.

An older copy of the whole database cannot be told from the right one by itself; by a mark
it can. There are a few places for them, taken in turn; a mark our chain does not hold is
left where it is, and kept in the home too, so that every check tells of it.
"""

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final

from django.db import transaction

from farcopy.core.errors import (
    ConnectionLost,
    FarcopyError,
    FtpNotConfigured,
    Interrupted,
    RemotePathMissing,
)
from farcopy.core.ports import Remote
from farcopy.ftp.folders import KnownFolders
from farcopy.service import wiring
from farcopy.service.auditing import FOREIGN
from farcopy.store import anchor, audit, key_history, seals
from farcopy.store import configuration as stored
from farcopy.store.audit_models import AuditHead
from farcopy.store.configuration import StoredConfiguration
from farcopy.store.seals import Found

PLACES: Final = 3
MOST_OTHERS: Final = 30
_NAME: Final = re.compile(r"audit-mark-[0-9a-zA-Z]{1,40}(-[0-9])?\.json")
_log = logging.getLogger("farcopy.service")


class RunMark:
    """A run's mark on the remote: put once, over a session that has nothing left to send,
    while the others still send. A failure is a warning of the status, and no run's business.

    is_due: whether the run sent something, and is to go on. persist: with the run's patience.
    """

    def __init__(
        self,
        row: StoredConfiguration,
        is_due: Callable[[], bool],
        persist: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._row = row
        self._is_due = is_due
        self._persist = persist
        self._lock = threading.Lock()
        self._is_put = False
        self._problem = ""
        self._turn: int | None = None

    def put(self, remote: Remote) -> None:
        """Unless another session of the run does or did. For any thread."""
        if not self._is_due() or not self._lock.acquire(blocking=False):
            return
        try:
            if not self._is_put:
                self._is_put = self._take_a_place(remote)
                self._problem = "" if self._is_put else FOREIGN
        except Interrupted:
            pass  # the run is to end at once
        except FarcopyError as error:
            self._problem = error.code
        finally:
            self._lock.release()

    def _take_a_place(self, remote: Remote) -> bool:
        """The next one in turn whose mark, if any, is of our chain."""
        turn = seals.read().turn
        for place in ((turn + step) % PLACES for step in range(PLACES)):
            name = _remote_name(self._row, place)
            text = remote.kept(name)
            if text is None or self._persist(partial(_is_ours, text)):
                remote.keep(name, self._persist(anchor.current).text())
                self._turn = place + 1
                return True
        return False

    def conclude(self) -> None:
        """After the run: what became of it, and the home's mark, which knows of the end."""
        if not (self._is_put or self._is_due()):
            return
        with contextlib.suppress(FarcopyError, OSError):
            anchor.renew(turn=self._turn)
        problem = "" if self._is_put else self._problem or ConnectionLost.code
        if problem:
            _log.warning("audit.mark_not_sent", extra={"code": problem})
        with contextlib.suppress(FarcopyError):
            AuditHead.objects.exclude(sent_problem=problem).update(sent_problem=problem)


def _is_ours(text: bytes) -> bool:
    """Else it is evidence, and is kept in the home too. Raises: KeyMismatch, KeyUnusable."""
    found = seals.found_of(text)
    with transaction.atomic():
        head, _ = audit.locked_head()
        is_ours = anchor.is_settled(found, head, key_history.audit_keys())
    if not is_ours:
        _log.error("audit.foreign_mark")
        with contextlib.suppress(OSError):
            anchor.renew([found])
    return is_ours


def read_remote() -> Mapping[str, Found]:
    """Those there are, by place.

    Also under the names of other homes, if our keys sealed them: which home this is, the
    database says, and who writes that can say another. Raises: FtpNotConfigured, KeyMismatch,
    KeyUnusable, and what the connection meets.
    """
    row = stored.load()
    if not row.settings.is_ftp_configured:
        raise FtpNotConfigured
    found: dict[str, Found] = {}
    names = [_remote_name(row, place) for place in range(PLACES)]
    keys = key_history.audit_keys()
    with contextlib.closing(wiring.make_remote(row, KnownFolders())) as remote:
        remote.open()
        for name in (*names, *_others(remote, names)):
            text = remote.kept(name)
            if text is None:
                continue
            there = seals.found_of(text)
            if name in names:
                found[f"on the remote ({names.index(name) + 1})"] = there
            elif there.mark and there.mark.key_id in keys and (
                there.mark.is_sealed(keys[there.mark.key_id])
            ):
                found[f"on the remote ({name})"] = there
    return found


def _others(remote: Remote, names: Sequence[str]) -> list[str]:
    try:
        listed = remote.listing(PurePosixPath("farcopy"))
        others = {entry.name for entry in listed if _NAME.fullmatch(entry.name)}
    except RemotePathMissing:
        return []
    return sorted(others - set(names))[:MOST_OTHERS]


def _remote_name(row: StoredConfiguration, place: int) -> str:
    # Two homes may share an account and a path. The first is the name of earlier versions.
    return f"audit-mark-{row.home_id}{f'-{place + 1}' if place else ''}.json"
