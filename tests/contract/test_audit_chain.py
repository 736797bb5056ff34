"""The audit trail's chain, on SQLite and on a real PostgreSQL: nobody changes it unseen."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.databases import postgres_options, set_up_django, sqlite_options, use_database

set_up_django()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import F  # noqa: E402

from farcopy.core.errors import KeyMismatch, TooYoung, TrailBroken  # noqa: E402
from farcopy.service import auditing, trail_check  # noqa: E402
from farcopy.service.trail_watch import TrailWatch  # noqa: E402
from farcopy.store import (  # noqa: E402
    anchor,
    audit,
    audit_prune,
    configuration,
    rotation,
    seals,
)
from farcopy.store.audit_check import MOST_TOLD, Kind, check  # noqa: E402
from farcopy.store.audit_models import AuditHead, AuditLog, KeyRecord  # noqa: E402
from farcopy.store.chain import Mark  # noqa: E402
from farcopy.store.keys import KeySource  # noqa: E402
from farcopy.store.models import SyncConfiguration  # noqa: E402

ENTRIES = 12
HERE = "in FARCOPY_HOME"


@pytest.fixture(params=["sqlite", "postgres"], scope="module")
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    if request.param == "sqlite":
        use_database(sqlite_options(tmp_path_factory.mktemp("trail") / "test.sqlite3"))
    else:
        use_database(postgres_options(request.getfixturevalue("postgres").create_database()))
    yield
    connection.close()


@pytest.fixture
def trail(database: None) -> None:
    """A few entries in the chain, as many kinds of values as there are; no mark in the home."""
    forget_the_trail()
    AuditLog.objects.all().delete()
    append(ENTRIES)


def forget_the_trail() -> None:
    """As before the first start with a chain; the entries stay."""
    AuditHead.objects.all().delete()
    KeyRecord.objects.update(has_chain=False)
    home_mark().unlink(missing_ok=True)
    AuditLog.objects.update(sequence=None, mac="", key_id="")


def home_mark() -> Path:
    return Path(settings.FARCOPY_HOME) / seals.FILE


def append(count: int) -> None:
    for number in range(count):
        audit.record(
            action="sync.status", user_id=number or None, username=f"Bärbel {number}",
            ip_address="::1", user_agent="viewer/1.0 \u2028 \x00",
            details={"fields": ["b", "a"], "rows": 10**12, "path": "/api/ü\ud800", "none": None},
            response_status=200 if number % 2 else None,
        )


def kinds(marks: dict[str, Mark | None] | None = None) -> set[Kind]:
    return {problem.kind for problem in check(marks).problems}


def row(sequence: int) -> Any:
    return AuditLog.objects.filter(sequence=sequence)


def test_a_trail_as_it_was_written_is_whole(trail: None) -> None:
    found = check()
    assert (found.is_whole, found.entries, found.earlier) == (True, ENTRIES, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": 99}, {"username": "Mallory"}, {"action": "sync.now"}, {"ip_address": ""},
        {"user_agent": "x"}, {"details": {"fields": ["a", "b"]}}, {"details": {}},
        {"response_status": 403}, {"response_status": None}, {"mac": "0" * 64},
        {"created_at": datetime(2020, 1, 1, tzinfo=UTC)}, {"key_id": "0" * 16},
        {"created_at": F("created_at") + timedelta(microseconds=1)},
    ],
    ids=str,
)
def test_an_edit_of_any_column_is_found(trail: None, change: dict[str, Any]) -> None:
    row(6).update(**change)
    found = check()
    assert not found.is_whole
    assert {problem.entry for problem in found.problems} <= {6, 7}


@pytest.mark.parametrize("gone", [[1], [5], [5, 6, 7], list(range(1, 7))], ids=str)
def test_a_deletion_is_found_and_which_entries_are_gone(trail: None, gone: list[int]) -> None:
    AuditLog.objects.filter(sequence__in=gone).delete()
    (problem,) = check().problems
    assert (problem.kind, problem.entry) == (Kind.DELETED, gone[0])


def test_a_tail_cut_off_is_found(trail: None) -> None:
    AuditLog.objects.filter(sequence__gt=9).delete()
    (problem,) = check().problems
    assert (problem.kind, problem.entry) == (Kind.CUT, 10)


def test_a_tail_cut_off_with_the_head_set_back_is_found_and_stays_so(trail: None) -> None:
    AuditLog.objects.filter(sequence__gt=9).delete()
    AuditHead.objects.update(sequence=9, mac=row(9).get().mac)
    assert kinds() == {Kind.HEAD}
    append(2)  # who goes on writing must not heal it
    assert kinds() == {Kind.HEAD}


def test_a_row_put_in_is_found_wherever_it_stands(trail: None) -> None:
    forged = row(5).get()
    forged.pk, forged.sequence, forged.mac = None, None, ""
    forged.save()
    assert kinds() == {Kind.INSERTED}


def test_a_row_put_in_at_the_end_is_found_and_keeps_nobody_from_writing(trail: None) -> None:
    forged = row(5).get()
    forged.pk, forged.sequence = None, ENTRIES + 1
    forged.save()
    assert kinds() == {Kind.INSERTED}
    append(1)
    assert not check().is_whole
    assert AuditLog.objects.count() == ENTRIES + 2


def test_two_rows_that_changed_places_are_found(trail: None) -> None:
    first, second = row(4).get(), row(8).get()
    AuditLog.objects.filter(pk__in=[first.pk, second.pk]).delete()
    first.pk, second.pk = second.pk, first.pk
    first.save(force_insert=True)
    second.save(force_insert=True)
    assert Kind.MOVED in kinds()


def test_two_rows_that_changed_their_contents_are_found(trail: None) -> None:
    first, second = row(4).get(), row(8).get()
    row(4).update(username=second.username, user_id=second.user_id)
    row(8).update(username=first.username, user_id=first.user_id)
    assert [(p.kind, p.entry) for p in check().problems] == [(Kind.EDITED, 4), (Kind.EDITED, 8)]


@pytest.mark.parametrize(
    "change",
    [{"sequence": 11}, {"mac": "0" * 64}, {"base_sequence": 3}, {"chain_id": "x"},
     {"earlier_last_id": 5, "earlier_rows": 5}, {"broken_after": 0}, {"seal": "0" * 64}],
    ids=str,
)
def test_a_head_that_was_changed_is_found(trail: None, change: dict[str, Any]) -> None:
    AuditHead.objects.update(**change)
    assert Kind.HEAD in kinds()


def test_a_head_that_was_taken_away_is_found_also_after_others_wrote_on(trail: None) -> None:
    AuditHead.objects.all().delete()
    assert kinds() == {Kind.HEAD}
    append(1)
    assert kinds() == {Kind.HEAD}


def test_more_problems_than_anybody_reads_are_counted(trail: None) -> None:
    append(MOST_TOLD)
    AuditLog.objects.update(username="Mallory")
    found = check()
    assert (len(found.problems), found.problem_count) == (MOST_TOLD, ENTRIES + MOST_TOLD)


@pytest.mark.parametrize("passed_days", [1, -400])  # or its clock was ahead at the last check
def test_the_service_checks_once_a_day_and_what_it_finds_is_told(
    trail: None, passed_days: int
) -> None:
    assert auditing.last_check().status == "unverified"
    watch = TrailWatch(settle_s=0)
    watch.go_on()
    watch.join()
    assert auditing.last_check().status == "ok"
    row(6).update(username="Mallory")
    for days, status in ((0, "ok"), (passed_days, "broken")):
        AuditHead.objects.update(checked_at=F("checked_at") - timedelta(days=days))
        watch = TrailWatch(settle_s=0)
        watch.go_on()
        watch.join()
        assert auditing.last_check().status == status
    assert auditing.last_check().problems == ("entry 6 is not as it was written",)
    assert any("was changed" in line for line in auditing.warnings())


# --- marks ---


def test_an_older_copy_of_the_whole_database_is_found_by_the_mark(trail: None) -> None:
    head, rows = AuditHead.objects.values().get(), list(AuditLog.objects.all())
    append(3)
    mark = anchor.current()
    AuditLog.objects.all().delete()
    AuditLog.objects.bulk_create(rows)
    AuditHead.objects.update(**head)
    assert kinds() == set()  # by itself it is a good one
    (problem,) = check({HERE: mark}).problems
    assert (problem.kind, problem.entry) == (Kind.CUT, ENTRIES + 1)


def test_a_trail_begun_anew_in_an_empty_table_is_found_by_the_mark(trail: None) -> None:
    mark = anchor.current()
    AuditLog.objects.all().delete()
    AuditHead.objects.all().delete()
    append(ENTRIES + 1)
    assert kinds({HERE: mark}) == {Kind.CUT, Kind.HEAD}


def test_a_mark_that_is_behind_is_as_good_as_a_new_one(trail: None) -> None:
    mark = anchor.current()
    append(2)
    assert kinds({HERE: mark}) == set()


@pytest.mark.parametrize(
    "change",
    [{"sequence": 3}, {"mac": "0" * 64}, {"chain_id": "x"}, {"key_id": "x"}, {"written_at": "x"},
     {"seal": ""}],
    ids=str,
)
def test_a_mark_that_was_changed_is_not_believed(trail: None, change: dict[str, Any]) -> None:
    assert kinds({HERE: replace(anchor.current(), **change)}) == {Kind.HEAD}


def test_what_is_no_mark_in_a_marks_file_is_told(trail: None) -> None:
    assert kinds({HERE: None}) == {Kind.HEAD}


# --- entries older than the chain ---


@pytest.fixture
def grown(trail: None) -> None:
    """As after an upgrade: entries without a place in the chain, then the chain."""
    forget_the_trail()
    append(3)


def test_entries_older_than_the_chain_are_counted_and_hashed(grown: None) -> None:
    found = check()
    assert (found.is_whole, found.entries, found.earlier) == (True, 3, ENTRIES)


@pytest.mark.parametrize("how", ["edited", "deleted", "put in"])
def test_an_older_entry_cannot_be_changed_either(grown: None, how: str) -> None:
    oldest = AuditLog.objects.order_by("pk")
    match how:
        case "edited":
            AuditLog.objects.filter(pk=oldest[3].pk).update(username="Mallory")
        case "deleted":
            oldest[3].delete()
        case _:
            AuditLog.objects.create(pk=-5, action="x", created_at=datetime.now(UTC))
    assert not check().is_whole


# --- many at once ---


def test_threads_that_write_at_once_make_one_chain_without_a_gap(trail: None) -> None:
    errors: list[BaseException] = []

    def write() -> None:
        try:
            append(10)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    found = check()
    assert (found.is_whole, found.entries) == (True, ENTRIES + 80)


# --- keys ---


def test_with_another_key_nothing_is_written_and_nothing_said_to_be_changed(
    trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(AuditLog.objects.values()), AuditHead.objects.values().get()
    with monkeypatch.context() as patch:
        patch.setattr(settings, "KEYS", KeySource(Path(), "5c" * 32))
        with pytest.raises(KeyMismatch):
            append(1)
        with pytest.raises(KeyMismatch):
            check()
        assert not auditing.note("service.started")
    assert (list(AuditLog.objects.values()), AuditHead.objects.values().get()) == before


def test_an_entry_sealed_with_a_key_nobody_has_is_told(trail: None) -> None:
    row(3).update(key_id="feedfeedfeedfeed")
    assert kinds() == {Kind.KEY}
    assert not KeyRecord.objects.filter(key_id="feedfeedfeedfeed").exists()


def test_keys_are_replaced_there_and_back_and_every_entry_stays_provable(
    trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = settings.KEYS.load()[0].hex(), "3f" * 31 + "a1"
    SyncConfiguration.objects.update(ftp_password_encrypted=None)
    configuration.change({"ftp_host": "x", "ftp_username": "x", "ftp_password": "geheim"})
    for new, old in ((second, first), (first, second)):
        monkeypatch.setattr(settings, "KEYS", KeySource(Path(), new, old_key=old))
        assert rotation.rotate().is_new
        assert not rotation.rotate().is_new  # called again it finds nothing to do
        monkeypatch.setattr(settings, "KEYS", KeySource(Path(), new))
        append(2)
        assert configuration.load().settings.ftp_password == "geheim"
        assert check().is_whole
    row(ENTRIES + 2).update(username="Mallory")  # of the key between
    assert [(p.kind, p.entry) for p in check().problems] == [(Kind.EDITED, ENTRIES + 2)]


# --- retention ---


@pytest.fixture
def aged(trail: None) -> Callable[[int], datetime]:
    """Entries a day apart, the last one of today; returns the moment before an entry."""
    forget_the_trail()
    AuditLog.objects.all().delete()
    now = datetime.now(UTC)
    times = [now - timedelta(days=ENTRIES - number) for number in range(1, ENTRIES + 1)]

    def at(sequence: int) -> datetime:
        return times[sequence - 1]

    with pytest.MonkeyPatch.context() as patch:
        for moment in times:
            patch.setattr(audit.timezone, "now", lambda moment=moment: moment)
            append(1)
    return at


def test_after_old_entries_were_removed_the_rest_is_still_whole(
    aged: Callable[[int], datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_prune, "ROWS_A_TRANSACTION", 2)
    mark = anchor.current()
    assert trail_check.prune(aged(6), keep_days=1) == 5
    found = check({HERE: mark})
    assert (found.is_whole, found.entries) == (True, ENTRIES - 5 + 1)  # that it was begun
    append(1)
    row(6).delete()
    assert kinds() == {Kind.DELETED}


def test_nothing_younger_than_what_must_be_kept_is_removed(
    aged: Callable[[int], datetime]
) -> None:
    with pytest.raises(TooYoung):
        trail_check.prune(aged(6), keep_days=30)
    assert trail_check.prune(None, keep_days=30) == 0
    assert trail_check.prune(None, keep_days=3) == ENTRIES - 3


def test_from_a_trail_that_was_changed_nothing_is_removed(
    aged: Callable[[int], datetime]
) -> None:
    row(2).update(username="Mallory")
    with pytest.raises(TrailBroken):
        trail_check.prune(aged(6), keep_days=1)
    assert AuditLog.objects.count() == ENTRIES


def test_entries_older_than_the_chain_go_when_all_of_them_are_old_enough(
    aged: Callable[[int], datetime]
) -> None:
    forget_the_trail()
    append(2)
    assert audit_prune.prune(aged(6)) == 0
    assert audit_prune.prune(datetime.now(UTC) - timedelta(seconds=1)) == 0  # one is of today
    last = AuditLog.objects.filter(sequence=None).order_by("-pk")[0]
    assert audit_prune.prune(last.created_at + timedelta(microseconds=1)) == ENTRIES
    found = check()
    assert (found.is_whole, found.entries, found.earlier) == (True, 2, 0)
