"""The audit trail's anchor: which marks kept elsewhere are of this very trail, and the home's.

A mark our chain does not hold is evidence: of another chain, or of more entries than
there are. It is never replaced, and is told at every check, until an admin acknowledges it.
"""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from django.db import transaction
from django.utils import timezone

from farcopy.core.errors import FarcopyError
from farcopy.store import audit, key_history, seals
from farcopy.store.audit_models import AuditHead, AuditLog
from farcopy.store.chain import Head, Mark
from farcopy.store.keys import key_id
from farcopy.store.seals import Found, Kept

MOST_FOREIGN: Final = 20
"""Marks of other chains kept in the home; of more, those with the highest numbers."""


def current() -> Mark:
    """A mark of the trail as it is now. Raises: KeyMismatch, KeyUnusable, LedgerTrouble."""
    with transaction.atomic():
        head, key = audit.locked_head()
        return _mark_of(head, key)


def renew(
    foreign: Iterable[Found] = (), *, problems: Sequence[str] | None = None,
    turn: int | None = None, forgets_junk: bool = False,
) -> None:
    """Write the home's mark. foreign: evidence found elsewhere, to be kept here too.

    problems: what a check found; None: as they were. forgets_junk: an admin has acknowledged
    what is no mark. Raises: KeyMismatch, KeyUnusable, LedgerTrouble, OSError.
    """
    with transaction.atomic():
        # Under the lock of the head: of two who renew, each sees what the other wrote.
        head, key = audit.locked_head()
        keys = key_history.audit_keys()
        before = seals.read()
        junk = [found for found in before.marks if found.mark is None]
        if junk and not forgets_junk and not all(is_settled(j, head, keys) for j in junk):
            return  # it is evidence, and not to be written over
        strange = {
            found.digest: found for found in (*before.marks, *foreign)
            if found.mark is not None and not is_settled(found, head, keys)
        }
        kept = sorted(strange.values(), key=_sequence)[-MOST_FOREIGN:]
        mark = _mark_of(head, key)
        seals.write(Kept(
            True, (Found(mark, mark.digest), *kept),
            before.problems if problems is None else tuple(problems),
            before.turn if turn is None else turn,
        ))
        if not head.is_anchored:
            audit.store_head(replace(head, is_anchored=True), key)


def try_renewing() -> None:
    """If it can be done; a check tells when the home's mark is missing, or lags far behind."""
    with contextlib.suppress(FarcopyError, OSError):
        renew()


def is_set() -> bool:
    """Whether there once was a mark in the home."""
    return AuditHead.objects.filter(pk=1, is_anchored=True).exists()


def foreign(known: Mapping[str, Found]) -> dict[str, Found]:
    """Which of what lies where marks should is no mark our chain holds.

    known: read before; for a mark that is newer than our head is foreign. Raises: KeyMismatch,
    KeyUnusable.
    """
    with transaction.atomic():
        head, _ = audit.locked_head()
        keys = key_history.audit_keys()
    return {where: found for where, found in known.items() if not is_settled(found, head, keys)}


def close(acknowledged: Iterable[Found], *, is_sound: bool) -> dict[str, object]:
    """Go on from what there is, within a transaction of the caller's.

    is_sound: the entries of the chain are as they were written, only the head or marks are
    not. Returns what the entry about it has to tell.
    """
    before, key = audit.locked_head()
    keys = key_history.audit_keys()
    closed: dict[str, int | None] = {before.chain_id: before.sequence}
    for found in acknowledged:
        mark = found.mark
        if mark is None or mark.key_id not in keys or not mark.is_sealed(keys[mark.key_id]):
            closed[found.digest] = None
            continue
        closed[mark.chain_id] = max(closed.get(mark.chain_id) or 0, mark.sequence)
    fresh = audit.fresh_head()
    # Another chain by its name: entries of these numbers that come now are not those of then.
    head = replace(before, chain_id=fresh.chain_id, broken_after=None) if is_sound else fresh
    head = replace(head, closed=before.closed, is_anchored=before.is_anchored).closing(closed)
    audit.store_head(head, key)
    return {"rows": fresh.earlier_rows, "sha256": fresh.earlier_sha256, "closed": closed}


def is_settled(found: Found, head: Head, keys: Mapping[str, bytes]) -> bool:
    """Whether it is a mark our chain holds, or one that an admin has acknowledged."""
    closed, mark = head.closed_chains, found.mark
    if found.digest in closed:
        return True
    if mark is None:
        return False
    limit = closed.get(mark.chain_id, -1)
    if limit is None:
        return True  # its key is lost: nobody can say more of it
    if mark.key_id not in keys or not mark.is_sealed(keys[mark.key_id]):
        return False
    if mark.chain_id != head.chain_id:
        return mark.sequence <= limit
    return mark.sequence <= head.sequence and _mac_at(mark.sequence, head) in (mark.mac, None)


def _mac_at(sequence: int, head: Head) -> str | None:
    """None: it was pruned away."""
    if sequence == head.base_sequence:
        return head.base_mac
    if sequence < head.base_sequence:
        return None
    row = AuditLog.objects.filter(sequence=sequence).values_list("mac", flat=True).first()
    return row or ""


def _sequence(found: Found) -> int:
    return found.mark.sequence if found.mark else 0


def _mark_of(head: Head, key: bytes) -> Mark:
    return Mark(
        head.chain_id, head.sequence, head.mac, key_id(key_history.in_force()),
        timezone.now().isoformat(timespec="seconds"),
    ).sealed_with(key)
