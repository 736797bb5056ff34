"""What the system refuses about a file, in words: which, whose it is, and who we are.

Never a bare "permission denied". Knows no Django, as `store.keys` and `store.home`, which
call it; the command line does too. For people at the machine: paths do not go to logs.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

_FULL: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM})


def reason(error: OSError, path: Path | str | None = None) -> str:
    """One line. path: where the error itself names none, as when a disk is full."""
    named = path if path is not None else error.filename
    place = Path(os.fsdecode(named)) if isinstance(named, str | bytes | Path) else None
    what = str(place) if place else "what was to be written"
    if error.errno in _FULL:
        return f"{what}: the disk is full; make room there, and do it again"
    if error.errno == errno.EROFS:
        return f"{what}: its disk is mounted read-only"
    if place is None:
        return error.strerror or str(error)
    if error.errno in _DENIED:
        about = whose(place)
        return f"{place}: not permitted" + (f": {about}" if about else "")
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"{_file_in_the_way(place)} is a file; a directory is needed there"
    if error.errno == errno.EISDIR:
        return f"{place} is a directory; a file is needed there"
    if error.errno == errno.ENOENT:
        return f"{place} is not there"
    return f"{place}: {error.strerror or error}"


def whose(path: Path) -> str:
    """`it belongs to root (mode 0700), and this is farcopy`; "" where nobody can tell.

    Of a path that is not there or cannot be seen: of the nearest folder above that can.
    """
    if os.name != "posix":
        return ""
    for place in (path, *path.parents):
        try:
            found = place.stat()
        except OSError:
            continue
        which = "it" if place == path else str(place)
        return (f"{which} belongs to {_name(found.st_uid)} (mode "
                f"{stat.S_IMODE(found.st_mode):04o}), and this is {_name(os.geteuid())}")
    return ""


def why_read_only(path: Path) -> str:
    """Why a database may not be written to: itself, its folder, or the whole disk; "" unknown."""
    folder = path.parent
    if hasattr(os, "statvfs"):
        with suppress(OSError):
            if os.statvfs(folder).f_flag & os.ST_RDONLY:
                return "its disk is mounted read-only"
    if not os.access(path, os.W_OK):
        return whose(path)
    if not os.access(folder, os.W_OK):
        return whose(folder).replace("it belongs", f"{folder} belongs", 1)
    return ""


def owner_of(path: Path) -> str:
    """The owner's name, or his number; "" where nobody can tell."""
    if os.name != "posix":
        return ""
    try:
        return _name(path.stat().st_uid)
    except OSError:
        return ""


def _file_in_the_way(path: Path) -> Path:
    for place in (*reversed(path.parents), path):
        try:
            if not place.is_dir() and place.exists():
                return place
        except OSError:
            break
    return path


def _name(uid: int) -> str:
    import pwd  # not on Windows

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
