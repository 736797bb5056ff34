"""The audit trail, read: pages for the eye, newest first, and all of it for an export.

Writes nothing; rows are appended by `store.audit`. Neither way holds more than
a few hundred rows, or a transaction, at a time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from farcopy.store.audit_models import AuditLog

ROWS_A_QUERY: Final = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries; None is any. since is included, until is not. but_actions: not these."""

    username: str | None = None
    action: str | None = None
    status: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    but_actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the trail. response_status: None for what is no call.

    sequence, mac: its number and seal in the chain; None and "" when it is older than that.
    """

    id: int
    sequence: int | None
    created_at: datetime
    user_id: int | None
    username: str
    action: str
    ip_address: str
    user_agent: str
    response_status: int | None
    details: Mapping[str, Any]
    mac: str


def latest(wanted: Wanted, limit: int, before: int | None = None) -> list[Entry]:
    """The newest entries that are wanted, or the newest of those older than the id `before`."""
    rows = _rows(wanted).order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return [_entry(row) for row in rows[:limit]]


def every(wanted: Wanted) -> Iterator[Entry]:
    """All that are wanted, the oldest first; those written meanwhile are not among them."""
    last_id = AuditLog.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    rows = _rows(wanted).filter(pk__lte=last_id).order_by("pk")
    after = 0
    while page := list(rows.filter(pk__gt=after)[:ROWS_A_QUERY]):
        yield from map(_entry, page)
        after = page[-1].pk


def after(sequence: int, limit: int) -> list[Entry]:
    """Of the chain, those behind this number, in its order."""
    rows = AuditLog.objects.filter(sequence__gt=sequence).order_by("sequence")
    return [_entry(row) for row in rows[:limit]]


def place_of_last() -> tuple[int, str]:
    """Number and seal of the last entry of the chain; 0 and "" when there is none."""
    rows = AuditLog.objects.filter(sequence__isnull=False).order_by("-sequence")
    row = rows.first()
    return (row.sequence or 0, row.mac) if row else (0, "")


def mac_of(sequence: int) -> str | None:
    return AuditLog.objects.filter(sequence=sequence).values_list("mac", flat=True).first()


def _rows(wanted: Wanted) -> QuerySet[AuditLog]:
    rows = AuditLog.objects.all()
    if wanted.username is not None:
        rows = rows.filter(username=wanted.username)
    if wanted.action is not None:
        rows = rows.filter(action=wanted.action)
    if wanted.status is not None:
        rows = rows.filter(response_status=wanted.status)
    if wanted.since is not None:
        rows = rows.filter(created_at__gte=wanted.since)
    if wanted.until is not None:
        rows = rows.filter(created_at__lt=wanted.until)
    if wanted.but_actions:
        rows = rows.exclude(action__in=wanted.but_actions)
    return rows


def _entry(row: AuditLog) -> Entry:
    return Entry(
        id=row.pk, sequence=row.sequence, mac=row.mac, created_at=row.created_at,
        user_id=row.user_id, username=row.username,
        action=row.action, ip_address=row.ip_address, user_agent=row.user_agent,
        response_status=row.response_status, details=row.details,
    )
