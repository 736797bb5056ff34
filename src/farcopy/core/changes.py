"""What a change of settings moves: where the password goes, where images go, what is copied.

Pure. `store.configuration` asks it inside the locked transaction.
"""

from collections.abc import Collection, Mapping
from typing import Final

from farcopy.core.config import TLS_STRENGTH, SyncSettings

LOGIN_FIELDS: Final = (
    "ftp_host", "ftp_port", "ftp_username", "ftp_tls", "ftp_tls_ca", "ftp_tls_fingerprint",
)
"""Who gets the password, and by what he is known: a change here may be somebody's trap."""
_STEERING_FIELDS: Final = (
    *LOGIN_FIELDS, "ftp_path", "orthanc_storage_path", "hospital_data_path",
)


def moved(old: SyncSettings, new: SyncSettings) -> tuple[str, ...]:
    """Names of what says where to and what from, where the two differ.

    ftp_tls counts only when it gets weaker: a stronger one lets nobody read along.
    """
    return tuple(
        name for name in _STEERING_FIELDS
        if getattr(old, name) != getattr(new, name) and not (
            name == "ftp_tls" and TLS_STRENGTH[new.ftp_tls] > TLS_STRENGTH[old.ftp_tls]
        )
    )


def unseen(
    named: Collection[str], moved_in: Mapping[str, int], seen_version: int
) -> tuple[str, ...]:
    """Login fields that were moved since seen_version and are not named by the caller himself.

    moved_in: the version of the settings in which each was last moved.
    """
    return tuple(
        name for name in LOGIN_FIELDS
        if name not in named and moved_in.get(name, 0) > seen_version
    )
