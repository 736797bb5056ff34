"""What a line of a listing says, in the forms servers use: MLSD (RFC 3659), and LIST as of
Unix, DOS or EPLF, with dates in any language.

Pure. A line in none of these forms is told, never taken for nothing. Called by listing.
"""

import re
from typing import NamedTuple

from farcopy.core.model import RemoteEntry


class UnknownForm(Exception):
    """A line that may well be a file, in a form nobody here knows."""


class Line(NamedTuple):
    """entry: None for what is no file and no folder. dated: where a name that begins with a
    year may be the end of a date instead (`ls -T`, some servers): the entry if it is."""

    entry: RemoteEntry | None
    dated: RemoteEntry | None = None


NOTHING = Line(None)

_TIME = rb"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
_WORD = rb"[^\s\d]\S*|\d{1,2}[^\s\d:.,/-]\S*"
"""A month in any language: "Nov", "ao\xc3\xbbt", "11" and the sign for month."""
_DAY = rb"\d{1,2}(?:\.|[^\s\d:.,/\x21-\x7e]+)?"
_DATES = (
    rb"(?:%(word)s) +%(day)s +(?:%(time)s|\d{4})",  # Nov 22 10:15, Nov 22  2025
    rb"%(day)s +(?:%(word)s) +(?:%(time)s|\d{4})",  # 22. Nov 10:15
    rb"(?:%(word)s)%(day)s +(?:%(time)s|\d{4})",
    rb"\d{4}-\d{2}-\d{2} +%(time)s(?: +[+-]\d{4})?",  # of GNU ls --full-time
    rb"\d{1,2}[./-]\d{1,2}[./-]\d{2,4} +%(time)s",
)
_PARTS = {b"word": _WORD, b"day": _DAY, b"time": _TIME}
_DATE = rb"(?:" + rb"|".join(form % _PARTS for form in _DATES) + rb")"
_UNIX = re.compile(
    # Kind and rights (NetWare has them in brackets), then whatever owners and groups there
    # are, blanks in their names too: the size is what stands right before the date.
    rb"([-bcdlpsD])(?:\S*| \[\S*\]) (?:.*? )??(\d+) +" + _DATE + rb"(?: (.+))"
)
_WITH_YEAR = re.compile(rb"(?:19|20)\d{2} (.+)")
_TIMED = re.compile(rb"(?:.* )?" + _TIME + rb" ")
_DOS = re.compile(
    rb"(?:\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}) +\d{1,2}:\d{2}(?::\d{2})?"
    rb" ?(?:[AP]M?)? +(<[A-Z]+>|\d[\d.,]*) +(\S.*)",
    re.IGNORECASE,
)
_TOTAL = re.compile(rb"[^\s\d-]\S{0,40} {0,4}:? {0,8}\d{1,15}(?:[.,]\d{1,3})?[KMG]?|\.:")
"""The first line of `ls`, in any language: "total 12"."""


def line_of_mlsd(line: bytes) -> Line:
    """`type=file;size=3; name` (RFC 3659 §7.2). Raises: UnknownForm."""
    if not line.strip():
        return NOTHING
    head, _, name = line.partition(b" ")
    if not head.endswith(b";") and b"; " in name:
        # A blank within a fact ("UNIX.groupname=domain users"): each fact ends with ";".
        head, _, name = line.partition(b"; ")
    facts = dict(fact.partition(b"=")[::2] for fact in head.lower().split(b";"))
    kind = facts.get(b"type")
    if kind is None or not name:
        raise UnknownForm
    if kind not in (b"file", b"dir"):
        return NOTHING  # the folder itself, its parent, a link
    return Line(_entry(name, kind == b"dir", facts.get(b"size")))


def first_line_of_list(line: bytes) -> Line:
    """As the others, or how much there is in all. Raises: UnknownForm."""
    return NOTHING if _TOTAL.fullmatch(line.strip()) else line_of_list(line)


def line_of_list(line: bytes) -> Line:
    """A line of LIST. Raises: UnknownForm."""
    if not line.strip():
        return NOTHING
    if match := _UNIX.fullmatch(line):
        kind, size, name = match.groups()
        if kind not in b"-d":
            return NOTHING  # a link, a device
        entry = _entry(name, kind == b"d", size)
        later = _WITH_YEAR.fullmatch(name)
        if later is None or not _TIMED.fullmatch(line[: match.start(3)]):
            return Line(entry)
        return Line(entry, _entry(later.group(1), kind == b"d", size))
    if match := _DOS.fullmatch(line):
        size = match.group(1)
        is_folder = size.upper() == b"<DIR>"
        if size.startswith(b"<") and not is_folder:
            return NOTHING  # a junction
        digits = size.replace(b",", b"").replace(b".", b"")
        return Line(_entry(match.group(2), is_folder, digits))
    if line.startswith(b"+") and b"\t" in line:  # EPLF, of publicfile
        head, _, name = line[1:].partition(b"\t")
        facts = head.split(b",")
        size = next((fact[1:] for fact in facts if fact.startswith(b"s")), b"")
        is_folder = b"/" in facts
        return Line(_entry(name, is_folder, size)) if is_folder or b"r" in facts else NOTHING
    raise UnknownForm


def is_single_name(name: str) -> bool:
    """Whether it names something in this very folder."""
    return name not in ("", ".", "..") and not any(char in name for char in "/\0\r\n")


def _entry(name: bytes, is_folder: bool, size: bytes | None) -> RemoteEntry:
    is_known = not is_folder and size is not None and size.isdigit() and len(size) < 20
    return RemoteEntry(
        name.decode("utf-8", "surrogateescape"), is_folder, int(size or 0) if is_known else None
    )
