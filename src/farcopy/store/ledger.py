"""The ledger of one destination: every query of files, replicas, batches and transfers.

Writes are conditional: an UPSERT or UPDATE names the states it may leave
(core/states), and the claim it acts under. Each is one transaction with the
counters of the run it belongs to. Set-based SQL where the ORM would make a
statement a row; it is the same on SQLite and PostgreSQL.
"""

from collections.abc import Iterator, Mapping, Sequence

from django.db import connection, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone

from farcopy.core.model import KnownVersion, LedgerEntry, SkippedName, SourceFile
from farcopy.core.states import HELD, FileState, sources_of
from farcopy.store.claims import Claims
from farcopy.store.first_looks import FirstLooks
from farcopy.store.models import Batch, Claim, Replica, SyncHistory, Transfer
from farcopy.store.models import SourceFile as SourceRow
from farcopy.store.renamings import Renamings
from farcopy.store.rows import aware, chunks, places, quoted, stored_time
from farcopy.store.upheavals import Upheavals

_IN_HAND = FileState.UPLOADING

_KNOWN_SQL = """
    SELECT f.directory, f.name, r.size_bytes, r.mtime_ns, r.state, r.md5, r.retry_at,
           r.is_undecided
    FROM source_files f JOIN replicas r ON r.source_file_id = f.id AND r.destination_id = %s
    WHERE f.root = %s AND f.directory IN ({places})
"""
_VERSIONS_SQL = """
    SELECT f.root, f.directory, f.name, r.size_bytes,
           CASE WHEN r.state IN ({held}) THEN r.mtime_ns END
    FROM source_files f JOIN replicas r ON r.source_file_id = f.id AND r.destination_id = %s
    WHERE f.root = %s AND f.directory IN ({places}) AND r.state <> 'vanished'
"""
_SOURCE_SQL = """
    INSERT INTO source_files (root, directory, name, size_bytes, mtime_ns, md5)
    VALUES (%s, %s, %s, %s, %s, '')
    ON CONFLICT (root, directory, name) DO UPDATE
    SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns
"""
# The source's row is found by its identity, not by ids handed back from the statement
# before: no database promises the order of those.
_REPLICA_SQL = """
    INSERT INTO replicas (source_file_id, destination_id, state, size_bytes, mtime_ns, md5, batch,
                          claim, attempts, retry_at, reason, is_undecided, changed_at)
    SELECT id, %s, %s, %s, %s, '', %s, 0, 0, NULL, %s, %s, %s
    FROM source_files WHERE root = %s AND directory = %s AND name = %s
    ON CONFLICT (source_file_id, destination_id) DO UPDATE
    SET state = excluded.state, size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,
        batch = excluded.batch, attempts = 0, retry_at = NULL, reason = excluded.reason,
        is_undecided = excluded.is_undecided, changed_at = excluded.changed_at
    WHERE replicas.state IN ({states})
"""
_CONFIRM_SQL = """
    UPDATE replicas
    SET mtime_ns = %s, size_bytes = %s, is_undecided = FALSE, reason = '',
        state = CASE WHEN state IN ({held}) THEN state ELSE 'stored' END
    WHERE destination_id = %s AND (state IN ({states}) OR is_undecided) AND md5 <> ''
    AND source_file_id = (SELECT id FROM source_files
                          WHERE root = %s AND directory = %s AND name = %s)
"""


