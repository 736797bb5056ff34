"""Sign in, sign out, who am I, change my password.

One text and the same hashing work for an unknown user, a wrong password and a
disabled account. django-axes counts failures and locks; logs/auth.log tells.
"""

import logging
import threading
from datetime import timedelta
from typing import Final

from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_cool_off, get_credentials
from axes.models import AccessAttempt
from django.contrib.auth import authenticate
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router

from farcopy.store import users
from farcopy.store.models import User
from farcopy.store.users import UserProblem
from farcopy.web import refusals, sessions
from farcopy.web.call import call_of, user_of
from farcopy.web.openapi_parts import body_of, error_answers
from farcopy.web.refusals import Refused
from farcopy.web.schemas import Account, AccountAnswer, LoginBody, MessageAnswer, PasswordBody

log = logging.getLogger("farcopy.auth")
router = Router(tags=["auth"])

MAX_USERNAME: Final = 150
MAX_PASSWORD: Final = 4096
# Argon2 takes 100 MB for each password it works on: not for every thread at once.
_hashing = threading.BoundedSemaphore(2)


@router.post(
    "/login.php",
    operation_id="login",
    summary="Sign in",
    response={200: AccountAnswer, **error_answers(400, 401, 403, 413, 415, 429, 503)},
    openapi_extra={**body_of(LoginBody), "security": []},
)
def login(request: HttpRequest, response: HttpResponse) -> AccountAnswer:
    """Sign in with name and password. The answer sets the session cookie."""
    call = call_of(request)
    texts = _texts(call.fields, {"username": MAX_USERNAME, "password": MAX_PASSWORD})
    # Signed in or not: what counts from here is who signs in.
    call.user, call.tried_username = None, texts["username"]
    user = _check_password(request, texts["username"], texts["password"])
    if user is None:
        raise Refused(refusals.BAD_CREDENTIALS)
    sessions.sign_in(request, user, response)
    call.user = user
    _tell(request, "login.succeeded", user.username)
    return AccountAnswer(success=True, message="Login successful", data=_account(user))


@router.post(
    "/logout.php",
    operation_id="logout",
    summary="Sign out",
    response={200: MessageAnswer, **error_answers(400, 401, 403, 413, 415, 503)},
)
def logout(request: HttpRequest, response: HttpResponse) -> MessageAnswer:
    """End the session."""
    sessions.sign_out(request, response)
    _tell(request, "logout", user_of(request).username)
    return MessageAnswer(success=True, message="Logout successful")


@router.get(
    "/me.php",
    operation_id="me",
    summary="Who is signed in",
    response={200: AccountAnswer, **error_answers(401, 503)},
)
def me(request: HttpRequest) -> AccountAnswer:
    """The account of this session."""
    return AccountAnswer(
        success=True, message="Account retrieved successfully", data=_account(user_of(request))
    )


@router.post(
    "/password.php",
    operation_id="changePassword",
    summary="Change my password",
    response={200: AccountAnswer, **error_answers(400, 401, 403, 413, 415, 429, 503)},
    openapi_extra=body_of(PasswordBody),
)
def password(request: HttpRequest, response: HttpResponse) -> AccountAnswer:
    """Change my own password. All my sessions end but this one, which gets a new id."""
    texts = _texts(
        call_of(request).fields,
        {"current_password": MAX_PASSWORD, "new_password": MAX_PASSWORD},
    )
    user = user_of(request)
    if _check_password(request, user.username, texts["current_password"]) is None:
        raise Refused(refusals.invalid_fields({"current_password": "is wrong"}, "wrong_password"))
    if texts["new_password"] == texts["current_password"]:
        raise Refused(
            refusals.invalid_fields({"new_password": "must differ from current_password"})
        )
    try:
        # Both or nothing: an answer of 503 must not leave another password behind.
        with _hashing, transaction.atomic():
            users.set_password(user.username, texts["new_password"])
            user.refresh_from_db()
            sessions.sign_in(request, user, response)
    except UserProblem as problem:
        raise Refused(
            refusals.invalid_fields({"new_password": f"is not usable: {problem}"}, "weak_password")
        ) from problem
    _tell(request, "password.changed", user.username)
    return AccountAnswer(
        success=True, message="Password changed successfully", data=_account(user)
    )


def _check_password(request: HttpRequest, username: str, secret: str) -> User | None:
    """The user, or None for a wrong password. Raises: Refused (429) while locked."""
    credentials = get_credentials(username=username, password=secret)
    if not AxesProxyHandler.is_allowed(request, credentials):
        _tell(request, "login.locked", username)
        raise Refused(
            refusals.too_many(
                "too_many_attempts",
                "Too many failed attempts; try again later",
                _lock_left(username, call_of(request).address).total_seconds(),
            )
        )
    with _hashing:
        user = authenticate(request, username=username, password=secret)
    if not isinstance(user, User):
        _tell(request, "login.failed", username)
        return None
    return user


def _lock_left(username: str, address: str) -> timedelta:
    cool_off: timedelta = get_cool_off()
    last = (
        AccessAttempt.objects.filter(username=username, ip_address=address or None)
        .order_by("-attempt_time")
        .values_list("attempt_time", flat=True)
        .first()
    )
    return cool_off if last is None else last + cool_off - timezone.now()


def _texts(fields: dict[str, object], longest: dict[str, int]) -> dict[str, str]:
    """The string fields, all of them given. Raises: Refused (400), every bad one named."""
    problems: dict[str, str] = {}
    texts: dict[str, str] = {}
    for name, length in longest.items():
        value = fields.get(name)
        if not isinstance(value, str) or not value:
            problems[name] = "is required, a string"
        elif len(value) > length:
            problems[name] = f"must not be longer than {length} characters"
        elif _is_unusable(name, value):
            problems[name] = "must not contain control characters"
        else:
            texts[name] = value
    if problems:
        raise Refused(refusals.invalid_fields(problems))
    return texts


def _is_unusable(name: str, value: str) -> bool:
    # A password may hold any character but half a surrogate pair, which has no UTF-8. A name
    # goes into tables and logs; NUL in it would be an error of PostgreSQL.
    if name == "username":
        return not value.isprintable()
    return any(0xD800 <= ord(char) <= 0xDFFF for char in value)


def _account(user: User) -> Account:
    return Account(
        username=user.username,
        role=user.role,
        must_change_password=user.must_change_password,
    )


def _tell(request: HttpRequest, event: str, username: str) -> None:
    call = call_of(request)
    log.info(
        event,
        extra={
            "username": username,
            "ip_address": call.address,
            "request_id": call.request_id,
        },
    )
