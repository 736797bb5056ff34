"""The write-once tripwire. Pure.

Images are written once: an archive in which many known files change or vanish
from one run to the next was encrypted, deleted or mounted wrongly far more
often than it was edited. Sync then stops before the remote copies are replaced.
A root that shows nothing of what it held is most often an unmounted disk.
"""

from dataclasses import dataclass

from farcopy.core.model import Upheaval


@dataclass(frozen=True, slots=True)
class Tripwire:
    """Fires when more than `percent` of the known files, and at least `files`, are concerned."""

    percent: float = 10.0
    files: int = 100

    def may_fire(self, concerned: int) -> bool:
        """Whether it is worth counting the known files."""
        return concerned >= self.files

    def fires(self, seen: Upheaval) -> bool:
        concerned = seen.changed + seen.vanished
        return self.may_fire(concerned) and concerned * 100 > seen.known * self.percent


FEW_FILES = 100
"""Of fewer than these, half may well be gone on purpose; of any number, not all."""


def is_emptied(known: int, seen: int) -> bool:
    """Whether a root shows too little of what it held for anything to be concluded from it."""
    return bool(known) and (not seen or (known >= FEW_FILES and 2 * seen < known))
