"""One bad entry among good ones, through the engine on both databases."""

import errno
import os
from pathlib import Path

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from farcopy.engine.survey import look_through  # noqa: E402
from farcopy.planning.plan import Occasion  # noqa: E402
from tests.bad_entries import bend, with_fields  # noqa: E402
from tests.contract.house import House  # noqa: E402


@pytest.fixture
def house(database: None, tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_bad_entry_is_named_and_the_others_go(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("a", "bad", "sub/b"):
        house.write(path)
    bend(monkeypatch, {"bad": errno.EIO})
    record, log, _ = house.run()
    assert log.problems == [("hospital", "bad", "source_unreadable")]
    assert (record.counts.files_synced, record.counts.files_failed) == (2, 0)
    assert house.states() == {"a": "stored", "sub/b": "stored"}
    occasion = Occasion(house.clock.now(), is_manual=False)
    seen = look_through([house.source], house.ledger, occasion).seen()
    assert (seen.files, seen.problems) == (3, 1)


def test_a_held_file_whose_entry_cannot_be_read_now_has_not_vanished(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("only/bad")
    house.run()
    with monkeypatch.context() as patch:
        bend(patch, {"bad": errno.ESTALE})
        _, log, control = house.run()
        assert log.problems == [("hospital", "only/bad", "source_unreadable")]
        assert control.failure is None  # the source is not taken for empty either
    assert house.states() == {"only/bad": "stored"}
    record, log, _ = house.run()
    assert (log.problems, record.counts.files_due) == ([], 0)


@pytest.mark.parametrize("seconds", [-11_644_473_600, -1, 9_300_000_000])
def test_a_file_with_an_impossible_time_goes_like_any_other(
    house: House, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.write("odd")
    house.write("good")
    number = (house.root / "odd").stat().st_ino
    fields = {"st_mtime_ns": seconds * 10**9}
    bend(monkeypatch, {"odd": fields})
    fstat = os.fstat

    def bent(descriptor: int) -> os.stat_result:
        seen = fstat(descriptor)
        return with_fields(seen, fields) if seen.st_ino == number else seen

    monkeypatch.setattr(os, "fstat", bent)
    house.run()
    assert house.states() == {"odd": "stored", "good": "stored"}
    _, log, _ = house.run()
    assert log.unchanged_files == 2


def test_a_directory_of_the_system_is_skipped_and_counted_like_a_link(house: House) -> None:
    for path in ("f", "lost+found/x", "sub/@eaDir/y"):
        house.write(path)
    for _ in range(2):
        _, log, _ = house.run()
        assert (log.skipped_files, log.problems) == (2, [])
    assert house.states() == {
        "f": "stored", "lost+found": "skipped", "sub/@eaDir": "skipped"}
