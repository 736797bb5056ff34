"""What is not an API call and belongs into the audit trail; and the trail's own check.

Called by the service for what it does by itself, by the command line for who
sits there, and by both to find out whether anybody has changed the trail.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import Error as DatabaseProblem
from django.utils import timezone

from farcopy.core.errors import (
    FarcopyError,
    KeyMismatch,
    KeyUnusable,
    LedgerTrouble,
    TooYoung,
    TrailBroken,
)
from farcopy.service import marks
from farcopy.store import audit, audit_check, audit_prune
from farcopy.store.audit_check import Checked
from farcopy.store.audit_models import AuditHead
from farcopy.store.chain import Mark

SERVICE = "service"
COMMAND_LINE = "cli"
"""Stand where a call has its address."""
_log = logging.getLogger("farcopy.service")


def note(
    action: str, *, username: str = "", address: str = SERVICE,
    details: Mapping[str, object] | None = None,
) -> bool:
    """Write an event into the trail; False, and a line in the log, when that cannot be done."""
    try:
        audit.record(
            action=action, username=username, ip_address=address, details=details or {}
        )
    except (LedgerTrouble, KeyMismatch, KeyUnusable, DatabaseProblem) as error:
        _log.error(  # a traceback may quote what could not be stored
            "audit.gap", extra={"action": action, "error": type(error).__name__}
        )
        return False
    return True


@dataclass(frozen=True, slots=True)
class ChainView:
    """What the last check found; checked_at: None before the first."""

    checked_at: datetime | None = None
    entries_checked: int = 0
    problems: tuple[str, ...] = field(default_factory=tuple)

    @property
    def status(self) -> str:
        if self.checked_at is None:
            return "unverified"
        return "broken" if self.problems else "ok"


def last_check() -> ChainView:
    row = AuditHead.objects.filter(pk=1).first()
    if row is None:
        return ChainView()
    return ChainView(row.checked_at, row.entries_checked, tuple(row.problems))


def warnings() -> Iterator[str]:
    """What an admin should know of the trail, in whole sentences."""
    row = AuditHead.objects.filter(pk=1).first()
    if row is None:
        return
    if row.problems:
        yield "the audit trail was changed by somebody: farcopy audit verify tells what was found"
    if row.sent_problem:
        yield (
            f"the mark of the audit trail could not be put on the remote ({row.sent_problem}); "
            "the next sync that sends something tries again"
        )


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
