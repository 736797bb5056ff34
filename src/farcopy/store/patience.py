"""Patience with a database that is away for a moment: restarted, or locked by another.

Only whole units of work are done again, each of them harmless when its first
time was committed and the reply lost. Used by a run's writes and by whoever
waits for a run; a web request that writes has none, it is answered 503.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, Final, TypeVar, cast

from django.db import connection

from farcopy.core.ledger_errors import LedgerLocked, LedgerUnreachable
from farcopy.core.model import ClaimedFile
from farcopy.core.ports import Ledger
from farcopy.store.ledger import DatabaseLedger
from farcopy.store.turns import Turns

PATIENCE_S: Final = 60.0
"""A restart of PostgreSQL takes seconds, with a long recovery a minute. An FTP server keeps
an idle session for a few minutes."""
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
STEP_S: Final = 0.1
_T = TypeVar("_T")
_log = logging.getLogger("farcopy.service")


class Patience:
    """What all threads of a run share: turns, and the time since which the database is away.

    should_end: asked while waiting; a stop that has turned hard ends the wait.
    patience_s: in all, from the first failure on, whoever met it. turns: of the threads that
    share a run; None for who is alone.
    """

    def __init__(
        self,
        should_end: Callable[[], bool] = lambda: False,
        patience_s: float = PATIENCE_S,
        turns: Turns | None = None,
    ) -> None:
        self._should_end = should_end
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._turns = turns or nullcontext()
        self._away_since_s: float | None = None
        self._is_spent = False

    def persist(self, work: Callable[[], _T], *, is_lasting: bool = True) -> _T:
        """Do it, if need be several times.

        is_lasting: it is to survive a power cut, and to be found under the database's name.
        Raises: LedgerTrouble, when waiting does not help or has not helped.
        """
        if connection.in_atomic_block:
            return work()  # a part of a unit: the whole of it is what is done again
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                with self._turns:
                    result = self._do(work, is_lasting)
            except (LedgerUnreachable, LedgerLocked) as error:
                if self._is_over(error.code, pause_s) or not self._pause(pause_s):
                    raise
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                self._note_success()
                return result

    @staticmethod
    def _do(work: Callable[[], _T], is_lasting: bool) -> _T:
        try:
            if is_lasting:
                forget_replaced_file()
            connection.sync_to_disk(is_lasting)  # type: ignore[attr-defined]  # as below
            return work()
        except (LedgerUnreachable, LedgerLocked):
            drop_connection()
            raise

    def _is_over(self, code: str, pause_s: float) -> bool:
        now_s = time.monotonic()
        with self._lock:
            if self._away_since_s is None:
                self._away_since_s = now_s
                _log.warning("ledger.waiting", extra={"code": code})
            # Once over, it is over for the run's other threads too, until one succeeds.
            if now_s + pause_s - self._away_since_s > self._patience_s:
                self._is_spent = True
            return self._is_spent

    def _note_success(self) -> None:
        if self._away_since_s is None:
            return
        with self._lock:
            if self._away_since_s is not None:
                waited_s = time.monotonic() - self._away_since_s
                self._away_since_s = None
                self._is_spent = False
                _log.info("ledger.back", extra={"waited_s": round(waited_s, 1)})

    def _pause(self, pause_s: float) -> bool:
        """False when the wait was ended."""
        end_s = time.monotonic() + pause_s
        while (left_s := end_s - time.monotonic()) > 0:
            if self._should_end():
                return False
            time.sleep(min(left_s, STEP_S))
        return not self._should_end()


def wait_at_most(busy_s: float) -> None:
    """How long this thread's statements wait for another program's lock, from now on."""
    connection.be_patient(busy_s)  # type: ignore[attr-defined]  # our backends have it


def forget_replaced_file() -> None:
    """SQLite writes on into a file that was removed or replaced: open the one that is there."""
    connection.close_if_replaced()  # type: ignore[attr-defined]  # our backends have it


def drop_connection() -> None:
    """This thread's connection met a fatal error: the next statement opens a new one."""
    connection.close()


class _PatientLedger:
    """Every method of a DatabaseLedger, with patience.

    A method added to the ledger needs nothing here, unless it is a generator or
    more than one transaction: these two are.
    """

    def __init__(self, ledger: DatabaseLedger, patience: Patience) -> None:
        self._ledger = ledger
        self._patience = patience

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)
        return lambda *args, **more: self._patience.persist(lambda: method(*args, **more))

    def directories(self, root: str) -> Iterator[str]:
        after = partial(self._ledger.directories_after, root)
        last: str | None = None
        while page := self._patience.persist(partial(after, last)):
            yield from page
            last = page[-1]

    def intend(self, replica_id: int, claim: int, md5: str) -> bool:
        return self._patience.persist(
            lambda: self._ledger.intend(replica_id, claim, md5), is_lasting=False
        )

    def claim(self, batch_id: int) -> Sequence[ClaimedFile]:
        # The number first: when the reply to the taking is lost, it is taken again under the
        # same number, and not found to be somebody else's.
        claim = self._patience.persist(lambda: self._ledger.draw_claim(batch_id))
        return self._patience.persist(lambda: self._ledger.take(batch_id, claim))


def patient_ledger(destination_id: int, patience: Patience) -> Ledger:
    return cast(Ledger, _PatientLedger(DatabaseLedger(destination_id), patience))
