"""Files left out by the setting `exclude`, through the engine on both databases: not sent, not
vanished, not waited for, and back as if nothing had been once the pattern goes."""

import shutil
from pathlib import Path

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from farcopy.core.errors import PathRefused, SyncFrozen  # noqa: E402
from farcopy.core.model import SourceReader, StoreResult, Upload  # noqa: E402
from farcopy.engine.survey import excluded_actions, look_through, survey  # noqa: E402
from farcopy.planning.plan import Occasion  # noqa: E402
from farcopy.planning.tripwire import Tripwire  # noqa: E402
from farcopy.sources.folder import FolderSource  # noqa: E402
from farcopy.store.models import Replica, Transfer  # noqa: E402
from tests.contract.fakes import FakeRemote  # noqa: E402
from tests.contract.house import House  # noqa: E402


@pytest.fixture
def house(database: None, tmp_path: Path) -> House:
    return House(tmp_path)


def exclude(house: House, *patterns: str) -> None:
    house.source = FolderSource("hospital", house.root, exclude=patterns)


def refusing(house: House) -> None:
    class Refusing(FakeRemote):
        def _store(self, upload: Upload, reader: SourceReader) -> StoreResult:
            raise PathRefused

    house.make_remote = lambda: Refusing(house.server)


def test_excluded_files_are_not_sent_and_told_once_a_run(house: House) -> None:
    for path in ("f", "x.tmp", "a/x.tmp", "export/b/f", "export/g"):
        house.write(path)
    exclude(house, "*.tmp", "/export/")
    for due in (1, 0):
        record, log, _ = house.run()
        assert (record.counts.files_due, log.excluded_files, log.skipped_files) == (due, 4, 0)
    assert set(house.server.files) == {"hospital/f"}
    assert house.states() == {"f": "stored"}


def test_a_held_file_that_is_excluded_stays_held_and_is_unchanged_when_it_is_not(
    house: House,
) -> None:
    for path in ("f", "x.tmp", "export/b/f"):
        house.write(path)
    house.run()
    before, files = house.states(), dict(house.server.files)
    exclude(house, "*.tmp", "/export/")
    _, log, _ = house.run()
    assert (log.excluded_files, log.unchanged_files) == (2, 1)
    assert (house.states(), house.server.files) == (before, files)
    assert not Replica.objects.filter(is_undecided=True).exists()
    exclude(house)
    record, log, _ = house.run()
    assert (record.counts.files_due, log.unchanged_files, log.excluded_files) == (0, 3, 0)


@pytest.mark.parametrize("is_manual", [True, False])
def test_a_due_file_that_is_excluded_is_skipped_and_sent_when_it_is_not(
    house: House, is_manual: bool
) -> None:
    house.write("x.tmp")
    refusing(house)
    house.run()
    assert house.states() == {"x.tmp": "failed"}
    house.make_remote = lambda: FakeRemote(house.server)
    exclude(house, "*.tmp")
    for _ in range(2):
        record, log, _ = house.run(is_manual=is_manual)
        assert (record.counts.files_due, log.excluded_files) == (0, 1)
    assert house.states() == {"x.tmp": "skipped"}
    assert list(Transfer.objects.filter(outcome="skipped").values_list("reason", flat=True)) == [
        "excluded"]  # the second run had nothing to write
    exclude(house)
    house.run(is_manual=is_manual)
    assert house.states() == {"x.tmp": "stored"}
    assert house.server.files == {"hospital/x.tmp": b"content"}


def test_a_pending_file_that_is_excluded_is_no_longer_waited_for(house: House) -> None:
    house.write("x.tmp")
    house.run()
    Replica.objects.update(state="pending", md5="")
    exclude(house, "*.tmp")
    house.run()
    assert house.states() == {"x.tmp": "skipped"}


def test_a_source_of_which_all_is_excluded_is_not_empty(house: House) -> None:
    house.write("a/f")
    house.write("a/gone")
    house.run()
    (house.root / "a/gone").unlink()
    exclude(house, "*")
    _, log, _ = house.run()
    assert house.states() == {"a/f": "stored", "a/gone": "vanished"}
    assert log.excluded_files == 1


def test_an_excluded_directory_that_is_really_gone_has_vanished(house: House) -> None:
    house.write("f")
    house.write("export/f")
    house.run()
    exclude(house, "/export/")
    shutil.rmtree(house.root / "export")
    house.run()
    assert house.states() == {"f": "stored", "export/f": "vanished"}


def test_what_the_tripwire_holds_back_is_not_sent_while_it_is_excluded(house: House) -> None:
    for number in range(20):
        house.write(f"f{number}", b"old")
    house.run()
    house.tripwire = Tripwire(percent=10, files=10)
    for number in range(15):
        house.write(f"f{number}", b"encrypted")
    _, _, control = house.run()
    assert isinstance(control.failure, SyncFrozen)
    house.ledger.unfreeze()
    house.tripwire = Tripwire(percent=100, files=100)
    exclude(house, "f1*")  # f1 and f10 to f14 of those
    house.run()
    encrypted = {name for name, content in house.server.files.items() if content == b"encrypted"}
    assert encrypted == {f"hospital/f{number}" for number in (0, 2, 3, 4, 5, 6, 7, 8, 9)}
    assert house.ledger.undecided() == (6, 0)


def test_a_young_file_that_was_looked_at_and_is_excluded_since_is_not_sent(house: House) -> None:
    house.settle_s = 0.05
    house.write("x.tmp", age_s=0)
    house.run(is_manual=False)
    assert house.ledger.count_looks(["hospital"]) == 1
    exclude(house, "*.tmp")
    _, log, _ = house.run()
    assert (house.server.files, house.states(), log.growing_files) == ({}, {}, 0)


def test_a_look_shows_what_is_excluded_and_does_not_let_it_wait(house: House) -> None:
    for path in ("f", "x.tmp", "export/g"):
        house.write(path, b"12345")
    exclude(house, "*.tmp", "export/")
    stretches = list(survey(house.source, house.ledger, Occasion(house.clock.now(), False)))
    actions = [
        action for stretch in stretches
        for action in (*(a for plan, _ in stretch.plans for a in plan.actions),
                       *excluded_actions(stretch))
    ]
    assert {(a.kind.value, a.reason.value, a.file.relative_path) for a in actions} == {
        ("send", "new", "f"), ("skip", "excluded", "x.tmp"), ("skip", "excluded", "export/g")}
    found = look_through([house.source], house.ledger, Occasion(house.clock.now(), False))
    seen = found.seen()
    assert (seen.waiting_files, seen.waiting_bytes, seen.excluded_files) == (1, 5, 2)
    assert (seen.files, seen.unsent_files, found.has_new) == (3, 1, True)
    assert sum(stretch.excluded_files for stretch in stretches) == 2
