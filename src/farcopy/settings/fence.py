"""Where sources may not lie: outside FARCOPY_SOURCE_ROOTS, and in what is farcopy's own.

Its own are the home, the directory of credentials, and every file that holds a secret, be it
named in the environment or given as an option. All are judged by where they really are, links
and junctions resolved, and by what they are (device and inode): a bind mount or a hard link
makes no other file of them. Only looks. Made by the settings, asked by store and service.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from farcopy.core.config import is_same_or_inside
from farcopy.store.home import named_files

OUTSIDE = "must lie below one of the directories in FARCOPY_SOURCE_ROOTS"
OWN = "is farcopy's own: its home, a key or other credentials are never a source"
UNREACHABLE = "may not be listed by farcopy on this machine"
_NAMES_A_FILE = ("FARCOPY_", "DATABASE_")
_OF_POSTGRES = ("PGPASSFILE", "PGSSLKEY")
Identity = tuple[int, int]
"""Device and inode."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """What no scan enters or reads. paths: resolved. identities: where the system has them."""

    paths: frozenset[str] = frozenset()
    identities: frozenset[Identity] = frozenset()


@dataclass(frozen=True, slots=True)
class Fence:
    """home: FARCOPY_HOME. credentials: "" where there are none. secrets: files."""

    home: Path
    credentials: str
    secrets: tuple[str, ...]
    roots: tuple[str, ...]

    @classmethod
    def of(
        cls, home: Path, credentials: str, roots: tuple[str, ...], environment: Mapping[str, str]
    ) -> "Fence":
        secrets = [
            value for name, value in environment.items()
            if value and (
                (name.startswith(_NAMES_A_FILE) and name.endswith("_FILE"))
                or name in _OF_POSTGRES
            )
        ]
        return cls(home, credentials, tuple(secrets), roots)

    def why_not(self, source: str) -> str:
        """Why a source may not lie there, as it is now; "" if it may."""
        path = Path(source)
        if not path.is_absolute():  # a path of another system: only its text can be looked at
            is_fine = not self.roots or any(is_same_or_inside(source, r) for r in self.roots)
            return "" if is_fine else OUTSIDE
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError):
            return UNREACHABLE
        guarded = self.guarded()
        above = (real, *real.parents)
        if any(os.path.normcase(part) in guarded.paths for part in above):
            return OWN
        # A bind mount leads to the same directory under another name.
        if any(identity_of(part) in guarded.identities for part in above):
            return OWN
        if self.roots and not any(real.is_relative_to(os.path.realpath(r)) for r in self.roots):
            return OUTSIDE
        return ""

    def guarded(self) -> Guarded:
        paths, identities = set(), set()
        for path in self._own():
            with contextlib.suppress(OSError, ValueError):
                real = os.path.realpath(path)
                paths.add(os.path.normcase(real))
                if (identity := identity_of(Path(real))) is not None:
                    identities.add(identity)
        return Guarded(frozenset(paths), frozenset(identities))

    def _own(self) -> Iterator[str | Path]:
        yield self.home
        if self.credentials:
            yield self.credentials
        yield from self.secrets
        yield from named_files(self.home)


def identity_of(path: Path) -> Identity | None:
    """None: it is not there, or the system has no such numbers."""
    try:
        seen = path.stat()
    except (OSError, ValueError):
        return None
    return (seen.st_dev, seen.st_ino) if seen.st_ino else None
