"""Who changes settings, what he has seen of them, and changes nobody gave a password for.

`store.configuration` asks inside its transaction; the page and `farcopy status` tell
the changes of the last week.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from farcopy.core.changes import unseen
from farcopy.core.errors import ConfirmationRequired, PasswordForUnseen
from farcopy.store.models import SyncConfiguration, UnconfirmedChange

TOLD_FOR: Final = timedelta(days=7)
MAX_TOLD: Final = 50


@dataclass(frozen=True, slots=True)
class Author:
    """seen_version: of the settings as he last read or stored them, or as his session began.

    is_confirmed: he gave his password within the last minutes. must_confirm: else nothing
    that moves destination or sources is stored.
    """

    seen_version: int
    username: str = ""
    ip_address: str = ""
    token: str = ""
    is_confirmed: bool = False
    must_confirm: bool = False

    def check_password_goes_where_seen(
        self, changes: Mapping[str, object], row: SyncConfiguration
    ) -> None:
        """changes: with a new password. Raises: PasswordForUnseen."""
        fields = unseen(changes, row.moved_in, self.seen_version)
        if fields:
            raise PasswordForUnseen(fields)

    def check_may_move(self, fields: Sequence[str]) -> None:
        """Raises: ConfirmationRequired."""
        if fields and self.must_confirm and not self.is_confirmed:
            raise ConfirmationRequired

    def note(self, fields: Sequence[str]) -> None:
        """What was moved without a password is told for a week.

        Under the lock of the settings. One row for each who and whence: a flood of changes
        neither fills the table nor hides the one that matters behind others.
        """
        if not fields or self.is_confirmed:
            return
        now = timezone.now()
        _told(now, is_over=True).delete()
        who = {"username": self.username, "ip_address": self.ip_address, "token": self.token}
        row = UnconfirmedChange.objects.filter(**who).first()
        if row is None:
            row = UnconfirmedChange(**who, first_at=now, times=0)
        row.changed_at, row.times = now, row.times + 1
        row.fields = [*row.fields, *(name for name in fields if name not in row.fields)]
        row.save()


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """Changes of destination or sources by a session or token alone. token: its name."""

    first_at: datetime
    changed_at: datetime
    username: str
    ip_address: str
    token: str
    times: int
    fields: tuple[str, ...]


def unconfirmed(now: datetime) -> list[Unconfirmed]:
    """Those of the last week, the newest first, of fifty accounts and addresses at most."""
    return [
        Unconfirmed(
            row.first_at, row.changed_at, row.username, row.ip_address, row.token, row.times,
            tuple(row.fields),
        )
        for row in _told(now).order_by("-changed_at")[:MAX_TOLD]
    ]


def _told(now: datetime, *, is_over: bool = False) -> QuerySet[UnconfirmedChange]:
    """Those that are told still, or those no more; of a time to come they are over as well."""
    is_told = Q(changed_at__gt=now - TOLD_FOR, changed_at__lte=now + TOLD_FOR)
    return UnconfirmedChange.objects.filter(~is_told if is_over else is_told)
