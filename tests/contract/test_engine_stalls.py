"""Transfers that stand still while the server answers: one file's matter, or everybody's."""

from tests.contract.databases import set_up_django

set_up_django()

from farcopy.core.errors import DataStalled, TransfersStalled  # noqa: E402
from farcopy.core.model import SourceReader, StoreResult, Upload  # noqa: E402
from tests.contract.fakes import FakeRemote  # noqa: E402
from tests.contract.house import House  # noqa: E402


def stalling(house: House, *names: str) -> list[str]:
    """At each of these the data connection stands still. Returns who was begun, in order."""
    begun: list[str] = []

    class Stalling(FakeRemote):
        def _store(self, upload: Upload, reader: SourceReader) -> StoreResult:
            begun.append(upload.final_path.name)
            if not names or upload.final_path.name in names:
                raise DataStalled
            return super()._store(upload, reader)

    house.make_remote = lambda: Stalling(house.server)
    return begun


def test_where_nothing_goes_any_more_the_run_ends_and_says_so(house: House) -> None:
    for number in range(30):
        house.write(f"f{number}")
    begun = stalling(house)
    _, _, control = house.run()
    assert isinstance(control.failure, TransfersStalled)
    assert len(begun) <= 2 * 3  # a file's tries, on each of two connections


def test_a_file_that_never_gets_through_keeps_no_other_back(house: House) -> None:
    # As a firewall does that looks into what is sent.
    for number in range(30):
        house.write(f"f{number:02}")
    stalling(house, "f07")
    record, _, control = house.run(connections=1)
    assert control.failure is None
    assert record.counts.files_synced == 29
    assert house.states()["f07"] == "failed"
