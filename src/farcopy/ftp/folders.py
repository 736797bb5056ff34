"""Makes remote directories, level by level, and remembers which are there.

What is remembered is shared between the sessions of a run; paths are absolute,
so no session's working directory matters. Called by publish and remote.
"""

import threading
from collections.abc import Sequence
from pathlib import PurePosixPath

from farcopy.core.errors import FarcopyError, PathRefused
from farcopy.ftp.session import Session


class KnownFolders:
    """Directories that were seen to exist at one destination. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: set[PurePosixPath] = set()

    def has(self, path: PurePosixPath) -> bool:
        return path in self._paths

    def add(self, path: PurePosixPath) -> None:
        """A directory that exists has parents that exist."""
        with self._lock:
            self._paths.update((path, *path.parents))

    def forget(self, path: PurePosixPath) -> None:
        """Someone removed it, or a parent: nothing on its way is certain, nor what lies below."""
        with self._lock:
            self._paths = {
                known
                for known in self._paths
                if not (known.is_relative_to(path) or path.is_relative_to(known))
            }


def missing_levels(known: KnownFolders, path: PurePosixPath) -> Sequence[PurePosixPath]:
    """The directory and those of its parents that nobody has seen yet, parents first."""
    if known.has(path):
        return ()
    return [
        level for level in (*reversed(path.parents), path)
        if level != level.parent and not known.has(level)
    ]


def ensure_folder(
    session: Session,
    known: KnownFolders,
    path: PurePosixPath,
    *,
    path_error: type[FarcopyError] = PathRefused,
) -> None:
    """Make the directory and the parents it lacks. path_error: raised when it cannot be made."""
    for level in missing_levels(known, path):
        reply = session.ask(f"MKD {level}")
        # "Exists" is 550, 521 or worse, and so is every other refusal: look.
        if not reply.is_positive and not session.is_directory(level):
            if level != path and reply.is_refusal:
                continue  # a parent we may not see (chroot); the level below decides
            raise session.refusal(reply, "MKD", path_error)
        known.add(level)
