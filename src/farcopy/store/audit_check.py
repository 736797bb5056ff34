"""Is the audit trail as it was written? Reads all of it, and changes nothing but the finding.

Finds an entry that was edited, deleted, put in or moved, and a tail cut off; the
last also in an older copy of the whole database, by a mark kept elsewhere.
"""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from farcopy.store import key_history
from farcopy.store.audit import head_of, link_of
from farcopy.store.audit_models import AuditHead, AuditLog
from farcopy.store.chain import Head, Mark
from farcopy.store.keys import derive_key

ROWS_A_QUERY: Final = 1000
MOST_TOLD: Final = 20


class Kind(Enum):
    """What somebody did to the trail."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    MOVED = "moved"
    CUT = "cut"
    HEAD = "head"
    EARLIER = "earlier"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Problem:
    """entry: an entry's number in the chain; None: of no one entry."""

    kind: Kind
    entry: int | None
    text: str

    @property
    def line(self) -> str:
        return self.text if self.entry is None else f"entry {self.entry} {self.text}"


@dataclass
class Checked:
    """entries: in the chain; earlier: older than it. At most MOST_TOLD problems are kept."""

    at: datetime
    entries: int = 0
    earlier: int = 0
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.problem_count

    def add(self, kind: Kind, entry: int | None, text: str) -> None:
        self.problem_count += 1
        if len(self.problems) < MOST_TOLD:
            self.problems.append(Problem(kind, entry, text))


def check(marks: Mapping[str, Mark | None] | None = None) -> Checked:
    """marks: copies of the head kept elsewhere, by where; None for one that is no mark.

    Entries written meanwhile are left to the next time. Raises: KeyMismatch, KeyUnusable.
    """
    keys = key_history.audit_keys()
    key = derive_key(key_history.in_force(), key_history.AUDIT_PURPOSE)
    while True:
        row = AuditHead.objects.filter(pk=1).first()
        result = Checked(timezone.now())
        if row is None:
            result.add(Kind.HEAD, None, "the head of the chain is missing")
            return result
        head = head_of(row)
        _check_head(head, key, row.seal, result)
        _check_earlier(head, result)
        macs = _check_chain(head, keys, {m.sequence for m in (marks or {}).values() if m}, result)
        for where, mark in (marks or {}).items():
            _check_mark(where, mark, head, keys, macs, result)
        if _begins_as(head):
            return result


def _begins_as(head: Head) -> bool:
    """Else the beginning was pruned away while it was read."""
    return AuditHead.objects.filter(
        base_sequence=head.base_sequence, earlier_rows=head.earlier_rows
    ).exists()


def _check_head(head: Head, key: bytes, seal: str, result: Checked) -> None:
    if not head.is_sealed(key, seal):
        result.add(Kind.HEAD, head.sequence, "was the last when the head of the chain was changed")
    if head.broken_after is not None:
        result.add(Kind.HEAD, head.broken_after,
                   "was the last before the head of the chain was changed or taken away")


def note(result: Checked) -> None:
    """Keep the finding for the API and the page."""
    AuditHead.objects.filter(pk=1).update(
        checked_at=result.at, entries_checked=result.entries + result.earlier,
        problems=[problem.line for problem in result.problems],
    )


def _check_earlier(head: Head, result: Checked) -> None:
    digest = ""
    for row in _pages(AuditLog.objects.filter(pk__lte=head.earlier_last_id)):
        digest = link_of(row).digest(digest, row.mac)
        result.earlier += 1
    if (result.earlier, digest) != (head.earlier_rows, head.earlier_sha256):
        result.add(Kind.EARLIER, None,
                   f"the {head.earlier_rows} entries older than the chain are not as they were")


def _check_chain(
    head: Head, keys: Mapping[str, bytes], wanted: set[int], result: Checked
) -> dict[int, str]:
    """Walk the chain; returns the MACs of the wanted entries, that of the base among them."""
    macs = {head.base_sequence: head.base_mac}
    last, previous_mac = head.base_sequence, head.base_mac
    for row in _pages(AuditLog.objects.filter(pk__gt=head.earlier_last_id)):
        if row.sequence is None:
            result.add(Kind.INSERTED, None, f"the row with the id {row.pk} is not of the chain")
            continue
        if row.sequence > head.sequence:
            if not AuditHead.objects.filter(sequence__gte=row.sequence).exists():
                result.add(Kind.INSERTED, row.sequence, "is beyond the end of the chain")
            continue  # or written since
        result.entries += 1
        if row.sequence <= last:
            result.add(Kind.MOVED, row.sequence, f"stands behind entry {last}")
            continue
        if row.sequence > last + 1:
            result.add(Kind.DELETED, last + 1, _gone(last + 1, row.sequence - 1))
        elif row.key_id not in keys:
            result.add(Kind.KEY, row.sequence, "was sealed with a key nobody has any more")
        elif not hmac.compare_digest(
            link_of(row).mac(keys[row.key_id], previous_mac), row.mac
        ):
            result.add(Kind.EDITED, row.sequence, "is not as it was written")
        last, previous_mac = row.sequence, row.mac
        if last in wanted:
            macs[last] = row.mac
    if last < head.sequence:
        result.add(Kind.CUT, last + 1, _gone(last + 1, head.sequence))
    elif previous_mac != head.mac:
        result.add(Kind.EDITED, last, "is not the last entry that was written")
    return macs


def _check_mark(
    where: str, mark: Mark | None, head: Head, keys: Mapping[str, bytes],
    macs: Mapping[int, str], result: Checked,
) -> None:
    closed = head.closed_chains
    limit = closed.get(mark.chain_id, -1) if mark else -1
    if mark is not None and (limit is None or mark.digest in closed):
        return  # acknowledged; or an admin gave its key up for lost
    if mark is None or mark.key_id not in keys or not mark.is_sealed(keys[mark.key_id]):
        result.add(Kind.HEAD, None, f"the mark {where} was changed, or is not of this trail")
    elif mark.chain_id != head.chain_id:
        if limit is not None and mark.sequence > limit:
            result.add(Kind.CUT, None, f"the chain was begun anew: the mark {where} knows of "
                       f"another with {mark.sequence} entries")
    elif mark.sequence > head.sequence:
        result.add(Kind.CUT, head.sequence + 1, _gone(head.sequence + 1, mark.sequence)
                   + f", says the mark {where} of {mark.written_at}")
    elif macs.get(mark.sequence, mark.mac) != mark.mac:
        result.add(Kind.EDITED, mark.sequence, f"is another than the mark {where} knows")


def _gone(first: int, last: int) -> str:
    return "is gone" if first == last else f"and those up to {last} are gone"


def _pages(rows: QuerySet[AuditLog]) -> Iterator[AuditLog]:
    ordered = rows.order_by("pk")
    page = list(ordered[:ROWS_A_QUERY])
    while page:
        yield from page
        page = list(ordered.filter(pk__gt=page[-1].pk)[:ROWS_A_QUERY])
