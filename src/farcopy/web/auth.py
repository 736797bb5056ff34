"""Sign in, sign out, who am I, change my password, give it again.

One text and the same hashing work for an unknown user, a wrong password and a
disabled account. django-axes counts failures, store/lockout says who must wait,
logs/auth.log tells.
"""

import logging

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router

from farcopy.store import lockout, second_factor, users
from farcopy.store.models import User
from farcopy.store.typed_names import kept_name
from farcopy.store.users import CheckedNoLonger, UserProblem, lock_as_checked
from farcopy.web import refusals, sessions
from farcopy.web.audit import changing
from farcopy.web.call import call_of, user_of
from farcopy.web.fields import FieldReader
from farcopy.web.hashing import hashing
from farcopy.web.openapi_parts import body_of, error_answers
from farcopy.web.refusals import Refused
from farcopy.web.schemas import (
    Account,
    AccountAnswer,
    ConfirmBody,
    ConfirmedAnswer,
    ConfirmedData,
    LoginBody,
    MessageAnswer,
    PasswordBody,
)

log = logging.getLogger("farcopy.auth")
router = Router(tags=["auth"])



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
    fields = FieldReader(call.fields)
    username, secret = fields.username(), fields.password()
    otp = fields.optional_text("otp", second_factor.MAX_CODE)
    fields.check()
    # Signed in or not: what counts from here is who signs in.
    call.user, call.tried_username = None, kept_name(username)
    checked = _check_password(request, username, secret)
    if checked is None:
        raise Refused(refusals.BAD_CREDENTIALS)
    try:
        _check_second_factor(request, checked, otp)
        # With a key that does not fit one must still get in, to be told so.
        with changing(request, even_unsealed=True):
            user = sessions.sign_in(request, checked, response)
            lockout.remember_address(user, call.sender)
            call.user = user
    except CheckedNoLonger as error:
        tell(request, "login.failed", call.tried_username)
        raise Refused(refusals.BAD_CREDENTIALS) from error
    tell(request, "login.succeeded", user.username)
    return AccountAnswer(success=True, message="Login successful", data=_account(user))


@router.post(
    "/logout.php",
    operation_id="logout",
    summary="Sign out",
    response={200: MessageAnswer, **error_answers(400, 401, 403, 413, 415, 503)},
)
def logout(request: HttpRequest, response: HttpResponse) -> MessageAnswer:
    """End the session."""
    with changing(request, even_unsealed=True):
        sessions.sign_out(request, response)
    tell(request, "logout", user_of(request).username)
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
    fields = FieldReader(call_of(request).fields)
    current, new = fields.password("current_password"), fields.password("new_password")
    fields.check()
    user = user_of(request)
    is_wrong = refusals.invalid_fields({"current_password": "is wrong"}, "wrong_password")
    checked = _check_password(request, user.username, current)
    if checked is None:
        raise Refused(is_wrong)
    if new == current:
        raise Refused(
            refusals.invalid_fields({"new_password": "must differ from current_password"})
        )
    try:
        # Both or nothing: an answer of 503 must not leave another password behind.
        with hashing(), changing(request):
            users.set_password(user.username, new, checked=checked)
            user.refresh_from_db()
            # No code was asked for: where one is needed, this confirms nothing.
            is_confirmed = not second_factor.is_on(user)
            sessions.sign_in(request, user, response, is_confirmed=is_confirmed)
    except CheckedNoLonger as error:
        tell(request, "login.failed", user.username)
        raise Refused(is_wrong) from error
    except UserProblem as problem:
        raise Refused(refusals.weak_password("new_password", str(problem))) from problem
    tell(request, "password.changed", user.username)
    return AccountAnswer(
        success=True, message="Password changed successfully", data=_account(user)
    )


@router.post(
    "/confirm.php",
    operation_id="confirmPassword",
    summary="Give my password again",
    response={200: ConfirmedAnswer, **error_answers(400, 401, 403, 413, 415, 429, 503)},
    openapi_extra=body_of(ConfirmBody),
)
def confirm(request: HttpRequest) -> ConfirmedAnswer:
    """For five minutes this session may do what a session alone may not: change accounts."""
    fields = FieldReader(call_of(request).fields)
    secret, otp = fields.password(), fields.optional_text("otp", second_factor.MAX_CODE)
    fields.check()
    user = user_of(request)
    is_wrong = refusals.invalid_fields({"password": "is wrong"}, "wrong_password")
    checked = _check_password(request, user.username, secret)
    if checked is None:
        raise Refused(is_wrong)
    try:
        _check_second_factor(request, checked, otp)
        with changing(request):
            sessions.confirm(request, checked)
    except CheckedNoLonger as error:
        tell(request, "login.failed", user.username)
        raise Refused(is_wrong) from error
    tell(request, "password.confirmed", user.username)
    return ConfirmedAnswer(
        success=True, message="Password confirmed",
        data=ConfirmedData(confirmed_for_s=round(sessions.CONFIRMED_FOR.total_seconds())),
    )


def _check_password(request: HttpRequest, username: str, secret: str) -> User | None:
    """The user, or None for a wrong password. Raises: Refused (429) while locked."""
    call = call_of(request)
    name = call.tried_username or username
    # Before, so that who is locked takes nobody's place in the room; and within, for of a
    # hundred tries at once all but the first few are to meet the lock.
    _refuse_locked(request, name)
    share = f"{name} at home" if lockout.is_at_home(name, call.sender) else call.sender
    with hashing(share, is_stranger=share == call.sender):
        _refuse_locked(request, name)
        user = authenticate(request, username=username, password=secret)
    if not isinstance(user, User):
        tell(request, "login.failed", name)
        return None
    return user


def _check_second_factor(request: HttpRequest, user: User, otp: str) -> None:
    """After the password. A wrong code counts as a wrong password does.

    Raises: Refused (401 without the code or with a wrong one, 429 while locked),
    CheckedNoLonger.
    """
    if not second_factor.is_on(user):
        return
    if not otp:
        raise Refused(refusals.OTP_REQUIRED)
    # One after the other: of a hundred tries at once, all but the first few meet the lock.
    with transaction.atomic():
        lock_as_checked(user)
        _refuse_locked(request, user.username)
        is_right = second_factor.take(user, otp, timezone.now())
        if not is_right:
            user_login_failed.send(
                sender=__name__, credentials={"username": user.username}, request=request
            )
    if not is_right:
        tell(request, "login.otp_failed", user.username)
        raise Refused(refusals.BAD_OTP)


def must_have_otp(user: User) -> bool:
    """Whether the account may do nothing of its role without a second factor."""
    return user.role in settings.WEB_ENVIRONMENT.otp_roles


def _refuse_locked(request: HttpRequest, name: str) -> None:
    """Raises: Refused (429)."""
    wait_s = lockout.wait_s(name, call_of(request).sender)
    if wait_s:
        tell(request, "login.locked", name)
        text = "Too many failed attempts; try again later"
        raise Refused(refusals.too_many("too_many_attempts", text, wait_s))


def _account(user: User) -> Account:
    return Account(
        username=user.username,
        role=user.role,
        must_change_password=user.must_change_password,
    )


def tell(request: HttpRequest, event: str, username: str) -> None:
    """A line of auth.log about an account."""
    call = call_of(request)
    log.info(
        event,
        extra={
            "username": username,
            "ip_address": call.address,
            "request_id": call.request_id,
        },
    )
