"""Files at rest: what is young waits, what grows is told, what changes under us is sent later."""

import threading
from datetime import timedelta

from tests.contract.databases import set_up_django

set_up_django()

from django.db import connection  # noqa: E402

from farcopy.core.model import SourceFile, SourceReader, StoreResult, Upload  # noqa: E402
from farcopy.sources.folder import FolderReader, FolderSource  # noqa: E402
from farcopy.store.models import FirstLook, Replica, SyncHistory, Transfer  # noqa: E402
from tests.contract.fakes import FakeRemote  # noqa: E402
from tests.contract.house import House  # noqa: E402
from tests.running import wait_until  # noqa: E402

SETTLE_S = 0.05


def test_a_manual_run_looks_twice_at_a_young_file_and_sends_it(house: House) -> None:
    house.settle_s = SETTLE_S
    house.write("young", age_s=0)
    house.write("old", age_s=60)
    record, log, _ = house.run()
    assert record.counts.files_synced == 2
    assert log.growing_files == 0
    assert not FirstLook.objects.exists()


def test_an_automatic_run_leaves_a_young_file_to_the_next(house: House) -> None:
    house.settle_s = 10
    house.write("young", age_s=1)
    house.write("old", age_s=60)
    record, log, _ = house.run(is_manual=False)
    assert house.states() == {"old": "stored"}
    house.clock.at += timedelta(seconds=5)
    house.run(is_manual=False)
    assert house.states() == {"old": "stored"}
    house.clock.at += timedelta(seconds=6)
    record, log, _ = house.run(is_manual=False)
    assert house.states() == {"old": "stored", "young": "stored"}
    assert (record.counts.files_synced, log.growing_files) == (1, 0)


def test_a_modification_time_to_come_does_not_keep_a_file_for_ever(house: House) -> None:
    house.settle_s = 10
    house.write("future", age_s=-86_400 * 365)
    house.run(is_manual=False)
    assert house.states() == {}
    house.clock.at += timedelta(minutes=15)
    house.run(is_manual=False)
    assert house.states() == {"future": "stored"}


def test_a_growing_file_waits_for_the_next_run_and_is_told(house: House) -> None:
    house.settle_s = SETTLE_S
    house.write("growing", b"1", age_s=0)

    class Growing(FolderSource):
        def stat(self, file: SourceFile) -> SourceFile:
            with (self._root / file.name).open("ab") as out:
                out.write(b"2")
            return super().stat(file)

    house.source = Growing("hospital", house.root)
    record, log, _ = house.run()
    assert house.server.files == {}
    assert (record.counts.files_due, log.growing_files) == (0, 1)
    house.source = FolderSource("hospital", house.root)
    record, log, _ = house.run()
    assert house.server.files == {"hospital/growing": b"12"}
    assert log.growing_files == 0


def test_a_file_that_grew_since_an_automatic_run_saw_it_is_told(house: House) -> None:
    house.settle_s = 10
    house.write("f", b"1", age_s=0)
    house.run(is_manual=False)
    house.clock.at += timedelta(minutes=1)
    house.write("f", b"12", age_s=0)
    _, log, _ = house.run(is_manual=False)
    assert (log.growing_files, house.states()) == (1, {})


def test_a_touched_young_file_is_compared_and_not_sent(house: House) -> None:
    house.write("f", age_s=60)
    house.run()
    house.settle_s = SETTLE_S
    house.write("f", age_s=0)
    record, log, _ = house.run()
    assert (record.counts.files_due, log.unchanged_files) == (0, 1)
    assert house.states() == {"f": "stored"}


def changing(house: House, times: int) -> None:
    """Rewrite each file while it is sent, that often."""
    left = [times]

    class Changing(FakeRemote):
        def _store(self, upload: Upload, reader: SourceReader) -> StoreResult:
            if left[0]:
                left[0] -= 1
                with (house.root / upload.final_path.name).open("ab") as out:
                    out.write(b"+")
            return super()._store(upload, reader)

    house.make_remote = lambda: Changing(house.server)


def test_a_change_under_our_hands_uses_no_attempt_and_is_sent_in_the_same_run(
    house: House,
) -> None:
    house.write("f")
    changing(house, times=2)
    record, log, _ = house.run()
    assert house.server.files == {"hospital/f": b"content++"}
    assert (record.counts.files_synced, record.counts.files_failed) == (1, 0)
    assert Replica.objects.get().attempts == 0
    assert log.growing_files == 0
    assert list(Transfer.objects.order_by("pk").values_list("outcome", "reason")) == [
        ("pending", "source_grew"), ("pending", "source_grew"), ("stored", ""),
    ]


def test_a_file_that_never_comes_to_rest_is_pending_and_told(house: House) -> None:
    house.write("f")
    changing(house, times=1000)
    record, log, control = house.run()
    assert control.failure is None
    assert (record.counts.files_synced, record.counts.files_failed) == (0, 0)
    assert (house.states(), log.growing_files) == ({"f": "pending"}, 1)
    assert Replica.objects.get().reason == "source_grew"
    assert house.server.files == house.server.temporaries == {}


def test_an_automatic_run_leaves_what_changed_under_its_hands_to_the_next(house: House) -> None:
    house.write("f")
    changing(house, times=1)
    _, log, _ = house.run(is_manual=False)
    assert (house.states(), log.growing_files) == ({"f": "pending"}, 1)
    record, _, _ = house.run(is_manual=False)
    assert record.counts.files_synced == 1


def test_a_replaced_file_is_told_as_replaced(house: House) -> None:
    house.write("f", b"old")
    swaps = [1]

    class Swapping(FolderSource):
        def open(self, file: SourceFile) -> FolderReader:
            reader = super().open(file)
            if swaps and swaps.pop():
                house.write("other", b"new")
                (house.root / "other").replace(house.root / "f")
            return reader

    house.source = Swapping("hospital", house.root)
    house.run()
    assert house.server.files == {"hospital/f": b"new"}
    assert ("pending", "source_replaced") in Transfer.objects.values_list("outcome", "reason")


def test_a_stop_ends_the_wait_for_a_file_to_settle(house: House) -> None:
    house.settle_s = 3600
    house.write("young", age_s=0)

    def stop_in_the_wait() -> None:
        wait_until(SyncHistory.objects.filter(phase="settling").exists, what="the wait")
        connection.close()
        house.stop.request(grace_s=0.0)

    thread = threading.Thread(target=stop_in_the_wait)
    thread.start()
    _, _, control = house.run()
    thread.join()
    assert control.should_end()
    assert house.states() == {}