class DatabaseLedger(Claims, Renamings, Upheavals, FirstLooks):
    """The Ledger port on the Django database. Safe to use from many threads."""

    def __init__(self, destination_id: int) -> None:
        super().__init__()
        self._destination_id = destination_id

    # --- what is known ---

    def known(
        self, root: str, directories: Sequence[str]
    ) -> Mapping[str, Mapping[str, LedgerEntry]]:
        found: dict[str, dict[str, LedgerEntry]] = {name: {} for name in directories}
        with connection.cursor() as cursor:
            for chunk in chunks(directories):
                cursor.execute(
                    _KNOWN_SQL.format(places=places(chunk)), [self._destination_id, root, *chunk]
                )
                for directory, name, size, mtime_ns, state, md5, retry_at, undecided in cursor:
                    found[directory][name] = LedgerEntry(
                        size, mtime_ns, state, md5, aware(retry_at) if retry_at else None,
                        undecided,
                    )
        return found

    def known_versions(self, root: str, directories: Sequence[str]) -> set[KnownVersion]:
        found: set[KnownVersion] = set()
        with connection.cursor() as cursor:
            for chunk in chunks(directories):
                cursor.execute(
                    _VERSIONS_SQL.format(held=quoted(HELD), places=places(chunk)),
                    [self._destination_id, root, *chunk],
                )
                found.update(cursor.fetchall())
        return found

    def directories(self, root: str) -> Iterator[str]:
        # Page by page: memory does not grow, and no cursor stays open over writes.
        last: str | None = None
        while page := self.directories_after(root, last):
            yield from page
            last = page[-1]

    def directories_after(self, root: str, last: str | None) -> Sequence[str]:
        """A page of them, in order; empty at the end."""
        rows = SourceRow.objects.filter(root=root)
        if last is not None:
            rows = rows.filter(directory__gt=last)
        return list(
            rows.order_by("directory").values_list("directory", flat=True).distinct()[:1000]
        )

    def explain_temporary(self, replica_id: int, claim: int) -> str | None:
        """None also for what is in hand right now, and for claims that were not drawn here."""
        if not Claim.objects.filter(pk=claim).exists():
            return None  # another machine's, whose ledger is a copy of ours, or ours of its
        row = (
            Replica.objects.filter(
                pk=replica_id, destination_id=self._destination_id, claim__gte=claim
            )
            .exclude(state=_IN_HAND, claim=claim)
            .values_list("source_file__root", "source_file__directory", "source_file__name")
            .first()
        )
        return "/".join(part for part in row if part) if row else None

    def awaits(self, replica_id: int) -> int | None:
        rows = Replica.objects.filter(
            pk=replica_id, destination_id=self._destination_id,
            state__in=(FileState.PENDING, FileState.FAILED, _IN_HAND),
        )
        return rows.values_list("size_bytes", flat=True).first()

    # --- what is due ---

    def admit(self, run_id: int, number: int, files: Sequence[SourceFile]) -> int:
        with transaction.atomic():
            batch, is_new = Batch.objects.get_or_create(run_id=run_id, number=number)
            if not is_new:
                return batch.pk  # told twice: the answer to the first time was lost
            self._write_sources(files)
            admitted = self._write_replicas(
                [(file, FileState.PENDING, batch.pk, "") for file in files],
                sources_of(FileState.PENDING) - {FileState.UPLOADING},
            )
            SyncHistory.objects.filter(pk=run_id).update(
                files_due=F("files_due") + admitted,
                bytes_due=F("bytes_due") + sum(file.size_bytes for file in files),
            )
        return batch.pk

    def confirm(self, files: Sequence[SourceFile]) -> None:
        # A file that is back as it was never lost its remote copy.
        states = quoted(HELD | {FileState.VANISHED})
        with transaction.atomic(), connection.cursor() as cursor:
            self._write_sources(files)
            cursor.executemany(
                _CONFIRM_SQL.format(states=states, held=quoted(HELD)),
                [
                    (file.mtime_ns, file.size_bytes, self._destination_id,
                     file.root, file.directory, file.name)
                    for file in files
                ],
            )

    def hold(self, files: Sequence[SourceFile]) -> None:
        with transaction.atomic():
            self._write_sources(files)
            self._write_replicas(
                [(file, FileState.PENDING, None, "changed") for file in files],
                sources_of(FileState.PENDING) - {FileState.UPLOADING},
                is_undecided=True,
            )

    def skip(
        self, run_id: int, root: str, directory: str, names: Sequence[SkippedName]
    ) -> None:
        entries = [(SourceFile(root, directory, entry.name, 0, 0), entry) for entry in names]
        with transaction.atomic():
            self._write_sources([file for file, _ in entries])
            self._write_replicas(
                [(file, FileState.SKIPPED, None, entry.reason) for file, entry in entries],
                sources_of(FileState.SKIPPED),
            )
            now = timezone.now()
            for chunk in chunks(names):
                rows = Replica.objects.filter(
                    destination_id=self._destination_id, state=FileState.SKIPPED,
                    source_file__root=root, source_file__directory=directory,
                    source_file__name__in=[entry.name for entry in chunk],
                )
                Transfer.objects.bulk_create(
                    Transfer(run_id=run_id, replica_id=pk, outcome=FileState.SKIPPED,
                             reason=reason, at=now)
                    for pk, reason in rows.values_list("pk", "reason")
                )

    def vanish(self, root: str, directory: str, names: Sequence[str] | None = None) -> int:
        gone = Replica.objects.filter(
            destination_id=self._destination_id,
            source_file__root=root,
            source_file__directory=directory,
            state__in=[state.value for state in sources_of(FileState.VANISHED)],
        ).exclude(state=_IN_HAND)
        if names is None:
            return _mark_vanished(gone)
        return sum(
            _mark_vanished(gone.filter(source_file__name__in=chunk)) for chunk in chunks(names)
        )

    # --- pieces ---

    def _write_sources(self, files: Sequence[SourceFile]) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(_SOURCE_SQL, files)

    def _write_replicas(
        self,
        rows: Sequence[tuple[SourceFile, FileState, int | None, str]],
        from_states: frozenset[FileState],
        *,
        is_undecided: bool = False,
    ) -> int:
        """How many were written: a row in a state not to be left from stays as it is."""
        now = stored_time(timezone.now())
        with connection.cursor() as cursor:
            cursor.executemany(
                _REPLICA_SQL.format(states=quoted(from_states)),
                [
                    (self._destination_id, state, file.size_bytes, file.mtime_ns, batch, reason,
                     is_undecided, now, file.root, file.directory, file.name)
                    for file, state, batch, reason in rows
                ],
            )
            return int(cursor.rowcount)


def _mark_vanished(rows: QuerySet[Replica]) -> int:
    """What the remote holds is undecided: the tripwire counts it before it is taken for gone."""
    is_held = Case(When(~Q(md5=""), then=Value(True)), default=Value(False))
    return rows.update(
        state=FileState.VANISHED, batch=None, is_undecided=is_held, changed_at=timezone.now()
    )
