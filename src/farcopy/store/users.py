"""Accounts: add, list, change, set a password, unlock. Used by the command line and the API."""

import secrets as random
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from farcopy.core.account_names import problem_of_name
from farcopy.store import lockout
from farcopy.store.lockout import locked_accounts
from farcopy.store.models import User

ROLES = tuple(role.value for role in User.Role)


class UserProblem(Exception):
    """What is wrong with an account or a password, for the person at the keyboard.

    field: which of username, role and password it is about.
    """

    field: ClassVar[str] = "username"
    text: ClassVar[str] = ""

    def __init__(self, text: str = "") -> None:
        super().__init__(text or self.text)


class NameUnusable(UserProblem):
    """The text says why."""


class NameTaken(UserProblem):
    text = "there is a user of this name"


class UserUnknown(UserProblem):
    text = "there is no user of this name"


class LastAdmin(UserProblem):
    """Nobody could sign in to steer farcopy any more."""

    text = "this is the last active admin"


class CheckedNoLonger(Exception):
    """The account has another password by now than the one that was checked, or is shut out."""


class RoleUnknown(UserProblem):
    field = "role"
    text = f"the role must be one of {', '.join(ROLES)}"


class PasswordWeak(UserProblem):
    field = "password"


@dataclass(frozen=True, slots=True)
class Account:
    """is_locked_out: wrong passwords keep somebody from signing in to it for now."""

    id: int
    username: str
    role: str
    is_active: bool
    must_change_password: bool
    is_locked_out: bool
    created_at: datetime
    last_login_at: datetime | None


def accounts() -> list[Account]:
    locked_out = locked_accounts()
    return [_account(user, locked_out) for user in User.objects.order_by("username")]


def account(username: str) -> Account:
    """Raises: UserUnknown."""
    return _account(_get(username), locked_accounts())


def add(username: str, role: str, password: str, *, must_change: bool = False) -> None:
    """Raises: NameUnusable, NameTaken, RoleUnknown, PasswordWeak."""
    if problem := problem_of_name(username):
        raise NameUnusable(problem)
    user = User(username=username, role=_checked_role(role), must_change_password=must_change)
    _check(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise NameTaken from error


def set_password(
    username: str, password: str, *, must_change: bool = False, checked: User | None = None
) -> None:
    """Ends the user's sessions and his lockout.

    checked: the account as its password was checked, where the old one has to be given.
    Raises: UserUnknown, PasswordWeak, CheckedNoLonger.
    """
    user = _get(username)
    _check(password, user)
    user.set_password(password)
    user.must_change_password = must_change
    with transaction.atomic():
        if checked is not None:
            lock_as_checked(checked)
        user.save(update_fields=["password", "must_change_password"])
        user.sessions.all().delete()
        lockout.unlock(username)


def lock_as_checked(checked: User) -> User:
    """The account as it is now, locked until the transaction ends. Raises: CheckedNoLonger.

    Between a look at the hash and what follows from it lies a moment in which an admin may
    have given another password: who knew the old one is nobody then.
    """
    user = User.objects.select_for_update().filter(pk=checked.pk).first()
    if user is None or not user.is_active or user.password != checked.password:
        raise CheckedNoLonger
    return user


def change(
    username: str,
    *,
    role: str | None = None,
    is_active: bool | None = None,
    may_be_last_admin: bool = False,
) -> None:
    """Give another role, shut out or let in again; counts at the user's next request.

    None: as it is. may_be_last_admin: at the machine another admin can always be made.
    Raises: UserUnknown, RoleUnknown, LastAdmin.
    """
    new_role = None if role is None else _checked_role(role)
    with transaction.atomic():
        # Locked, so that of two admins who demote each other one stays.
        admins = list(_active_admins().select_for_update().order_by("pk"))
        user = _get(username)
        if new_role is not None:
            user.role = new_role
        if is_active is not None:
            user.is_active = is_active
        is_admin_still = user.is_active and user.role == User.Role.ADMIN
        if admins == [user] and not is_admin_still and not may_be_last_admin:
            raise LastAdmin
        user.save(update_fields=["role", "is_active"])
        if not user.is_active:
            user.sessions.all().delete()  # else they would live again when it is enabled


def unlock(username: str) -> None:
    """Forget the wrong passwords that were tried. Raises: UserUnknown."""
    lockout.unlock(_get(username).username)


def has_admin() -> bool:
    """Whether anybody can steer farcopy."""
    return _active_admins().exists()


def generate_password() -> str:
    """About 93 bits, without characters that look alike."""
    alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "-".join("".join(random.choice(alphabet) for _ in range(4)) for _ in range(4))


def _account(user: User, locked_out: frozenset[str]) -> Account:
    return Account(
        id=user.pk,
        username=user.username,
        role=user.role,
        is_active=user.is_active,
        must_change_password=user.must_change_password,
        is_locked_out=user.username in locked_out,
        created_at=user.created_at,
        last_login_at=user.last_login,
    )


def _active_admins() -> QuerySet[User]:
    return User.objects.filter(role=User.Role.ADMIN, is_active=True)


def _get(username: str) -> User:
    try:
        return User.objects.get(username=username)
    except User.DoesNotExist as error:
        raise UserUnknown from error


def _checked_role(role: str) -> str:
    if role not in ROLES:
        raise RoleUnknown
    return role


def _check(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise PasswordWeak(" ".join(error.messages)) from error
