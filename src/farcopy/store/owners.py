"""Who owns a file and who we are, in words: what an admin needs beside "permission denied".

Knows no Django, as `store.keys`, which calls it. Windows has no such owners and gets none.
"""

import os
import stat
from pathlib import Path


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
        whole = "it" if place == path else str(place)
        return (f"{whole} belongs to {_name(found.st_uid)} (mode "
                f"{stat.S_IMODE(found.st_mode):04o}), and this is {_name(os.geteuid())}")
    return ""


def owner_of(path: Path) -> str:
    """The owner's name, or his number; "" where nobody can tell."""
    if os.name != "posix":
        return ""
    try:
        return _name(path.stat().st_uid)
    except OSError:
        return ""


def _name(uid: int) -> str:
    import pwd  # not on Windows

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
