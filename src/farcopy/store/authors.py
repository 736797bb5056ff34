"""Who changes settings, what he has seen of them, and changes nobody gave a password for.

`store.configuration` asks inside its transaction; the page and `farcopy status` tell
the changes of the last week.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from farcopy.core.changes import unseen
from farcopy.core.errors import ConfirmationRequired, PasswordForUnseen
from farcopy.store.models import SyncConfiguration, UnconfirmedChange

TOLD_FOR: Final = timedelta(days=7)
MAX_TOLD: Final = 20


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
        """What was moved without a password is told for a week."""
        if fields and not self.is_confirmed:
            UnconfirmedChange.objects.create(
                changed_at=timezone.now(), username=self.username, ip_address=self.ip_address,
                token=self.token, fields=list(fields),
            )


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A change of destination or sources by a session or token alone. token: its name."""

    changed_at: datetime
    username: str
    ip_address: str
    token: str
    fields: tuple[str, ...]


def unconfirmed(now: datetime) -> list[Unconfirmed]:
    """Those of the last week, the newest first, at most twenty."""
    rows = UnconfirmedChange.objects.filter(
        changed_at__gt=now - TOLD_FOR, changed_at__lte=now + TOLD_FOR
    ).order_by("-pk")[:MAX_TOLD]
    return [
        Unconfirmed(row.changed_at, row.username, row.ip_address, row.token, tuple(row.fields))
        for row in rows
    ]
