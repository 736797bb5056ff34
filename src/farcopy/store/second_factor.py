"""The second factor: a code of six digits from a telephone (TOTP, RFC 6238), or a recovery code.

The secret lies encrypted under the master key, recovery codes as hashes. Nobody needs one
until it is set up, unless FARCOPY_REQUIRE_OTP says so.
"""

import base64
import hmac
import secrets as random
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.db import transaction

from farcopy.store import key_history
from farcopy.store.models import SecondFactor, User
from farcopy.store.secrets import SecretBox, key_id_of
from farcopy.store.users import UserProblem, account

STEP_S: Final = 30
DIGITS: Final = 6
DRIFT_STEPS: Final = 1
"""A telephone's clock may be off by so much either way (RFC 6238 §5.2)."""
SECRET_BYTES: Final = 20
RECOVERY_CODES: Final = 10
MAX_CODE: Final = 40
_FIELD: Final = "totp_secret"
_ISSUER: Final = "farcopy"


class AlreadyOn(UserProblem):
    text = "there is a second factor already; switch it off before"


class NotBegun(UserProblem):
    text = "no second factor is being set up"


class CodeWrong(UserProblem):
    field = "otp"
    text = "the code is wrong, or was used before"


@dataclass(frozen=True, slots=True)
class Begun:
    """secret: base32, to be typed; uri: the same for a camera."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class State:
    is_on: bool
    since: datetime | None = None
    recovery_codes_left: int = 0


def state(user: User) -> State:
    row = SecondFactor.objects.filter(user=user, is_on=True).first()
    return State(is_on=False) if row is None else State(
        is_on=True, since=row.since, recovery_codes_left=len(row.recovery_hashes)
    )


def is_on(user: User) -> bool:
    return SecondFactor.objects.filter(user=user, is_on=True).exists()


def names() -> list[str]:
    """Of the accounts that have one."""
    rows = SecondFactor.objects.filter(is_on=True).order_by("user__username")
    return list(rows.values_list("user__username", flat=True))


def begin(user: User) -> Begun:
    """A new secret, which counts once a code of it was given.

    Raises: AlreadyOn, KeyMismatch, KeyUnusable.
    """
    secret = random.token_bytes(SECRET_BYTES)
    with transaction.atomic():
        row = _locked(user)
        if row is not None and row.is_on:
            raise AlreadyOn
        text = key_history.box().encrypt(secret.hex(), str(user.pk), _FIELD)
        SecondFactor.objects.update_or_create(
            user=user, defaults={"secret_encrypted": text, "last_step": 0, "recovery_hashes": []}
        )
    shown = base64.b32encode(secret).decode()
    label = quote(f"{_ISSUER}:{user.username}")
    return Begun(shown, f"otpauth://totp/{label}?secret={shown}&issuer={_ISSUER}")


def enable(user: User, code: str, now: datetime) -> list[str]:
    """The telephone shows the right code: from now on it is needed. Returns recovery codes.

    Raises: NotBegun, AlreadyOn, CodeWrong, KeyMismatch, KeyUnusable.
    """
    with transaction.atomic():
        row = _locked(user)
        if row is None:
            raise NotBegun
        if row.is_on:
            raise AlreadyOn
        if not _take_digits(row, code, now):
            raise CodeWrong
        codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
        row.recovery_hashes = [_hash(one) for one in codes]
        row.is_on, row.since = True, now
        row.save()
    return codes


def take(user: User, code: str, now: datetime) -> bool:
    """Whether the code is right; it is so once. Within a transaction, which holds the row.

    Raises: KeyMismatch, KeyUnusable.
    """
    row = _locked(user)
    if row is None or not row.is_on:
        return False
    if not _take_digits(row, code, now) and not _take_recovery(row, code):
        return False
    row.save(update_fields=["last_step", "recovery_hashes"])
    return True


def remove(username: str) -> None:
    """The password alone signs in again. Raises: UserUnknown."""
    SecondFactor.objects.filter(user_id=account(username).id).delete()


def encrypt_anew(old: SecretBox, new: SecretBox) -> None:
    """For a new master key; within the transaction that puts it in force."""
    for row in SecondFactor.objects.select_for_update():
        text = old.decrypt(row.secret_encrypted, str(row.user_id), _FIELD)
        row.secret_encrypted = new.encrypt(text, str(row.user_id), _FIELD)
        row.save(update_fields=["secret_encrypted"])


def forget_all() -> int:
    """The key they were encrypted with is lost. Returns how many were switched on."""
    number = SecondFactor.objects.filter(is_on=True).count()
    SecondFactor.objects.all().delete()
    return number


def code_at(secret: bytes, step: int) -> str:
    """The six digits of a step of 30 seconds since 1970."""
    return TOTP(secret, DIGITS, SHA1(), STEP_S).generate(step * STEP_S).decode()  # noqa: S303


def _locked(user: User) -> SecondFactor | None:
    return SecondFactor.objects.select_for_update().filter(user=user).first()


def _take_digits(row: SecondFactor, given: str, now: datetime) -> bool:
    code = "".join(given.split())
    if len(code) != DIGITS or not code.isascii() or not code.isdigit():
        return False
    box = SecretBox(key_history.at_hand(key_id_of(row.secret_encrypted)))
    secret = bytes.fromhex(box.decrypt(row.secret_encrypted, str(row.user_id), _FIELD))
    current = int(now.timestamp()) // STEP_S
    if row.last_step > current + DRIFT_STEPS:
        row.last_step = 0  # of a clock that was ahead: void
    for step in range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1):
        # Of a step that was used, or of one before it, no code counts again (RFC 6238 §5.2).
        if step > row.last_step and hmac.compare_digest(code, code_at(secret, step)):
            row.last_step = step
            return True
    return False


def _take_recovery(row: SecondFactor, given: str) -> bool:
    digest = _hash(given)
    left = [one for one in row.recovery_hashes if not hmac.compare_digest(one, digest)]
    is_right = len(left) < len(row.recovery_hashes)
    row.recovery_hashes = left
    return is_right


def _recovery_code() -> str:
    """80 random bits, in groups of four."""
    text = base64.b32encode(random.token_bytes(10)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _hash(code: str) -> str:
    plain = "".join(char for char in code.lower() if char.isalnum())
    return sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
