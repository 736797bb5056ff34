"""The audit trail, written: a row for every API call and event, chained to the row before.

Threads, the command line and other processes append at once: the head's row is
locked until the new entry is committed, so there is one order and no gap.
"""

import logging
import secrets as random
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from farcopy.store import key_history, seals
from farcopy.store.audit_models import AuditHead, AuditLog, KeyRecord
from farcopy.store.chain import Head, Link
from farcopy.store.keys import derive_key, key_id

MAX_AGENT = 500
"""A user agent is the caller's text: kept, but not without end."""
ROWS_A_QUERY = 1000
_log = logging.getLogger("farcopy.service")


def record(
    *,
    action: str,
    user_id: int | None = None,
    username: str = "",
    ip_address: str = "",
    user_agent: str = "",
    details: Mapping[str, object],
    response_status: int | None = None,
) -> None:
    """details: field names and facts of the request, never values of settings.

    Raises: KeyMismatch, KeyUnusable: an entry that cannot be sealed is not written.
    """
    entry = {
        "user_id": user_id, "username": _printable(username)[:150], "action": action,
        "ip_address": ip_address[:45], "user_agent": _printable(user_agent)[:MAX_AGENT],
        "details": _clean(details), "response_status": response_status,
    }
    try:
        with transaction.atomic():
            _append(entry)
    except IntegrityError:
        # Somebody put an entry of this number there: go on behind it, and say so for good.
        with transaction.atomic():
            _append(entry, is_forged=True)


def _append(entry: Mapping[str, Any], *, is_forged: bool = False) -> None:
    master = key_history.in_force()
    key = derive_key(master, key_history.AUDIT_PURPOSE)
    head = _locked_head(key)
    if is_forged:
        head = _broken(head)
    link = Link(
        sequence=head.sequence + 1, key_id=key_id(master), created_at=timezone.now(), **entry
    )
    mac = link.mac(key, head.mac)
    AuditLog.objects.create(mac=mac, **asdict(link))
    store_head(head.after(head.sequence + 1, mac), key)


def begin_chain() -> None:
    """Have a head from the first start on. Raises: KeyMismatch, KeyUnusable."""
    if AuditHead.objects.filter(pk=1).exists():
        return
    with transaction.atomic():
        _locked_head(derive_key(key_history.in_force(), key_history.AUDIT_PURPOSE))


def was_begun() -> bool:
    """Whether there was a trail before: then one without a head was not just made.

    Who has the database alone can take away the first two signs, and not the third.
    """
    return (
        KeyRecord.objects.filter(has_chain=True).exists()
        or bool(_last_sequence())
        or seals.read().exists
    )


def fresh_head() -> Head:
    """Of a chain of its own for what comes now; what is there already is counted and hashed."""
    rows, digest, last_id = 0, "", 0
    for row in AuditLog.objects.order_by("pk").iterator(chunk_size=ROWS_A_QUERY):
        digest = link_of(row).digest(digest, row.mac)
        rows, last_id = rows + 1, row.pk
    used = _last_sequence()
    return Head(
        chain_id=random.token_hex(8), sequence=used, base_sequence=used,
        earlier_last_id=last_id, earlier_rows=rows, earlier_sha256=digest,
    )


def locked_head() -> tuple[Head, bytes]:
    """The head and the key in force; nobody else appends until the transaction ends.

    Raises: KeyMismatch, KeyUnusable.
    """
    key = derive_key(key_history.in_force(), key_history.AUDIT_PURPOSE)
    return _locked_head(key), key


def store_head(head: Head, key: bytes) -> None:
    AuditHead.objects.filter(pk=1).update(**asdict(head), seal=head.sealed(key))


def head_of(row: AuditHead) -> Head:
    return Head(**{name: getattr(row, name) for name in Head.__dataclass_fields__})


def link_of(row: AuditLog) -> Link:
    return Link(**{name: getattr(row, name) for name in Link.__dataclass_fields__})


def _locked_head(key: bytes) -> Head:
    row = AuditHead.objects.select_for_update().filter(pk=1).first()
    if row is None:
        head = fresh_head()
        if was_begun():
            head = _broken(head)  # a chain whose head somebody took away
        AuditHead.objects.get_or_create(
            pk=1, defaults={**asdict(head), "seal": head.sealed(key)}
        )
        KeyRecord.objects.filter(is_in_force=True).update(has_chain=True)
        transaction.on_commit(_anchor)
        return _locked_head(key)
    head = head_of(row)
    if head.is_sealed(key, row.seal):
        return head
    # What it says is acknowledged is not to be sealed as if an admin had done it.
    return _broken(replace(head, closed=""))


def _anchor() -> None:
    from farcopy.store import anchor  # which needs this module

    anchor.try_renewing()


def _broken(head: Head) -> Head:
    """A head changed by somebody without the key must not be sealed as if it were ours: where
    it was found is written into the new one, and no check is ever good again."""
    last = max(_last_sequence(), head.sequence)
    _log.error("audit.head_changed", extra={"after": last})
    return replace(head, sequence=last, broken_after=last)


def _last_sequence() -> int:
    return AuditLog.objects.aggregate(most=Max("sequence"))["most"] or 0


def _clean(value: Any) -> Any:
    """As the database gives it back: no tuples, no keys that are numbers, printable texts."""
    match value:
        case str():
            return _printable(value)
        case Mapping():
            return {str(name): _clean(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_clean(inner) for inner in value]
        case _:
            return value


def _printable(text: str) -> str:
    # NUL cannot be stored by PostgreSQL, line ends would forge lines in an export.
    return "".join(char if char.isprintable() else "�" for char in text)
