"""Reads directory listings: MLSD (RFC 3659), LIST where that is refused, NLST for our own names.

Line by line: what nobody asked for is dropped as it comes, and a listing beyond all limits
ends it. One that cannot be read is never taken for an empty one, and absence from a listing
proves nothing. What a line says is listing_forms' matter. Called by probe, doctor and remote.
"""

import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from farcopy.core.errors import FarcopyError, ListingUnreadable, RemotePathMissing
from farcopy.core.model import RemoteEntry
from farcopy.ftp import transfer
from farcopy.ftp.listing_forms import (
    Line,
    UnknownForm,
    first_line_of_list,
    is_single_name,
    line_of_list,
    line_of_mlsd,
)
from farcopy.ftp.replies import parse_reply
from farcopy.ftp.session import Session
from farcopy.planning.remote_path import MAX_NAME_BYTES

MAX_ENTRIES = 1_000_000
"""A directory of more is none of ours, or a server that never ends."""
MAX_BYTES = 256 * 1024 * 1024
HELD_BYTES = 1024 * 1024
"""Of lines that wait until it is known what their listing is."""

_NOT_ALLOWED = re.compile(r"fail|denied|permi|not allowed|forbidden|error", re.IGNORECASE)


@dataclass
class _Odd:
    """lines: so many were in no form anybody here knows."""

    lines: int = 0


class _Refused(RemotePathMissing):
    """A listing was refused: of an empty directory some servers say 450 or 550."""


def count_files(session: Session, folder: PurePosixPath) -> int:
    """Regular files directly in the folder, over a data connection.

    Raises: RemotePathMissing, ListingUnreadable (refused), DataConnectionFailed, SessionError.
    """
    return sum(not entry.is_folder for entry in _entries(session, folder, _Odd()))


def names(
    session: Session, folder: PurePosixPath, is_wanted: Callable[[str], bool]
) -> list[str]:
    """Those names in the folder that are wanted, of files where the server can tell.

    Raises: RemotePathMissing, ListingUnreadable, DataConnectionFailed, SessionError.
    """
    if session.lists_by_mlsd:
        try:
            found = _entries(session, folder, _Odd())
            return [entry.name for entry in found if not entry.is_folder and is_wanted(entry.name)]
        except ListingUnreadable:
            session.host.note_mlsd_refused()
    _enter(session, folder)
    # Some servers put the path before each name.
    lines = (line.rpartition(b"/")[2] for line in _lines(session, "NLST"))
    found_names = (line.decode("utf-8", "surrogateescape") for line in lines)
    wanted = [name for name in found_names if is_wanted(name)]
    session.leave(folder)
    return wanted


def entries(session: Session, folder: PurePosixPath) -> Iterator[RemoteEntry]:
    """Files and folders directly in the folder; links and devices are left out.

    A name that is no single name (a server may try ours) is left out as well. Who stops before
    the end has used the session up.
    Raises: RemotePathMissing; ListingUnreadable when it was refused, or, after all that could
    be read, when some of it could not; ListingBeyondLimits, DataConnectionFailed, SessionError.
    """
    odd = _Odd()
    for entry in _entries(session, folder, odd):
        # Longer names are none of ours, and would fill our memory.
        if is_single_name(entry.name) and len(entry.name) <= MAX_NAME_BYTES:
            yield entry
    if odd.lines:
        raise ListingUnreadable(f"{odd.lines} lines in an unknown form")


def _entries(session: Session, folder: PurePosixPath, odd: _Odd) -> Iterator[RemoteEntry]:
    _enter(session, folder)
    if session.lists_by_mlsd:
        try:
            for line in _lines(session, "MLSD"):
                if (entry := _read(odd, line_of_mlsd, line).entry) is not None:
                    yield entry
        except ListingUnreadable as error:
            # FEAT may offer what a firewall's inspection, or the server, does not have.
            if not _is_unknown_command(error):
                raise
            session.host.note_mlsd_refused()
        else:
            session.leave(folder)
            return
    held = yield from _of_list(session, odd)
    session.leave(folder)
    if held:
        session.host.dates_have_years = _are_dated(session, folder, held[0])
        for read in held:
            entry = read.dated if session.host.dates_have_years else read.entry
            assert entry is not None, "only such are held"
            yield entry


