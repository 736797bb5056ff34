"""A batch in hand: claimed under a number nobody had, recorded under it. Part of the ledger.

The number is the fence: whoever lost it changes nothing. Written as SQL and not
with the ORM, whose building of statements took more of the processor than the
transfer of small files. The same on SQLite and PostgreSQL.

Two machines may have one ledger, when one was copied from the other; and an older ledger may
be brought back. Numbers are part of names on the remote, so that the two must not draw the
same: each user of the ledger begins with a leap of random length.
"""

import random
import threading
from collections.abc import Sequence
from typing import Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from farcopy.core.model import ClaimedFile, Outcome, SourceFile
from farcopy.core.states import HELD, FileState
from farcopy.store.models import Replica
from farcopy.store.rows import chunks, places, stored_time

_IN_HAND = FileState.UPLOADING

_DRAW_SQL = "INSERT INTO claims (batch, claimed_at) VALUES (%s, %s) RETURNING id"
LEAP: Final = 2**36
"""Ten million runs fit into the 18 digits of a temporary's name."""
_LEAP_SQL = """
    INSERT INTO claims (id, batch, claimed_at)
    SELECT COALESCE(MAX(id), 0) + %s, %s, %s FROM claims RETURNING id
"""
_GO_ON_SQL = "SELECT setval(pg_get_serial_sequence('claims', 'id'), %s)"
_TAKE_BATCH_SQL = """
    UPDATE batches SET claim = %s WHERE id = %s AND claim IN (0, %s) AND NOT is_done
"""
# A new claim is a new temporary: what was meant under the old one is void.
_TAKE_FILES_SQL = """
    UPDATE replicas SET state = %s, claim = %s, next_md5 = '', changed_at = %s
    WHERE batch = %s AND state = %s
"""
# By directory, so that folders are made once and in order.
_TAKEN_SQL = """
    SELECT r.id, f.root, f.directory, f.name, r.size_bytes, r.mtime_ns
    FROM replicas r JOIN source_files f ON f.id = r.source_file_id
    WHERE r.batch = %s AND r.claim = %s AND r.state = %s
    ORDER BY f.root, f.directory, f.name
"""
_HELD_SQL = """
    SELECT id, claim, md5, source_file_id FROM replicas WHERE id IN ({places}) AND state = %s
"""
# An intent stands until the file is held: what became of its renaming may be unknown.
_OUTCOME_SQL = """
    UPDATE replicas SET state = %s, md5 = %s, attempts = %s, retry_at = %s, reason = %s,
                        next_md5 = CASE WHEN %s THEN '' ELSE next_md5 END,
                        finding = CASE WHEN %s THEN '' ELSE finding END,
                        read_back_at = CASE WHEN %s THEN NULL ELSE read_back_at END,
                        verified_at = %s, batch = NULL, changed_at = %s
    WHERE id = %s AND claim = %s AND state = %s
"""
_TRANSFER_SQL = """
    INSERT INTO transfers (run_id, replica_id, outcome, reason, bytes, md5, at)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
# What vanished or changed under our hands is no longer due; if it is again, it counts anew.
_COUNT_SQL = """
    UPDATE sync_history SET files_synced = files_synced + %s,
           total_size_bytes = total_size_bytes + %s, files_failed = files_failed + %s,
           bytes_failed = bytes_failed + %s, files_due = files_due - %s, bytes_due = bytes_due - %s
    WHERE id = %s
