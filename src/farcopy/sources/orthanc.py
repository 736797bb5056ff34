"""What is particular about Orthanc's storage directory.

Its index lies there too while Orthanc runs: a live SQLite database, useless as
a copy taken file by file. Exactly its four files are never sent; everything
else in the tree is.
Source: seen on Orthanc 1.10.1 (Debian 12).
"""

from collections.abc import Sequence
from pathlib import Path

from farcopy.core.model import RootLabel
from farcopy.sources.folder import FolderSource

INDEX_FILES = frozenset({"index", "index-wal", "index-shm", "index-journal"})


def orthanc_source(
    storage: Path, never_entered: tuple[Path, ...] = (), exclude: Sequence[str] = ()
) -> FolderSource:
    return FolderSource(
        RootLabel.ORTHANC, storage, never_sent=INDEX_FILES, never_entered=never_entered,
        exclude=exclude,
    )


def hospital_source(
    data: Path, never_entered: tuple[Path, ...] = (), exclude: Sequence[str] = ()
) -> FolderSource:
    return FolderSource(RootLabel.HOSPITAL, data, never_entered=never_entered, exclude=exclude)
