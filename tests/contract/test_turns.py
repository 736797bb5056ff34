"""The threads of a run in the ledger: one at a time on SQLite, over one connection."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from django.db import connection, connections  # noqa: E402

from farcopy.core.model import Outcome, SourceFile  # noqa: E402
from farcopy.core.ports import Ledger  # noqa: E402
from farcopy.core.states import FileState, SyncType  # noqa: E402
from farcopy.store import configuration, history, troubles, turns  # noqa: E402
from farcopy.store.models import Replica, Transfer  # noqa: E402
from farcopy.store.patience import Patience, patient_ledger  # noqa: E402

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MD5 = "d" * 32
THREADS = 8


ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("database", ["postgres"], indirect=True)


@pytest.fixture
def patience(database: None) -> Iterator[Patience]:
    with turns.of_a_run() as one_at_a_time:
        yield Patience(turns=one_at_a_time)


def in_threads(work: Callable[[int], None]) -> None:
    def carry_out(number: int) -> None:
        try:
            work(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=carry_out, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def begun(patience: Patience, files: int) -> tuple[int, Ledger, list[int]]:
    """A run, its ledger, and a batch of so many files for each thread."""
    destination = configuration.destination_for(configuration.load().settings)
    run_id = history.begin(SyncType.MANUAL, destination, "example", "", NOW)
    ledger = patient_ledger(destination.pk, patience)
    batches = [
        ledger.admit(run_id, n, [SourceFile("orthanc", f"{n}", f"{f}", 5, 1) for f in range(files)])
        for n in range(THREADS)
    ]
    return run_id, ledger, batches


def settings_of_commits() -> str:
    with connection.cursor() as cursor:
        is_sqlite = connection.vendor == "sqlite"
        cursor.execute("PRAGMA synchronous" if is_sqlite else "SHOW synchronous_commit")
        return {2: "on", 1: "off"}.get(answer := cursor.fetchone()[0], str(answer))


def test_threads_that_write_at_once_lose_nothing(database: None, patience: Patience) -> None:
    run_id, ledger, batches = begun(patience, files=20)

    def store_all(number: int) -> None:
        for claimed in ledger.claim(batches[number]):
            assert ledger.intend(claimed.replica_id, claimed.claim, MD5)
            ledger.record(run_id, [Outcome(claimed, FileState.STORED, 5, MD5)])

    in_threads(store_all)

    files = THREADS * 20
    assert history.get(run_id).counts.files_synced == files
    assert Transfer.objects.count() == files
    assert Replica.objects.filter(state=FileState.STORED, md5=MD5, next_md5="").count() == files


@ON_SQLITE
def test_they_share_one_connection_and_keep_their_own(
    database: None, patience: Patience
) -> None:
    inside: list[object] = []
    after: list[bool] = []

    def look(number: int) -> None:
        own = connections["default"]
        patience.persist(lambda: (settings_of_commits(), inside.append(connection.connection)))
        after.append(connections["default"] is own and own.connection is None)

    in_threads(look)

    assert len(set(map(id, inside))) == 1
    assert after == [True] * THREADS


def test_an_intent_waits_for_no_disk_and_what_follows_does(
    database: None, patience: Patience
) -> None:
    _, ledger, batches = begun(patience, files=1)
    (claimed,) = ledger.claim(batches[0])
    assert ledger.intend(claimed.replica_id, claimed.claim, MD5)
    assert patience.persist(settings_of_commits) == "on"


@ON_SQLITE
def test_a_unit_that_need_not_last_is_not_synced(database: None, patience: Patience) -> None:
    assert patience.persist(settings_of_commits, is_lasting=False) == "off"
    assert patience.persist(settings_of_commits) == "on"
    assert patience.persist(settings_of_commits, is_lasting=False) == "off"
    assert settings_of_commits() == "on"  # of this thread's own connection


@ON_POSTGRES
def test_an_intent_is_committed_before_it_is_on_the_disk(
    database: None, patience: Patience
) -> None:
    _, ledger, batches = begun(patience, files=30)
    is_ahead = []
    for claimed in ledger.claim(batches[0]):
        assert ledger.intend(claimed.replica_id, claimed.claim, MD5)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn()")
            is_ahead.append(cursor.fetchone()[0])
    assert any(is_ahead)  # the server writes what is left a few times a second


def test_a_unit_is_done_again_over_a_new_connection(database: None, patience: Patience) -> None:
    own = connections["default"]
    used: list[object] = []

    def fail_once() -> str:
        used.append(connection.connection)
        if len(used) == 1:
            raise troubles.Unreachable
        return settings_of_commits()

    patience.persist(settings_of_commits)
    assert patience.persist(fail_once, is_lasting=False) in ("on", "off")
    assert len(used) == 2
    assert used[0] is not used[1]
    assert connections["default"] is own
