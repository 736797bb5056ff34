"""Remove the oldest entries of the audit trail, so that the rest can still be checked.

The chain then begins behind the last entry that was removed: its MAC becomes
the base, under the head's seal. Nothing calls this but an admin's command.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Min

from farcopy.store import audit
from farcopy.store.audit_models import AuditLog

ROWS_A_TRANSACTION: Final = 2000


def count_before(moment: datetime) -> int:
    """How many entries `prune` would remove."""
    first_kept = _first_kept_id(moment)
    rows = AuditLog.objects.all()
    return (rows if first_kept is None else rows.filter(pk__lt=first_kept)).count()


def prune(moment: datetime) -> int:
    """Remove the entries that are older; returns how many. A call that was cut off may be
    repeated. Raises: KeyMismatch, KeyUnusable.
    """
    first_kept = _first_kept_id(moment)
    removed = _prune_earlier(first_kept)
    while count := _prune_some(first_kept):
        removed += count
    return removed


def _first_kept_id(moment: datetime) -> int | None:
    # By the order of writing: a clock that was set back must not make a hole.
    found: int | None = AuditLog.objects.filter(created_at__gte=moment).aggregate(
        first=Min("pk"))["first"]
    return found


def _prune_some(first_kept: int | None) -> int:
    with transaction.atomic():
        head, key = audit.locked_head()
        rows = AuditLog.objects.filter(sequence__gt=head.base_sequence,
                                       pk__gt=head.earlier_last_id).order_by("pk")
        if first_kept is not None:
            rows = rows.filter(pk__lt=first_kept)
        going = list(rows[:ROWS_A_TRANSACTION])
        if not going:
            return 0
        last = going[-1]
        audit.store_head(
            replace(head, base_sequence=last.sequence or 0, base_mac=last.mac), key
        )
        return AuditLog.objects.filter(pk__in=[row.pk for row in going]).delete()[0]


def _prune_earlier(first_kept: int | None) -> int:
    """Those older than the chain have one hash for all: they go together or not yet."""
    with transaction.atomic():
        head, key = audit.locked_head()
        if not head.earlier_last_id or (
            first_kept is not None and first_kept <= head.earlier_last_id
        ):
            return 0
        if head.earlier_rows:
            audit.store_head(replace(head, earlier_rows=0, earlier_sha256=""), key)
    removed = 0
    rows = AuditLog.objects.filter(pk__lte=head.earlier_last_id)
    while ids := list(rows.values_list("pk", flat=True)[:ROWS_A_TRANSACTION]):
        removed += AuditLog.objects.filter(pk__in=ids).delete()[0]
    return removed
