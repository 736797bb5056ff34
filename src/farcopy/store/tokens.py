"""API tokens: made, listed, revoked, and found by their text. Of each only its SHA-256 is kept."""

import logging
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import ClassVar, Final

from django.db import Error as DatabaseProblem
from django.utils import timezone

from farcopy.core.tokens import (
    DEFAULT_DAYS,
    HINT_CHARS,
    MAX_DAYS,
    MAX_NAME,
    SCOPES,
    SECRET_BYTES,
    is_token,
    token_text,
)
from farcopy.store import configuration
from farcopy.store.health import HEALTH
from farcopy.store.models import ApiToken, User
from farcopy.store.users import UserProblem, UserUnknown

log = logging.getLogger("farcopy.web")
_TOUCH_EVERY: Final = timedelta(minutes=1)


class TokenProblem(UserProblem):
    """What is wrong with a token that is to be made or revoked. field: of the call."""


class NotAnAdmin(TokenProblem):
    text = "only an active admin can have tokens"


class TokenNameUnusable(TokenProblem):
    field: ClassVar[str] = "name"
    text = f"the name must have 1 to {MAX_NAME} printable characters"


class ScopesUnusable(TokenProblem):
    field: ClassVar[str] = "scopes"
    text = f"at least one scope is needed, each one of {', '.join(SCOPES)}"


class DaysUnusable(TokenProblem):
    field: ClassVar[str] = "days"
    text = f"a token is good for 1 to {MAX_DAYS} days"


class TokenUnknown(TokenProblem):
    field: ClassVar[str] = "id"
    text = "there is no token of this id"


@dataclass(frozen=True, slots=True)
class Token:
    """hint: its beginning. is_over: past its end, or of an account that is no active admin."""

    id: int
    name: str
    username: str
    scopes: tuple[str, ...]
    hint: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_used_address: str
    is_over: bool


def add(
    username: str, name: str, scopes: Sequence[str], days: int = DEFAULT_DAYS
) -> tuple[Token, str]:
    """(the token, its text, which is told this once)

    Raises: UserUnknown, NotAnAdmin, TokenNameUnusable, ScopesUnusable, DaysUnusable.
    """
    if not 0 < len(name) <= MAX_NAME or not name.isprintable() or not name.strip():
        raise TokenNameUnusable
    if not scopes or not set(scopes) <= set(SCOPES):
        raise ScopesUnusable
    if not 1 <= days <= MAX_DAYS:
        raise DaysUnusable
    owner = User.objects.filter(username=username).first()
    if owner is None:
        raise UserUnknown
    if owner.role != User.Role.ADMIN or not owner.is_active:
        raise NotAnAdmin
    text = token_text(random.token_bytes(SECRET_BYTES))
    now = timezone.now()
    row = ApiToken.objects.create(
        name=name, user=owner, token_hash=_hash(text), hint=text[:HINT_CHARS],
        scopes=[scope for scope in SCOPES if scope in scopes],
        created_at=now, expires_at=now + timedelta(days=days),
        settings_seen=configuration.version_counted(),
    )
    return _token(row, now), text


def every() -> list[Token]:
    """All, the newest first; those that are over too, until they are revoked."""
    now = timezone.now()
    rows = ApiToken.objects.select_related("user").order_by("-pk")
    return [_token(row, now) for row in rows]


def revoke(token_id: int) -> Token:
    """It is gone. Raises: TokenUnknown."""
    row = ApiToken.objects.select_related("user").filter(pk=token_id).first()
    if row is None:
        raise TokenUnknown
    token = _token(row, timezone.now())
    row.delete()
    return token


def find(text: str) -> ApiToken | None:
    """The row of a token that is good now, with its account; whatever the text is."""
    if not is_token(text):
        return None
    row = ApiToken.objects.select_related("user").filter(token_hash=_hash(text)).first()
    if row is None or not row.user.is_active or _is_past(row, timezone.now()):
        return None
    return row


def touch(row: ApiToken, address: str) -> None:
    """Note that it was used, at most once a minute; nothing is refused when that cannot be."""
    now = timezone.now()
    is_recent = row.last_used_at is not None and abs(now - row.last_used_at) < _TOUCH_EVERY
    if HEALTH.trouble is not None or (is_recent and row.last_used_address == address):
        return
    try:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now, last_used_address=address)
    except DatabaseProblem:
        log.warning("token.touch_failed", extra={"token": row.pk})


def _token(row: ApiToken, now: datetime) -> Token:
    is_dead = not row.user.is_active or row.user.role != User.Role.ADMIN
    return Token(
        row.pk, row.name, row.user.username, tuple(row.scopes), row.hint, row.created_at,
        row.expires_at, row.last_used_at, row.last_used_address, is_dead or _is_past(row, now),
    )


def _is_past(row: ApiToken, now: datetime) -> bool:
    """An end further away than any token may have is of a clock that was ahead: void."""
    return not now < row.expires_at <= now + timedelta(days=MAX_DAYS, hours=1)


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
