"""Servers that refuse to rename over a file: the old one waits aside, and is never lost."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from farcopy.core.errors import (
    Fenced,
    PathRefused,
    SessionError,
)
from farcopy.ftp.remote import FtpRemote
from farcopy.ftp.settings import SessionSettings
from tests.contract.fakes import errors, make_upload, old_name
from tests.contract.hostile import (
    Answer,
    Close,
    Lose,
    Meddling,
    Replace,
    Script,
    at,
)
from tests.contract.places import HOME_ID
from tests.contract.pyftp import PyFtpServer
from tests.contract.rig import Rig
from tests.parts.fixtures import FtpServerFactory


def test_proftpd_that_refuses_to_overwrite_gets_the_old_file_moved_aside(
    ftp_server_factory: FtpServerFactory,
) -> None:
    server = ftp_server_factory("proftpd", options=["AllowOverwrite off"])
    settings = SessionSettings(
        host=server.host, port=server.port, user=server.user, password=server.password
    )
    remote = FtpRemote(settings, HOME_ID)
    remote.open()
    remote.prepare()
    for content in (b"one", b"two", b"three"):
        assert errors(remote.store([make_upload(1, content)])) == [None]
        assert (server.home / "orthanc/a/b").read_bytes() == content
    assert remote.temporaries() == ()
    remote.close()


@pytest.fixture
def strict_rig(rig: Rig, tmp_path: Path) -> Iterator[Rig]:
    """As `rig`, but an existing file is not renamed over; holds an old final."""
    server = PyFtpServer(tmp_path / "ftp", can_rename_over=False)
    rig.place.put("orthanc/a/b", b"old")
    with ExitStack() as ends:
        ends.callback(server.stop)
        place = rig.place
        place.settings = replace(place.settings, port=int(server.port))
        yield Rig(place, ends)


def test_the_refusal_to_rename_over_is_remembered(strict_rig: Rig) -> None:
    remote = strict_rig.remote()
    assert errors(remote.store([make_upload(1, b"one")])) == [None]
    strict_rig.proxy.heard.clear()
    assert errors(remote.store([make_upload(1, b"two")])) == [None]
    assert strict_rig.proxy.count("RNTO") == 2  # aside, and in; none in vain
    assert strict_rig.place.read("orthanc/a/b") == b"two"
    assert strict_rig.place.temporaries() == set()


def nth(verb: str, number: int, action: Meddling) -> Script:
    return at(verb, *[None] * (number - 1), action)


@pytest.mark.parametrize("is_known", [False, True], ids=["first-time", "known-to-refuse"])
def test_an_old_file_moved_aside_by_a_server_that_says_it_did_not_is_not_removed(
    strict_rig: Rig, is_known: bool
) -> None:
    remote = strict_rig.remote()
    if is_known:
        assert errors(remote.store([make_upload(1, b"old")])) == [None]
    # RNTO is to: the final in vain (unless known), aside, the final.
    aside, last = (1, 2) if is_known else (2, 3)
    no = b"553 No.\r\n"
    actions: list[Meddling] = [None] * last
    actions[aside - 1], actions[last - 1] = Replace(no), Answer(no)
    strict_rig.proxy.script = at("RNTO", *actions)
    assert errors(remote.store([make_upload(1, b"new")])) == [PathRefused]
    assert strict_rig.place.read("orthanc/a/b") == b"old"
    assert strict_rig.place.temporaries() == set()
    assert errors(remote.store([make_upload(1, b"new")])) == [None]
    assert strict_rig.place.read("orthanc/a/b") == b"new"


def test_an_old_file_aside_in_a_session_that_lost_its_sequence_is_settled_in_the_next(
    strict_rig: Rig,
) -> None:
    # ProFTPD between RNFR and RNTO; here its 350 was turned into a refusal.
    remote = strict_rig.remote()
    script = at("RNFR", None, None, Replace(b"553 No.\r\n"))
    is_mixed_up = False

    def meddle(verb: str, line: str) -> Meddling:
        nonlocal is_mixed_up
        action = script(verb, line)
        if action is not None:
            is_mixed_up = True
            return action
        return Answer(b"501 Bad sequence of commands\r\n") if is_mixed_up else None

    strict_rig.proxy.script = meddle
    upload = make_upload(1, b"new")
    with pytest.raises(SessionError) as raised:
        list(remote.store([upload]))
    assert not raised.value.uses_attempt
    assert strict_rig.place.read("orthanc/a/b") is None

    strict_rig.proxy.script = lambda _verb, _line: None
    remote.open()
    settled = remote.settle(upload)
    assert settled is not None
    assert settled.error is None
    assert strict_rig.place.read("orthanc/a/b") == b"new"
    assert strict_rig.place.temporaries() == set()


def test_an_old_file_moved_aside_in_vain_is_put_back(strict_rig: Rig) -> None:
    remote = strict_rig.remote(nth("RNTO", 3, Answer(b"553 No.\r\n")))
    assert errors(remote.store([make_upload(1, b"new")])) == [PathRefused]
    assert strict_rig.place.read("orthanc/a/b") == b"old"
    assert strict_rig.place.temporaries() == set()


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("action", [Lose(), Close()], ids=["done", "not done"])
def test_a_connection_lost_anywhere_in_a_replacement_is_settled(
    strict_rig: Rig, number: int, action: Meddling
) -> None:
    remote = strict_rig.remote(nth("RNTO", number, action))
    upload = make_upload(1, b"new")
    with pytest.raises(SessionError):
        list(remote.store([upload]))
    remote.open()
    settled = remote.settle(upload)
    assert settled is not None
    assert settled.error is None
    assert strict_rig.place.read("orthanc/a/b") == b"new"
    assert strict_rig.place.temporaries() == set()


def test_a_replacement_settled_behind_the_fence_puts_the_old_file_back(strict_rig: Rig) -> None:
    answers = iter([True] * 3)
    remote = strict_rig.remote(nth("RNTO", 3, Close()))
    upload = make_upload(1, b"new", may_publish=lambda _md5: next(answers, False))
    with pytest.raises(SessionError):
        list(remote.store([upload]))
    remote.open()
    settled = remote.settle(upload)
    assert settled is not None
    assert isinstance(settled.error, Fenced)
    assert strict_rig.place.read("orthanc/a/b") == b"old"
    assert strict_rig.place.temporaries() == set()


def test_a_leftover_of_an_earlier_replacement_is_no_obstacle(strict_rig: Rig) -> None:
    strict_rig.place.put_temporary(old_name(1), b"left over")
    assert errors(strict_rig.remote().store([make_upload(1, b"new")])) == [None]
    assert strict_rig.place.read("orthanc/a/b") == b"new"
    assert strict_rig.place.temporaries() == set()
