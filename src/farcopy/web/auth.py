"""Sign in, sign out, who am I, change my password.

One text and the same hashing work for an unknown user, a wrong password and a
disabled account. django-axes counts failures, store/lockout says who must wait,
logs/auth.log tells.
"""

import logging

from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from ninja import Router

from farcopy.store import lockout, users
from farcopy.store.models import User
from farcopy.store.typed_names import kept_name
from farcopy.store.users import CheckedNoLonger, UserProblem
from farcopy.web import refusals, sessions
from farcopy.web.audit import changing
from farcopy.web.call import call_of, user_of
from farcopy.web.fields import FieldReader
from farcopy.web.hashing import hashing
from farcopy.web.openapi_parts import body_of, error_answers
from farcopy.web.refusals import Refused
from farcopy.web.schemas import Account, AccountAnswer, LoginBody, MessageAnswer, PasswordBody

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
    fields.check()
    # Signed in or not: what counts from here is who signs in.
    call.user, call.tried_username = None, kept_name(username)
    checked = _check_password(request, username, secret)
    if checked is None:
        raise Refused(refusals.BAD_CREDENTIALS)
    try:
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
            sessions.sign_in(request, user, response)
    except CheckedNoLonger as error:
        tell(request, "login.failed", user.username)
        raise Refused(is_wrong) from error
    except UserProblem as problem:
        raise Refused(refusals.weak_password("new_password", str(problem))) from problem
    tell(request, "password.changed", user.username)
    return AccountAnswer(
        success=True, message="Password changed successfully", data=_account(user)
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


def _refuse_locked(request: HttpRequest, name: str) -> None:
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
