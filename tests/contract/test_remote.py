"""The contract of the Remote port: what the engine may rely on, whatever is behind it."""

import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from farcopy.core.errors import (
    FarcopyError,
    Fenced,
    Interrupted,
    LoginRefused,
    RemotePathMissing,
    RemoteReadOnly,
    SessionError,
    SourceChanged,
    SourceUnreadable,
    SourceVanished,
)
from farcopy.core.ports import Remote
from farcopy.planning.remote_path import temporary_name
from tests.contract.fakes import errors, make_upload, old_name, only
from tests.contract.places import Place, PyFtpPlace

LARGE = os.urandom(1024 * 1024) * 24
"""More than all buffers on the way hold: a server that stands still stops the sender."""


@pytest.fixture
def remote(place: Place) -> Iterator[Remote]:
    remote = place.remote()
    remote.open()
    remote.prepare()
    yield remote
    remote.close()


def test_bytes_arrive_under_the_final_name_with_its_folders_made(
    place: Place, remote: Remote
) -> None:
    content = os.urandom(700_000)
    result = only(remote.store([make_upload(7, content, "orthanc/ab/cd/abcd-1")]))
    assert result.error is None
    assert result.replica_id == 7
    assert result.bytes_sent == len(content)
    assert result.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert place.read("orthanc/ab/cd/abcd-1") == content
    assert place.temporaries() == set()


def test_results_come_in_order_and_the_folders_are_shared(place: Place, remote: Remote) -> None:
    uploads = [make_upload(i, b"%d" % i, f"hospital/{i % 2}/f{i}") for i in range(1, 9)]
    assert [r.replica_id for r in remote.store(uploads)] == list(range(1, 9))
    assert place.finals() == {f"hospital/{i % 2}/f{i}" for i in range(1, 9)}


def test_an_existing_final_is_replaced(place: Place, remote: Remote) -> None:
    place.put("orthanc/a/b", b"the old one, longer")
    assert errors(remote.store([make_upload(1, b"new")])) == [None]
    assert place.read("orthanc/a/b") == b"new"
    assert place.temporaries() == set()


def test_an_empty_file_is_a_file(place: Place, remote: Remote) -> None:
    assert errors(remote.store([make_upload(1, b"")])) == [None]
    assert place.read("orthanc/a/b") == b""


@pytest.mark.parametrize(
    "name",
    ["two words", "Bildgröße-日本", "-rf", "--help", "[1]*?{a,b}", "100%41.dcm", "~x", "..x",
     ".hidden", "a:b", "#a;b&c|d'e\"f"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="the server's disk here is Windows's")
def test_odd_names_stay_as_they_are(place: Place, remote: Remote, name: str) -> None:
    # ProFTPD makes no directory with a star in its name: there it is PathRefused.
    path = f"hospital/{name.replace('*', '')}/{name}"
    assert errors(remote.store([make_upload(1, b"one", path)])) == [None]
    assert errors(remote.store([make_upload(2, b"two", path)])) == [None]
    assert place.read(path) == b"two"
    assert place.finals() == {path}


def test_the_fence_refuses_a_late_worker(place: Place, remote: Remote) -> None:
    place.put("orthanc/a/b", b"of the other worker")
    late = make_upload(1, b"late", may_publish=lambda _md5: False)
    assert errors(remote.store([late])) == [Fenced]
    assert place.read("orthanc/a/b") == b"of the other worker"
    assert place.temporaries() == set()
    assert errors(remote.store([make_upload(2, b"next", "orthanc/next")])) == [None]


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_upload(1, b"abc", is_changed=True),
        lambda: make_upload(1, b"abc" * 100_000, size_bytes=200_000),
        lambda: make_upload(1, b"abc", size_bytes=4),
        lambda: make_upload(1, b"", size_bytes=1),
    ],
    ids=["rewritten", "grown", "shrunk", "emptied"],
)
def test_a_source_changed_under_our_hands_leaves_no_trace(
    place: Place, remote: Remote, make: Callable[[], object]
) -> None:
    results = list(remote.store([make(), make_upload(2, b"next", "orthanc/next")]))  # type: ignore[list-item]
    changed, next_one = errors(results)
    assert changed is not None
    assert issubclass(changed, SourceChanged)
    assert next_one is None
    assert place.finals() == {"orthanc/next"}
    assert place.temporaries() == set()


