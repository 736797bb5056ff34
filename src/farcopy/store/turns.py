"""On SQLite the threads of a run are in the ledger one at a time, over one connection.

Left to themselves, who finds it locked sleeps for up to a tenth of a second before
it looks again: a round trip to the remote. And each would read every page again
after a write of another: SQLite's cache belongs to the connection. PostgreSQL
wants neither. Used by patience.
"""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

Turns = AbstractContextManager[object]
"""Entered around each unit of work, by any thread; again from within is fine."""


@contextlib.contextmanager
def of_a_run() -> Iterator[Turns]:
    if connection.vendor != "sqlite":
        yield nullcontext()
        return
    shared = connections.create_connection(DEFAULT_DB_ALIAS)
    shared.inc_thread_sharing()  # Django's own check: one thread, or said to be shared
    try:
        yield _OneAtATime(shared)
    finally:
        shared.close()


class _OneAtATime:
    """Whoever is inside finds the shared connection where its own was."""

    def __init__(self, shared: BaseDatabaseWrapper) -> None:
        self._shared = shared
        self._lock = threading.RLock()
        self._theirs: list[BaseDatabaseWrapper] = []

    def __enter__(self) -> None:
        self._lock.acquire()
        self._theirs.append(connections[DEFAULT_DB_ALIAS])
        connections[DEFAULT_DB_ALIAS] = self._shared

    def __exit__(self, *_: object) -> None:
        connections[DEFAULT_DB_ALIAS] = self._theirs.pop()
        self._lock.release()
