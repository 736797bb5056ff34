"""What a directory's entries are: files, or what systems put beside them; and their times."""

import os
import re
import stat

from farcopy.core.model import Reason

_OF_A_DISK = re.compile(
    r"lost\+found|system volume information|\$recycle\.bin|recycler|\.trash-\d+|\.trashes|"
    r"\.spotlight-v100|\.fseventsd|\.documentrevisions-v100|\.temporaryitems",
    re.IGNORECASE,
)
"""Directories that a system puts into the root of each disk: wastebaskets, indexes, what a
repair found. A directory of such a name elsewhere is somebody's own, and goes."""
_OF_A_NAS = re.compile(r"@eadir|#recycle|\.@__thumb|@recycle", re.IGNORECASE)
"""Synology and QNAP put theirs into each share or each folder: thumbnails and wastebaskets."""

EARLIEST_NS, LATEST_NS = -(1 << 63), (1 << 63) - 1
"""What the ledger's 64 bits hold: the years 1677 to 2262."""
_BAND_NS = 10**12


def is_of_the_system(name: str, directory: str, path: str) -> bool:
    """Whether a directory `name` is one that systems put there. directory: relative, of the one
    it lies in; path: that one's on the disk."""
    if _OF_A_NAS.fullmatch(name):
        return True
    return bool(_OF_A_DISK.fullmatch(name)) and (not directory or os.path.ismount(path))


def mtime_of(seen: os.stat_result) -> int:
    """The modification time, in nanoseconds the ledger can hold.

    NTFS' zero (1601) and the years after 2262 come from shares and cameras. They become times
    at the end of what there is, so that the file goes like any other; two of them are mostly
    still told apart, so that a change is noticed.
    """
    mtime_ns = seen.st_mtime_ns
    if mtime_ns < EARLIEST_NS:
        return EARLIEST_NS + mtime_ns % _BAND_NS
    if mtime_ns > LATEST_NS:
        return LATEST_NS - mtime_ns % _BAND_NS
    return mtime_ns


def kind_of(mode: int) -> Reason:
    """Why something that is no file, directory or link is not sent."""
    if stat.S_ISSOCK(mode):
        return Reason.SOCKET
    if stat.S_ISFIFO(mode):
        return Reason.FIFO
    if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
        return Reason.DEVICE
    return Reason.SPECIAL


def is_directory(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and not is_junction(entry)


def is_junction(entry: os.DirEntry[str]) -> bool:
    """Windows' other kind of link (Python 3.12 and newer can tell)."""
    is_one = getattr(entry, "is_junction", None)
    return bool(is_one and is_one())
