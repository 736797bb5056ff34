"""Accounts, for an admin: list, add, change, reset a password, unlock.

The same code as `farcopy user`, but for one thing: from afar the last admin
cannot be shut out. A password made up here is told once, in the answer.
"""

from django.http import HttpRequest
from ninja import Router

from farcopy.service import answers
from farcopy.store import second_factor, sign_ins, users
from farcopy.store.users import LastAdmin, NameTaken, PasswordWeak, UserProblem, UserUnknown
from farcopy.web import query, refusals
from farcopy.web.audit import changing
from farcopy.web.auth import tell
from farcopy.web.call import call_of
from farcopy.web.fields import FieldReader
from farcopy.web.hashing import hashing
from farcopy.web.openapi_parts import body_of, error_answers
from farcopy.web.people_schemas import (
    AddBody,
    AddedAnswer,
    AddedPerson,
    ChangeBody,
    EndedAnswer,
    EndedData,
    NameBody,
    PeopleAnswer,
    PeopleData,
    Person,
    PersonAnswer,
    ResetAnswer,
    ResetPerson,
    SessionsAnswer,
    SessionsData,
)
from farcopy.web.query import parameter
from farcopy.web.refusals import Refusal, Refused

router = Router(tags=["users"])
_CHANGE_ERRORS = error_answers(400, 401, 403, 404, 409, 413, 415, 503)


@router.get(
    "/list.php",
    operation_id="listUsers",
    summary="List the accounts",
    response={200: PeopleAnswer, **error_answers(401, 403, 503)},
)
def list_users(request: HttpRequest) -> PeopleAnswer:
    """Every account, by name."""
    return PeopleAnswer(
        success=True,
        message="Accounts retrieved successfully",
        data=PeopleData.model_validate(answers.people(users.accounts(), second_factor.names())),
    )


@router.post(
    "/add.php",
    operation_id="addUser",
    summary="Add an account",
    response={200: AddedAnswer, **error_answers(400, 401, 403, 409, 413, 415, 503)},
    openapi_extra=body_of(AddBody),
    exclude_unset=True,
)
def add_user(request: HttpRequest) -> AddedAnswer:
    """Without a password one is made up, told once, and must be changed at the first sign-in."""
    fields = FieldReader(call_of(request).fields)
    username = fields.username()
    role = fields.choice("role", users.ROLES)
    given = fields.password(is_optional=True)
    _begin(request, fields, username)
    password = given or users.generate_password()
    try:
        with hashing(), changing(request):
            users.add(username, role, password, must_change=not given)
    except UserProblem as problem:
        raise Refused(_refusal_of(problem)) from problem
    tell(request, "account.added", username)
    return AddedAnswer(
        success=True,
        message="Account added successfully",
        data=AddedPerson.model_validate(
            answers.person(users.account(username), "" if given else password)
        ),
    )


@router.post(
    "/change.php",
    operation_id="changeUser",
    summary="Change an account",
    response={200: PersonAnswer, **_CHANGE_ERRORS},
    openapi_extra=body_of(ChangeBody),
)
def change_user(request: HttpRequest) -> PersonAnswer:
    """Give it another role, disable or enable it. Counts at the account's very next request."""
    fields = FieldReader(call_of(request).fields)
    username = fields.username()
    role = fields.choice("role", users.ROLES, is_optional=True)
    is_active = fields.optional_flag("is_active")
    _begin(request, fields, username)
    try:
        with changing(request):
            users.change(username, role=role or None, is_active=is_active)
    except UserProblem as problem:
        raise Refused(_refusal_of(problem)) from problem
    tell(request, "account.changed", username)
    return _answer(username, "Account changed successfully")


@router.post(
    "/reset-password.php",
    operation_id="resetPassword",
    summary="Reset an account's password",
    response={200: ResetAnswer, **error_answers(400, 401, 403, 404, 413, 415, 503)},
    openapi_extra=body_of(NameBody),
)
def reset_password(request: HttpRequest) -> ResetAnswer:
    """Make a password up, told once, to be changed at the next sign-in. Its sessions end."""
    username = _username(request)
    password = users.generate_password()
    try:
        with hashing(), changing(request):
            users.set_password(username, password, must_change=True)
    except UserProblem as problem:
        raise Refused(_refusal_of(problem)) from problem
    tell(request, "account.password_reset", username)
    return ResetAnswer(
        success=True,
        message="Password reset successfully",
        data=ResetPerson.model_validate(
            answers.person(users.account(username), password)
        ),
    )


