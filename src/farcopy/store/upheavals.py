"""What the tripwire needs of the ledger: changes held back, counted, let through or frozen.

A file that is held on the remote and found changed or vanished in the source is
marked undecided. The marks outlive the process: a crash before the judgement
does not let anything through.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from farcopy.core.model import SourceFile, Upheaval
from farcopy.core.states import FileState
from farcopy.store import counters
from farcopy.store.models import Destination, Replica, SyncConfiguration
from farcopy.store.rows import ROWS_A_STATEMENT


class Upheavals:
    """The Upheavals port of one destination."""

    _destination_id: int

    def undecided(self) -> tuple[int, int]:
        vanished = Q(state=FileState.VANISHED)
        found = self._undecided().aggregate(
            changed=Count("pk", filter=~vanished), vanished=Count("pk", filter=vanished)
        )
        return found["changed"], found["vanished"]

    def known_files(self) -> int:
        return counters.known_files(self._destination_id)

    def held_back(self, after: int) -> Sequence[tuple[int, SourceFile]]:
        rows = (
            self._undecided()
            .filter(state=FileState.PENDING, pk__gt=after)
            .order_by("pk")
            .values_list(
                "pk", "source_file__root", "source_file__directory", "source_file__name",
                "size_bytes", "mtime_ns",
            )[:ROWS_A_STATEMENT]
        )
        return [(row[0], SourceFile(*row[1:])) for row in rows]

    def accept_vanished(self, root: str | None = None) -> None:
        gone = self._undecided().filter(state=FileState.VANISHED)
        if root is not None:
            gone = gone.filter(source_file__root=root)
        gone.update(is_undecided=False)

    def live_files(self, root: str) -> int:
        return counters.live_files(self._destination_id, root)

    def accepted_roots(self) -> Collection[str]:
        rows = Destination.objects.filter(pk=self._destination_id)
        return rows.values_list("accepted_roots", flat=True).first() or ()

    def forget_accepted(self, root: str) -> None:
        left = [label for label in self.accepted_roots() if label != root]
        Destination.objects.filter(pk=self._destination_id).update(accepted_roots=left)

    def is_frozen(self) -> bool:
        return Destination.objects.filter(
            pk=self._destination_id, frozen_at__isnull=False
        ).exists()

    def freeze(self, seen: Upheaval, now: datetime) -> None:
        Destination.objects.filter(pk=self._destination_id).update(
            frozen_at=now, frozen_changed=seen.changed, frozen_vanished=seen.vanished,
            frozen_known=seen.known, frozen_roots=list(seen.roots),
        )

    def unfreeze(self) -> None:
        Destination.objects.filter(pk=self._destination_id).update(
            frozen_at=None, frozen_roots=[]
        )

    def confirm_changes(self, now: datetime) -> tuple[int, int]:
        """An admin knows of the changes: what was held back is due, what vanished has vanished,
        and the next run may conclude that an emptied source is empty.

        Returns how many (changed, vanished). Automatic runs need not wait any longer.
        """
        with transaction.atomic():
            row = Destination.objects.select_for_update().get(pk=self._destination_id)
            changed, vanished = self.undecided()
            if row.frozen_roots:
                vanished = max(vanished, row.frozen_vanished)
                row.accepted_roots = sorted({*row.accepted_roots, *row.frozen_roots})
                row.save(update_fields=["accepted_roots"])
            self._undecided().update(is_undecided=False)
            self.unfreeze()
            SyncConfiguration.objects.filter(pk=1).update(settings_changed_at=now)
        return changed, vanished

    def _undecided(self) -> QuerySet[Replica]:
        return Replica.objects.filter(destination_id=self._destination_id, is_undecided=True)
