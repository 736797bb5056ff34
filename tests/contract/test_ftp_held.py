"""Files that somebody on the server holds for a while, and accounts that may not delete."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from pyftpdlib.handlers import FTPHandler

from farcopy.core.errors import PathRefused, UploadRefused
from farcopy.ftp.host import HostProfile
from farcopy.ftp.remote import FtpRemote
from farcopy.ftp.settings import SessionSettings
from tests.contract import pyftp
from tests.contract.fakes import errors, make_upload, old_name
from tests.contract.places import HOME_ID, SHORT
from tests.contract.pyftp import PyFtpServer

HELD = "The process cannot access the file because it is being used by another process."
Open = Callable[..., FtpRemote]


class _Heard(FTPHandler):  # type: ignore[misc]
    """heard: the verbs, of the class that was made for one test."""

    heard: list[str]

    def pre_process_command(self, line: str, cmd: str, arg: str) -> object:
        self.heard.append(cmd)
        return super().pre_process_command(line, cmd, arg)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """A session with a bent pyftpdlib that serves tmp_path as /."""
    with ExitStack() as ends:

        def start(handler: type[FTPHandler], host: HostProfile | None = None) -> FtpRemote:
            server = PyFtpServer(tmp_path, handler=handler)
            ends.callback(server.stop)
            settings = SessionSettings(
                host="127.0.0.1", port=int(server.port), user=pyftp.USER,
                password=pyftp.PASSWORD, deadlines=replace(SHORT, locked_s=2.0),
            )
            remote = FtpRemote(settings, HOME_ID, host=host)
            ends.callback(remote.close)
            remote.open()
            remote.prepare()
            return remote

        yield start


def holding(verb: str, code: int, for_s: float) -> type[_Heard]:
    """A scanner holds each file so long after it was written."""

    class Handler(_Heard):
        heard: list[str] = []  # noqa: RUF012

        def _is_held(self, path: str) -> bool:
            return time.time() - Path(path).stat().st_mtime < for_s

        def ftp_RNFR(self, path: str) -> object:
            if verb == "RNFR" and self._is_held(path):
                return self.respond(f"{code} {HELD}")
            return super().ftp_RNFR(path)

        def ftp_RNTO(self, path: str) -> object:
            if verb == "RNTO" and self._rnfr and self._is_held(self._rnfr):
                self._rnfr = None
                return self.respond(f"{code} {HELD}")
            return super().ftp_RNTO(path)

        def ftp_DELE(self, path: str) -> object:
            return self.respond(f"550 {HELD}") if self._is_held(path) else super().ftp_DELE(path)

    return Handler


@pytest.mark.parametrize(("verb", "code"), [("RNTO", 550), ("RNFR", 550), ("RNTO", 450)])
def test_a_file_that_is_held_for_a_while_gets_its_name_and_is_sent_once(
    opened: Open, tmp_path: Path, verb: str, code: int
) -> None:
    handler = holding(verb, code, 0.7)
    remote = opened(handler)
    uploads = [make_upload(n, b"content", f"orthanc/{n}") for n in (1, 2)]
    assert errors(remote.store(uploads)) == [None, None]
    assert [(tmp_path / f"orthanc/{n}").read_bytes() for n in (1, 2)] == 2 * [b"content"]
    assert handler.heard.count("STOR") == 2


def test_one_that_is_held_for_ever_is_given_up(opened: Open, tmp_path: Path) -> None:
    remote = opened(holding("RNTO", 550, 1000.0))
    (error,) = errors(remote.store([make_upload(1, b"content")]))
    assert error in (PathRefused, UploadRefused)
    assert not (tmp_path / "orthanc/a/b").exists()


def test_after_one_that_was_waited_for_in_vain_the_next_are_not_waited_for_as_long(
    opened: Open
) -> None:
    handler, host = holding("RNTO", 550, 1000.0), HostProfile()
    remote = opened(handler, host)
    asked = []
    for n in (1, 2):
        errors(remote.store([make_upload(n, b"content", f"orthanc/{n}")]))
        asked.append(handler.heard.count("RNTO") - sum(asked))
    assert asked[1] < asked[0]
    assert host.lets_go is False


def test_a_refusal_for_good_is_not_waited_for(opened: Open) -> None:
    class Handler(_Heard):
        heard: list[str] = []  # noqa: RUF012

        def ftp_RNTO(self, path: str) -> None:
            self._rnfr = None
            self.respond("550 Permission denied.")

    remote = opened(Handler)
    assert errors(remote.store([make_upload(1, b"content")])) == [PathRefused]
    assert Handler.heard.count("RNTO") <= 4


@pytest.mark.parametrize("can_rename_over", [True, False])
def test_an_account_that_may_not_delete_is_good_enough(
    opened: Open, tmp_path: Path, can_rename_over: bool
) -> None:
    class Handler(_Heard):
        heard: list[str] = []  # noqa: RUF012

        def ftp_DELE(self, path: str) -> None:
            self.respond("550 Permission denied.")

        def ftp_RNTO(self, path: str) -> object:
            if not can_rename_over and Path(path).exists():
                self._rnfr = None
                return self.respond("550 File exists.")
            return super().ftp_RNTO(path)

    host = HostProfile()
    remote = opened(Handler, host)
    for claim, content in enumerate((b"one", b"two", b"three"), 1):
        upload = make_upload(1, content, claim=claim)
        assert errors(remote.store([upload])) == [None]
        assert (tmp_path / "orthanc/a/b").read_bytes() == content
    left = make_upload(7, b"left behind", "orthanc/c")
    (tmp_path / f"farcopy-tmp-{HOME_ID}" / left.temporary_name).write_bytes(b"half")
    assert remote.discard_temporary(left.temporary_name) is False
    remote.restore_displaced(old_name(1, 2), "orthanc/a/b")
    assert (tmp_path / "orthanc/a/b").read_bytes() == b"three"
    # What is left over becomes the next claim's, and is never used under its old name.
    again = replace(make_upload(7, b"whole", "orthanc/c", claim=2), left_over=left.temporary_name)
    assert errors(remote.store([again])) == [None]
    assert (tmp_path / "orthanc/c").read_bytes() == b"whole"
    assert left.temporary_name not in remote.temporaries()
    assert Handler.heard.count("DELE") == 1  # known after the first time
