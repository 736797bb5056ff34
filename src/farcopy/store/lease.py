"""One engine at a time: a lock file for this home, a row with a heartbeat for everybody.

The lock is the operating system's and falls with its process, so a restart
after kill -9 goes on at once. The row tells other processes (the web side)
that a service lives, and guards a PostgreSQL shared by two homes.
"""

import secrets as random
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

import portalocker
from django.db import transaction
from django.db.models import Q

from farcopy.core.errors import EngineBusy, HomeUnusable
from farcopy.planning.schedule import CLOCK_MAY_DIFFER
from farcopy.store.models import EngineLease
from farcopy.store.troubles import of_os_error

STALE_AFTER = timedelta(seconds=15)
HEARTBEAT_S = 2.0
LOCK_FILE = "engine.lock"


class EngineLock:
    """The exclusive lock of a home, held until `release` or the end of the process.

    The file holds the id of this home directory: two homes may share a database,
    and a lease that another home left behind must not be taken for our own.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / LOCK_FILE
        self._file: IO[str] | None = None

    def acquire(self) -> str:
        """The id of this home directory.

        Raises: EngineBusy when another process holds it; HomeUnusable where nobody can;
        LedgerTrouble when the home is full or may not be written to.
        """
        try:
            file = self._path.open("a+", encoding="ascii")
        except OSError as error:
            raise of_os_error(error) from error
        try:
            portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.AlreadyLocked as error:
            file.close()
            raise EngineBusy from error
        except (portalocker.LockException, OSError) as error:
            file.close()
            raise HomeUnusable(
                f"{self._path.parent}: files cannot be locked there, as on some network shares; "
                "set FARCOPY_HOME to a directory on a disk of this machine"
            ) from error
        self._file = file
        file.seek(0)
        home_mark = file.read().strip()
        if not home_mark:
            home_mark = random.token_hex(8)
            try:
                file.write(home_mark)
                file.flush()
            except OSError as error:
                self.release()
                raise of_os_error(error) from error
        return home_mark

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def is_left_over(home_mark: str) -> bool:
    """Whether an engine of this home ended without giving its lease up. Asked under the lock."""
    return EngineLease.objects.filter(pk=1, owner__startswith=f"{home_mark}-").exists()


def take(owner: str, home_mark: str, kind: str, now: datetime) -> None:
    """Write ourselves into the row. Raises: EngineBusy when another home's engine lives.

    owner begins with the home's mark: a row of our own home is left over from a
    dead process, since the lock file is ours.
    """
    with transaction.atomic():
        EngineLease.objects.get_or_create(pk=1)
        free = (
            Q(owner="")
            | Q(owner__startswith=f"{home_mark}-")
            | Q(heartbeat_at__lt=now - STALE_AFTER)
            | Q(heartbeat_at__isnull=True)
            # Of a clock that was ahead. A living one of two whose clocks differ writes again.
            | Q(heartbeat_at__gt=now + CLOCK_MAY_DIFFER)
        )
        changed = EngineLease.objects.filter(free, pk=1).update(
            owner=owner, kind=kind, heartbeat_at=now
        )
    if not changed:
        raise EngineBusy


def renew(owner: str, now: datetime) -> bool:
    """False when the lease was lost."""
    return bool(EngineLease.objects.filter(pk=1, owner=owner).update(heartbeat_at=now))


def give_up(owner: str) -> None:
    EngineLease.objects.filter(pk=1, owner=owner).update(owner="", kind="", heartbeat_at=None)


def live_kind(now: datetime) -> str:
    """"service", "command", or "" when no engine lives."""
    # One of the future is from before a clock was put back: a living engine writes a new one.
    row = EngineLease.objects.filter(
        pk=1, heartbeat_at__gte=now - STALE_AFTER, heartbeat_at__lte=now + STALE_AFTER
    ).first()
    return "" if row is None else row.kind


def last_sign_of_life() -> datetime | None:
    """The last heartbeat, of whoever holds the lease or died with it."""
    return EngineLease.objects.filter(pk=1).values_list("heartbeat_at", flat=True).first()
