"""Replies lost and never coming: what is in hand is settled by looking, not by guessing."""

import time

import pytest

from farcopy.core.errors import (
    ConnectionLost,
    Fenced,
    ReplyTimeout,
    SessionError,
)
from farcopy.core.model import StoreResult
from farcopy.ftp.settings import Deadlines
from tests.contract.fakes import make_upload
from tests.contract.hostile import (
    Answer,
    Close,
    Lose,
    Stall,
    at,
)
from tests.contract.rig import QUICK, Rig


def test_a_renaming_whose_reply_is_lost_is_settled_as_stored(real_rig: Rig) -> None:
    remote = real_rig.remote(at("RNTO", Lose()))
    upload = make_upload(1, b"content")
    with pytest.raises(SessionError) as raised:
        list(remote.store([upload]))
    assert not raised.value.uses_attempt
    remote.open()
    settled = remote.settle(upload)
    assert settled == StoreResult(1, bytes_sent=7, md5="9a0364b9e99bb480dd25e1f0284c8555")
    assert real_rig.place.read("orthanc/a/b") == b"content"
    assert real_rig.place.temporaries() == set()


def test_a_renaming_that_never_reached_the_server_is_made_up_for(rig: Rig) -> None:
    rig.place.put("orthanc/a/b", b"CONTENT")  # of the same size, but the old one
    remote = rig.remote(at("RNTO", Close()))
    upload = make_upload(1, b"content")
    with pytest.raises(SessionError):
        list(remote.store([upload]))
    remote.open()
    settled = remote.settle(upload)
    assert settled is not None
    assert settled.error is None
    assert rig.place.read("orthanc/a/b") == b"content"
    assert rig.place.temporaries() == set()


def test_a_lost_226_is_settled_by_publishing_what_arrived(real_rig: Rig) -> None:
    remote = real_rig.remote(at("STOR", Lose()))
    upload = make_upload(1, b"content" * 100_000)
    with pytest.raises(SessionError) as raised:
        list(remote.store([upload]))
    assert not raised.value.uses_attempt
    remote.open()
    settled = remote.settle(upload)
    assert settled is not None
    assert settled.error is None
    assert settled.bytes_sent == 700_000
    assert real_rig.place.read("orthanc/a/b") == b"content" * 100_000
    assert real_rig.place.temporaries() == set()


def test_a_lost_226_of_a_changed_source_is_never_published(rig: Rig) -> None:
    remote = rig.remote(at("STOR", Lose()))
    upload = make_upload(1, b"content", is_changed=True)
    with pytest.raises(SessionError):
        list(remote.store([upload]))
    remote.open()
    assert remote.settle(upload) is None
    assert rig.place.finals() == set()
    assert rig.place.temporaries() == set()


def test_the_fence_is_asked_again_when_settling(rig: Rig) -> None:
    remote = rig.remote(at("STOR", Lose()))
    upload = make_upload(1, b"content", may_publish=lambda _md5: False)
    with pytest.raises(SessionError):
        list(remote.store([upload]))
    remote.open()
    settled = remote.settle(upload)
    assert settled is not None
    assert isinstance(settled.error, Fenced)
    assert rig.place.finals() == set()
    assert rig.place.temporaries() == set()


def test_settling_can_be_repeated_when_the_next_session_is_lost_too(rig: Rig) -> None:
    remote = rig.remote(at("RNTO", Lose()))
    upload = make_upload(1, b"content")
    with pytest.raises(SessionError):
        list(remote.store([upload]))
    remote.open()
    rig.proxy.script = at("SIZE", Close())
    with pytest.raises(SessionError):
        remote.settle(upload)
    remote.open()
    assert remote.settle(upload) is not None


def test_a_226_that_never_comes_is_a_timeout_with_its_own_deadline(rig: Rig) -> None:
    waits = Deadlines(connect_s=2, reply_s=30, stall_s=30, final_reply_s=0.3)
    remote = rig.remote(at("STOR", Stall()), deadlines=waits)
    begun_s = time.monotonic()
    with pytest.raises(ReplyTimeout) as raised:
        list(remote.store([make_upload(1, b"content")]))
    assert not raised.value.uses_attempt
    assert time.monotonic() - begun_s < 5


def test_what_a_server_shows_late_is_looked_for_and_not_sent_again(rig: Rig) -> None:
    waits = Deadlines(connect_s=2, reply_s=5, stall_s=5, final_reply_s=0.3)
    remote = rig.remote(at("STOR", Stall()), deadlines=waits)
    upload = make_upload(1, b"content")
    with pytest.raises(ReplyTimeout):
        list(remote.store([upload]))
    rig.proxy.script = at("SIZE", *3 * [Answer(b"550 No such file.\r\n")])  # not yet
    remote.open()
    settled = remote.settle(upload)
    assert settled is not None
    assert settled.error is None
    assert rig.place.read("orthanc/a/b") == b"content"
    assert rig.proxy.count("STOR") == 1


def test_a_large_file_has_longer_for_its_last_reply() -> None:
    waits = Deadlines()
    assert waits.final_reply_of(4 * 1024**3) > 10 * waits.final_reply_of(0)


def test_a_reply_that_never_comes_is_a_timeout(rig: Rig) -> None:
    remote = rig.remote(at("RNFR", Stall()), deadlines=QUICK)
    with pytest.raises(ReplyTimeout):
        list(remote.store([make_upload(1, b"content")]))


def test_an_idle_session_that_ended_costs_no_attempt(rig: Rig) -> None:
    remote = rig.remote()
    rig.place.cut()
    with pytest.raises(ConnectionLost) as raised:
        list(remote.store([make_upload(1, b"content")]))
    assert not raised.value.uses_attempt
    remote.open()
    assert remote.settle(make_upload(1, b"content")) is None
