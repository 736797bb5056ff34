"""One suite for the ledger on SQLite and on a real PostgreSQL."""

import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from farcopy.core.errors import KeyMismatch  # noqa: E402
from farcopy.core.model import ClaimedFile, Outcome, SkippedName, SourceFile  # noqa: E402
from farcopy.core.state_errors import RunAlreadyOn  # noqa: E402
from farcopy.core.states import FileState, RunEnd, RunState, SyncType  # noqa: E402
from farcopy.store import configuration, history, lease, run_requests  # noqa: E402
from farcopy.store.ledger import DatabaseLedger  # noqa: E402
from farcopy.store.models import Replica, SyncConfiguration, SyncHistory, Transfer  # noqa: E402

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MD5 = "5d41402abc4b2a76b9719d911017c592"
NUMBERS = itertools.count()


@pytest.fixture
def ledger(database: None) -> DatabaseLedger:
    configuration.change({"ftp_host": "ftp.example.org", "ftp_username": "u", "ftp_password": "p"})
    return DatabaseLedger(configuration.destination_for(configuration.load().settings).pk)


@pytest.fixture
def run_id(ledger: DatabaseLedger) -> int:
    destination = configuration.destination_for(configuration.load().settings)
    return history.begin(SyncType.MANUAL, destination, "example", "", NOW)


