"""What servers do to names is learnt before the first file, and no two files become one."""

import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

import pytest
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import FTPHandler

from farcopy.core.errors import LocalName
from farcopy.ftp.host import HostProfile
from farcopy.ftp.remote import FtpRemote
from farcopy.ftp.settings import SessionSettings
from farcopy.planning.remote_names import PLAIN, NameRules, Trait
from tests.contract import pyftp
from tests.contract.fakes import errors, make_upload
from tests.contract.places import FOLDER, HOME_ID, SHORT, RealPlace
from tests.contract.pyftp import PyFtpServer


def found_by(change: Callable[[str], str]) -> type[AbstractedFS]:
    """Each name it gets is changed so."""

    class Bent(AbstractedFS):  # type: ignore[misc]
        def ftp2fs(self, path: str) -> str:
            head, _, name = path.rpartition("/")
            return str(super().ftp2fs(f"{head}/{change(name)}"))

    return Bent


def made_by(change: Callable[[str], str]) -> type[AbstractedFS]:
    """Only a name that is made, by a renaming, is changed."""

    class Bent(AbstractedFS):  # type: ignore[misc]
        def rename(self, source: str, target: str) -> None:
            path = Path(target)
            super().rename(source, str(path.with_name(change(path.name))))

    return Bent


class _NoCase(AbstractedFS):  # type: ignore[misc]
    """As NTFS: a name keeps the case of who made it, and is found in any."""

    def ftp2fs(self, path: str) -> str:
        here = Path(self.root)
        for part in PurePosixPath(super().ftp2fs(path)).relative_to(self.root).parts:
            names = [n.name for n in here.iterdir()] if here.is_dir() else []
            here /= next((name for name in names if name.lower() == part.lower()), part)
        return str(here)


class _NoWindowsNames(FTPHandler):  # type: ignore[misc]
    def ftp_RNTO(self, path: str) -> object:
        if set('<>:"|?*') & set(path):
            self._rnfr = None
            return self.respond("550 The filename, directory name, or volume label is incorrect.")
        return super().ftp_RNTO(path)


BENT: dict[str, tuple[dict[str, object], set[Trait], list[str]]] = {
    "no case": ({"file_system": _NoCase}, {Trait.CASE}, ["Report.txt", "REPORT.TXT"]),
    "lower case": ({"file_system": made_by(str.lower)}, {Trait.CASE}, ["A", "a", "Sub É"]),
    "no dots at the end": (
        {"file_system": found_by(lambda n: n.rstrip(".") or n)}, {Trait.ENDS}, ["x.", "x", "x.."]
    ),
    "composed": (
        {"file_system": found_by(lambda n: unicodedata.normalize("NFD", n))}, {Trait.COMPOSES},
        [unicodedata.normalize("NFC", "Müller"), unicodedata.normalize("NFD", "Müller")],
    ),
    "no blanks": (
        {"file_system": made_by(lambda n: n.replace(" ", "_"))}, {Trait.BLANKS}, ["a b", "a_b"]
    ),
    "Windows": ({"handler": _NoWindowsNames}, {Trait.NTFS}, ["a:b", "a?b", "nul", "x."]),
}


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def opened(settings: SessionSettings, ends: ExitStack, host: HostProfile | None = None
           ) -> FtpRemote:
    remote = FtpRemote(settings, HOME_ID, host=host)
    ends.callback(remote.close)
    remote.open()
    return remote


def bent(root: Path, ends: ExitStack, how: dict[str, object]) -> SessionSettings:
    server = PyFtpServer(root, **how)  # type: ignore[arg-type]
    ends.callback(server.stop)
    return SessionSettings(
        host="127.0.0.1", port=int(server.port), user=pyftp.USER, password=pyftp.PASSWORD,
        deadlines=SHORT,
    )


@pytest.mark.parametrize("what", BENT)
def test_two_sources_never_meet_in_one_name_and_come_back_by_their_own(
    tmp_path: Path, ends: ExitStack, what: str
) -> None:
    how, traits, names = BENT[what]
    settings, host = bent(tmp_path, ends, how), HostProfile()
    remote = opened(settings, ends, host)
    remote.prepare()
    remote.learn_names()
    assert host.names is not None
    assert traits <= host.names.traits
    paths = [PurePosixPath("hospital") / name for name in names]
    uploads = [make_upload(n, str(path).encode(), str(path)) for n, path in enumerate(paths, 1)]
    assert errors(remote.store(uploads)) == [None] * len(paths)
    # Another home knows nothing but what lies there.
    reader = opened(settings, ends)
    for path in paths:
        size = reader.size(path)
        assert size == len(str(path).encode())
        assert b"".join(reader.read(path, size)) == str(path).encode()
    found = {entry.name for entry in reader.listing(PurePosixPath("hospital"))}
    assert found == set(names)
    lying = [file.name for file in (tmp_path / FOLDER).iterdir()]
    assert lying == []


def test_names_that_are_cut_are_refused_by_name(tmp_path: Path, ends: ExitStack) -> None:
    settings, host = bent(tmp_path, ends, {"file_system": made_by(lambda n: n[:32])}), HostProfile()
    remote = opened(settings, ends, host)
    remote.prepare()
    remote.learn_names()
    assert host.names == NameRules(longest=32)
    uploads = [
        make_upload(1, b"one", "hospital/" + "a" * 32), make_upload(2, b"2", "hospital/" + "a" * 33)
    ]
    assert errors(remote.store(uploads)) == [None, LocalName]


def test_real_servers_on_linux_keep_all_names_apart(real_place: RealPlace, ends: ExitStack) -> None:
    host = HostProfile()
    remote = opened(real_place.settings, ends, host)
    remote.prepare()
    remote.learn_names()
    assert host.names == PLAIN
    assert real_place.temporaries() == set()
    assert real_place.finals() == set()


def test_where_files_lie_already_they_keep_their_names(tmp_path: Path, ends: ExitStack) -> None:
    (tmp_path / "hospital").mkdir()
    (tmp_path / "hospital/Report").write_bytes(b"from before")
    settings, host = bent(tmp_path, ends, {"file_system": _NoCase}), HostProfile()
    remote = opened(settings, ends, host)
    remote.prepare()
    remote.learn_names()
    assert host.names == PLAIN
    assert remote.size(PurePosixPath("hospital/Report")) == 11
