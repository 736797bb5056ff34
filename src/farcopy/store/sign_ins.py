"""The sessions of an account: which there are, and their end. Used by the API and the command line.

What makes and checks them is `web.sessions`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from farcopy.core.browsers import browser_of
from farcopy.store.models import Session
from farcopy.store.users import UserProblem, account

HANDLE_CHARS: Final = 12
"""Of the hash of the id: enough to tell a few apart, and of no use to sign in with."""


class SessionUnknown(UserProblem):
    field = "session"
    text = "there is no such session"


@dataclass(frozen=True, slots=True)
class SignIn:
    """ip_address: of the last use. browser: as it called itself, shortened."""

    handle: str
    signed_in_at: datetime
    last_used_at: datetime
    ip_address: str
    browser: str
    is_this: bool


def of_account(username: str, this: str = "") -> list[SignIn]:
    """Those that are on, the last used first. this: the id_hash of who asks.

    Raises: UserUnknown.
    """
    return [
        SignIn(
            row.pk[:HANDLE_CHARS], row.signed_in_at, row.last_used_at, row.ip_address,
            browser_of(row.user_agent), row.pk == this,
        )
        for row in _of(username).order_by("-last_used_at")
        if not is_over(row.signed_in_at, row.last_used_at, timezone.now())
    ]


def is_over(signed_in_at: datetime, last_used_at: datetime, now: datetime) -> bool:
    """Past the absolute or the idle end, or dated by a clock that was ahead by more than that."""
    return (
        abs(now - signed_in_at) > settings.SESSION_ABSOLUTE
        or abs(now - last_used_at) > settings.SESSION_IDLE
    )


def end(username: str, handle: str) -> None:
    """Raises: UserUnknown, SessionUnknown."""
    if len(handle) != HANDLE_CHARS or not _of(username).filter(pk__startswith=handle).delete()[0]:
        raise SessionUnknown


def end_all(username: str, but: str = "") -> int:
    """How many were ended. but: the id_hash of one that goes on. Raises: UserUnknown."""
    return _of(username).exclude(pk=but).delete()[0]


def _of(username: str) -> QuerySet[Session]:
    return Session.objects.filter(user_id=account(username).id)
