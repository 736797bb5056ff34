"""Sign-in sessions: rows of which only a hash of the id is stored, idle and absolute ends.

Also Django's SESSION_ENGINE (`SessionStore`). There is no session middleware:
the gate opens a session, sign-in and sign-out write it, and nothing else does.
"""

import contextlib
import logging
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from django.conf import settings
from django.contrib.auth import get_user, login
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.db import Error as DatabaseProblem
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from farcopy.core.errors import LedgerTrouble
from farcopy.store.health import HEALTH
from farcopy.store.models import User

log = logging.getLogger("farcopy.web")
_SIGNED_IN_AT = "signed_in_at"
_LAST_USED_AT = "last_used_at"
_TOUCH_EVERY = timedelta(minutes=1)
"""A write per request would be dear; the idle end is at most this much early."""


_unsaved_uses: dict[str, float] = {}
_MAX_UNSAVED = 1000
"""When sessions were last used, while that cannot be written; of this process only."""


def _stored(session_id: str) -> str:
    # The column holds 40 characters: 160 bits of the hash, as many as the id has.
    return sha256(session_id.encode()).hexdigest()[:40]


class SessionStore(DatabaseStore):
    """Django's database sessions, with the id hashed: a copy of the database signs nobody in."""

    def _get_session_from_db(self) -> Session | None:
        row = Session.objects.filter(
            session_key=_stored(self.session_key or ""), expire_date__gt=timezone.now()
        ).first()
        if row is None:
            self._session_key = None
        return row

    def exists(self, session_key: str) -> bool:
        return Session.objects.filter(session_key=_stored(session_key)).exists()

    def create_model_instance(self, data: dict[str, object]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = _stored(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            Session.objects.filter(session_key=_stored(key)).delete()


def open_session(request: HttpRequest) -> None:
    """Hang the session on the request. What a cookie holds is only ever hashed, never stored."""
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))


def signed_in_user(request: HttpRequest) -> User | None:
    """The user as the database has him now: disabled or with another password is nobody."""
    user = get_user(request)
    if not isinstance(user, User):
        return None
    session = request.session
    last_used_at = _unsaved_uses.get(session.session_key or "", session.get(_LAST_USED_AT))
    if is_over(session.get(_SIGNED_IN_AT), last_used_at, timezone.now()):
        # One that cannot be removed now is over all the same.
        with contextlib.suppress(LedgerTrouble):
            session.flush()
        return None
    return user


def is_over(signed_in_at: object, last_used_at: object, now: datetime) -> bool:
    """Past the absolute or the idle end; a session without its times is over too."""
    if not isinstance(signed_in_at, float) or not isinstance(last_used_at, float):
        return True
    moment = now.timestamp()
    return (
        moment - signed_in_at > settings.SESSION_ABSOLUTE.total_seconds()
        or moment - last_used_at > settings.SESSION_IDLE.total_seconds()
    )


def touch(request: HttpRequest) -> None:
    """Put the idle end off."""
    now = timezone.now().timestamp()
    if now - request.session[_LAST_USED_AT] < _TOUCH_EVERY.total_seconds():
        return
    key = request.session.session_key or ""
    try:
        if HEALTH.trouble is None:
            request.session[_LAST_USED_AT] = now
            request.session.save()
            _unsaved_uses.pop(key, None)
            return
    except DatabaseProblem:
        log.warning("session.touch_failed")
    # A full disk must not lock the admin out of reading why: he cannot sign in again.
    if len(_unsaved_uses) < _MAX_UNSAVED:
        _unsaved_uses[key] = now


def sign_in(request: HttpRequest, user: User, response: HttpResponse) -> None:
    """A new session under a new id; one that came with the request is worthless after."""
    with transaction.atomic():
        SessionStore.clear_expired()
        request.session.flush()
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        now = timezone.now().timestamp()
        request.session[_SIGNED_IN_AT] = now
        request.session[_LAST_USED_AT] = now
        request.session.save()
    response.set_cookie(
        settings.SESSION_COOKIE_NAME,
        request.session.session_key or "",
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE or request.is_secure(),
        samesite=_same_site(),
    )


def sign_out(request: HttpRequest, response: HttpResponse) -> None:
    request.session.flush()
    response.delete_cookie(settings.SESSION_COOKIE_NAME, samesite=_same_site())


def _same_site() -> Literal["Lax", "None"]:
    return "None" if settings.SESSION_COOKIE_SAMESITE == "None" else "Lax"
