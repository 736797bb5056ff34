"""The last look monitoring took: when, and how much was waiting."""

from dataclasses import dataclass
from datetime import datetime

from farcopy.core.model import Backlog
from farcopy.store.models import Look


@dataclass(frozen=True, slots=True)
class LastLook:
    """oldest_at: modification time of the oldest file that waits."""

    looked_at: datetime
    files: int
    bytes: int
    oldest_at: datetime | None


def note(backlog: Backlog, now: datetime, oldest_at: datetime | None) -> None:
    Look.objects.update_or_create(
        pk=1,
        defaults={
            "looked_at": now, "files": backlog.files, "bytes": backlog.bytes,
            "oldest_at": oldest_at,
        },
    )


def last() -> LastLook | None:
    row = Look.objects.filter(pk=1).first()
    if row is None or row.looked_at is None:
        return None
    return LastLook(row.looked_at, row.files, row.bytes, row.oldest_at)
