"""Accounts: add, list, disable, set a password. Used by the command line and the API."""

import secrets as random
from dataclasses import dataclass
from datetime import datetime

from axes.utils import reset
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from farcopy.store.models import User

ROLES = tuple(role.value for role in User.Role)


class UserProblem(Exception):
    """What is wrong with an account or a password, for the person at the keyboard."""


@dataclass(frozen=True, slots=True)
class Account:
    username: str
    role: str
    is_active: bool
    last_login_at: datetime | None


def add(username: str, role: str, password: str, *, must_change: bool = False) -> None:
    """Raises: UserProblem (name taken or unusable, password too weak)."""
    if not username or len(username) > 150 or not username.isprintable() or (
        username != username.strip()
    ):
        raise UserProblem("the name must be 1 to 150 printable characters without outer blanks")
    if role not in ROLES:
        raise UserProblem(f"the role must be one of {', '.join(ROLES)}")
    user = User(username=username, role=role, must_change_password=must_change)
    _check(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise UserProblem("there is a user of this name") from error


def set_password(username: str, password: str, *, must_change: bool = False) -> None:
    """Ends the user's sessions (they are bound to the password's hash) and his lockout."""
    user = _get(username)
    _check(password, user)
    user.set_password(password)
    user.must_change_password = must_change
    user.save(update_fields=["password", "must_change_password"])
    reset(username=username)


def disable(username: str) -> None:
    user = _get(username)
    user.is_active = False
    user.save(update_fields=["is_active"])


def accounts() -> list[Account]:
    return [
        Account(user.username, user.role, user.is_active, user.last_login)
        for user in User.objects.order_by("username")
    ]


def generate_password() -> str:
    """About 95 bits, without characters that look alike."""
    alphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "-".join("".join(random.choice(alphabet) for _ in range(4)) for _ in range(4))


def _get(username: str) -> User:
    try:
        return User.objects.get(username=username)
    except User.DoesNotExist as error:
        raise UserProblem("there is no user of this name") from error


def _check(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise UserProblem(" ".join(error.messages)) from error
