"""Listings as other servers have them: empty, refused, in other forms, dripping, without end."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from pyftpdlib.handlers import FTPHandler

from farcopy.core.errors import ListingUnreadable, RemotePathMissing, ReplyTimeout
from farcopy.core.model import RemoteEntry
from farcopy.ftp.host import HostProfile
from farcopy.ftp.probe import probe
from farcopy.ftp.remote import FtpRemote
from farcopy.ftp.settings import SessionSettings
from tests.contract import pyftp
from tests.contract.endless import Dripping, Endless
from tests.contract.fakes import errors, make_upload
from tests.contract.places import FOLDER, HOME_ID, SHORT, RealPlace
from tests.contract.pyftp import PyFtpServer
from tests.contract.rig import at_port

Serve = Callable[..., SessionSettings]
ROOT = PurePosixPath()


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def serve(tmp_path: Path, ends: ExitStack) -> Serve:
    """A bent pyftpdlib that serves tmp_path; settings to reach /backup there."""
    (tmp_path / "backup").mkdir()

    def start(handler: type[FTPHandler], path: str = "/backup") -> SessionSettings:
        server = PyFtpServer(tmp_path, handler=handler)
        ends.callback(server.stop)
        return SessionSettings(
            host="127.0.0.1", port=int(server.port), user=pyftp.USER, password=pyftp.PASSWORD,
            path=path, deadlines=SHORT,
        )

    return start


def opened(settings: SessionSettings, ends: ExitStack, host: HostProfile | None = None
           ) -> FtpRemote:
    remote = FtpRemote(settings, HOME_ID, host=host)
    ends.callback(remote.close)
    remote.open()
    return remote


def without(*verbs: str) -> type[FTPHandler]:
    commands = {k: v for k, v in FTPHandler.proto_cmds.items() if k not in verbs}
    return type("Without", (FTPHandler,), {"proto_cmds": commands})


NO_MLSD = without("MLSD", "MLST")


@pytest.mark.parametrize(
    "reply",
    [
        "450 No files found", "450 NLST: No such file or directory", "550 No files found",
        "550 Directory is empty", "550 No matches found", "550 .: No such file or directory",
    ],
)
def test_an_empty_folder_that_is_refused_is_an_empty_folder(
    serve: Serve, ends: ExitStack, reply: str
) -> None:
    class Handler(NO_MLSD):  # type: ignore[misc, valid-type]
        def ftp_LIST(self, path: str) -> object:
            return super().ftp_LIST(path) if any(Path(path).iterdir()) else self.respond(reply)

        ftp_NLST = ftp_LIST

    settings = serve(Handler)
    assert probe(settings).files_in_directory == 0
    remote = opened(settings, ends)
    assert list(remote.listing(ROOT)) == []
    assert list(remote.prepare()) == []
    assert errors(remote.store([make_upload(1, b"x"), make_upload(2, b"y", "orthanc/y")])) == [
        None, None
    ]
    assert set(remote.listing(ROOT)) == {
        RemoteEntry("orthanc", True), RemoteEntry(FOLDER, True)
    }


@pytest.mark.parametrize("reply", ["550 Permission denied.", "450 Busy.", "550 Zugriff verweigert"])
def test_a_refused_listing_is_not_an_empty_folder(
    serve: Serve, ends: ExitStack, reply: str
) -> None:
    class Handler(NO_MLSD):  # type: ignore[misc, valid-type]
        def ftp_LIST(self, path: str) -> object:
            return self.respond(reply)

    remote = opened(serve(Handler), ends)
    with pytest.raises(ListingUnreadable):
        list(remote.listing(ROOT))
    assert remote.size(PurePosixPath("nothing")) is None  # the session lives on


def test_a_folder_a_real_server_may_not_read_is_not_an_empty_one(
    real_place: RealPlace, ends: ExitStack
) -> None:
    real_place.put("hospital/secret/x", b"1")
    folder = real_place.root / "hospital/secret"
    folder.chmod(0o300)
    try:
        remote = opened(real_place.settings, ends)
        with pytest.raises((ListingUnreadable, RemotePathMissing)):
            list(remote.listing(PurePosixPath("hospital/secret")))
        assert remote.size(PurePosixPath("hospital/secret/x")) == 1
    finally:
        folder.chmod(0o700)


def test_mlsd_that_is_offered_and_refused_is_not_asked_for_again(
    serve: Serve, ends: ExitStack, tmp_path: Path
) -> None:
    asked: list[str] = []

    class Handler(FTPHandler):  # type: ignore[misc]
        def ftp_MLSD(self, path: str) -> None:
            asked.append(path)
            self.respond("500 'MLSD': command not understood.")

    (tmp_path / "backup/a file").write_bytes(b"123")
    settings, host = serve(Handler), HostProfile()
    for _ in range(2):
        remote = opened(settings, ends, host)
        assert list(remote.listing(ROOT)) == [RemoteEntry("a file", False, 3)]
        assert remote.temporaries() == ()
    assert len(asked) == 1
    assert probe(settings).files_in_directory == 1


FORMS = {
    "two words": ("{d}rwxr-xr-x   1 anna Domain Users {s:>10} Nov 22 10:15 {n}", "a file"),
    "Chinese": ("{d}rwxr-xr-x   1 ftp ftp {s:>10} 11月 22 10:15 {n}", "a file"),
    "IIS": ("11-22-26  10:15AM {x:>20} {n}", "a file"),
    "with years": ("{d}rwxr-xr-x   1 ftp ftp {s:>10} Nov 22 10:15 2026 {n}", "a file"),
    "names that begin so": ("{d}rwxr-xr-x   1 ftp ftp {s:>10} Nov 22 10:15 {n}", "2026 a file"),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_lies_there_is_listed_in_whatever_form(
    serve: Serve, ends: ExitStack, tmp_path: Path, form: str
) -> None:
    template, name = FORMS[form]

    class Handler(NO_MLSD):  # type: ignore[misc, valid-type]
        def ftp_LIST(self, path: str) -> None:
            lines = []
            for entry in sorted(Path(path).iterdir()):
                size = 4096 if entry.is_dir() else entry.stat().st_size
                kind, word = ("d", "<DIR>") if entry.is_dir() else ("-", str(size))
                lines.append(template.format(d=kind, s=size, x=word, n=entry.name) + "\r\n")
            self.push_dtp_data("".join(lines).encode())

    (tmp_path / "backup" / name).write_bytes(b"123")
    (tmp_path / "backup" / f"{name}s").mkdir()
    (tmp_path / "backup" / f"{name}s" / name).write_bytes(b"1")
    remote = opened(serve(Handler), ends)
    assert list(remote.listing(ROOT)) == [
        RemoteEntry(name, False, 3), RemoteEntry(f"{name}s", True)
    ]
    assert list(remote.listing(PurePosixPath(f"{name}s"))) == [RemoteEntry(name, False, 1)]


def test_of_a_listing_that_can_be_read_in_part_the_rest_is_told(
    serve: Serve, ends: ExitStack
) -> None:
    class Handler(NO_MLSD):  # type: ignore[misc, valid-type]
        def ftp_LIST(self, path: str) -> None:
            self.push_dtp_data(
                b"-rw-r--r-- 1 u g 3 Nov 22 10:15 known\r\n"
                b"KNOWN.TXT;1    1    22-NOV-2026 10:15 [ANNA] (RWED,RE,,)\r\n"
            )

    remote = opened(serve(Handler), ends)
    found = []
    with pytest.raises(ListingUnreadable):
        for entry in remote.listing(ROOT):
            found.append(entry)
    assert found == [RemoteEntry("known", False, 3)]


PWDS = [
    '257 "/home/offsite" is the current directory', "257 /home/offsite",
    "257 /home/offsite is the current directory", '257 "" is the current directory',
    "257 '/home/offsite'", '257 "C:\\home\\offsite"', "550 No",
]


@pytest.mark.parametrize("path", ["backup", "/home/offsite/backup"])
@pytest.mark.parametrize("reply", PWDS)
def test_whatever_the_server_says_of_the_login_directory_files_go_where_they_belong(
    serve: Serve, ends: ExitStack, tmp_path: Path, reply: str, path: str
) -> None:
    class Handler(FTPHandler):  # type: ignore[misc]
        def ftp_PWD(self, line: str) -> None:
            self.respond(reply)

        def on_login(self, username: str) -> None:
            self.fs.cwd = "/home/offsite"

    base = tmp_path / "home/offsite"
    base.mkdir(parents=True)
    remote = opened(serve(Handler, path), ends)
    remote.prepare()
    assert errors(remote.store([make_upload(1, b"x", "hospital/a b/c")])) == [None]
    assert [entry.name for entry in remote.listing(PurePosixPath("hospital"))] == ["a b"]
    assert remote.temporaries() == ()
    assert errors(remote.store([make_upload(2, b"y", "hospital/d")])) == [None]
    files = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*/hospital/**/*")}
    assert files == {
        f"home/offsite/backup/hospital/{name}" for name in ("a b", "a b/c", "d")
    }
    assert probe(serve(Handler, path)).files_in_directory == 0


# --- a server that means harm


@pytest.fixture
def dripping(ends: ExitStack) -> Dripping:
    server = Dripping(every_s=0.05)
    ends.callback(server.stop)
    return server


CRAWLING = replace(SHORT, stall_s=2, crawl_s=0.4, least_bytes_per_s=512.0)


@pytest.mark.parametrize("ask", ["listing", "temporaries", "prepare", "read"])
def test_a_server_that_drips_is_not_waited_for_for_ever(
    dripping: Dripping, ends: ExitStack, ask: str
) -> None:
    remote = opened(at_port(dripping.port, path="/b", deadlines=CRAWLING), ends)
    work: dict[str, Callable[[], object]] = {
        "listing": lambda: list(remote.listing(ROOT)),
        "temporaries": remote.temporaries,
        "prepare": remote.prepare,
        "read": lambda: list(remote.read(PurePosixPath("x"), 1_000_000)),
    }
    with pytest.raises(ReplyTimeout):
        work[ask]()


def test_a_listing_that_comes_slowly_but_comes_is_read_to_its_end(ends: ExitStack) -> None:
    # In all it takes several times what no progress at all may last.
    server = Dripping(every_s=0.02, bytes_at_once=200, lines=60)
    ends.callback(server.stop)
    remote = opened(at_port(server.port, path="/b", deadlines=CRAWLING), ends)
    assert len(list(remote.listing(ROOT))) == 60


ROOM_MIB = 96
"""For what is kept of it. The whole listing is 8 GB."""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no limit of address space")
@pytest.mark.parametrize(
    ("work", "line_bytes"),
    [("prepare", 8000), ("temporaries", 8000), ("count", 8000), ("rebuild", 8000), ("walk", 120)],
)
def test_a_listing_without_end_is_not_kept(ends: ExitStack, work: str, line_bytes: int) -> None:
    server = Endless(line_bytes)
    ends.callback(server.stop)
    # Who fetches without a ledger wants every name: a million of them, and no more.
    room = 4 * ROOM_MIB if work == "walk" else ROOM_MIB
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract.endless", str(server.port), work, str(room)],
        capture_output=True, text=True, timeout=120, check=False,
    )
    assert done.stdout.strip() == "listing_beyond_limits", done.stderr[-2000:]
