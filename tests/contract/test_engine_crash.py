"""After a crash: what was published is found again, what was not is sent, nothing stays behind."""

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from farcopy.core.model import SourceReader, StoreResult, Upload  # noqa: E402
from farcopy.core.states import FileState  # noqa: E402
from farcopy.store import history  # noqa: E402
from farcopy.store.models import Destination, Replica, SyncHistory, Transfer  # noqa: E402
from tests.contract.fakes import FakeRemote  # noqa: E402
from tests.contract.house import House  # noqa: E402


class Killed(BaseException):
    """The process dies here: nothing after it is recorded."""


def dying(house: House, *, after_rename: bool) -> None:
    class Dying(FakeRemote):
        def _store(self, upload: Upload, reader: SourceReader) -> StoreResult:
            if after_rename:
                super()._store(upload, reader)
                raise Killed
            self.server.temporaries[upload.temporary_name] = reader.read(10**6)
            assert upload.may_publish(reader.md5)
            raise Killed

    house.make_remote = lambda: Dying(house.server)


def crash(house: House, monkeypatch: pytest.MonkeyPatch, *, after_rename: bool) -> None:
    """A run whose process is killed in the middle: no write of its end happens."""
    dying(house, after_rename=after_rename)
    with monkeypatch.context() as patch:
        patch.setattr(house.ledger, "record", lambda *_: None)
        patch.setattr(house.ledger, "put_back", lambda *_: None)
        try:
            house.run(connections=1)
        except AssertionError:
            house.crashes.clear()  # the worker's death was told
    SyncHistory.objects.filter(end="finished", pk=SyncHistory.objects.latest("pk").pk).update(
        status="running", end="", completed_at=None
    )
    history.recover(house.clock.at)
    house.make_remote = lambda: FakeRemote(house.server)


@pytest.mark.parametrize("had_old", [False, True], ids=["new", "replacing the same size"])
def test_a_file_renamed_before_the_crash_is_found_and_not_sent_again(
    house: House, monkeypatch: pytest.MonkeyPatch, had_old: bool
) -> None:
    if had_old:
        house.write("f", b"contenT")
        house.run()
    house.write("f", b"content")
    crash(house, monkeypatch, after_rename=True)
    replica = Replica.objects.get()
    assert (replica.state, bool(replica.next_md5)) == (FileState.PENDING, True)
    record, log, _ = house.run()
    assert log.sent == 0
    assert record.counts.files_synced == 1
    assert record.counts.bytes_synced == len(b"content")
    assert house.states() == {"f": "stored"}
    assert house.server.files["hospital/f"] == b"content"
    assert Transfer.objects.filter(outcome="stored", run_id=record.id).count() == 1


def test_a_file_not_renamed_before_the_crash_is_sent_although_an_old_one_has_its_size(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("f", b"contenT")
    house.run()
    house.write("f", b"content")
    crash(house, monkeypatch, after_rename=False)
    _, log, _ = house.run()
    assert log.sent == len(b"content")
    assert house.server.files["hospital/f"] == b"content"
    assert house.server.temporaries == {}


def test_an_idle_run_after_a_crash_sweeps_although_nothing_is_due(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("f")
    house.write("g")
    house.run()
    house.write("f", b"another")
    crash(house, monkeypatch, after_rename=False)
    (house.root / "f").unlink()
    assert len(house.server.temporaries) == 1
    house.run()
    assert house.server.temporaries == {}
    logins = house.server.logins
    house.run()
    assert house.server.logins == logins  # tidy again: the remote is asked nothing
    assert not Destination.objects.get().needs_sweep


def test_an_intent_withdrawn_before_its_temporary_goes_leaves_no_false_claim(
    house: House,
) -> None:
    """A refused renaming: the temporary is gone, and an old final of the same size stands."""
    from farcopy.core.errors import PathRefused

    house.write("f", b"contenT")
    house.run()
    house.write("f", b"content")

    class Refusing(FakeRemote):
        def _store(self, upload: Upload, reader: SourceReader) -> StoreResult:
            reader.read(10**6)
            assert upload.may_publish(reader.md5)
            upload.withdraw()
            raise PathRefused

    house.make_remote = lambda: Refusing(house.server)
    house.run()
    assert Replica.objects.get().next_md5 == ""
    house.make_remote = lambda: FakeRemote(house.server)
    house.run()
    assert house.server.files["hospital/f"] == b"content"