def test_an_unopenable_source_is_a_result_and_the_others_go_on(
    place: Place, remote: Remote
) -> None:
    uploads = [
        make_upload(1, b"", "orthanc/1", error=SourceVanished()),
        make_upload(2, b"two", "orthanc/2"),
        make_upload(3, b"", "orthanc/3", error=SourceUnreadable()),
        make_upload(4, b"four", "orthanc/4"),
    ]
    assert errors(remote.store(uploads)) == [SourceVanished, None, SourceUnreadable, None]
    assert place.finals() == {"orthanc/2", "orthanc/4"}


def test_progress_is_told_byte_by_byte(remote: Remote) -> None:
    told: list[int] = []
    only(remote.store([make_upload(1, bytes(600_000), on_bytes=told.append)]))
    assert sum(told) == 600_000
    assert len(told) > 1


def test_a_connection_lost_in_mid_transfer_leaves_the_old_final_and_no_trace(
    place: Place, remote: Remote
) -> None:
    place.put("orthanc/a/b", b"old")
    # From the last: at the first block the reply to the renaming before may be on its way, and
    # if that is lost, no attempt is used. At the second it was read.
    cuts = [place.cut, lambda: time.sleep(0.3)]
    upload = make_upload(1, LARGE, on_bytes=lambda _count: cuts.pop()() if cuts else None)
    with pytest.raises(SessionError) as raised:
        list(remote.store([make_upload(9, b"before", "orthanc/before"), upload]))
    assert raised.value.uses_attempt

    remote.open()
    assert remote.settle(upload) is None
    assert place.read("orthanc/a/b") == b"old"
    assert place.temporaries() == ({upload.temporary_name} if place.keeps_parts else set())
    assert errors(remote.store([make_upload(1, b"again")])) == [None]
    assert place.read("orthanc/a/b") == b"again"


def test_what_was_never_in_hand_is_settled_as_send_again(place: Place, remote: Remote) -> None:
    place.put_temporary(temporary_name(5, 1), b"of a crash")
    assert remote.settle(make_upload(5, b"of a crash")) is None
    assert place.temporaries() == set()


def test_a_wrong_password_is_refused_and_only_the_right_one_is_told_of(place: Place) -> None:
    steps: list[str] = []

    def note(step: str) -> Callable[[], None]:
        return lambda: steps.append(step)

    wrong, right = place.remote(password="wrong"), place.remote()
    with pytest.raises(LoginRefused):
        wrong.open(note("wrong, connected"), note("wrong, in"))
    wrong.close()
    right.open(note("right, connected"), note("right, in"))
    right.close()
    assert steps == ["wrong, connected", "right, connected", "right, in"]


def test_who_may_not_log_in_after_all_has_no_session(place: Place) -> None:
    def refuse() -> None:
        raise LookupError

    steps: list[str] = []
    remote = place.remote()
    with pytest.raises(LookupError):
        remote.open(refuse, lambda: steps.append("in"))
    assert steps == []
    with pytest.raises(SessionError):
        remote.prepare()
    remote.close()


def test_a_closed_remote_can_be_opened_again(place: Place, remote: Remote) -> None:
    remote.close()
    remote.close()
    with pytest.raises(SessionError):
        list(remote.store([make_upload(1, b"x")]))
    remote.open()
    assert errors(remote.store([make_upload(1, b"x")])) == [None]


def test_a_path_that_may_not_be_written_to_is_read_only(place: Place) -> None:
    place.make_read_only()
    remote = place.remote()
    remote.open()
    with pytest.raises(RemoteReadOnly):
        remote.prepare()
    remote.close()


