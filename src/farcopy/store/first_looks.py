"""Files too young to be at rest: how they were when first seen. Part of the ledger.

A file may be written to for hours under its final name (Orthanc does so for
seconds). It is sent when a second look finds it as the first one did.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.db import connection, transaction
from django.db.models import Max, Q

from farcopy.core.model import Looked, SourceFile
from farcopy.store.models import FirstLook
from farcopy.store.rows import ROWS_A_STATEMENT, chunks, stored_time

KEPT_FOR = timedelta(days=60)
"""Longer than the longest interval between two runs; what is older concerns nobody."""

_NOTE_SQL = """
    INSERT INTO first_looks (root, directory, name, size_bytes, mtime_ns, looked_at)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (root, directory, name) DO UPDATE
    SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,
        looked_at = excluded.looked_at
"""


class FirstLooks:
    """The FirstLooks port. Not of one destination: a file is at rest or it is not."""

    def look(self, files: Sequence[SourceFile], now: datetime, settle_s: float) -> Looked:
        settled: list[SourceFile] = []
        news: list[SourceFile] = []
        growing = 0
        with transaction.atomic():
            for (root, directory), group in groupby(files, key=lambda file: file[:2]):
                here = list(group)
                seen = _seen(root, directory, [file.name for file in here])
                for file in here:
                    before = seen.get(file.name)
                    if before is None or before[3] > now + timedelta(seconds=settle_s):
                        news.append(file)  # never seen, or by a clock that was ahead
                    elif before[1:3] != (file.size_bytes, file.mtime_ns):
                        growing += 1
                        news.append(file)
                    elif before[3] <= now - timedelta(seconds=settle_s):
                        settled.append(file)
            _note(news, now)
        return Looked(tuple(settled), growing)

    def note_looks(self, files: Sequence[SourceFile], now: datetime) -> None:
        with transaction.atomic():
            _note(files, now)

    def latest_look(self, roots: Sequence[str]) -> datetime | None:
        found = FirstLook.objects.filter(root__in=roots).aggregate(at=Max("looked_at"))
        latest: datetime | None = found["at"]
        return latest

    def first_looks(self, roots: Sequence[str], until: datetime) -> Sequence[SourceFile]:
        return [
            SourceFile(*row)
            for row in FirstLook.objects.filter(root__in=roots, looked_at__lte=until)
            .order_by("root", "directory", "name")
            .values_list("root", "directory", "name", "size_bytes", "mtime_ns")[:ROWS_A_STATEMENT]
        ]

    def count_looks(self, roots: Sequence[str]) -> int:
        return FirstLook.objects.filter(root__in=roots).count()

    def forget_looks(self, files: Sequence[SourceFile]) -> None:
        with transaction.atomic():
            for (root, directory), group in groupby(files, key=lambda file: file[:2]):
                for names in chunks([file.name for file in group]):
                    FirstLook.objects.filter(
                        root=root, directory=directory, name__in=names
                    ).delete()

    def forget_old_looks(self, now: datetime) -> None:
        FirstLook.objects.filter(
            Q(looked_at__lt=now - KEPT_FOR) | Q(looked_at__gt=now + KEPT_FOR)
        ).delete()


def _seen(
    root: str, directory: str, names: Sequence[str]
) -> dict[str, tuple[str, int, int, datetime]]:
    return {
        row[0]: row
        for chunk in chunks(names)
        for row in FirstLook.objects.filter(
            root=root, directory=directory, name__in=chunk
        ).values_list("name", "size_bytes", "mtime_ns", "looked_at")
    }


def _note(files: Sequence[SourceFile], now: datetime) -> None:
    if files:
        with connection.cursor() as cursor:
            cursor.executemany(_NOTE_SQL, [(*file, stored_time(now)) for file in files])
