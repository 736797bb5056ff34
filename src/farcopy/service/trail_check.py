"""Has anybody changed the audit trail? What an admin acknowledges, and the removal of what is old.

Called by the command line. Logs in to the remote only when its marks are wanted.
"""

import contextlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from farcopy.core.errors import FarcopyError, TooYoung, TrailBroken
from farcopy.service import auditing, marks
from farcopy.store import anchor, audit, audit_check, audit_prune, seals
from farcopy.store.audit_check import Checked, Kind
from farcopy.store.seals import Found

MOST_REASON: Final = 500
TOLD: Final = 5
"""Findings whose words stand in the entry of an acknowledgement."""
_log = logging.getLogger("farcopy.service")


@dataclass(frozen=True, slots=True)
class Verified:
    """checked: what was found. remote_error: why the remote's marks could not be had.

    has_remote: whether there were any. foreign: what lies where marks should, and is none our
    chain holds.
    """

    checked: Checked
    has_local: bool
    has_remote: bool = False
    remote_error: FarcopyError | None = None
    foreign: tuple[Found, ...] = ()


def verify(*, with_remote: bool = False) -> Verified:
    """Check the whole trail, and against the marks: the home's, and if wanted the remote's.

    Raises: KeyMismatch, KeyUnusable.
    """
    local = seals.read()
    known = {_in_home(number): found for number, found in enumerate(local.marks)}
    has_remote, remote_error = False, None
    if with_remote:
        try:
            remote = marks.read_remote()
            has_remote = bool(remote)
            known |= remote
        except FarcopyError as error:
            remote_error = error
    foreign = anchor.foreign(known)
    checked = audit_check.check({
        where: found.mark for where, found in known.items()
        if found.mark is not None or where in foreign
    })
    if not local.exists and anchor.is_set():
        checked.add(Kind.HEAD, None, "the mark in FARCOPY_HOME is gone")
    audit_check.note(checked)
    with contextlib.suppress(OSError):
        anchor.renew(foreign.values(), problems=[problem.line for problem in checked.problems])
    if not checked.is_whole:
        _log.error("audit.broken", extra={"problems": checked.problem_count})
    return Verified(checked, local.exists, has_remote, remote_error, tuple(foreign.values()))


def _in_home(number: int) -> str:
    return "in FARCOPY_HOME" + (f" ({number + 1})" if number else "")


def acknowledge(reason: str, username: str, *, with_remote: bool) -> Verified:
    """An admin knows of what was found, and takes the trail as it is now for the right one.

    What follows is checked as before, and so is what there is: if entries themselves were
    changed, all of them are counted and hashed as one, as they are. An entry tells of it.
    Returns what was found; nothing is written when that is nothing.
    Raises: KeyMismatch, KeyUnusable, LedgerTrouble.
    """
    found = verify(with_remote=with_remote)
    if found.checked.is_whole:
        return found
    # By itself: without the marks, which tell of what is gone, and not of what is there.
    is_sound = all(problem.kind is Kind.HEAD for problem in audit_check.check().problems)
    with transaction.atomic():
        head, _ = audit.locked_head()
        details = anchor.close(found.foreign, is_sound=is_sound)
        audit.record(
            action="audit.acknowledged", username=username, ip_address=auditing.COMMAND_LINE,
            details={
                "reason": reason[:MOST_REASON], "problems": found.checked.problem_count,
                "first": [problem.line for problem in found.checked.problems[:TOLD]],
                "chain": head.chain_id, "after": head.sequence, **details,
            },
        )
    checked = audit_check.check()
    audit_check.note(checked)
    anchor.renew(problems=[problem.line for problem in checked.problems], forgets_junk=True)
    return found


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
    if not audit_prune.count_before(moment):
        return 0
    # Before: a removal that is cut off, or has no room for its entry, must not go untold.
    audit.record(
        action="audit.prune_begun", ip_address=auditing.SERVICE,
        details={"before": moment.isoformat(timespec="seconds")},
    )
    return audit_prune.prune(moment)
