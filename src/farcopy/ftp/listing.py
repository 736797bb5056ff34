"""Reads directory listings: MLSD (RFC 3659), or LIST in the two formats servers use.

Bounded in line length and number; absence from a listing proves nothing, so
nothing is concluded from it. Called by probe and remote.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from farcopy.core.errors import RemotePathMissing
from farcopy.ftp import transfer
from farcopy.ftp.session import Session

MAX_ENTRIES = 1_000_000
"""A directory of more is none of ours, or a server that never ends."""

_DOS = re.compile(
    rb"\d{2}[-/.]\d{2}[-/.]\d{2,4} +\d{1,2}:\d{2} ?(?:[AP]M)? +(<[A-Z]+>|[\d.,]+) +\S",
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


def _lines(session: Session, folder: PurePosixPath, verb: str) -> Iterator[bytes]:
    # From inside the folder and without an argument: as an argument many servers
    # take "-a" for an option and "[1]" for a pattern.
    home = session.login_directory
    session.command(f"CWD {folder}", path_error=RemotePathMissing)
    try:
        data = transfer.begin(session, verb, path_error=_NoFiles)
    except _NoFiles as error:
        if not _NO_FILES.search(str(error.__cause__)):
            raise RemotePathMissing(error.detail) from error.__cause__
    else:
        yield from transfer.read_listing(session, data, verb, MAX_ENTRIES)
    session.ask(f"CWD {home}")


class _NoFiles(RemotePathMissing):
    """A refused listing: of an empty directory some servers say 550."""
