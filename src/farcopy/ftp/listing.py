"""Reads directory listings: MLSD (RFC 3659), or LIST in the two formats servers use.

Bounded in line length and number; absence from a listing proves nothing, so
nothing is concluded from it. Called by probe and remote.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from farcopy.core.errors import RemotePathMissing
from farcopy.core.model import RemoteEntry
from farcopy.ftp import transfer
from farcopy.ftp.session import Session

MAX_ENTRIES = 1_000_000
"""A directory of more is none of ours, or a server that never ends."""

_DOS = re.compile(
    rb"\d{2}[-/.]\d{2}[-/.]\d{2,4} +\d{1,2}:\d{2} ?(?:[AP]M)? +(<[A-Z]+>|[\d.,]+) +\S",
    re.IGNORECASE,
)
_UNIX = re.compile(
    # Kind and rights, links, owner, sometimes group, size, "Nov 22 10:15" or "Nov 22  2025".
    rb"([-d])\S* +\d+ +\S+ +(?:\S+ +)?(\d+) +\w{3} +\d{1,2} +(?:\d{1,2}:\d{2}|\d{4}) (.+)"
)
_DOS_ENTRY = re.compile(
    rb"\d{2}[-/.]\d{2}[-/.]\d{2,4} +\d{1,2}:\d{2} ?(?:[AP]M)? +(<[A-Z]+>|[\d.,]+) +(\S.*)",
    re.IGNORECASE,
)
_NO_FILES = re.compile(r"no (?:such )?files?\b|not found|empty", re.IGNORECASE)


def count_files(session: Session, folder: PurePosixPath) -> int:
    """Regular files directly in the folder, over a data connection.

    Raises: RemotePathMissing, DataConnectionFailed, SessionError.
    """
    if session.features.mlsd:
        return sum(map(is_file_of_mlsd, _lines(session, folder, "MLSD")))
    return sum(map(is_file_of_list, _lines(session, folder, "LIST")))


def names(session: Session, folder: PurePosixPath) -> list[str]:
    """Names in the folder, without directories where the server can tell."""
    if session.features.mlsd:
        lines = _lines(session, folder, "MLSD")
        found = [line.partition(b" ")[2] for line in lines if is_file_of_mlsd(line)]
    else:
        # Some servers put the path before each name.
        found = [line.rpartition(b"/")[2] for line in _lines(session, folder, "NLST")]
    return [name.decode("utf-8", "surrogateescape") for name in found]


def entries(session: Session, folder: PurePosixPath) -> list[RemoteEntry]:
    """Files and folders directly in the folder; links, devices and odd lines are left out.

    A name that is no single name (a server may try ours) is left out as well.
    Raises: RemotePathMissing, DataConnectionFailed, SessionError.
    """
    if session.features.mlsd:
        found = map(entry_of_mlsd, _lines(session, folder, "MLSD"))
    else:
        found = map(entry_of_list, _all_lines(session, folder))
    return [entry for entry in found if entry is not None and is_single_name(entry.name)]


def _all_lines(session: Session, folder: PurePosixPath) -> list[bytes]:
    """LIST with hidden names, where the server has them: vsftpd shows those to -a only."""
    if not session.is_list_a_refused:
        try:
            lines = list(_lines(session, folder, "LIST -a"))
        except RemotePathMissing:
            lines = []
        # Who understands -a lists the folder itself; to others it is a name or nothing.
        if any(line.endswith(b" .") for line in lines):
            return lines
    lines = list(_lines(session, folder, "LIST"))
    session.is_list_a_refused = True
    return lines


def is_single_name(name: str) -> bool:
    """Whether it names something in this very folder."""
    return name not in ("", ".", "..") and not any(char in name for char in "/\0\r\n")


def entry_of_mlsd(line: bytes) -> RemoteEntry | None:
    """`type=file;size=3; name` (RFC 3659 §7.2), as an entry."""
    head, _, name = line.partition(b" ")
    facts = dict(fact.partition(b"=")[::2] for fact in head.lower().split(b";") if fact)
    kind = facts.get(b"type")
    if kind not in (b"file", b"dir"):
        return None  # the folder itself, its parent, a link
    return _entry(name, kind == b"dir", facts.get(b"size"))


def entry_of_list(line: bytes) -> RemoteEntry | None:
    """A line of LIST, Unix or DOS, as an entry."""
    if match := _UNIX.fullmatch(line):
        return _entry(match.group(3), match.group(1) == b"d", match.group(2))
    if match := _DOS_ENTRY.fullmatch(line):
        size = match.group(1)
        is_folder = size.upper() == b"<DIR>"
        return None if size.startswith(b"<") and not is_folder else _entry(
            match.group(2), is_folder, size.replace(b",", b"").replace(b".", b"")
        )
    return None


def _entry(name: bytes, is_folder: bool, size: bytes | None) -> RemoteEntry:
    is_known = not is_folder and size is not None and size.isdigit() and len(size) < 20
    return RemoteEntry(
        name.decode("utf-8", "surrogateescape"), is_folder, int(size or 0) if is_known else None
    )


def is_file_of_mlsd(line: bytes) -> bool:
    """`type=file;size=3; name` (RFC 3659 §7.2)."""
    facts = line.partition(b" ")[0].lower().split(b";")
    return b"type=file" in facts


def is_file_of_list(line: bytes) -> bool:
    """`-rw-r--r-- …` of Unix, or `01-31-26  10:15AM  1234 name` of DOS."""
    if line.startswith(b"-"):
        return True
    match = _DOS.match(line)
    return match is not None and not match.group(1).startswith(b"<")


def _lines(session: Session, folder: PurePosixPath, line: str) -> Iterator[bytes]:
    # From inside the folder and without an argument: as an argument many servers
    # take "-a" for an option and "[1]" for a pattern.
    home = session.login_directory
    session.command(f"CWD {folder}", path_error=RemotePathMissing)
    try:
        data = transfer.begin(session, line, path_error=_NoFiles)
    except _NoFiles as error:
        if not _NO_FILES.search(str(error.__cause__)):
            raise RemotePathMissing(error.detail) from error.__cause__
    else:
        verb = line.partition(" ")[0]
        yield from transfer.read_listing(session, data, verb, MAX_ENTRIES)
    session.ask(f"CWD {home}")


class _NoFiles(RemotePathMissing):
    """A refused listing: of an empty directory some servers say 550."""
