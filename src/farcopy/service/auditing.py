"""What is not an API call and belongs into the audit trail, and how the trail is.

Called by the service for what it does by itself, and by the command line for
who sits there. Speaks to the database only, for every verb imports it.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import Error as DatabaseProblem

from farcopy.core.errors import KeyMismatch, KeyUnusable
from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.store import audit
from farcopy.store.audit_models import AuditHead
from farcopy.store.health import HEALTH

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
        if HEALTH.damage is not None:
            raise HEALTH.damage  # nothing is written into a damaged file
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