def _of_list(session: Session, odd: _Odd) -> Generator[RemoteEntry, None, list[Line]]:
    """The entries of LIST; returns the lines of which it is not known where the date ends."""
    has_years = session.host.dates_have_years
    held: list[Line] = []
    held_bytes = 0
    for number, line in enumerate(_list_lines(session)):
        read = _read(odd, line_of_list if number else first_line_of_list, line)
        if read.entry is None:
            continue
        if read.dated is not None and has_years is None and held_bytes <= HELD_BYTES:
            held.append(read)
            held_bytes += len(line)
            continue
        if read.dated is None and has_years is None:
            has_years = False  # a listing has one form, and this line has no year there
            yield from (line.entry for line in held if line.entry is not None)
            held = []
        yield read.dated if read.dated is not None and has_years else read.entry
    return held


def _are_dated(session: Session, folder: PurePosixPath, line: Line) -> bool:
    """Whether the year belongs to the date: the name without it is there, that with it is not."""
    assert line.entry is not None and line.dated is not None, "only such are held"

    def is_there(entry: RemoteEntry) -> bool:
        path = folder / entry.name
        if entry.is_folder:
            return session.is_directory(path)
        return session.size(path) is not None

    return not is_there(line.entry) and is_there(line.dated)


def _read(odd: _Odd, read: Callable[[bytes], Line], line: bytes) -> Line:
    try:
        return read(line)
    except UnknownForm:
        odd.lines += 1
        return Line(None)


def _list_lines(session: Session) -> Iterator[bytes]:
    """LIST with hidden names, where the server has them: vsftpd shows those to -a only."""
    if not session.is_list_a_refused:
        held: list[bytes] = []
        held_bytes = 0
        is_understood = False
        try:
            for line in _lines(session, "LIST -a"):
                if is_understood:
                    yield line
                    continue
                held_bytes += len(line)
                held = [*held, line] if held_bytes <= HELD_BYTES else []
                # Who understands -a lists the folder itself; to others it is a name or nothing.
                if line.endswith(b" ."):
                    is_understood = True
                    yield from held
        except ListingUnreadable:
            if is_understood:
                raise
        if is_understood:
            return
    yield from _lines(session, "LIST")
    session.is_list_a_refused = True


def _enter(session: Session, folder: PurePosixPath) -> None:
    # From inside the folder and without an argument: as an argument many servers
    # take "-a" for an option and "[1]" for a pattern.
    session.command(f"CWD {folder}", path_error=RemotePathMissing)


def _lines(session: Session, line: str) -> Iterator[bytes]:
    """Of the folder one is in; none where the server says in words that there are no files.

    Raises: ListingUnreadable, ListingBeyondLimits, DataConnectionFailed, SessionError.
    """
    has_lines = False
    try:
        data = transfer.begin(session, line, path_error=_Refused)
        verb = line.partition(" ")[0]
        for found in transfer.read_listing(
            session, data, verb, MAX_ENTRIES, MAX_BYTES, path_error=_Refused
        ):
            has_lines = True
            yield found
        said = session.last_text
    except _Refused as error:
        if has_lines or not parse_reply(str(error.__cause__)).says_no_files:
            raise ListingUnreadable(error.detail) from error.__cause__
        return
    # vsftpd: "226 Transfer done (but failed to open directory)."
    if not has_lines and _NOT_ALLOWED.search(said):
        raise ListingUnreadable("the server could not open the directory")


def _is_unknown_command(error: FarcopyError) -> bool:
    return str(error.__cause__)[:3] in ("500", "501", "502", "504")
