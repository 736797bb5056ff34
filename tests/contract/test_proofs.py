"""What is to be checked, in which order, and that a finding moves only the version compared."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.contract.databases import (
    postgres_options,
    set_up_django,
    sqlite_options,
    use_database,
)

set_up_django()

from django.db import connection  # noqa: E402

from farcopy.core.model import Check, CheckCounts, Finding, HeldFile, SourceFile  # noqa: E402
from farcopy.core.states import FileState  # noqa: E402
from farcopy.store import configuration, proofs  # noqa: E402
from farcopy.store.models import Replica  # noqa: E402
from farcopy.store.proofs import DatabaseProofs, Kind, Scope  # noqa: E402

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MD5 = "5d41402abc4b2a76b9719d911017c592"
OTHER = "7d793037a0760186574b0282f2f435e7"


@pytest.fixture(params=["sqlite", "postgres"])
def destination_id(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    if request.param == "sqlite":
        use_database(sqlite_options(tmp_path / "test.sqlite3"))
    else:
        server = request.getfixturevalue("postgres")
        use_database(postgres_options(server.create_database()))
    configuration.change({"ftp_host": "ftp.example.org", "ftp_username": "u", "ftp_password": "p"})
    yield configuration.destination_for(configuration.load().settings).pk
    connection.close()


@pytest.fixture
def held(destination_id: int, monkeypatch: pytest.MonkeyPatch) -> DatabaseProofs:
    monkeypatch.setattr(proofs, "ROWS_A_PAGE", 3)
    return DatabaseProofs(destination_id)


def adopt(held: DatabaseProofs, *paths: str) -> None:
    files = []
    for path in paths:
        root, _, below = path.partition("/")
        directory, _, name = below.rpartition("/")
        files.append((SourceFile(root, directory, name, 5, 7), MD5))
    assert held.adopt(files, is_verified=False, is_read_back=False) == len(files)


def row(name: str) -> Replica:
    return Replica.objects.get(source_file__name=name)


def names(files: Iterator[HeldFile]) -> list[str]:
    return [f"{file.root}/{file.relative_path}" for file in files]


def one(held: DatabaseProofs, path: str) -> HeldFile:
    root, _, below = path.partition("/")
    (file,) = held.held(Scope(root, below))
    return file


def test_a_scope_is_a_file_a_folder_a_root_or_all(held: DatabaseProofs) -> None:
    everything = ["hospital/a", "hospital/a_/x", "hospital/b/c/d", "hospital/b/e", "hospital/bb/f",
                  "orthanc/00/ab/x", "orthanc/00/ab/y", "orthanc/B/x", "orthanc/b/x"]
    adopt(held, *everything)
    assert sorted(names(held.held(Scope()))) == sorted(everything)
    assert names(held.held(Scope("hospital", "a"))) == ["hospital/a"]
    assert sorted(names(held.held(Scope("hospital", "b")))) == ["hospital/b/c/d", "hospital/b/e"]
    assert names(held.held(Scope("orthanc", "b"))) == ["orthanc/b/x"]
    assert names(held.held(Scope("orthanc", "00/ab/y"))) == ["orthanc/00/ab/y"]
    assert names(held.held(Scope("hospital", "a%"))) == []
    scopes = (Scope(), Scope("orthanc"), Scope("x"))
    assert [held.total(scope)[0] for scope in scopes] == [9, 4, 0]
    for scope in scopes:
        for with_due in (False, True):
            sizes = [file.size_bytes for file in held.held(scope, with_due=with_due)]
            assert held.total(scope, with_due=with_due) == (len(sizes), sum(sizes))
    assert held.is_known(Scope("hospital", "b/c"))
    assert not held.is_known(Scope("hospital", "b/c/d/e"))


def test_never_checked_comes_first_then_the_oldest_then_the_vanished(held: DatabaseProofs) -> None:
    adopt(held, *(f"orthanc/{n}" for n in range(9)))
    for n in range(5):
        checked_at = NOW - timedelta(days=n)
        Replica.objects.filter(source_file__name=str(n)).update(verified_at=checked_at)
    Replica.objects.filter(source_file__name="5").update(state=FileState.VANISHED)
    Replica.objects.filter(source_file__name="6").update(state=FileState.PENDING)
    found = [file.name for file in held.oldest(NOW)]
    assert found == ["7", "8", "4", "3", "2", "1", "5"]


def test_files_checked_at_the_same_moment_each_come_once(held: DatabaseProofs) -> None:
    adopt(held, *(f"orthanc/{n}" for n in range(10)))
    Replica.objects.update(verified_at=NOW - timedelta(days=1))
    assert sorted(file.name for file in held.oldest(NOW)) == [str(n) for n in range(10)]


def test_a_right_file_is_verified_and_when(held: DatabaseProofs) -> None:
    adopt(held, "orthanc/a")
    assert held.settle([Check(one(held, "orthanc/a"), Finding.VERIFIED)]) == {row("a").pk}
    assert row("a").state == FileState.VERIFIED
    assert row("a").verified_at is not None
    # And once more, from verified.
    assert held.settle([Check(one(held, "orthanc/a"), Finding.VERIFIED)]) == {row("a").pk}


@pytest.mark.parametrize(
    ("finding", "reason"),
    [(Finding.DIFFERS, "remote_differs"), (Finding.MISSING, "remote_missing")],
)
def test_a_wrong_file_is_due_and_the_remote_holds_no_version(
    held: DatabaseProofs, finding: Finding, reason: str
) -> None:
    adopt(held, "orthanc/a")
    held.settle([Check(one(held, "orthanc/a"), Finding.VERIFIED)])
    assert held.settle([Check(one(held, "orthanc/a"), finding)])
    found = row("a")
    assert (found.state, found.md5, found.reason) == (FileState.PENDING, "", reason)
    assert found.verified_at is None


@pytest.mark.parametrize("finding", list(Finding))
@pytest.mark.parametrize(
    "meanwhile",
    [{"md5": OTHER}, {"state": FileState.UPLOADING}, {"state": FileState.PENDING},
     {"state": FileState.VANISHED}],
    ids=["replaced", "in hand", "changed", "vanished"],
)
def test_what_moved_on_meanwhile_is_left_alone(
    held: DatabaseProofs, finding: Finding, meanwhile: dict[str, str]
) -> None:
    adopt(held, "orthanc/a")
    compared = one(held, "orthanc/a")
    Replica.objects.update(**meanwhile)
    before = Replica.objects.values().get()
    assert held.settle([Check(compared, finding)]) == set()
    assert Replica.objects.values().get() == before


def test_what_could_not_be_read_or_was_only_sized_changes_nothing(held: DatabaseProofs) -> None:
    adopt(held, "orthanc/a")
    before = Replica.objects.values().get()
    for finding in (Finding.UNREADABLE, Finding.SIZED):
        assert held.settle([Check(one(held, "orthanc/a"), finding)])  # it counts
    assert Replica.objects.values().get() == before


def test_a_vanished_file_stays_vanished_right_or_wrong(held: DatabaseProofs) -> None:
    adopt(held, "orthanc/a")
    Replica.objects.update(state=FileState.VANISHED)
    held.settle([Check(one(held, "orthanc/a"), Finding.VERIFIED)])
    assert (row("a").state, row("a").md5) == (FileState.VANISHED, MD5)
    assert row("a").verified_at is not None
    held.settle([Check(one(held, "orthanc/a"), Finding.DIFFERS)])
    assert (row("a").state, row("a").md5) == (FileState.VANISHED, "")
    assert list(held.oldest(NOW + timedelta(days=9))) == []


def test_what_the_ledger_knows_is_not_adopted(held: DatabaseProofs) -> None:
    adopt(held, "orthanc/a")
    Replica.objects.update(state=FileState.PENDING, md5="")
    files = [(SourceFile("orthanc", "", name, 5, 7), MD5) for name in ("a", "b")]
    assert held.adopt(files, is_verified=True, is_read_back=False) == 1
    assert (row("a").state, row("a").md5) == (FileState.PENDING, "")
    assert (row("b").state, row("b").md5) == (FileState.VERIFIED, MD5)
    assert row("b").verified_at is not None


def test_a_scrub_counts_on_in_its_row_until_it_is_done(destination_id: int) -> None:
    assert proofs.last_verification() is None
    scrub = proofs.begin(Kind.SCRUB, destination_id, NOW)
    for _ in range(2):
        proofs.add(scrub, CheckCounts(files_checked=2, files_verified=1, files_missing=1))
    opened = proofs.open_scrub(destination_id)
    assert opened is not None
    assert (opened.id, opened.counts.files_checked, opened.counts.files_missing) == (scrub, 4, 2)
    assert proofs.last_verification() is None
    proofs.finish(scrub, NOW + timedelta(hours=1))
    assert proofs.open_scrub(destination_id) is None
    for last in (proofs.last_scrub(destination_id), proofs.last_verification()):
        assert last is not None
        assert (last.kind, last.started_at, last.counts.files_verified) == ("scrub", NOW, 2)


def test_the_oldest_are_found_by_the_index(held: DatabaseProofs) -> None:
    if connection.vendor != "sqlite":
        return  # PostgreSQL plans by statistics, and a small table needs no index
    explained = _Explain()
    with connection.execute_wrapper(explained):
        list(held.oldest(NOW))
    never, oldest = explained.plans[:2]
    assert "replicas_to_verify" in never
    assert "replicas_to_verify" in oldest
    assert "TEMP B-TREE" not in never


class _Explain:
    """Asks SQLite how it would answer, before it does."""

    def __init__(self) -> None:
        self.plans: list[str] = []

    def __call__(self, execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if sql.startswith("SELECT"):
            with contextlib.closing(sqlite3.Connection.cursor(connection.connection)) as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {sql.replace('%s', '?')}", params)
                self.plans.append(" ".join(str(found[3]) for found in cursor.fetchall()))
        return execute(sql, params, many, context)

