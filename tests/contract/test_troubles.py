"""What a real SQLite and a real PostgreSQL raise in trouble is a LedgerTrouble, and Django's too.

And patience: a unit of work whose reply was lost is done again and counted once.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.contract.databases import (
    postgres_options,
    set_up_django,
    sqlite_options,
    use_database,
)
from tests.parts.postgres import Mode, PostgresServer

set_up_django()

from django.db import IntegrityError, OperationalError, connection, transaction  # noqa: E402

from farcopy.core import ledger_errors  # noqa: E402
from farcopy.core.ledger_errors import LedgerTrouble  # noqa: E402
from farcopy.core.model import Outcome, SkippedName, SourceFile  # noqa: E402
from farcopy.core.state_errors import RunAlreadyOn  # noqa: E402
from farcopy.core.states import FileState, SyncType  # noqa: E402
from farcopy.store import configuration, history, integrity, lease, run_requests, troubles  # noqa: E402
from farcopy.store.ledger import DatabaseLedger  # noqa: E402
from farcopy.store.models import Replica, SyncConfiguration, SyncHistory, Transfer  # noqa: E402
from farcopy.store.patience import (  # noqa: E402
    Patience,
    forget_replaced_file,
    patient_ledger,
    wait_at_most,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MD5 = "5d41402abc4b2a76b9719d911017c592"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """A prepared SQLite file, open on this thread."""
    use_database(sqlite_options(tmp_path / "test.sqlite3"))
    write()
    yield tmp_path / "test.sqlite3"
    connection.close()


@pytest.fixture
def server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A database of its own on the session's PostgreSQL, which runs again at the end."""
    use_database(postgres_options(postgres.create_database()))
    yield postgres
    connection.close()
    if not postgres.is_alive():
        postgres.restart()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("file" if request.param == "sqlite" else "server")


def write() -> None:
    with transaction.atomic():
        SyncConfiguration.objects.filter(pk=1).update(ftp_path="/" + "x" * 100_000)


def read() -> bool:
    return SyncConfiguration.objects.filter(pk=1).exists()


def raised(work: Callable[[], object]) -> LedgerTrouble:
    with pytest.raises(LedgerTrouble) as caught:
        work()
    # Django rolls back, and closes what cannot be rolled back, by this.
    assert isinstance(caught.value, OperationalError)
    assert caught.value.__cause__ is not None
    return caught.value


# --- SQLite ---


def test_a_full_disk_is_told_and_the_connection_reads_and_writes_on(file: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0]}")
        SyncConfiguration.objects.update(ftp_path="/")

        trouble = raised(
            lambda: SyncConfiguration.objects.update(ftp_tls_ca="y" * 10_000_000)
        )

        assert (trouble.code, trouble.detail) == ("ledger_full", "SQLITE_FULL")
        cursor.execute("PRAGMA max_page_count = 1000000")
    assert read()
    write()


def test_a_database_locked_by_another_program_is_told_after_the_wait_asked_for(file: Path) -> None:
    wait_at_most(0.05)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        assert raised(write).code == "ledger_locked"
        assert read()  # readers do not wait

        other.execute("ROLLBACK")
        write()


