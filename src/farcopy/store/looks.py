"""The newest looks at the sources: a run's, or monitoring's; each for its roots and destination.

A look taken of other roots, with other patterns, or for another destination
says nothing of these: it is not found.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from farcopy.core.config import SyncSettings
from farcopy.core.stock import RootFound, SourcesSeen
from farcopy.planning.schedule import CLOCK_MAY_DIFFER
from farcopy.store.models import Look


class Kind(StrEnum):
    """Who looked."""

    RUN = "run"
    MONITOR = "monitor"


@dataclass(frozen=True, slots=True)
class LookRecord:
    """A look. begun_at: what came later may have been passed over; ended_at: None while it is
    on, or when it was cut off. files, bytes, oldest_at: what waited, all told."""

    kind: Kind
    begun_at: datetime
    ended_at: datetime | None
    oldest_at: datetime | None
    found: SourcesSeen


def key_of(settings: SyncSettings) -> str:
    """Which files are meant: the same for the same roots and patterns."""
    meant = [
        settings.orthanc_storage_path, settings.hospital_data_path, list(settings.exclude)
    ]
    return hashlib.sha256(json.dumps(meant).encode()).hexdigest()


def begin(kind: Kind, destination_id: int, roots: str, now: datetime) -> None:
    """From here on until `end` the sources are not wholly looked at."""
    Look.objects.update_or_create(
        kind=kind, destination_id=destination_id, roots=roots,
        defaults={"begun_at": now, "looked_at": None, "is_whole": False, "gone": [],
                  "problems": 0, "excluded_files": 0},
    )


def end(
    kind: Kind, destination_id: int, roots: str, begun_at: datetime, now: datetime,
    found: SourcesSeen,
) -> None:
    Look.objects.update_or_create(
        kind=kind, destination_id=destination_id, roots=roots,
        defaults={
            "begun_at": begun_at, "looked_at": now, "is_whole": found.is_whole,
            "files": found.waiting_files, "bytes": found.waiting_bytes,
            "oldest_at": time_of(found.oldest_mtime_ns), "seen_files": found.files,
            "unsent_files": found.unsent_files, "unsent_bytes": found.unsent_bytes,
            "problems": found.problems, "excluded_files": found.excluded_files,
            "gone": [list(root) for root in found.gone],
        },
    )


def newest(destination_id: int, roots: str, now: datetime) -> LookRecord | None:
    """Whoever took it: the one that began last, by a clock that was right if there is one."""
    looks = Look.objects.filter(
        destination_id=destination_id, roots=roots, begun_at__isnull=False
    ).order_by("-begun_at")
    row = looks.filter(begun_at__lte=now + CLOCK_MAY_DIFFER).first() or looks.first()
    return None if row is None else _record(row)


def last_of_monitoring(until: datetime) -> LookRecord | None:
    """Of whatever sources: the schedule counts from it. until: later ones are of a wrong clock."""
    row = Look.objects.filter(kind=Kind.MONITOR, looked_at__lte=until).order_by(
        "-looked_at"
    ).first()
    return None if row is None else _record(row)


def time_of(mtime_ns: int | None) -> datetime | None:
    if mtime_ns is None:
        return None
    try:
        return datetime.fromtimestamp(mtime_ns / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return None  # a modification time beyond the calendar


def _record(row: Look) -> LookRecord:
    begun_at = row.begun_at or row.looked_at
    if begun_at is None:
        raise ValueError("a look without a time")  # the queries leave those out
    return LookRecord(
        Kind(row.kind), begun_at, row.looked_at, row.oldest_at,
        SourcesSeen(
            is_whole=row.is_whole, files=row.seen_files, unsent_files=row.unsent_files,
            unsent_bytes=row.unsent_bytes, waiting_files=row.files, waiting_bytes=row.bytes,
            problems=row.problems, excluded_files=row.excluded_files, gone=_gone(row.gone),
        ),
    )


def _gone(stored: Sequence[Sequence[object]]) -> tuple[RootFound, ...]:
    return tuple(RootFound(*entry) for entry in stored)  # type: ignore[arg-type]
