"""Sign-in sessions: rows of which only a hash of the id is stored, idle and absolute ends.

The gate asks who is signed in, sign-in and sign-out write; nothing else does.
Django's own session framework is not used: it hands data around, we need a name.
"""

import logging
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Literal

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.db import Error as DatabaseProblem
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from farcopy.store import configuration
from farcopy.store.health import HEALTH
from farcopy.store.models import Session, User
from farcopy.store.sign_ins import is_over
from farcopy.store.users import lock_as_checked
from farcopy.web.call import call_of

log = logging.getLogger("farcopy.web")
MAX_SESSIONS: Final = 5
"""Of one account; one more ends the one that was longest unused."""
_TOUCH_EVERY: Final = timedelta(minutes=1)
"""A write per request would be dear; the idle end is at most this much early."""
CONFIRMED_FOR: Final = timedelta(minutes=5)
"""How long a password that was given counts for what a session alone may not do."""
MAX_AGENT: Final = 200


_unsaved_uses: dict[str, datetime] = {}
_MAX_UNSAVED = 1000
"""When sessions were last used, while that cannot be written; of this process only."""


def open_session(request: HttpRequest) -> Session | None:
    """The session of the request's cookie, if it is still good.

    The account is as the database has it now: disabled or with another password is nobody.
    """
    session_id = _cookie_of(request)
    if not session_id:
        return None
    session = Session.objects.select_related("user").filter(id_hash=_hash(session_id)).first()
    if session is None:
        return None
    last_used_at = _unsaved_uses.get(session.id_hash, session.last_used_at)
    if is_over(session.signed_in_at, last_used_at, timezone.now()):
        return None
    user = session.user
    if not user.is_active or not constant_time_compare(session.password_mark, _mark(user)):
        return None
    return session


def confirmed_for(session: Session, now: datetime) -> timedelta:
    """How much longer the password counts as just given; none when it is too long ago."""
    if session.confirmed_at is None or session.confirmed_at > now + CONFIRMED_FOR:
        return timedelta()  # of a clock that was ahead
    return max(session.confirmed_at + CONFIRMED_FOR - now, timedelta())


def confirm(request: HttpRequest, checked: User) -> None:
    """The password was given again. Raises: CheckedNoLonger, when it is another one by now."""
    session = call_of(request).session
    with transaction.atomic():
        lock_as_checked(checked)
        if session is not None:
            session.confirmed_at = timezone.now()
            session.save(update_fields=["confirmed_at"])


def touch(session: Session, address: str = "") -> None:
    """Put the idle end off. address: whence it is used now."""
    now = timezone.now()
    key = session.id_hash
    if abs(now - _unsaved_uses.get(key, session.last_used_at)) < _TOUCH_EVERY:
        return
    try:
        if HEALTH.trouble is None:
            used: dict[str, Any] = {"last_used_at": now}
            if address:
                used["ip_address"] = address
            Session.objects.filter(pk=key).update(**used)
            _unsaved_uses.pop(key, None)
            return
    except DatabaseProblem:
        log.warning("session.touch_failed")
    # A full disk must not lock the admin out of reading why: he cannot sign in again.
    if len(_unsaved_uses) < _MAX_UNSAVED:
        _unsaved_uses[key] = now


def sign_in(
    request: HttpRequest, checked: User, response: HttpResponse, *, is_confirmed: bool = True
) -> User:
    """A new session under a new id; one that came with the request is worthless after.

    is_confirmed: all was given that is asked for when it is asked for again.
    checked: the account as its password was checked. The account as it is now is returned.
    Raises: CheckedNoLonger.
    """
    session_id = secrets.token_urlsafe(32)
    now = timezone.now()
    with transaction.atomic():
        # The row is locked: of two sign-ins at once each counts the other.
        user = lock_as_checked(checked)
        _end(request)
        _end_old_ones(user, now)
        call_of(request).session = Session.objects.create(
            id_hash=_hash(session_id), user=user, password_mark=_mark(user),
            signed_in_at=now, last_used_at=now,
            confirmed_at=now if is_confirmed else None,
            # What was there when it began is not taken for somebody's change meanwhile.
            settings_seen=configuration.version_counted(),
            ip_address=call_of(request).address,
            user_agent=_printable(request.META.get("HTTP_USER_AGENT", ""))[:MAX_AGENT],
        )
        # axes forgets the wrong passwords before, Django notes the last login.
        user_logged_in.send(sender=User, request=request, user=user)
    response.set_cookie(
        settings.SESSION_COOKIE_NAME,
        session_id,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE or request.is_secure(),
        samesite=_same_site(),
    )
    return user


def sign_out(request: HttpRequest, response: HttpResponse) -> None:
    _end(request)
    response.delete_cookie(settings.SESSION_COOKIE_NAME, samesite=_same_site())


def _end(request: HttpRequest) -> None:
    session = call_of(request).session
    if session is not None:
        session.delete()


def _end_old_ones(user: User, now: datetime) -> None:
    """Those that are over, whosever, and of this account all but the last used few."""
    Session.objects.filter(
        Q(signed_in_at__lt=now - settings.SESSION_ABSOLUTE)
        | Q(signed_in_at__gt=now + settings.SESSION_ABSOLUTE)
        | Q(last_used_at__gt=now + settings.SESSION_IDLE)
    ).delete()
    of_account = Session.objects.filter(user=user).order_by("-last_used_at")
    kept = list(of_account.values_list("pk", flat=True)[: MAX_SESSIONS - 1])
    of_account.exclude(pk__in=kept).delete()


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "�" for char in text)


def _cookie_of(request: HttpRequest) -> str:
    """What the cookie holds; "" when it is missing, or named twice.

    Of two, one may be planted by a neighbouring site on the same host: neither counts.
    """
    name = settings.SESSION_COOKIE_NAME
    parts = request.META.get("HTTP_COOKIE", "").split(";")
    given = [part for part in parts if part.partition("=")[0].strip() == name]
    return request.COOKIES.get(name, "") if len(given) == 1 else ""


def _hash(session_id: str) -> str:
    return sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()


def _mark(user: User) -> str:
    return user.get_session_auth_hash()


def _same_site() -> Literal["Lax", "None"]:
    return "None" if settings.SESSION_COOKIE_SAMESITE == "None" else "Lax"
