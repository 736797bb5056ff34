"""The write-once tripwire: too much of the archive changed at once, and nothing is replaced."""

import os
import shutil

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from farcopy.core.errors import SyncFrozen  # noqa: E402
from farcopy.planning.tripwire import Tripwire  # noqa: E402
from farcopy.sources.folder import FolderSource  # noqa: E402
from farcopy.store.models import Destination  # noqa: E402
from tests.contract.house import House  # noqa: E402

FILES = 40


@pytest.fixture(autouse=True)
def archive(house: House) -> None:
    """Forty files on the remote; the tripwire fires at ten, and more than a tenth."""
    house.tripwire = Tripwire(percent=10, files=10)
    for number in range(FILES):
        house.write(f"d{number % 4}/f{number}", b"old %d" % number)
    house.run()
    assert len(house.server.files) == FILES


def rewrite(house: House, count: int, content: bytes = b"encrypted") -> None:
    for number in range(count):
        house.write(f"d{number % 4}/f{number}", content)


def test_many_changed_files_freeze_the_sync_and_leave_the_copies_alone(house: House) -> None:
    before = dict(house.server.files)
    rewrite(house, 20)
    record, _, control = house.run()
    assert isinstance(control.failure, SyncFrozen)
    assert house.server.files == before
    assert record.counts.files_synced == 0
    row = Destination.objects.get()
    assert (row.frozen_changed, row.frozen_vanished, row.frozen_known) == (20, 0, FILES)
    assert row.frozen_at == house.clock.at


def test_the_same_size_and_another_content_counts(house: House) -> None:
    for number in range(20):
        house.write(f"d{number % 4}/f{number}", b"new %d" % number)
        os.utime(house.root / f"d{number % 4}/f{number}", (7, 7))
    _, _, control = house.run()
    assert isinstance(control.failure, SyncFrozen)


def test_many_vanished_files_freeze_the_sync(house: House) -> None:
    shutil.rmtree(house.root / "d0")
    for number in (1, 5, 9):
        (house.root / f"d1/f{number}").unlink()
    _, _, control = house.run(is_manual=False)
    assert isinstance(control.failure, SyncFrozen)
    assert Destination.objects.get().frozen_vanished == 13
    assert len(house.server.files) == FILES


def test_a_touch_is_no_change(house: House) -> None:
    for path in house.root.rglob("f*"):
        os.utime(path, (5, 5))
    record, log, control = house.run()
    assert control.failure is None
    assert (record.counts.files_due, log.unchanged_files) == (0, FILES)


def test_fewer_than_the_least_number_or_share_go_through(house: House) -> None:
    rewrite(house, 9)
    record, _, control = house.run()
    assert control.failure is None
    assert record.counts.files_synced == 9
    house.tripwire = Tripwire(percent=50, files=10)
    rewrite(house, 20, b"again")
    record, _, control = house.run()
    assert control.failure is None
    assert record.counts.files_synced == 20


def test_a_frozen_sync_stays_frozen_and_sends_nothing_new(house: House) -> None:
    rewrite(house, 20)
    house.run()
    house.write("new")
    _, _, control = house.run()
    assert isinstance(control.failure, SyncFrozen)
    assert "hospital/new" not in house.server.files


def test_confirmed_changes_are_sent_and_confirmed_vanishings_stay(house: House) -> None:
    rewrite(house, 20)
    shutil.rmtree(house.root / "d3")
    house.run()
    changed, vanished = house.ledger.confirm_changes(house.clock.at)
    assert (changed, vanished) == (15, 10)
    record, _, control = house.run()
    assert control.failure is None
    assert record.counts.files_synced == 15
    assert list(house.server.files.values()).count(b"encrypted") == 15
    assert len(house.server.files) == FILES
    _, _, control = house.run()
    assert control.failure is None


def test_sources_put_back_as_they_were_thaw_the_sync_by_themselves(house: House) -> None:
    shutil.copytree(house.root, house.root.with_name("kept"))
    rewrite(house, 20)
    shutil.rmtree(house.root / "d3")
    house.run()
    shutil.rmtree(house.root)
    shutil.copytree(house.root.with_name("kept"), house.root)
    for path in house.root.rglob("f*"):
        os.utime(path, (9, 9))
    house.write("new")
    record, log, control = house.run()
    assert control.failure is None
    assert (record.counts.files_synced, log.unchanged_files) == (1, FILES)
    assert set(house.states().values()) == {"stored"}
    assert Destination.objects.get().frozen_at is None


def test_a_crash_before_the_judgement_lets_nothing_through(house: House) -> None:
    """The marks are rows: a run that dies between scan and judgement has counted for the next."""
    rewrite(house, 20)
    away = house.root.with_name("away")
    (house.root / "d3").rename(away)

    class Dying(FolderSource):
        def has_directory(self, directory: str) -> bool:
            raise KeyboardInterrupt

    house.source = Dying("hospital", house.root)
    with pytest.raises(KeyboardInterrupt):
        house.run()
    from farcopy.store import history
    history.recover(house.clock.at)
    away.rename(house.root / "d3")
    house.source = FolderSource("hospital", house.root)
    _, _, control = house.run()
    assert isinstance(control.failure, SyncFrozen)
    assert b"encrypted" not in house.server.files.values()


def test_in_two_steps_of_one_run_is_not_less_than_at_once(house: House) -> None:
    """Nine at rest and nine young: the second look's are judged with the first's."""
    house.settle_s = 0.05
    for number in range(18):
        house.write(f"d{number % 4}/f{number}", b"encrypted", age_s=60 if number < 9 else 0)
    _, _, control = house.run()
    assert isinstance(control.failure, SyncFrozen)
    assert list(house.server.files.values()).count(b"encrypted") == 9
