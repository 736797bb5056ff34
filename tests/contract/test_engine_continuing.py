"""A large upload that was cut off: what is there is continued, if the server can prove it."""

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from farcopy.ftp.folders import KnownFolders  # noqa: E402
from farcopy.ftp.host import HostProfile  # noqa: E402
from farcopy.ftp.remote import FtpRemote  # noqa: E402
from farcopy.planning.continuing import CONTINUE_ABOVE_BYTES  # noqa: E402
from farcopy.store.models import Replica  # noqa: E402
from tests.contract.hostile import Answer  # noqa: E402
from tests.contract.house import House  # noqa: E402
from tests.contract.places import HOME_ID, RealPlace  # noqa: E402
from tests.faults.actions import AtByte, Fault  # noqa: E402
from tests.faults.proxy import FaultProxy  # noqa: E402

SIZE = CONTINUE_ABOVE_BYTES + 4 * 1024 * 1024
CUT_AT = SIZE * 9 // 10
IN_FLIGHT = 6 * 1024 * 1024
"""What may have left us and not have arrived: buffers of three machines that are one here."""


def content(seed: int = 1) -> bytes:
    return os.urandom(1024 * 1024) * (SIZE // (1024 * 1024)) + bytes([seed])


class Line:
    """From the house to a real server, through a proxy that can cut it."""

    def __init__(self, house: House, place: RealPlace) -> None:
        self.house, self.place = house, place
        server = place.place.server
        self.proxy = FaultProxy(server.port, server.user, server.password)
        self.asks_hashes = True
        self.host = HostProfile()
        house.make_remote = self._make_remote  # type: ignore[assignment]

    def _make_remote(self) -> FtpRemote:
        settings = replace(
            self.place.settings, port=self.proxy.port, asks_hashes=self.asks_hashes
        )
        return FtpRemote(settings, HOME_ID, KnownFolders(), self.host)

    def sync(self, fault: Fault | None = None) -> int:
        """One run. Returns the bytes of the file that were sent in it, over all tries."""
        self.proxy.sessions.clear()
        self.proxy.set_fault(fault)
        _, log, _ = self.house.run(connections=1)
        assert fault is None or self.proxy.has_struck
        return log.sent

    def commands(self, verb: str) -> list[str]:
        return [line for lines in self.proxy.sessions for line in lines if line.startswith(verb)]


@pytest.fixture
def line(house: House, digest_place: RealPlace) -> Iterator[Line]:
    between = Line(house, digest_place)
    with between.proxy:
        yield between


def states_of() -> set[str]:
    return set(Replica.objects.values_list("state", flat=True))


@pytest.mark.parametrize("how", ["reset", "drop"])
def test_a_file_cut_at_nine_tenths_does_not_start_from_zero(
    house: House, line: Line, how: str
) -> None:
    whole = content()
    house.write("large", whole)
    sent = line.sync(Fault("DATA", 1, AtByte(how, CUT_AT)))
    assert line.place.read("hospital/large") == whole
    assert states_of() == {"verified"}
    assert len(line.commands("REST")) == 1
    assert sent <= len(whole) + IN_FLIGHT
    assert line.place.temporaries() == set()


@pytest.mark.parametrize("is_changed", [False, True])
def test_what_is_there_is_only_continued_if_it_is_the_sources_beginning(
    house: House, line: Line, is_changed: bool
) -> None:
    whole = content()
    house.write("large", whole)
    line.sync()
    replica = Replica.objects.get()
    left = f"new-{replica.pk}-{replica.claim}"
    beginning = (b"x" if is_changed else whole[:1]) + whole[1:CUT_AT]
    line.place.put_temporary(left, beginning)
    again = whole[:-1] + b"!"
    house.write("large", again)
    house.ledger.note_untidy(True)
    Replica.objects.update(state="failed", retry_at=None)
    sent = line.sync()
    assert line.place.read("hospital/large") == again
    assert states_of() == {"verified"}
    assert line.place.temporaries() == set()
    assert sent == (len(again) if is_changed else len(again) - CUT_AT)


def test_without_a_hash_of_the_server_it_starts_from_zero(house: House, line: Line) -> None:
    line.asks_hashes = False
    whole = content()
    house.write("large", whole)
    sent = line.sync(Fault("DATA", 1, AtByte("reset", CUT_AT)))
    assert line.place.read("hospital/large") == whole
    assert line.commands("REST") == []
    assert sent > len(whole) + CUT_AT - IN_FLIGHT
    assert line.place.temporaries() == set()


@pytest.mark.parametrize("verb", ["REST", "STOR"])
def test_a_server_that_will_not_go_on_gets_it_from_the_beginning_at_once(
    house: House, line: Line, verb: str
) -> None:
    whole = content()
    house.write("large", whole)
    line.sync()
    replica = Replica.objects.get()
    line.place.put_temporary(f"new-{replica.pk}-{replica.claim}", whole[:CUT_AT])
    house.write("large", whole[:-1] + b"!")
    house.ledger.note_untidy(True)
    Replica.objects.update(state="failed", retry_at=None)
    line.sync(Fault(verb, 1, Answer(b"451 Restart not permitted, try again.\r\n")))
    assert line.place.read("hospital/large") == whole[:-1] + b"!"
    assert set(Replica.objects.values_list("state", "attempts")) == {("verified", 0)}
    assert line.host.refuses_restart


def test_what_is_left_of_a_small_file_is_swept(house: House, line: Line) -> None:
    house.write("small", b"small")
    line.sync()
    replica = Replica.objects.get()
    line.place.put_temporary(f"new-{replica.pk}-{replica.claim}", b"sma")
    house.write("small", b"other")
    house.ledger.note_untidy(True)
    Replica.objects.update(state="failed", retry_at=None)
    assert line.sync() == len(b"other")
    assert line.commands("REST") == []
    assert line.place.temporaries() == set()


def test_of_several_parts_the_latest_is_continued_and_the_others_are_swept(
    house: House, line: Line
) -> None:
    whole = content()
    house.write("large", whole)
    line.sync()
    replica = Replica.objects.get()
    earlier, latest = house.ledger.draw_claim(0), house.ledger.draw_claim(0)
    Replica.objects.update(state="failed", retry_at=None, claim=latest)
    line.place.put_temporary(f"new-{replica.pk}-{earlier}", whole[:1000])
    line.place.put_temporary(f"new-{replica.pk}-{latest}", whole[:CUT_AT])
    house.write("large", whole[:-1] + b"!")
    house.ledger.note_untidy(True)
    assert line.sync() == len(whole) - CUT_AT
    assert line.place.temporaries() == set()
