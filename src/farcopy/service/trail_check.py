"""Has anybody changed the audit trail? And the removal of what is old, which asks that first.

Called by the command line. Logs in to the remote only when its mark is wanted.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from farcopy.core.errors import FarcopyError, TooYoung, TrailBroken
from farcopy.service import marks
from farcopy.store import audit_check, audit_prune
from farcopy.store.audit_check import Checked
from farcopy.store.chain import Mark

_log = logging.getLogger("farcopy.service")


@dataclass(frozen=True, slots=True)
class Verified:
    """checked: what was found. remote_error: why the remote's mark could not be had.

    has_remote: whether there was one.
    """

    checked: Checked
    has_local: bool
    has_remote: bool = False
    remote_error: FarcopyError | None = None


def verify(*, with_remote: bool = False) -> Verified:
    """Check the whole trail, and against the marks: the home's, and if wanted the remote's.

    Raises: KeyMismatch, KeyUnusable.
    """
    known: dict[str, Mark | None] = {}
    local = marks.read_local()
    if local.exists:
        known["in FARCOPY_HOME"] = local.mark
    has_remote, remote_error = False, None
    if with_remote:
        try:
            remote = marks.read_remote()
            has_remote = remote.exists
            if remote.exists:
                known["on the remote"] = remote.mark
        except FarcopyError as error:
            remote_error = error
    checked = audit_check.check(known)
    audit_check.note(checked)
    if checked.is_whole:
        marks.renew()
    else:
        _log.error("audit.broken", extra={"problems": checked.problem_count})
    return Verified(checked, local.exists, has_remote, remote_error)


def prune(before: datetime | None, *, keep_days: int) -> int:
    """Remove the entries older than `before`, or all that need not be kept; returns how many.

    Raises: TooYoung, TrailBroken (what is broken is evidence), KeyMismatch, KeyUnusable.
    """
    latest = timezone.now() - timedelta(days=keep_days)
    moment = before or latest
    if moment > latest:
        raise TooYoung(f"nothing after {latest:%Y-%m-%d} is removed")
    if not verify().checked.is_whole:
        raise TrailBroken
    return audit_prune.prune(moment)