@pytest.fixture
def other_key(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Put another master key in place."""
    from django.conf import settings

    from farcopy.store.keys import KeySource

    return lambda: monkeypatch.setattr(settings, "KEYS", KeySource(Path(), "5c" * 32))


def file(name: str, size: int = 5, mtime: int = 1, directory: str = "ab/cd") -> SourceFile:
    return SourceFile("orthanc", directory, name, size, mtime)


def stored(claimed: ClaimedFile, md5: str = MD5) -> Outcome:
    return Outcome(claimed, FileState.STORED, claimed.file.size_bytes, md5)


def send(ledger: DatabaseLedger, run_id: int, *files: SourceFile) -> list[ClaimedFile]:
    """Admit, claim and record as stored."""
    claimed = list(ledger.claim(ledger.admit(run_id, next(NUMBERS), files)))
    ledger.record(run_id, [stored(c) for c in claimed])
    return claimed


def counters(run_id: int) -> tuple[int, int, int, int]:
    counts = history.get(run_id).counts
    return counts.files_due, counts.files_synced, counts.bytes_synced, counts.files_failed


def test_what_was_stored_is_known_with_its_md5(ledger: DatabaseLedger, run_id: int) -> None:
    send(ledger, run_id, file("a"), file("b", directory=""))
    known = ledger.known("orthanc", ["ab/cd", "", "other"])
    assert set(known) == {"ab/cd", "", "other"}
    entry = known["ab/cd"]["a"]
    assert (entry.state, entry.md5, entry.size_bytes, entry.mtime_ns) == ("stored", MD5, 5, 1)
    assert set(known[""]) == {"b"}
    assert known["other"] == {}
    assert ledger.known("hospital", ["ab/cd"]) == {"ab/cd": {}}


def test_a_held_version_is_known_as_a_scan_sees_it(ledger: DatabaseLedger, run_id: int) -> None:
    held = [file("a"), file("é 日本.dcm", size=1 << 40, mtime=-1), file("b", directory="")]
    send(ledger, run_id, *held)
    directories = ["ab/cd", "", *(f"other {n}" for n in range(1200))]
    assert ledger.known_versions("orthanc", directories) == set(held)
    assert ledger.known_versions("hospital", directories) == set()


def test_what_the_remote_does_not_hold_equals_no_file(ledger: DatabaseLedger, run_id: int) -> None:
    send(ledger, run_id, file("gone"), file("changed"))
    ledger.vanish("orthanc", "ab/cd", ["gone"])
    ledger.hold([file("changed", mtime=2)])
    ledger.admit(run_id, next(NUMBERS), [file("due")])
    (failed,) = ledger.claim(ledger.admit(run_id, next(NUMBERS), [file("failed")]))
    ledger.record(run_id, [Outcome(failed, FileState.FAILED, error_code="x", attempts=1)])
    ledger.skip(run_id, "orthanc", "ab/cd", [SkippedName("link", "symlink")])
    assert ledger.known_versions("orthanc", ["ab/cd"]) == {
        ("orthanc", "ab/cd", name, size, None)
        for name, size in [("changed", 5), ("due", 5), ("failed", 5), ("link", 0)]
    }


def test_another_destination_knows_nothing(ledger: DatabaseLedger, run_id: int) -> None:
    send(ledger, run_id, file("a"))
    configuration.change({"ftp_path": "/elsewhere"})
    other = DatabaseLedger(configuration.destination_for(configuration.load().settings).pk)
    assert other.known("orthanc", ["ab/cd"]) == {"ab/cd": {}}
    assert other.known_versions("orthanc", ["ab/cd"]) == set()


def test_a_path_written_differently_is_the_same_destination(database: None) -> None:
    first = configuration.change({"ftp_host": "H", "ftp_username": "u", "ftp_path": "/a/b"})
    second = configuration.change({"ftp_host": "h", "ftp_path": "//a/b/"})
    assert (
        configuration.destination_for(first.settings).pk
        == configuration.destination_for(second.settings).pk
    )


def test_counters_agree_with_a_recount_of_the_rows(ledger: DatabaseLedger, run_id: int) -> None:
    files = [file(f"f{n}", size=n) for n in range(700)]
    claimed = list(ledger.claim(ledger.admit(run_id, next(NUMBERS), files)))
    ledger.record(run_id, [stored(c) for c in claimed[:600]])
    ledger.record(run_id, [
        Outcome(c, FileState.FAILED, error_code="path_refused", attempts=1) for c in claimed[600:]
    ])
    rows = Transfer.objects.filter(run_id=run_id, outcome="stored")
    assert counters(run_id) == (
        700, rows.count(), sum(rows.values_list("bytes", flat=True)), 100)
    assert Replica.objects.filter(state="stored").count() == 600


def test_a_batch_can_be_claimed_once(ledger: DatabaseLedger, run_id: int) -> None:
    batch = ledger.admit(run_id, next(NUMBERS), [file("a")])
    assert len(ledger.claim(batch)) == 1
    assert not ledger.claim(batch)


def test_an_admission_told_twice_is_one(ledger: DatabaseLedger, run_id: int) -> None:
    number = next(NUMBERS)
    assert ledger.admit(run_id, number, [file("a")]) == ledger.admit(run_id, number, [file("a")])
    assert history.get(run_id).counts.files_due == 1


def test_every_claim_draws_a_new_number_and_the_old_one_changes_nothing(
    ledger: DatabaseLedger, run_id: int
) -> None:
    batch = ledger.admit(run_id, next(NUMBERS), [file("a")])
    (late,) = ledger.claim(batch)
    ledger.put_back(batch)
    (current,) = ledger.claim(batch)
    assert current.claim > late.claim
    assert not ledger.intend(late.replica_id, late.claim, MD5)
    assert ledger.intend(current.replica_id, current.claim, MD5)
    ledger.record(run_id, [stored(late)])
    assert counters(run_id)[1] == 0
    assert Transfer.objects.count() == 0
    ledger.record(run_id, [stored(current)])
    assert counters(run_id)[1] == 1


def test_an_older_copy_of_the_ledger_draws_no_number_that_was_drawn_since(
    ledger: DatabaseLedger,
) -> None:
    from farcopy.store.models import Claim

    drawn = [ledger.draw_claim(0) for _ in range(100)]
    assert drawn == list(range(drawn[0], drawn[0] + 100))
    Claim.objects.filter(pk__in=drawn).delete()  # as in the copy
    destination = configuration.destination_for(configuration.load().settings)
    other = DatabaseLedger(destination.pk)
    assert not {other.draw_claim(0) for _ in range(100)} & set(drawn)


def test_a_temporary_of_a_number_that_was_not_drawn_here_is_not_explained(
    ledger: DatabaseLedger, run_id: int
) -> None:
    from farcopy.store.models import Claim

    (claimed,) = send(ledger, run_id, file("a"))
    assert ledger.explain_temporary(claimed.replica_id, claimed.claim) == "orthanc/ab/cd/a"
    Claim.objects.create(pk=claimed.claim - 2, batch=0)
    assert ledger.explain_temporary(claimed.replica_id, claimed.claim - 2) is not None
    assert ledger.explain_temporary(claimed.replica_id, claimed.claim - 1) is None


def test_an_outcome_is_counted_once_however_often_it_is_recorded(
    ledger: DatabaseLedger, run_id: int
) -> None:
    (claimed,) = ledger.claim(ledger.admit(run_id, next(NUMBERS), [file("a")]))
    for _ in range(3):
        ledger.record(run_id, [stored(claimed)])
    assert counters(run_id)[1] == 1


def test_a_file_in_hand_is_not_admitted_again(ledger: DatabaseLedger, run_id: int) -> None:
    (claimed,) = ledger.claim(ledger.admit(run_id, next(NUMBERS), [file("a")]))
    again = ledger.admit(run_id, next(NUMBERS), [file("a", size=6, mtime=2)])
    assert not ledger.claim(again)
    assert ledger.intend(claimed.replica_id, claimed.claim, MD5)


def test_a_changed_file_keeps_the_md5_of_what_the_remote_holds_until_it_is_replaced(
    ledger: DatabaseLedger, run_id: int
) -> None:
    send(ledger, run_id, file("a"))
    (claimed,) = ledger.claim(ledger.admit(run_id, next(NUMBERS), [file("a", size=9, mtime=2)]))
    ledger.record(run_id, [Outcome(claimed, FileState.FAILED, error_code="upload_refused")])
    entry = ledger.known("orthanc", ["ab/cd"])["ab/cd"]["a"]
    assert (entry.state, entry.md5, entry.size_bytes) == ("failed", MD5, 9)


def test_a_touched_file_gets_its_new_time_and_stays_stored(
    ledger: DatabaseLedger, run_id: int
) -> None:
    send(ledger, run_id, file("a"))
    ledger.confirm([file("a", mtime=99)])
    entry = ledger.known("orthanc", ["ab/cd"])["ab/cd"]["a"]
    assert (entry.state, entry.mtime_ns) == ("stored", 99)


def test_vanished_files_are_closed_and_come_back(ledger: DatabaseLedger, run_id: int) -> None:
    send(ledger, run_id, file("a"), file("b"), file("c", directory="other"))
    assert ledger.vanish("orthanc", "ab/cd", ["a"]) == 1
    assert ledger.vanish("orthanc", "ab/cd", ["a"]) == 0
    assert ledger.vanish("orthanc", "other") == 1
    ledger.confirm([file("a", mtime=5)])
    states = {n: e.state for n, e in ledger.known("orthanc", ["ab/cd"])["ab/cd"].items()}
    assert states == {"a": "stored", "b": "stored"}


def test_directories_come_once_each_page_by_page(ledger: DatabaseLedger, run_id: int) -> None:
    names = [f"d{n:04}" for n in range(1200)]
    for start in range(0, len(names), 200):
        send(ledger, run_id, *(file(x, directory=d) for d in names[start:start + 200]
                               for x in ("x", "y")))
    assert list(ledger.directories("orthanc")) == names


def test_a_skipped_name_is_noted_with_its_reason(ledger: DatabaseLedger, run_id: int) -> None:
    for _ in range(2):
        ledger.skip(run_id, "hospital", "d", [SkippedName("link", "symlink")])
    assert Replica.objects.get(state="skipped").reason == "symlink"
    assert ledger.known("hospital", ["d"])["d"]["link"].state == "skipped"
    assert set(Transfer.objects.values_list("outcome", "reason")) == {("skipped", "symlink")}


def test_a_file_sent_again_gets_a_claim_of_its_own(ledger: DatabaseLedger, run_id: int) -> None:
    """Another temporary name: what a lost session still does to the old one hurts nobody."""
    (old,) = ledger.claim(ledger.admit(run_id, next(NUMBERS), [file("a")]))
    assert ledger.intend(old.replica_id, old.claim, MD5)
    new = ledger.reclaim(old)
    assert new is not None
    assert new.claim > old.claim
    assert not ledger.intend(old.replica_id, old.claim, MD5)
    assert ledger.reclaim(old) is None
    assert ledger.explain_temporary(old.replica_id, old.claim) == "orthanc/ab/cd/a"
    assert ledger.explain_temporary(new.replica_id, new.claim) is None
    ledger.record(run_id, [stored(new)])
    assert ledger.known("orthanc", ["ab/cd"])["ab/cd"]["a"].state == "stored"


def test_temporaries_are_explained_only_when_nobody_has_them_in_hand(
    ledger: DatabaseLedger, run_id: int
) -> None:
    batch = ledger.admit(run_id, next(NUMBERS), [file("a")])
    (claimed,) = ledger.claim(batch)
    assert ledger.explain_temporary(claimed.replica_id, claimed.claim) is None
    ledger.put_back(batch)
    assert ledger.explain_temporary(claimed.replica_id, claimed.claim) == "orthanc/ab/cd/a"
    assert ledger.explain_temporary(claimed.replica_id, claimed.claim + 1) is None
    assert ledger.explain_temporary(10**9, 1) is None


def test_one_run_at_a_time_is_kept_by_the_database(ledger: DatabaseLedger, run_id: int) -> None:
    destination = configuration.destination_for(configuration.load().settings)
    with pytest.raises(RunAlreadyOn):
        history.begin(SyncType.SCHEDULED, destination, "example", "", NOW)
    with pytest.raises(RunAlreadyOn):
        run_requests.request_run(SyncType.MANUAL, "", NOW)


def test_twenty_requests_at_once_leave_one(database: None) -> None:
    answers: list[str] = []

    def ask() -> None:
        try:
            run_requests.request_run(SyncType.MANUAL, "", NOW)
            answers.append("taken")
        except RunAlreadyOn:
            answers.append("busy")
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["busy"] * 19 + ["taken"]


def test_a_run_is_closed_once(ledger: DatabaseLedger, run_id: int) -> None:
    history.finish(run_id, RunState.SUCCESS, RunEnd.FINISHED, NOW, 1.5, "", None)
    history.finish(run_id, RunState.FAILED, RunEnd.CRASHED, NOW, 9.0, "crashed", "x")
    assert history.get(run_id).status is RunState.SUCCESS
    assert configuration.load().last_sync_at == NOW


def test_a_failed_run_does_not_move_last_sync_at(ledger: DatabaseLedger, run_id: int) -> None:
    history.finish(run_id, RunState.FAILED, RunEnd.FINISHED, NOW, 1.5, "login_refused", "x")
    assert configuration.load().last_sync_at is None
    assert history.statistics().failed_syncs == 1


def test_recovery_frees_what_was_in_hand_and_tells_the_run_as_failed(
    ledger: DatabaseLedger, run_id: int
) -> None:
    (claimed,) = ledger.claim(ledger.admit(run_id, next(NUMBERS), [file("a")]))
    assert history.recover(NOW) == [run_id]
    assert history.get(run_id).status is RunState.FAILED
    assert ledger.known("orthanc", ["ab/cd"])["ab/cd"]["a"].state == "pending"
    assert not ledger.intend(claimed.replica_id, claimed.claim, MD5)
    assert history.recover(NOW) == []


def test_statistics_count_finished_runs_only(ledger: DatabaseLedger, run_id: int) -> None:
    send(ledger, run_id, file("a"), file("b"))
    assert history.statistics().total_syncs == 0
    history.finish(run_id, RunState.PARTIAL, RunEnd.FINISHED, NOW, 1.0, "", "x")
    numbers = history.statistics()
    assert (numbers.total_syncs, numbers.partial_syncs) == (1, 1)
    assert (numbers.total_files_synced, numbers.total_size_synced) == (2, 10)


def test_the_failed_files_of_a_run_are_told_by_path(ledger: DatabaseLedger, run_id: int) -> None:
    (claimed,) = ledger.claim(ledger.admit(run_id, next(NUMBERS), [file("a")]))
    ledger.record(run_id, [Outcome(claimed, FileState.FAILED, error_code="path_refused")])
    (failed,) = history.failed_files(run_id, 10)
    assert (failed.root, failed.relative_path, failed.reason) == (
        "orthanc", "ab/cd/a", "path_refused")


def test_the_stored_password_is_encrypted_and_bound_to_its_place(ledger: DatabaseLedger) -> None:
    value = SyncConfiguration.objects.get(pk=1).ftp_password_encrypted
    assert value is not None
    assert value.startswith("v2$")
    assert configuration.load().settings.ftp_password == "p"
    for position in range(len(value)):
        flipped = value[:position] + ("0" if value[position] != "0" else "1") + value[position + 1:]
        SyncConfiguration.objects.update(ftp_password_encrypted=flipped)
        with pytest.raises(KeyMismatch):
            configuration.load()


@pytest.mark.parametrize(
    "changes",
    [{"sync_interval": 5}, {"ftp_password": "********"}, {"ftp_password": "new"}],
    ids=str,
)
def test_with_another_key_nothing_is_read_and_nothing_replaced(
    ledger: DatabaseLedger, other_key: Callable[[], None], changes: dict[str, object]
) -> None:
    before = SyncConfiguration.objects.values().get(pk=1)
    other_key()
    with pytest.raises(KeyMismatch):
        configuration.load()
    with pytest.raises(KeyMismatch):
        configuration.change(changes)
    assert SyncConfiguration.objects.values().get(pk=1) == before


def test_settings_changed_forgive_hard_errors(ledger: DatabaseLedger, run_id: int) -> None:
    row = configuration.load()
    SyncHistory.objects.filter(pk=run_id).update(started_at=row.settings_changed_at)
    history.finish(run_id, RunState.FAILED, RunEnd.FINISHED, NOW, 1.0, "login_refused", "x")
    last = history.last_attempt(row.settings_changed_at, timezone.now())
    assert last is not None
    assert last.hard_failures == 1
    changed = configuration.change({"sync_interval": 7})
    assert history.last_attempt(changed.settings_changed_at, timezone.now()) is None


def test_a_live_lease_of_another_home_is_respected_and_a_stale_one_taken(database: None) -> None:
    lease.take("home1-a", "home1", "service", NOW)
    assert lease.live_kind(NOW) == "service"
    lease.take("home1-b", "home1", "service", NOW)  # our own, left by a dead process
    assert not lease.renew("home1-a", NOW)
    with pytest.raises(lease.EngineBusy):
        lease.take("home2-a", "home2", "service", NOW)
    later = NOW + lease.STALE_AFTER * 2
    assert lease.live_kind(later) == ""
    lease.take("home2-a", "home2", "command", later)
    lease.give_up("home2-a")
    assert lease.live_kind(later) == ""
