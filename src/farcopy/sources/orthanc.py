"""What is particular about Orthanc's storage directory.

Its index lies there too while Orthanc runs: a live SQLite database, useless as
a copy taken file by file. So does the queue of the plugin that deletes late.
Exactly these databases' files are never sent; everything else in the tree is.
Source: seen on Orthanc 1.10.1 (Debian 12); the Delayed Deletion plugin's
`pending-deletions.<server>.db`.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from farcopy.core.model import RootLabel
from farcopy.sources.folder import FolderSource

LIVE_DATABASES = re.compile(r"(index|pending-deletions\.[^/]+\.db)(-wal|-shm|-journal)?")


def orthanc_source(
    storage: Path, never_entered: tuple[Path, ...] = (), exclude: Sequence[str] = ()
) -> FolderSource:
    return FolderSource(
        RootLabel.ORTHANC, storage, never_sent=LIVE_DATABASES, never_entered=never_entered,
        exclude=exclude,
    )


def hospital_source(
    data: Path, never_entered: tuple[Path, ...] = (), exclude: Sequence[str] = ()
) -> FolderSource:
    return FolderSource(RootLabel.HOSPITAL, data, never_entered=never_entered, exclude=exclude)
