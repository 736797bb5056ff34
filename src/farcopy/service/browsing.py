"""The directories of this machine, names only, for an admin who chooses a source on the page.

Only where sources may lie (FARCOPY_SOURCE_ROOTS, if set), links resolved first, and never
inside what is farcopy's own. Reads no file.
"""

import os
import string
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings as django_settings

from farcopy.settings.fence import UNREACHABLE

MAX_FOLDERS: Final = 1000
WITHIN_S: Final = 2.0
"""A directory of a million files is not read to its end for the few directories in it."""


class NotListed(Exception):
    """why: from a fixed list; the path stays out of it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Folders:
    """path: None for the beginnings. parent: None where nothing above may be seen.

    folders: (name, whole path), by name. has_more: there are more than these.
    """

    path: str | None
    parent: str | None
    folders: tuple[tuple[str, str], ...]
    has_more: bool = False


def beginnings() -> Folders:
    """Where one may begin: the allowed roots, else the file system, or the drives of Windows."""
    roots = django_settings.ENVIRONMENT.source_roots
    if not roots and os.name != "nt":
        return folders_in("/")
    if not roots:
        roots = tuple(f"{letter}:\\" for letter in string.ascii_uppercase)
    there = [root for root in roots if _is_directory(Path(root))]
    return Folders(None, None, tuple((root, root) for root in there))


def folders_in(given: str) -> Folders:
    """The directories directly in one, links to directories too. Raises: NotListed."""
    path = Path(given)
    if not path.is_absolute():
        raise NotListed("must be an absolute path")
    path = Path(os.path.normpath(path))
    _check(path)
    try:
        names, has_more = _names_in(path)
    except FileNotFoundError as error:
        raise NotListed("is not there") from error
    except NotADirectoryError as error:
        raise NotListed("is no directory") from error
    except (OSError, ValueError) as error:
        raise NotListed(UNREACHABLE) from error
    names.sort(key=str.casefold)
    has_more = has_more or len(names) > MAX_FOLDERS
    return Folders(
        str(path), _parent_of(path),
        tuple((name, str(path / name)) for name in names[:MAX_FOLDERS]), has_more,
    )


def _names_in(path: Path) -> tuple[list[str], bool]:
    """(names, whether time or room was up first)."""
    names: list[str] = []
    ends_at_s = time.monotonic() + WITHIN_S
    with os.scandir(path) as entries:
        for entry in entries:
            if len(names) > MAX_FOLDERS or time.monotonic() > ends_at_s:
                return names, True
            if _is_wanted(entry):
                names.append(entry.name)
    return names, False


def _is_wanted(entry: "os.DirEntry[str]") -> bool:
    try:
        entry.name.encode()  # a setting is text: other names cannot be stored
        return entry.is_dir() and _why_not(Path(entry.path)) == ""
    except (OSError, ValueError):
        return False


def _check(path: Path) -> None:
    if why := _why_not(path):
        raise NotListed(why)


def _why_not(path: Path) -> str:
    """Why it is not shown; "" if it is. Judged by where links lead."""
    try:
        real = path.resolve()
    except (OSError, ValueError, RuntimeError):
        return UNREACHABLE
    return str(django_settings.FENCE.why_not(str(real)))


def _parent_of(path: Path) -> str | None:
    above = path.parent
    return None if above == path or _why_not(above) else str(above)


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