def test_a_database_that_may_not_be_written_to_is_told(file: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = 1")

        assert raised(write).code == "ledger_read_only"
        assert read()

        cursor.execute("PRAGMA query_only = 0")


def test_a_damaged_page_is_told_by_the_read_that_meets_it_and_by_the_check(file: Path) -> None:
    integrity.check()
    connection.close()
    damage(file)

    assert raised(integrity.check).code == "ledger_corrupt"
    connection.close()
    assert raised(lambda: list(SyncConfiguration.objects.all())).code == "ledger_corrupt"


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for page in range(1, len(content) // 4096):
        content[page * 4096 : page * 4096 + 512] = b"\xff" * 512
    file.write_bytes(content)


def test_a_file_that_is_no_database_is_damaged(file: Path) -> None:
    connection.close()
    file.write_bytes(b"garbage " * 1000)

    assert raised(read).code == "ledger_corrupt"
    assert file.read_bytes() == b"garbage " * 1000


def test_a_file_that_is_gone_is_told_and_not_made_anew(file: Path) -> None:
    connection.close()
    file.rename(file.with_name("away"))

    assert raised(read).code == "ledger_missing"
    assert not file.exists()

    file.with_name("away").rename(file)
    assert read()


def test_what_is_written_after_the_file_was_replaced_is_in_the_new_one(file: Path) -> None:
    connection.close()
    copy = file.with_name("copy")
    copy.write_bytes(file.read_bytes())
    assert read()

    copy.replace(file)
    forget_replaced_file()
    SyncConfiguration.objects.update(ftp_host="new.example")

    connection.close()
    with contextlib.closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT ftp_host FROM sync_configuration").fetchone() == (
            "new.example",
        )


def test_wrong_sql_is_a_trouble_without_a_name_of_its_own(file: Path) -> None:
    with connection.cursor() as cursor:
        assert raised(lambda: cursor.execute("SELECT 1 FROM nowhere")).code == "ledger_trouble"


def test_a_broken_constraint_is_no_trouble_of_the_database(database: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        SyncConfiguration.objects.create(pk=1, home_id="x")
    assert read()


@pytest.mark.parametrize("number", [5, 28, 30, 122])
def test_an_error_of_the_system_beside_the_database_is_a_trouble_too(number: int) -> None:
    trouble = troubles.of_os_error(OSError(number, "x"))
    assert isinstance(trouble, LedgerTrouble)
    assert trouble.code == {
        5: "ledger_trouble", 28: "ledger_full", 30: "ledger_read_only", 122: "ledger_full",
    }[number]


# --- PostgreSQL ---


def test_a_session_ended_by_the_server_is_told_and_the_next_one_works(
    server: PostgresServer,
) -> None:
    def be_ended() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    assert raised(be_ended).code == "ledger_unreachable"
    connection.close()
    write()


def test_a_server_that_ends_in_the_middle_of_a_transaction_is_told_and_nothing_is_kept(
    server: PostgresServer,
) -> None:
    def write_and_lose() -> None:
        with transaction.atomic():
            SyncConfiguration.objects.update(ftp_host="half.example")
            server.stop("immediate")
            SyncConfiguration.objects.update(ftp_host="all.example")

    assert raised(write_and_lose).code == "ledger_unreachable"
    assert raised(read).code == "ledger_unreachable"
    server.restart()
    assert configuration.load().settings.ftp_host is None


def test_a_postgresql_that_only_reads_is_told(server: PostgresServer) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    assert raised(write).code == "ledger_read_only"
    assert read()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_work_waits_for_a_restart_and_is_done_once(server: PostgresServer, mode: Mode) -> None:
    patience = Patience()
    write()
    server.stop(mode)
    restart = threading.Thread(target=server.restart)
    restart.start()

    run_id = patience.persist(lambda: begin(NOW))

    restart.join()
    assert history.running() is not None
    assert history.get(run_id).started_at == NOW


def test_a_stop_ends_the_wait(server: PostgresServer) -> None:
    server.stop()
    ended = threading.Event()
    asked: list[int] = []

    def should_end() -> bool:
        asked.append(1)
        if len(asked) > 3:
            ended.set()
        return ended.is_set()

    assert raised(lambda: Patience(should_end).persist(read)).code == "ledger_unreachable"
    assert ended.is_set()


def test_the_wait_is_counted_from_the_first_failure_on_whoever_meets_it(
    server: PostgresServer,
) -> None:
    server.stop()
    patience = Patience(patience_s=0.3)
    raised(lambda: patience.persist(read))
    calls: list[int] = []

    raised(lambda: patience.persist(lambda: (calls.append(1), read())))

    assert len(calls) == 1


# --- told twice ---


class LosesReplies:
    """A ledger that does what it is told, and whose first reply never arrives."""

    def __init__(self, ledger: DatabaseLedger) -> None:
        self._ledger = ledger
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)

        def call(*args: Any) -> Any:
            answer = method(*args)
            self.calls.append(name)
            if self.calls.count(name) == 1:
                raise troubles.Unreachable
            return answer

        return call


def begin(now: datetime) -> int:
    settings = configuration.load().settings
    return history.begin(
        SyncType.MANUAL, configuration.destination_for(settings), "example", "", now
    )


def source(name: str, size: int = 5) -> SourceFile:
    return SourceFile("orthanc", "ab", name, size, 1)


def test_a_run_whose_every_first_reply_is_lost_is_counted_once(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = begin(NOW)
    destination = configuration.destination_for(configuration.load().settings)
    flaky = LosesReplies(DatabaseLedger(destination.pk))
    monkeypatch.setattr("farcopy.store.patience.DatabaseLedger", lambda _id: flaky)
    ledger = patient_ledger(destination.pk, Patience())

    assert ledger.known("orthanc", ["ab"]) == {"ab": {}}
    batch = ledger.admit(run_id, 0, [source("a"), source("b", 7)])
    claimed = ledger.claim(batch)
    assert [file.file.name for file in claimed] == ["a", "b"]
    assert all(ledger.intend(file.replica_id, file.claim, MD5) for file in claimed)
    ledger.record(run_id, [Outcome(claimed[0], FileState.STORED, 5, MD5)])
    ledger.put_back(batch)
    again = ledger.claim(batch)
    assert [file.file.name for file in again] == ["b"]
    ledger.record(run_id, [Outcome(again[0], FileState.STORED, 7, MD5)])
    ledger.confirm([source("a")])
    ledger.skip(run_id, "orthanc", "ab", [SkippedName("l", "link")])
    assert list(ledger.directories("orthanc")) == ["ab"]
    ledger.vanish("orthanc", "ab", ["b"])

    counts = history.get(run_id).counts
    assert (counts.files_due, counts.bytes_due) == (2, 12)
    assert (counts.files_synced, counts.bytes_synced) == (2, 12)
    assert Transfer.objects.filter(outcome="stored").count() == 2
    assert dict(Replica.objects.values_list("source_file__name", "state")) == {
        "a": "stored", "b": "vanished", "l": "skipped",
    }


def test_a_run_begun_twice_with_one_time_is_one_and_with_another_is_refused(
    database: None,
) -> None:
    first = begin(NOW)
    assert begin(NOW) == first
    with pytest.raises(RunAlreadyOn):
        begin(NOW.replace(hour=13))
    assert SyncHistory.objects.count() == 1


def test_a_run_that_ends_gives_back_what_its_workers_could_not(database: None) -> None:
    run_id = begin(NOW)
    destination = configuration.destination_for(configuration.load().settings)
    ledger = DatabaseLedger(destination.pk)
    ledger.claim(ledger.admit(run_id, 0, [source("a")]))

    history.finish(run_id, history.RunState.FAILED, history.RunEnd.FINISHED, NOW, 1.0, "x", "x")

    assert list(Replica.objects.values_list("state", "batch")) == [("pending", None)]


def test_a_run_that_could_not_be_closed_is_closed_with_what_was_wrong(database: None) -> None:
    run_id = begin(NOW)

    assert history.recover(NOW, ledger_errors.LedgerFull()) == [run_id]

    run = history.get(run_id)
    assert (run.status, run.end, run.error_code) == ("failed", "crashed", "ledger_full")
    assert "the disk of the database is full" in (run.error_message or "")


def test_the_lease_of_an_engine_that_did_not_give_it_up_is_left_over(database: None) -> None:
    assert not lease.is_left_over("mark")
    lease.take("mark-1", "mark", "service", NOW)
    assert lease.is_left_over("mark")
    assert not lease.is_left_over("other")
    lease.give_up("mark-1")
    assert not lease.is_left_over("mark")


def test_a_try_to_write_leaves_nothing_behind(database: None) -> None:
    run_requests.try_writing(NOW)
    assert run_requests.open_request() is None
