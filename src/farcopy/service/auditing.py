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
from farcopy.store import audit, seals
from farcopy.store.audit_models import AuditHead
from farcopy.store.chain import Head
from farcopy.store.health import HEALTH
from farcopy.store.seals import Kept

SERVICE = "service"
COMMAND_LINE = "cli"
"""Stand where a call has its address."""
FOREIGN = "audit_mark_foreign"
"""Stands where an error's code does: all places on the remote hold marks of another trail."""
_log = logging.getLogger("farcopy.service")


def note(
    action: str, *, username: str = "", address: str = SERVICE,
    details: Mapping[str, object] | None = None,
) -> bool:
    """Write an event into the trail; False, and a line in the log, when that cannot be done."""
    try:
        record(action, username=username, address=address, details=details)
    except (LedgerTrouble, KeyMismatch, KeyUnusable, DatabaseProblem) as error:
        _log.error(  # a traceback may quote what could not be stored
            "audit.gap", extra={"action": action, "error": type(error).__name__}
        )
        return False
    return True


def record(
    action: str, *, username: str = "", address: str = SERVICE,
    details: Mapping[str, object] | None = None,
) -> None:
    """As `note`, within the transaction of what it tells of: both are committed, or neither.

    Raises: LedgerTrouble, KeyMismatch, KeyUnusable.
    """
    if HEALTH.damage is not None:
        raise HEALTH.damage  # nothing is written into a damaged file
    audit.record(action=action, username=username, ip_address=address, details=details or {})


@dataclass(frozen=True, slots=True)
class ChainView:
    """What the last check found; checked_at: None before the first."""

    checked_at: datetime | None = None
    entries_checked: int = 0
    problems: tuple[str, ...] = field(default_factory=tuple)

    @property
    def status(self) -> str:
        if self.problems:
            return "broken"
        return "unverified" if self.checked_at is None else "ok"


def last_check() -> ChainView:
    row = AuditHead.objects.filter(pk=1).first()
    # What was found stands in the home too: who writes the database can empty it there.
    problems = seals.read().problems
    if row is None:
        return ChainView(problems=problems)
    return ChainView(row.checked_at, row.entries_checked, problems or tuple(row.problems))


def warnings() -> Iterator[str]:
    """What an admin should know of the trail, in whole sentences."""
    kept = seals.read()  # before the head: it is never ahead of it then
    row = AuditHead.objects.filter(pk=1).first()
    if row is None:
        if audit.was_begun():
            yield "the audit trail was taken away: farcopy audit verify tells what was found"
        return
    if row.problems or kept.problems or _is_at_odds(audit.head_of(row), kept):
        yield "the audit trail was changed by somebody: farcopy audit verify tells what was found"
    if row.sent_problem == FOREIGN:
        yield (
            "the remote holds marks of another audit trail, which are not replaced: farcopy audit "
            "verify --remote tells more"
        )
    elif row.sent_problem:
        yield (
            f"the mark of the audit trail could not be put on the remote ({row.sent_problem}); "
            "the next sync that sends something tries again"
        )
    if row.lines_problem:
        yield (
            f"lines of the audit trail do not arrive ({row.lines_problem}); they are kept here "
            "and follow"
        )


def _is_at_odds(head: Head, kept: Kept) -> bool:
    """What can be seen at a glance, before the next whole check. Needs no key."""
    if head.broken_after is not None or (head.is_anchored and not kept.exists):
        return True
    closed = head.closed_chains
    return any(
        found.mark is None or (found.mark.chain_id not in closed and (
            found.mark.chain_id != head.chain_id or found.mark.sequence > head.sequence
        ))
        for found in kept.marks if found.digest not in closed
    )
