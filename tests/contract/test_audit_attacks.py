"""Who can write the database and has no key attacks the audit trail; each attack is found.

On SQLite and on a real PostgreSQL. The home, with its marks, is beyond his reach, but
where a test says that all of it was put back.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from django.db import connection, transaction  # noqa: E402

from farcopy.service import auditing, trail_check  # noqa: E402
from farcopy.service.trail_watch import TrailWatch  # noqa: E402
from farcopy.store import anchor, audit, rotation, seals  # noqa: E402
from farcopy.store.audit_check import Kind  # noqa: E402
from farcopy.store.audit_models import AuditHead, AuditLog, KeyRecord  # noqa: E402
from farcopy.store.seals import Found  # noqa: E402
from tests.contract.test_audit_chain import (  # noqa: E402
    ENTRIES,
    append,
    database,  # noqa: F401  # a fixture
    forget_the_trail,
    home_mark,
    row,
    trail,  # noqa: F401  # a fixture
)


@pytest.fixture
def anchored(trail: None) -> None:  # noqa: F811
    assert trail_check.verify().checked.is_whole


def copy_of_the_database() -> Callable[[], None]:
    """A snapshot of the trail's tables; call it to put it back."""
    tables = (AuditLog, AuditHead, KeyRecord)
    copies = [list(table.objects.all()) for table in tables]

    def put_back() -> None:
        for table, rows in zip(tables, copies, strict=True):
            table.objects.all().delete()
            table.objects.bulk_create(rows)

    return put_back


def edit_and_drop_the_head() -> None:
    row(6).update(username="nobody")
    AuditLog.objects.update(sequence=None, mac="", key_id="")
    AuditHead.objects.all().delete()


def wipe() -> None:
    AuditLog.objects.all().delete()
    AuditHead.objects.all().delete()


def put_a_new_old_set_there() -> None:
    wipe()
    AuditLog.objects.bulk_create(
        AuditLog(action="sync.status", username="innocent", created_at=datetime.now(UTC))
        for _ in range(ENTRIES)
    )


def and_all_hints(attack: Callable[[], None]) -> Callable[[], None]:
    """Also what other tables know of the trail."""

    def all_of_it() -> None:
        attack()
        KeyRecord.objects.all().delete()

    all_of_it.__name__ = f"{attack.__name__}_and_all_hints"
    return all_of_it


ATTACKS = [edit_and_drop_the_head, wipe, put_a_new_old_set_there]


@pytest.mark.parametrize("attack", [*ATTACKS, *map(and_all_hints, ATTACKS)],
                         ids=lambda attack: attack.__name__)
def test_a_chain_begun_anew_is_found_at_once_and_for_good(
    anchored: None, attack: Callable[[], None]
) -> None:
    attack()
    assert list(auditing.warnings()) != []  # before anybody has looked
    for written in (0, 1, 3 * ENTRIES):
        append(written)
        anchor.try_renewing()  # as the service does each minute
        found = trail_check.verify().checked
        assert {problem.kind for problem in found.problems} >= {Kind.HEAD, Kind.CUT}
        assert auditing.last_check().status == "broken"
        assert any("audit trail was" in line for line in auditing.warnings())


def test_an_older_copy_brought_back_is_told_before_and_long_after_others_wrote_on(
    anchored: None,
) -> None:
    put_back = copy_of_the_database()
    append(5)
    anchor.renew()
    put_back()
    assert any("was changed" in line for line in auditing.warnings())  # at a glance
    for written in (0, 1, 4, 20):  # behind the mark, at it, and past it
        append(written)
        anchor.try_renewing()
        assert not trail_check.verify().checked.is_whole
    assert any("was changed" in line for line in auditing.warnings())


def test_an_older_copy_in_which_the_missing_numbers_are_filled_in_is_found(
    anchored: None,
) -> None:
    put_back = copy_of_the_database()
    append(5)
    anchor.renew()
    mac = row(ENTRIES + 5).get().mac
    put_back()
    append(5)
    row(ENTRIES + 5).update(mac=mac)  # as if it were the entry the mark knows
    anchor.renew()
    assert not trail_check.verify().checked.is_whole


def test_what_the_last_check_found_cannot_be_taken_back_in_the_database(anchored: None) -> None:
    row(6).update(username="nobody")
    assert not trail_check.verify().checked.is_whole
    AuditHead.objects.update(problems=[], checked_at=datetime.now(UTC))
    assert auditing.last_check().status == "broken"
    assert any("was changed" in line for line in auditing.warnings())


def test_the_service_s_daily_look_finds_it_too(anchored: None) -> None:
    AuditHead.objects.all().delete()
    watch = TrailWatch(settle_s=0)
    watch.go_on()
    watch.join()
    assert auditing.last_check().status == "broken"


