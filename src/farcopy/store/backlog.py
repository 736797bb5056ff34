"""What waited to go off-site, over time: a row for each look and each end of a run.

Kept for 92 days and 20,000 rows, whichever ends first.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from farcopy.planning.backlog import Sample
from farcopy.store.models import BacklogSample

KEPT_FOR: Final = timedelta(days=92)
KEPT_ROWS: Final = 20_000
PRUNE_EVERY: Final = 64
"""Rows between two prunings: the bound is kept, and most writes are one INSERT."""


def note(sample: Sample) -> None:
    row = BacklogSample.objects.create(
        at=sample.at, files=sample.files, bytes=sample.bytes, lag_s=sample.lag_s,
        is_whole=sample.is_whole,
    )
    if row.pk % PRUNE_EVERY == 0:
        BacklogSample.objects.filter(at__lt=sample.at - KEPT_FOR).delete()
        BacklogSample.objects.filter(pk__lte=row.pk - KEPT_ROWS).delete()


def latest() -> Sample | None:
    row = BacklogSample.objects.order_by("-pk").first()
    return None if row is None else _sample(row)


def last_empty_at() -> datetime | None:
    """When nothing was found waiting for the last time: what waits now came later."""
    return (
        BacklogSample.objects.filter(files=0, is_whole=True)
        .order_by("-pk").values_list("at", flat=True).first()
    )


def since(moment: datetime) -> Sequence[Sample]:
    """In the order of time."""
    rows = BacklogSample.objects.filter(at__gte=moment).order_by("at")
    return [Sample(*row) for row in rows.values_list("at", "files", "bytes", "lag_s", "is_whole")]


def oldest_due(destination_id: int) -> int | None:
    """The oldest mtime_ns of what the ledger knows to be due at a destination."""
    with connection.cursor() as cursor:
        # Literals, as the index has them: SQLite takes a partial index for no less.
        cursor.execute(
            "SELECT min(mtime_ns) FROM replicas WHERE destination_id = %s"
            " AND state IN ('pending', 'uploading', 'failed', 'skipped') AND state <> 'skipped'",
            [destination_id],
        )
        oldest: int | None = cursor.fetchone()[0]
    return oldest


def _sample(row: BacklogSample) -> Sample:
    return Sample(row.at, row.files, row.bytes, row.lag_s, row.is_whole)
