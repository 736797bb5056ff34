"""The intent before a renaming, and what became of it after a crash. Part of the ledger.

Right before RNTO the MD5 of what lies under the temporary name is noted. If the
process dies then, the next run looks: the renaming took place if and only if
the temporary is gone and the final has the size. An intent is withdrawn before
the temporary is removed for any other reason, so that rule has no exception.
"""

from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from farcopy.core.model import Renaming
from farcopy.core.states import FileState
from farcopy.store.models import Destination, Replica, SourceFile, SyncHistory, Transfer

_INTEND_SQL = """
    UPDATE replicas SET next_md5 = %s {unsynced}
    WHERE id = %s AND claim = %s AND state = 'uploading'
"""
# An intent that a power cut takes with it only makes the file be sent again, and a sync a
# file would cost more than the file. For this transaction only; on SQLite patience sees to it.
_UNSYNCED_SQL = {
    "postgresql": "FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unsynced"
}


class Renamings:
    """The Renamings port of one destination."""

    _destination_id: int

    def intend(self, replica_id: int, claim: int, md5: str) -> bool:
        with connection.cursor() as cursor:
            unsynced = _UNSYNCED_SQL.get(connection.vendor, "")
            cursor.execute(_INTEND_SQL.format(unsynced=unsynced), [md5, replica_id, claim])
            return bool(cursor.rowcount)

    def withdraw(self, replica_id: int, claim: int) -> None:
        Replica.objects.filter(pk=replica_id, claim=claim).exclude(next_md5="").update(next_md5="")

    def renamings(self) -> Sequence[Renaming]:
        rows = (
            self._open_intents()
            .order_by("pk")
            .values_list(
                "pk", "claim", "next_md5", "size_bytes", "source_file__root",
                "source_file__directory", "source_file__name",
            )
        )
        return [
            Renaming(pk, claim, md5, size, "/".join(part for part in path if part))
            for pk, claim, md5, size, *path in rows
        ]

    def settle_renaming(self, run_id: int, renaming: Renaming, *, took_place: bool) -> None:
        now = timezone.now()
        with transaction.atomic():
            row = self._open_intents().filter(
                pk=renaming.replica_id, claim=renaming.claim, next_md5=renaming.md5
            )
            if not took_place:
                row.update(next_md5="")
                return
            if not row.update(
                state=FileState.STORED, md5=renaming.md5, next_md5="", reason="", finding="",
                verified_at=None, read_back_at=None,
                retry_at=None, batch=None, changed_at=now,
            ):
                return
            SourceFile.objects.filter(replica=renaming.replica_id).update(md5=renaming.md5)
            Transfer.objects.create(
                run_id=run_id, replica_id=renaming.replica_id, outcome=FileState.STORED,
                bytes=renaming.size_bytes, md5=renaming.md5, at=now,
            )
            SyncHistory.objects.filter(pk=run_id).update(
                files_due=F("files_due") + 1,
                bytes_due=F("bytes_due") + renaming.size_bytes,
                files_synced=F("files_synced") + 1,
                total_size_bytes=F("total_size_bytes") + renaming.size_bytes,
            )

    def is_untidy(self) -> bool:
        marked = Destination.objects.filter(pk=self._destination_id, needs_sweep=True)
        return marked.exists() or self._open_intents().exists()

    def note_untidy(self, is_untidy: bool) -> None:
        Destination.objects.filter(pk=self._destination_id).exclude(
            needs_sweep=is_untidy
        ).update(needs_sweep=is_untidy)

    def _open_intents(self) -> QuerySet[Replica]:
        """Of files nobody has in hand and whose version nobody has changed since."""
        return Replica.objects.filter(
            destination_id=self._destination_id,
            state__in=[FileState.PENDING.value, FileState.FAILED.value],
        ).exclude(next_md5="")