def test_that_it_was_just_checked_keeps_the_service_from_looking_for_a_day_at_most(
    anchored: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = TrailWatch(settle_s=0)
    row(6).update(username="nobody")
    AuditHead.objects.update(checked_at=datetime.now(UTC))
    tomorrow_s = time.monotonic() + 25 * 3600
    monkeypatch.setattr(time, "monotonic", lambda: tomorrow_s)
    watch.go_on()
    watch.join()
    assert auditing.last_check().status == "broken"


def test_what_is_no_key_among_the_old_ones_does_not_stop_the_check(anchored: None) -> None:
    KeyRecord.objects.create(
        key_id="0" * 16, is_in_force=False, since=datetime.now(UTC), audit_key_encrypted="junk")
    assert trail_check.verify().checked.is_whole
    row(6).update(username="nobody")
    assert not trail_check.verify().checked.is_whole
    KeyRecord.objects.filter(key_id="0" * 16).delete()


def test_the_mark_of_the_home_taken_away_is_told(anchored: None) -> None:
    home_mark().unlink()
    assert any("was changed" in line for line in auditing.warnings())
    (problem,) = trail_check.verify().checked.problems
    assert "FARCOPY_HOME is gone" in problem.text


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"marks": [{}]}', b'{"marks": 1}'], ids=str)
def test_what_is_no_mark_in_the_home_is_kept_and_told(anchored: None, text: bytes) -> None:
    home_mark().write_bytes(text)
    for _ in range(2):
        append(1)
        anchor.try_renewing()
        assert not trail_check.verify().checked.is_whole
    trail_check.acknowledge("a disk was full", "admin", with_remote=False)
    assert trail_check.verify().checked.is_whole


def test_a_head_that_claims_an_acknowledgement_is_not_believed(anchored: None) -> None:
    put_back = copy_of_the_database()
    append(5)
    anchor.renew()
    put_back()
    AuditHead.objects.update(closed=json.dumps({AuditHead.objects.get().chain_id: None}))
    append(1)
    assert {p.kind for p in trail_check.verify().checked.problems} >= {Kind.HEAD, Kind.CUT}


# --- what an admin does on purpose ---


def acknowledged() -> dict[str, Any]:
    details = AuditLog.objects.filter(action="audit.acknowledged").get().details
    assert isinstance(details, dict)
    return details


def test_a_restored_backup_that_an_admin_acknowledges_is_whole_again(anchored: None) -> None:
    put_back = copy_of_the_database()
    append(5)
    anchor.renew()
    lost = seals.read().marks[0]
    put_back()
    found = trail_check.acknowledge("restored of last night", "admin", with_remote=False)
    assert not found.checked.is_whole
    after = trail_check.verify().checked
    assert (after.is_whole, after.entries, after.earlier) == (True, ENTRIES + 1, 0)
    assert list(auditing.warnings()) == []
    assert acknowledged()["reason"] == "restored of last night"
    # The mark that was acknowledged may turn up again, on the remote; one that knows more not.
    with transaction.atomic():
        _, key = audit.locked_head()
    assert lost.mark is not None
    assert anchor.foreign({"there": lost}) == {}
    more = replace(lost.mark, sequence=lost.mark.sequence + 1).sealed_with(key)
    assert "there" in anchor.foreign({"there": Found(more, more.digest)})


def test_after_an_acknowledgement_the_next_attack_is_found_as_the_first(anchored: None) -> None:
    for attack in ATTACKS:
        attack()
        append(1)
        assert not trail_check.verify().checked.is_whole
        trail_check.acknowledge("known", "admin", with_remote=False)
        assert trail_check.verify().checked.is_whole
        append(7)
        anchor.renew()
    entry = AuditLog.objects.filter(sequence__isnull=False).order_by("pk")[1]
    AuditLog.objects.filter(pk=entry.pk).update(username="nobody")
    assert not trail_check.verify().checked.is_whole


def test_the_forgery_that_was_acknowledged_cannot_be_changed_once_more(anchored: None) -> None:
    row(6).update(username="nobody")
    trail_check.acknowledge("we know who", "admin", with_remote=False)
    assert acknowledged()["first"] == ["entry 6 is not as it was written"]
    assert trail_check.verify().checked.is_whole
    row(6).update(username="somebody")
    assert {p.kind for p in trail_check.verify().checked.problems} == {Kind.EARLIER}


def test_nothing_found_is_nothing_to_acknowledge(anchored: None) -> None:
    assert trail_check.acknowledge("why not", "admin", with_remote=False).checked.is_whole
    assert not AuditLog.objects.filter(action="audit.acknowledged").exists()


def test_an_upgraded_trail_gets_its_mark_and_from_then_on_needs_it(anchored: None) -> None:
    # As an earlier version left it: a head sealed without these, and no mark in the home.
    home_mark().unlink()
    with transaction.atomic():
        head, key = audit.locked_head()
        audit.store_head(replace(head, is_anchored=False), key)
    assert trail_check.verify().checked.is_whole
    assert seals.read().exists
    edit_and_drop_the_head()
    append(1)
    assert not trail_check.verify().checked.is_whole


def test_entries_older_than_any_chain_are_no_alarm(anchored: None) -> None:
    forget_the_trail()
    append(1)
    found = trail_check.verify().checked
    assert (found.is_whole, found.earlier) == (True, ENTRIES)


def test_a_key_whose_name_was_changed_is_no_lost_key(anchored: None) -> None:
    """Who makes an admin give up a key that is there must not have the forgery sealed."""
    edit_and_drop_the_head()
    KeyRecord.objects.filter(is_in_force=True).update(key_id="feedfeedfeedfeed")
    rotation.reset()
    assert not trail_check.verify().checked.is_whole


def test_the_first_rows_of_a_transaction_that_failed_leave_no_mark_behind(
    anchored: None,
) -> None:
    forget_the_trail()
    AuditLog.objects.all().delete()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        append(1)
        raise ZeroDivisionError
    assert not home_mark().exists()
    append(1)
    assert trail_check.verify().checked.is_whole
    connection.close()
