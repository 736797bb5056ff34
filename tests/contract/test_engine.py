"""The engine on real directories and a real ledger, with the remote that passes the contract.

What a real server does not do on command stands here: sessions lost at a
chosen byte, too many connections, a stop in mid-file.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.databases import set_up_django

set_up_django()


from farcopy.core.errors import (  # noqa: E402
    ConnectionLost,
    EverythingRefused,
    LoginRefused,
    PathRefused,
    RemoteFull,
    SourceUnreadable,
    TooManyConnections,
    UploadRefused,
)
from farcopy.core.model import SourceFile, SourceReader, StoreResult, Upload  # noqa: E402
from farcopy.engine.control import REFUSALS_IN_A_ROW  # noqa: E402
from farcopy.engine.transfer import LOST_FILES  # noqa: E402
from farcopy.planning.retry import ATTEMPTS  # noqa: E402
from farcopy.service.stop import StopSignal  # noqa: E402
from farcopy.sources.folder import FolderSource  # noqa: E402
from farcopy.store import history  # noqa: E402
from farcopy.store.models import Replica  # noqa: E402
from tests.contract.fakes import FakeRemote  # noqa: E402
from tests.contract.house import House  # noqa: E402


def failing(house: House, error: Callable[[], Exception], times: int, name: str = "") -> None:
    """Make the server fail uploads (of `name`, if given) that many times."""
    left = [times]
    lock = threading.Lock()

    class Failing(FakeRemote):
        def _store(self, upload: Upload, reader: SourceReader) -> StoreResult:
            with lock:
                fails = left[0] > 0 and upload.final_path.name.startswith(name)
                left[0] -= fails
            if fails:
                raise error()
            return super()._store(upload, reader)

    house.make_remote = lambda: Failing(house.server)


def test_a_first_run_stores_everything_and_a_second_nothing(house: House) -> None:
    for number in range(600):
        house.write(f"d{number % 7}/f{number}", b"x" * number)
    record, _, _ = house.run(connections=4)
    assert record.counts.files_synced == record.counts.files_due == 600
    assert record.counts.bytes_synced == sum(range(600))
    assert len(house.server.files) == 600
    logins = house.server.logins
    record, log, _ = house.run()
    assert (record.counts.files_due, log.unchanged_files) == (0, 600)
    assert house.server.logins == logins  # nothing new: the remote is asked nothing


def test_a_directory_the_scan_has_seen_is_not_asked_for_again(house: House) -> None:
    asked: list[str] = []

    class Asked(FolderSource):
        def has_directory(self, directory: str) -> bool:
            asked.append(directory)
            return super().has_directory(directory)

    house.source = Asked("hospital", house.root)
    for path in ("kept/f", "kept/below/f", "gone/f"):
        house.write(path)
    house.run()
    shutil.rmtree(house.root / "gone")
    house.run()
    assert asked == ["gone"]
    assert house.states() == {"kept/f": "stored", "kept/below/f": "stored", "gone/f": "vanished"}


def test_a_file_missing_where_nothing_else_is_new_is_vanished(house: House) -> None:
    """The first directory of the scan has no file left, all others are unchanged."""
    house.write("gone")
    house.write("d/kept")
    house.run()
    (house.root / "gone").unlink()
    _, log, _ = house.run()
    assert house.states() == {"gone": "vanished", "d/kept": "stored"}
    assert log.unchanged_files == 1


def test_a_touched_file_is_not_sent_and_a_rewritten_one_is(house: House) -> None:
    house.write("touched", b"same")
    house.write("rewritten", b"old!")
    house.run()
    os.utime(house.root / "touched", (1, 1))
    house.write("rewritten", b"new!")
    os.utime(house.root / "rewritten", (2, 2))
    record, log, _ = house.run()
    assert (record.counts.files_synced, log.unchanged_files) == (1, 1)
    assert house.server.files["hospital/rewritten"] == b"new!"
    record, log, _ = house.run()
    assert (record.counts.files_synced, log.unchanged_files) == (0, 2)


@pytest.mark.parametrize("error", [UploadRefused, ConnectionLost])
def test_a_file_gets_three_attempts(house: House, error: type[Exception]) -> None:
    house.write("f")
    failing(house, error, ATTEMPTS - 1)
    record, _, _ = house.run()
    assert record.counts.files_synced == 1
    house.write("g")
    failing(house, error, ATTEMPTS)
    record, _, _ = house.run()
    assert (record.counts.files_synced, record.counts.files_failed) == (0, 1)
    assert house.states()["g"] == "failed"


def test_one_bad_path_fails_alone_and_without_a_second_try(house: House) -> None:
    for name in ("a", "bad", "c"):
        house.write(name)
    failing(house, PathRefused, 1, "bad")
    record, _, _ = house.run()
    assert (record.counts.files_synced, record.counts.files_failed) == (2, 1)
    assert house.states() == {"a": "stored", "bad": "failed", "c": "stored"}


def test_a_server_that_refuses_every_plain_name_ends_the_run_after_a_few_dozen(
    house: House,
) -> None:
    for number in range(300):
        house.write(f"d{number:03}/f{number:03}")
    failing(house, PathRefused, 1000)
    record, _, control = house.run(connections=2)
    assert isinstance(control.failure, EverythingRefused)
    assert REFUSALS_IN_A_ROW <= record.counts.files_failed <= REFUSALS_IN_A_ROW + 2
    assert record.counts.files_synced == 0


def test_names_that_a_server_dislikes_never_end_a_run(house: House) -> None:
    for number in range(2 * REFUSALS_IN_A_ROW):
        house.write(f"report: {number:03}")
    house.write("zzz")
    failing(house, PathRefused, 1000, "report")
    record, _, control = house.run(connections=1)
    assert control.failure is None
    assert (record.counts.files_failed, record.counts.files_synced) == (2 * REFUSALS_IN_A_ROW, 1)


def test_what_failed_goes_last_the_next_time(house: House) -> None:
    house.write("a-failed")
    failing(house, PathRefused, 1)
    house.run()
    for number in range(5):
        house.write(f"new{number}")
    house.run(connections=1)
    assert [*house.server.files][-1] == "hospital/a-failed"
    assert len(house.server.files) == 6


def test_what_was_sent_for_nothing_is_not_counted_as_done(house: House) -> None:
    house.write("f", b"x" * 300_000)
    house.server.cut_after_bytes = 200_000
    record, log, _ = house.run()
    assert (record.counts.bytes_synced, log.on_line) == (300_000, 300_000)
    assert log.sent > 300_000


def test_a_file_that_is_no_longer_due_is_not_in_the_total(house: House) -> None:
    house.write("stays", b"1")
    house.write("z-goes", b"22")
    ledger_claim = house.ledger.claim

    def claim(batch_id: int) -> Any:
        (house.root / "z-goes").unlink(missing_ok=True)
        return ledger_claim(batch_id)

    house.ledger.claim = claim  # type: ignore[method-assign]
    record, _, _ = house.run(connections=1)
    assert (record.counts.files_due, record.counts.bytes_due) == (1, 1)
    assert record.counts.files_synced == 1


def test_an_automatic_run_leaves_a_failed_file_until_its_time(house: House) -> None:
    house.write("f")
    failing(house, PathRefused, 1)
    house.run()
    record, _, _ = house.run(is_manual=False)
    assert record.counts.files_due == 0
    house.clock.at += timedelta(days=1)
    record, _, _ = house.run(is_manual=False)
    assert record.counts.files_synced == 1


def test_a_full_remote_ends_the_run_and_names_the_file_that_met_it(house: House) -> None:
    for number in range(50):
        house.write(f"f{number:02}")
    failing(house, RemoteFull, 1, "f05")
    record, _, control = house.run(connections=1)
    assert isinstance(control.failure, RemoteFull)
    assert record.counts.files_failed == 1
    assert history.failed_files(record.id, 5)[0].relative_path == "f05"
    assert record.counts.files_synced < 50
    assert set(house.states().values()) <= {"stored", "failed", "pending"}


def test_a_wrong_password_is_tried_once(house: House) -> None:
    for number in range(100):
        house.write(f"f{number}")
    house.make_remote = lambda: FakeRemote(house.server, "wrong")
    _, _, control = house.run(connections=8)
    assert isinstance(control.failure, LoginRefused)
    assert house.server.logins == 1


def test_a_line_that_drops_every_file_ends_the_run(house: House) -> None:
    for number in range(200):
        house.write(f"f{number}")
    failing(house, ConnectionLost, 10**6)
    record, _, control = house.run(connections=1)
    assert control.failure is not None
    assert record.counts.files_failed <= LOST_FILES


def test_a_lost_rename_reply_is_looked_up_and_counts_as_stored(house: House) -> None:
    house.write("f")
    house.server.loses_rename_reply = True
    record, log, _ = house.run()
    assert record.counts.files_synced == 1
    assert log.sent == len(b"content")  # looked up, not sent again
    assert Replica.objects.get().attempts == 0


def test_a_session_lost_in_mid_file_is_renewed(house: House) -> None:
    house.write("f", b"x" * 300_000)
    house.server.cut_after_bytes = 100_000
    record, _, _ = house.run()
    assert record.counts.files_synced == 1
    assert house.server.files["hospital/f"] == b"x" * 300_000
    assert not house.server.temporaries


def test_fewer_connections_than_asked_for_are_enough(house: House) -> None:
    for number in range(100):
        house.write(f"f{number}")
    lock = threading.Lock()
    is_open = [0]

    class Narrow(FakeRemote):
        def open(
            self,
            before_login: Callable[[], None] = lambda: None,
            on_login: Callable[[], None] = lambda: None,
        ) -> None:
            with lock:
                if is_open[0] >= 1:
                    raise TooManyConnections
                is_open[0] += 1
            super().open(before_login, on_login)

    house.make_remote = lambda: Narrow(house.server)
    record, _, control = house.run(connections=4)
    assert control.failure is None
    assert record.counts.files_synced == 100


def test_a_file_rewritten_while_it_is_sent_is_sent_as_it_is_then(house: House) -> None:
    house.write("f", b"a" * 100_000)

    class Rewriting(FakeRemote):
        rewrites = 0

        def _store(self, upload: Upload, reader: SourceReader) -> StoreResult:
            if not Rewriting.rewrites:
                Rewriting.rewrites += 1
                house.write("f", b"b" * 50_000)
            return super()._store(upload, reader)

    house.make_remote = lambda: Rewriting(house.server)
    record, _, _ = house.run()
    assert record.counts.files_synced == 1
    assert house.server.files == {"hospital/f": b"b" * 50_000}
    assert Replica.objects.get().attempts == 0
    record, log, _ = house.run()
    assert (record.counts.files_due, log.unchanged_files) == (0, 1)


def test_a_file_that_goes_before_it_is_sent_is_vanished_and_no_failure(house: House) -> None:
    house.write("f")
    house.write("g")

    class Removing(FakeRemote):
        def store(self, uploads: Iterable[Upload]) -> Iterator[StoreResult]:
            (house.root / "g").unlink(missing_ok=True)
            return super().store(uploads)

    house.make_remote = lambda: Removing(house.server)
    record, _, _ = house.run()
    assert (record.counts.files_synced, record.counts.files_failed) == (1, 0)
    assert house.states() == {"f": "stored", "g": "vanished"}


def test_an_unreadable_file_fails_and_the_others_go(house: House) -> None:
    house.write("f")
    house.write("g")

    class Locked(FolderSource):
        def open(self, file: SourceFile) -> SourceReader:
            if file.name == "g":
                raise SourceUnreadable("EACCES")
            return super().open(file)

    house.source = Locked("hospital", house.root)
    record, _, _ = house.run()
    assert house.states() == {"f": "stored", "g": "failed"}
    assert record.counts.files_failed == 1


def test_a_deleted_source_is_vanished_and_its_copy_kept(house: House) -> None:
    house.write("keep")
    house.write("d/gone")
    house.write("d/sub/gone")
    house.run()
    (house.root / "d" / "sub" / "gone").unlink()
    (house.root / "d" / "sub").rmdir()
    (house.root / "d" / "gone").unlink()
    house.run()
    assert house.states() == {"keep": "stored", "d/gone": "vanished", "d/sub/gone": "vanished"}
    assert len(house.server.files) == 3
    (house.root / "d" / "gone").write_bytes(b"content")
    record, _, _ = house.run()
    assert record.counts.files_synced == 0  # back unchanged: its copy never went
    assert house.states()["d/gone"] == "stored"


def test_an_empty_or_absent_root_is_not_taken_for_deletions(house: House) -> None:
    house.write("f")
    house.write("d/g")
    house.run()
    moved = house.root.rename(house.root.with_name("moved"))
    _, log, _ = house.run()
    assert log.problems == [("hospital", "", "source_missing")]
    house.root.mkdir()
    house.run()
    assert set(house.states().values()) == {"stored"}
    house.root.rmdir()
    moved.rename(house.root)
    record, log, _ = house.run()
    assert (record.counts.files_due, log.unchanged_files) == (0, 2)


def test_temporaries_of_a_crash_are_swept_and_others_left_alone(house: House) -> None:
    house.write("f")
    house.run()
    replica = Replica.objects.get()
    house.server.temporaries = {
        f"new-{replica.pk}-{replica.claim}": b"half", "new-999999-1": b"another home's",
        "holiday.jpg": b"an admin's",
    }
    house.write("g")
    house.run()
    assert set(house.server.temporaries) == {"new-999999-1", "holiday.jpg"}


def test_a_replacement_cut_in_the_middle_gets_its_old_file_back(house: House) -> None:
    house.write("f")
    house.run()
    replica = Replica.objects.get()
    old = house.server.files.pop("hospital/f")
    house.server.temporaries = {f"old-{replica.pk}-{replica.claim}": old}
    house.write("g")
    house.run()
    assert house.server.files["hospital/f"] == old
    assert not house.server.temporaries


def test_a_soft_stop_finishes_the_file_in_hand_and_begins_no_other(house: House) -> None:
    for number in range(100):
        house.write(f"f{number:03}")

    class Stopping(FakeRemote):
        def _store(self, upload: Upload, reader: SourceReader) -> StoreResult:
            house.stop.request(grace_s=60.0)
            return super()._store(upload, reader)

    house.make_remote = lambda: Stopping(house.server)
    record, _, _ = house.run(connections=1)
    assert record.counts.files_synced == 1
    assert not house.server.temporaries
    assert "uploading" not in house.states().values()
    house.stop = StopSignal()
    house.make_remote = lambda: FakeRemote(house.server)
    record, _, _ = house.run(is_manual=False)
    assert record.counts.files_synced == 99


def test_a_hard_stop_breaks_the_file_in_hand_off_within_two_seconds(house: House) -> None:
    house.write("f", b"x" * 500_000)
    house.server.is_frozen = True
    timer = threading.Timer(0.2, lambda: house.stop.request(grace_s=0.0))
    timer.start()
    started = time.monotonic()
    record, _, _ = house.run()
    assert time.monotonic() - started < 3
    timer.join()
    assert record.counts.files_synced == 0
    assert house.states() == {"f": "pending"}
    assert not house.server.temporaries
    assert not house.server.files


def test_a_stop_cuts_a_back_off_short(house: House) -> None:
    house.write("f")
    house.retry_scale = 1000.0
    failing(house, UploadRefused, 10)
    threading.Timer(0.3, house.stop.request).start()
    started = time.monotonic()
    house.run()
    assert time.monotonic() - started < 5
    assert house.states() == {"f": "pending"}


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need a privilege on Windows")
def test_a_link_is_counted_each_run_and_written_once(house: House) -> None:
    house.write("f")
    (house.root / "link").symlink_to(house.root / "f")
    house.run()
    noted_at = Replica.objects.get(state="skipped").changed_at
    _, log, _ = house.run()
    assert log.skipped_files == 1
    assert Replica.objects.get(state="skipped").changed_at == noted_at


def test_no_thread_is_left_after_a_run(house: House) -> None:
    for number in range(50):
        house.write(f"f{number}")
    before = threading.active_count()
    house.run(connections=8)
    assert threading.active_count() == before
