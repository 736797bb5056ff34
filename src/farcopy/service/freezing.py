"""The frozen sync, as an admin meets it: shown, explained, confirmed.

When the tripwire has fired nothing is sent until somebody who knows the archive
says that the changes are meant, or the sources are as they were again. Lost last
copies are taken note of here too.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils import timezone

from farcopy.core.config import SyncSettings
from farcopy.core.model import RootLabel
from farcopy.core.state_errors import NotFrozen, NothingLost
from farcopy.store import configuration as stored
from farcopy.store.ledger import DatabaseLedger
from farcopy.store.proofs import DatabaseProofs

NAMES: Final = {
    RootLabel.ORTHANC.value: "the Orthanc storage",
    RootLabel.HOSPITAL.value: "the hospital directory",
}
_log = logging.getLogger("farcopy.sync")


@dataclass(frozen=True, slots=True)
class Freeze:
    """Why sync stands still. known_files: what the remote held then. roots: labels of sources
    that were suddenly empty, or as good as."""

    since: datetime
    changed_files: int
    vanished_files: int
    known_files: int
    roots: tuple[str, ...] = ()

    @property
    def warning(self) -> str:
        if self.roots:
            names = " and ".join(NAMES[root] for root in self.roots)
            return (
                f"Sync is frozen: {names} {'are' if len(self.roots) > 1 else 'is'} suddenly empty, "
                f"or as good as: {self.vanished_files} of {self.known_files} known files are not "
                "there, as when a disk is not mounted. The copies on the remote are untouched. "
                "Check the disk and sync again; if the files are gone on purpose, confirm it"
            )
        return (
            f"Sync is frozen: {self.changed_files} of {self.known_files} known files changed and "
            f"{self.vanished_files} vanished at once. The copies on the remote are untouched. "
            "Check the sources; if the changes are meant, confirm them"
        )


def freeze_of(settings: SyncSettings) -> Freeze | None:
    row = stored.find_destination(settings)
    if row is None or row.frozen_at is None:
        return None
    return Freeze(
        row.frozen_at, row.frozen_changed, row.frozen_vanished, row.frozen_known,
        tuple(row.frozen_roots),
    )


def confirm_changes(confirmed_by: str) -> tuple[int, int]:
    """Let what was held back go. Returns how many (changed, vanished). Raises: NotFrozen."""
    settings = stored.load().settings
    row = stored.find_destination(settings)
    if row is None or row.frozen_at is None:
        raise NotFrozen
    changed, vanished = DatabaseLedger(row.pk).confirm_changes(timezone.now())
    _log.warning(
        "sync.confirmed",
        extra={"changed": changed, "vanished": vanished, "confirmed_by": confirmed_by},
    )
    return changed, vanished


def accept_losses(accepted_by: str) -> int:
    """Somebody knows that these last copies are lost. Returns how many. Raises: NothingLost."""
    row = stored.find_destination(stored.load().settings)
    files = DatabaseProofs(row.pk).forget_lost() if row is not None else 0
    if not files:
        raise NothingLost
    _log.warning("losses.accepted", extra={"files": files, "accepted_by": accepted_by})
    return files
