"""What is particular about Orthanc's storage directory.

Its index lies there too while Orthanc runs: a live SQLite database, useless as
a copy taken file by file. So does the queue of the plugin that deletes late.
Exactly these databases' files are never sent; everything else in the tree is.
Source: seen on Orthanc 1.10.1 (Debian 12); the Delayed Deletion plugin's
`pending-deletions.<server>.db`.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from farcopy.core.model import RootLabel
from farcopy.sources.folder import FolderSource

LIVE_DATABASES = re.compile(r"(index|pending-deletions\.[^/]+\.db)(-wal|-shm|-journal)?")


def orthanc_source(
    storage: Path,
    own_paths: Collection[str] = (),
    own_identities: Collection[tuple[int, int]] = (),
    exclude: Sequence[str] = (),
    *,
    is_allowed: bool = True,
) -> FolderSource:
    return FolderSource(
        RootLabel.ORTHANC, storage, never_sent=LIVE_DATABASES, own_paths=own_paths,
        own_identities=own_identities, exclude=exclude, is_allowed=is_allowed,
    )


def hospital_source(
    data: Path,
    own_paths: Collection[str] = (),
    own_identities: Collection[tuple[int, int]] = (),
    exclude: Sequence[str] = (),
    *,
    is_allowed: bool = True,
) -> FolderSource:
    return FolderSource(
        RootLabel.HOSPITAL, data, own_paths=own_paths, own_identities=own_identities,
        exclude=exclude, is_allowed=is_allowed,
    )
