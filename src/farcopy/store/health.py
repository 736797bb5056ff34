"""What this process knows of its database: whether it can be written, and what keeps it.

Reading a status must not try a write. So whoever writes anyway (the audit
trail, the engine, its heartbeat) notes how it went, and the status reads that.
"""

import threading

from farcopy.core.ledger_errors import LedgerCorrupt, LedgerTrouble
from farcopy.store.models import SyncConfiguration

ENGINE = "engine"
HEARTBEAT = "heartbeat"
AUDIT = "audit"
"""The writers: who takes runs, its heartbeat, and whoever else writes a row now and then."""


class LedgerHealth:
    """The last trouble of each writer, until the same one has written again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._troubles: dict[str, LedgerTrouble] = {}

    def note(self, writer: str, trouble: LedgerTrouble) -> bool:
        """Whether this is news: another trouble than this writer's last."""
        with self._lock:
            before = self._troubles.get(writer)
            self._troubles[writer] = trouble
        return before is None or before.code != trouble.code

    def clear(self, writer: str) -> None:
        if self._troubles:
            with self._lock:
                self._troubles.pop(writer, None)

    @property
    def trouble(self) -> LedgerTrouble | None:
        """Damage before all else."""
        with self._lock:
            troubles = list(self._troubles.values())
        return next(
            (trouble for trouble in troubles if isinstance(trouble, LedgerCorrupt)),
            troubles[0] if troubles else None,
        )

    @property
    def damage(self) -> LedgerCorrupt | None:
        """Found by the engine, which alone checks the whole file, and checks it again."""
        trouble = self._troubles.get(ENGINE)
        return trouble if isinstance(trouble, LedgerCorrupt) else None


def check_readable() -> None:
    """Read a row. Raises: LedgerTrouble."""
    if HEALTH.damage is not None:
        raise HEALTH.damage
    SyncConfiguration.objects.filter(pk=1).exists()


HEALTH = LedgerHealth()
"""Of this process, like the connection it tells of."""
