"""Hashes and readings: a real server's, and answers no server should give."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from farcopy.core.errors import DownloadRefused, HashMismatch, ReplyTimeout, SessionError
from farcopy.ftp.host import HostProfile
from farcopy.ftp.remote import FtpRemote
from farcopy.ftp.wire import Wire
from tests.contract.fakes import errors, make_upload
from tests.contract.hostile import Answer, MeddlingProxy, Replace, Script, Stall, always, at
from tests.contract.places import HOME_ID, RealPlace
from tests.contract.rig import QUICK, Rig
from tests.parts.fixtures import FtpServerFactory, make_ftp_place

PATH = PurePosixPath("orthanc/a/b")
MD5 = hashlib.md5(b"content", usedforsecurity=False).hexdigest().encode()
SHA256 = hashlib.sha256(b"content").hexdigest().encode()
WRONG = b"0" * 32


def _offering(feature: bytes, command: str, reply: bytes | None = None) -> Script:
    """A server that offers this, and answers that."""

    def script(verb: str, _line: str) -> Answer | None:
        if verb == "FEAT":
            return Answer(b"211-Features:\r\n " + feature + b"\r\n SIZE\r\n211 End\r\n")
        if verb == "OPTS":
            return Answer(b"200 MD5\r\n")
        return Answer(reply + b"\r\n") if verb == command and reply is not None else None

    return script


@pytest.mark.parametrize(
    ("feature", "command", "reply"),
    [
        (b"XMD5", "XMD5", b"250 " + MD5.upper()),
        (b"XMD5", "XMD5", b"250-Computing\r\n250 " + MD5),
        (b"MD5", "MD5", b"251 " + MD5),
        (b"MD5", "MD5", b'251 "/orthanc/' + WRONG + b'" ' + MD5),
        (b"HASH SHA-1*;MD5", "HASH", b"213 MD5 0-7 " + MD5 + b" /orthanc/" + WRONG),
        (b"XSHA256", "XSHA256", b"250 " + SHA256.upper()),
        (b"HASH SHA-1*;SHA-256", "HASH", b"213 SHA-256 0-7 " + SHA256 + b" /orthanc/a"),
    ],
)
def test_a_hash_is_read_out_of_the_answer_and_makes_an_upload_verified(
    rig: Rig, feature: bytes, command: str, reply: bytes
) -> None:
    rig.proxy.script = _offering(feature, command, reply)
    remote = rig.remote()
    # A SHA-256 proves what was just sent; of older files the ledger has the MD5 only.
    assert remote.content_md5(PATH, 7) == (MD5.decode() if b"MD5" in feature else None)
    (result,) = remote.store([make_upload(1, b"content", str(PATH))])
    assert (result.error, result.is_verified) == (None, True)


def test_another_hash_is_never_published_and_leaves_no_trace(rig: Rig) -> None:
    rig.place.put(str(PATH), b"old")
    rig.proxy.script = _offering(b"XMD5", "XMD5", b"250 " + WRONG)
    remote = rig.remote()
    uploads = [make_upload(1, b"content", str(PATH)), make_upload(2, b"x", "orthanc/x")]
    assert errors(remote.store(uploads)) == [HashMismatch, HashMismatch]
    assert rig.place.finals() == {str(PATH)}
    assert rig.place.read(str(PATH)) == b"old"
    assert rig.place.temporaries() == set()


@pytest.mark.parametrize(
    "reply",
    [
        b"500 What?", b"502 Not implemented", b"550 Permission denied", b"250 hello",
        b"250 " + MD5[:31], b"250 " + MD5 + b"0", b"226 " + MD5, b"213 SHA-1 0-7 " + MD5,
    ],
)
def test_a_refusal_or_nonsense_is_no_hash_and_is_not_asked_for_again(
    rig: Rig, reply: bytes
) -> None:
    rig.proxy.script = _offering(b"XMD5", "XMD5", reply)
    remote = rig.remote()
    results = list(remote.store([make_upload(n, b"content", f"orthanc/{n}") for n in (1, 2, 3)]))
    assert errors(results) == [None] * 3
    assert not any(result.is_verified for result in results)
    assert remote.content_md5(PurePosixPath("orthanc/1"), 7) is None
    assert rig.proxy.count("XMD5") == 1


def test_a_server_that_never_answers_costs_one_session_not_every_file(rig: Rig) -> None:
    script = _offering(b"XMD5", "XMD5")
    rig.proxy.script = lambda verb, line: Stall() if verb == "XMD5" else script(verb, line)
    remote = rig.remote(deadlines=QUICK)
    upload = make_upload(1, b"content", str(PATH))
    with pytest.raises(ReplyTimeout):
        list(remote.store([upload]))
    remote.open()
    settled = remote.settle(upload)
    assert settled is not None
    assert (settled.error, settled.is_verified) == (None, False)
    assert errors(remote.store([make_upload(2, b"content", "orthanc/x")])) == [None]
    assert rig.proxy.count("XMD5") == 1


def test_no_hash_is_asked_for_when_it_is_switched_off(rig: Rig) -> None:
    rig.proxy.script = _offering(b"XMD5", "XMD5", b"250 " + WRONG)
    remote = rig.remote(asks_hashes=False)
    assert errors(remote.store([make_upload(1, b"content")])) == [None]
    assert rig.proxy.count("XMD5") == 0


@pytest.mark.parametrize("size_bytes", [300_000, 0])
def test_a_real_server_that_tells_sha_256_only_proves_uploads(
    ftp_server_factory: FtpServerFactory, size_bytes: int
) -> None:
    place = make_ftp_place(
        ftp_server_factory(
            "proftpd", options=["LoadModule mod_digest.c", "DigestAlgorithms sha256"]
        )
    )
    content = os.urandom(size_bytes)
    remote = RealPlace(place).remote()
    remote.open()
    remote.prepare()
    uploads = [make_upload(n, content, f"orthanc/{n}") for n in (1, 2, 3)]
    results = list(remote.store(uploads))
    assert errors(results) == [None] * 3
    assert all(result.is_verified for result in results)
    assert {result.md5 for result in results} == {
        hashlib.md5(content, usedforsecurity=False).hexdigest()
    }
    assert remote.content_md5(PurePosixPath("orthanc/1"), size_bytes) is None
    remote.close()


def test_a_real_server_with_hashes_proves_uploads_and_finds_a_flipped_byte(
    digest_place: RealPlace,
) -> None:
    content = os.urandom(300_000)
    remote = digest_place.remote()
    remote.open()
    remote.prepare()
    (result,) = remote.store([make_upload(1, content, str(PATH))])
    assert (result.error, result.is_verified) == (None, True)
    remote.close()

    digest_place.put(str(PATH), content[:-1] + bytes([content[-1] ^ 1]))

    remote.open()
    there = remote.content_md5(PATH, len(content))
    assert there is not None
    assert there != result.md5
    remote.close()


def test_the_question_rides_in_the_segment_and_a_wrong_answer_fails_its_file_only(
    digest_place: RealPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments: list[list[str]] = []
    put_lines = Wire.put_lines

    def listen(self: Wire, lines: Sequence[str]) -> None:
        segments.append([line.partition(" ")[0] for line in lines])
        put_lines(self, lines)

    monkeypatch.setattr(Wire, "put_lines", listen)
    wrong = Replace(b"213 MD5 0-7 " + WRONG + b" /orthanc/2\r\n")
    proxy = MeddlingProxy(digest_place.settings.port, at("HASH", None, wrong))
    remote = FtpRemote(
        replace(digest_place.settings, port=proxy.port), HOME_ID,
        host=HostProfile(answers_in_order=True),
    )
    remote.open()
    remote.prepare()
    results = list(remote.store(make_upload(n, b"content", f"orthanc/{n}") for n in (1, 2, 3)))
    remote.close()
    proxy.stop()
    assert errors(results) == [None, HashMismatch, None]
    assert [result.is_verified for result in results] == [True, False, True]
    assert digest_place.finals() == {"orthanc/1", "orthanc/3"}
    assert digest_place.temporaries() == set()
    with_data = [segment for segment in segments if "STOR" in segment]
    assert [segment[-4:] for segment in with_data] == [["STOR", "SIZE", "HASH", "EPSV"]] * 3


def test_a_reading_cut_short_under_a_confirmed_transfer_is_found(rig: Rig) -> None:
    rig.place.put(str(PATH), b"content")
    remote = rig.remote(always("RETR", Replace(b"226 Done.\r\n")))
    assert b"".join(remote.read(PATH, 7)) == b"content"
    with pytest.raises(DownloadRefused):
        list(remote.read(PATH, 8))


@pytest.mark.parametrize(
    "reply", [b"426 Broken.", b"451 Input/output error", b"452 No space left on device"]
)
def test_a_reading_the_server_does_not_confirm_is_refused(rig: Rig, reply: bytes) -> None:
    rig.place.put(str(PATH), b"content")
    remote = rig.remote(always("RETR", Replace(reply + b"\r\n")))
    with pytest.raises(DownloadRefused):
        list(remote.read(PATH, 7))
    assert remote.size(PATH) == 7  # the session lives on


def test_a_lost_reply_to_a_reading_is_a_lost_session(rig: Rig) -> None:
    rig.place.put(str(PATH), b"content")
    remote = rig.remote(always("RETR", Stall()), deadlines=QUICK)
    with pytest.raises(SessionError):
        list(remote.read(PATH, 7))


def test_xmd5_is_not_asked_where_a_blank_would_begin_a_range(rig: Rig) -> None:
    rig.proxy.script = _offering(b"XMD5", "XMD5", b"250 " + MD5)
    remote = rig.remote()
    assert remote.content_md5(PurePosixPath("orthanc/a 0 3"), 7) is None
    assert remote.content_md5(PurePosixPath("orthanc/empty"), 0) is None
    assert rig.proxy.count("XMD5") == 0
    assert remote.content_md5(PATH, 7) == MD5.decode()


def test_a_hash_of_a_part_is_no_hash_of_the_file(rig: Rig) -> None:
    rig.proxy.script = _offering(b"HASH MD5", "HASH", b"213 MD5 3-7 " + MD5 + b" x")
    assert rig.remote().content_md5(PATH, 7) is None