"""


class Claims:
    """Of any destination: a batch knows its own."""

    def __init__(self) -> None:
        self._has_leapt = False
        self._leaping = threading.Lock()

    def claim(self, batch_id: int) -> Sequence[ClaimedFile]:
        return self.take(batch_id, self.draw_claim(batch_id))

    def draw_claim(self, batch_id: int) -> int:
        """A number nobody had; one drawn for nothing does no harm."""
        with self._leaping:
            if not self._has_leapt:
                claim = self._leap(batch_id)
                self._has_leapt = True
                return claim
        with connection.cursor() as cursor:
            cursor.execute(_DRAW_SQL, [batch_id, stored_time(timezone.now())])
            return int(cursor.fetchone()[0])

    @staticmethod
    def _leap(batch_id: int) -> int:
        far = random.SystemRandom().randint(1, LEAP)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_LEAP_SQL, [far, batch_id, stored_time(timezone.now())])
            claim = int(cursor.fetchone()[0])
            if connection.vendor == "postgresql":
                cursor.execute(_GO_ON_SQL, [claim])
        return claim

    def take(self, batch_id: int, claim: int) -> Sequence[ClaimedFile]:
        """Told twice under one number, it is taken once and answered twice."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_TAKE_BATCH_SQL, [claim, batch_id, claim])
            if not cursor.rowcount:
                return ()
            now = stored_time(timezone.now())
            cursor.execute(_TAKE_FILES_SQL, [_IN_HAND, claim, now, batch_id, FileState.PENDING])
            cursor.execute(_TAKEN_SQL, [batch_id, claim, _IN_HAND])
            return [ClaimedFile(pk, claim, SourceFile(*file)) for pk, *file in cursor.fetchall()]

    def reclaim(self, claimed: ClaimedFile) -> ClaimedFile | None:
        with transaction.atomic():
            claim = self.draw_claim(0)
            changed = Replica.objects.filter(
                pk=claimed.replica_id, claim=claimed.claim, state=_IN_HAND
            ).update(claim=claim, next_md5="")
        return ClaimedFile(claimed.replica_id, claim, claimed.file) if changed else None

    def put_back(self, batch_id: int) -> None:
        """Give a claimed batch back: what it has not settled may be claimed again."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE replicas SET state = %s, changed_at = %s WHERE batch = %s AND state = %s",
                [FileState.PENDING, stored_time(timezone.now()), batch_id, _IN_HAND],
            )
            cursor.execute(
                "UPDATE batches SET claim = 0 WHERE id = %s AND NOT is_done", [batch_id]
            )

    def record(self, run_id: int, outcomes: Sequence[Outcome]) -> None:
        """An outcome whose claim is no longer in force changes nothing and counts nothing."""
        now = stored_time(timezone.now())
        with transaction.atomic(), connection.cursor() as cursor:
            held = _held(cursor, [outcome.claimed.replica_id for outcome in outcomes])
            valid = [
                outcome
                for outcome in outcomes
                if held.get(outcome.claimed.replica_id, (None,))[0] == outcome.claimed.claim
            ]
            stored = [outcome for outcome in valid if outcome.state in HELD]
            cursor.executemany(
                _OUTCOME_SQL,
                [
                    (o.state, o.md5 or held[o.claimed.replica_id][1], o.attempts,
                     stored_time(o.retry_at), o.error_code, o.state in HELD,
                     o.state in HELD, o.state in HELD,
                     now if o.state is FileState.VERIFIED else None, now,
                     o.claimed.replica_id, o.claimed.claim, _IN_HAND)
                    for o in valid
                ],
            )
            cursor.executemany(
                "UPDATE source_files SET md5 = %s WHERE id = %s",
                [(o.md5, held[o.claimed.replica_id][2]) for o in stored],
            )
            cursor.executemany(
                _TRANSFER_SQL,
                [
                    (run_id, o.claimed.replica_id, o.state, o.error_code, o.bytes_sent, o.md5, now)
                    for o in valid
                ],
            )
            failed = [o for o in valid if o.state is FileState.FAILED]
            gone = [o for o in valid if o.state in (FileState.VANISHED, FileState.PENDING)]
            sent_bytes = sum(o.bytes_sent for o in stored)
            cursor.execute(
                _COUNT_SQL,
                [len(stored), sent_bytes, len(failed), _size(failed), len(gone), _size(gone),
                 run_id],
            )


def _size(outcomes: Sequence[Outcome]) -> int:
    return sum(outcome.claimed.file.size_bytes for outcome in outcomes)


def _held(cursor: CursorWrapper, ids: Sequence[int]) -> dict[int, tuple[int, str, int]]:
    """Of those still in hand: claim, MD5 and the source's id. Locked until the end."""
    lock = "FOR UPDATE" if connection.features.has_select_for_update else ""
    held: dict[int, tuple[int, str, int]] = {}
    for chunk in chunks(ids):
        cursor.execute(
            _HELD_SQL.format(places=places(chunk)) + lock, [*chunk, _IN_HAND]
        )
        held.update((pk, (claim, md5, source)) for pk, claim, md5, source in cursor.fetchall())
    return held