def test_a_path_that_cannot_be_made_is_missing(place: Place) -> None:
    place.make_unreachable_path()
    remote = place.remote()
    remote.open()
    with pytest.raises(RemotePathMissing):
        remote.prepare()
    remote.close()


def test_prepare_can_be_repeated(remote: Remote) -> None:
    remote.prepare()
    assert remote.prepare() in ((), [])


def test_only_temporaries_of_ours_are_listed_and_discarded(place: Place, remote: Remote) -> None:
    mine = {temporary_name(1, 2), old_name(3)}
    for name in (*mine, "readme.txt"):
        place.put_temporary(name, b"x")
    assert set(remote.prepare()) == mine
    for name in mine:
        remote.discard_temporary(name)
        remote.discard_temporary(name)  # one that is not there is fine
    for name in ("readme.txt", "../orthanc/a/b", "new-1-2/../x", ""):
        with pytest.raises(ValueError):
            remote.discard_temporary(name)
    assert place.temporaries() == {"readme.txt"}


def test_a_displaced_file_returns_if_no_new_one_is_there(place: Place, remote: Remote) -> None:
    place.put_temporary(old_name(1), b"old one")
    place.put_temporary(old_name(2), b"old two")
    place.put("orthanc/two", b"new two")
    remote.restore_displaced(old_name(1), "orthanc/deep/one")
    remote.restore_displaced(old_name(2), "orthanc/two")
    remote.restore_displaced(old_name(3), "orthanc/three")
    assert place.read("orthanc/deep/one") == b"old one"
    assert place.read("orthanc/two") == b"new two"
    assert place.finals() == {"orthanc/deep/one", "orthanc/two"}
    assert place.temporaries() == set()


def test_abort_from_another_thread_ends_a_stuck_transfer_at_once(
    place: Place, remote: Remote
) -> None:
    is_stuck = threading.Event()
    ended: list[FarcopyError] = []

    def freeze(_count: int) -> None:
        place.freeze()
        is_stuck.set()

    def send() -> None:
        try:
            list(remote.store([make_upload(1, LARGE, on_bytes=freeze)]))
        except FarcopyError as error:
            ended.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        assert is_stuck.wait(10)
        begun_s = time.monotonic()
        remote.abort()
        sender.join(10)
        took_s = time.monotonic() - begun_s
    finally:
        place.thaw()
    assert [type(error) for error in ended] == [Interrupted]
    assert took_s < 2
    assert place.finals() == set()
    with pytest.raises(Interrupted):
        list(remote.store([make_upload(2, b"after")]))


def test_a_small_file_of_our_own_is_kept_replaced_and_read_back(
    place: Place, remote: Remote
) -> None:
    assert remote.kept("mark.json") is None
    remote.keep("mark.json", b"the first, longer")
    remote.keep("mark.json", b"the second")
    assert remote.kept("mark.json") == b"the second"
    assert place.finals() == {"farcopy/mark.json"}
    assert list(remote.temporaries()) == []  # nor does the sweep take it for one
    assert errors(remote.store([make_upload(1, b"x")])) == [None]  # the session goes on


def test_a_small_file_of_our_own_where_nothing_may_be_written_is_refused(place: Place) -> None:
    remote = place.remote()
    remote.open()
    remote.prepare()
    place.make_read_only()
    with pytest.raises(FarcopyError):
        remote.keep("mark.json", b"x")
    remote.close()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
def test_no_descriptor_stays(place: Place) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    if isinstance(place, PyFtpPlace):  # it opens one of its own at the first use
        place.remote().close()
    before = count()
    for number in range(3):
        remote = place.remote()
        remote.open()
        remote.prepare()
        list(remote.store([make_upload(number, b"x"), make_upload(8, b"", is_changed=True)]))
        remote.close()
        wrong = place.remote(password="wrong")
        with pytest.raises(LoginRefused):
            wrong.open()
    end_s = time.monotonic() + 5
    while count() > before and time.monotonic() < end_s:
        time.sleep(0.05)  # a server in this process closes its side a moment later
    assert count() <= before