@router.post(
    "/unlock.php",
    operation_id="unlockUser",
    summary="Unlock an account",
    response={200: PersonAnswer, **error_answers(400, 401, 403, 404, 413, 415, 503)},
    openapi_extra=body_of(NameBody),
)
def unlock_user(request: HttpRequest) -> PersonAnswer:
    """Forget the wrong passwords that locked it."""
    username = _username(request)
    try:
        with changing(request):
            users.unlock(username)
    except UserProblem as problem:
        raise Refused(_refusal_of(problem)) from problem
    tell(request, "account.unlocked", username)
    return _answer(username, "Account unlocked successfully")


@router.post(
    "/reset-otp.php",
    operation_id="resetOtp",
    summary="Take an account's second factor away",
    response={200: PersonAnswer, **error_answers(400, 401, 403, 404, 413, 415, 503)},
    openapi_extra=body_of(NameBody),
)
def reset_otp(request: HttpRequest) -> PersonAnswer:
    """For who has lost telephone and recovery codes: the password alone signs in again."""
    username = _username(request)
    try:
        with changing(request):
            second_factor.remove(username)
    except UserProblem as problem:
        raise Refused(_refusal_of(problem)) from problem
    tell(request, "account.otp_reset", username)
    return _answer(username, "Second factor removed")


@router.get(
    "/sessions.php",
    operation_id="listUserSessions",
    summary="List an account's sessions",
    response={200: SessionsAnswer, **error_answers(400, 401, 403, 404, 503)},
    openapi_extra={"parameters": [parameter(
        "username", "Whose.", query.text_schema(150), "erika",
        is_required=True,
    )]},
)
def list_user_sessions(request: HttpRequest) -> SessionsAnswer:
    """Where somebody is signed in, the last used first."""
    values = query.read(request.GET, {"username": query.text(150)}, required="username")
    call = call_of(request)
    try:
        found = sign_ins.of_account(values["username"], call.session.pk if call.session else "")
    except UserProblem as problem:
        raise Refused(_refusal_of(problem)) from problem
    return SessionsAnswer(
        success=True, message="Sessions retrieved successfully",
        data=SessionsData.model_validate(answers.sessions(found)),
    )


@router.post(
    "/end-sessions.php",
    operation_id="endUserSessions",
    summary="End an account's sessions",
    response={200: EndedAnswer, **error_answers(400, 401, 403, 404, 413, 415, 503)},
    openapi_extra=body_of(NameBody),
)
def end_sessions(request: HttpRequest) -> EndedAnswer:
    """All of them, at once; needs no password again, for it only shuts out."""
    username = _username(request)
    try:
        with changing(request):
            number = sign_ins.end_all(username)
    except UserProblem as problem:
        raise Refused(_refusal_of(problem)) from problem
    tell(request, "account.sessions_ended", username)
    return EndedAnswer(success=True, message="Sessions ended", data=EndedData(sessions=number))


def _username(request: HttpRequest) -> str:
    fields = FieldReader(call_of(request).fields)
    username = fields.username()
    _begin(request, fields, username)
    return username


def _begin(request: HttpRequest, fields: FieldReader, username: str) -> None:
    """Raises: Refused (400). From here on the audit trail names the account."""
    fields.check()
    call_of(request).account = username


def _answer(username: str, message: str) -> PersonAnswer:
    person = Person.model_validate(answers.person(users.account(username)))
    return PersonAnswer(success=True, message=message, data=person)


def _refusal_of(problem: UserProblem) -> Refusal:
    match problem:
        case UserUnknown():
            return refusals.USER_UNKNOWN
        case NameTaken():
            return refusals.USER_EXISTS
        case LastAdmin():
            return refusals.LAST_ADMIN
        case PasswordWeak():
            return refusals.weak_password(problem.field, str(problem))
        case _:
            return refusals.invalid_fields({problem.field: f"is not usable: {problem}"})
