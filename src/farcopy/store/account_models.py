"""The tables of accounts and their sign-ins; `models` hands them to Django.

No behaviour but the check of a password.
"""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password, make_password
from django.db import models


class UserQueries(BaseUserManager["User"]):
    """What Django's authentication asks for."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username=username)


class User(AbstractBaseUser):
    """An account. Only the admin role passes the sync endpoints; auditors read, by others."""

    class Role(models.TextChoices):
        ADMIN = "admin"
        AUDITOR = "auditor"
        RADIOLOGIST = "radiologist"
        TECHNICIAN = "technician"
        VIEWER = "viewer"

    username = models.CharField(max_length=150, unique=True)
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.VIEWER)
    is_active = models.BooleanField(default=True)
    must_change_password = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserQueries] = UserQueries()
    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "users"

    def check_password(self, raw_password: str | None) -> bool:
        """Django's own saves a hash it renews over whatever password stands there by now."""
        checked = self.password

        def renew(raw: str) -> None:
            fresh = make_password(raw)
            if User.objects.filter(pk=self.pk, password=checked).update(password=fresh):
                self.password = fresh

        return check_password(raw_password, checked, renew)


class Session(models.Model):
    """A sign-in that lasts. A copy of this table signs nobody in: of the id only a hash is kept.

    password_mark: changes with the account's password, which so ends the session.
    confirmed_at: when the password was last given in it. settings_seen: the version of the
    settings that it has read or stored. ip_address, user_agent: of its last use, and of sign-in.
    """

    id_hash = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    password_mark = models.CharField(max_length=128)
    signed_in_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    settings_seen = models.BigIntegerField(default=0, db_default=0)
    ip_address = models.CharField(max_length=45, default="", db_default="")
    user_agent = models.CharField(max_length=200, default="", db_default="")

    class Meta:
        db_table = "sessions"


class ApiToken(models.Model):
    """What a program shows instead of a password. hint: how its text begins.

    settings_seen: as of a session.
    """

    name = models.CharField(max_length=60)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    token_hash = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=20)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    last_used_address = models.CharField(max_length=45, default="")
    settings_seen = models.BigIntegerField(default=0)

    class Meta:
        db_table = "api_tokens"


class SecondFactor(models.Model):
    """A TOTP secret, encrypted. It counts from is_on; last_step: of the code used last."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="second_factor")
    secret_encrypted = models.TextField()
    is_on = models.BooleanField(default=False)
    since = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0)
    recovery_hashes = models.JSONField(default=list)

    class Meta:
        db_table = "second_factors"


class UnconfirmedChange(models.Model):
    """Destination or sources moved by a session or token alone, without the password again.

    One row for who did it whence: fields: all that were moved since first_at, times: how often.
    token: the token's name, "" for a session.
    """

    first_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    times = models.BigIntegerField(default=1)
    username = models.CharField(max_length=150)
    ip_address = models.CharField(max_length=45, default="")
    token = models.CharField(max_length=60, default="")
    fields = models.JSONField(default=list)

    class Meta:
        db_table = "unconfirmed_changes"


class KnownAddress(models.Model):
    """Whence an account was signed in to: guesses made elsewhere do not lock it there."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="known_addresses")
    ip_address = models.CharField(max_length=45)
    last_at = models.DateTimeField()

    class Meta:
        db_table = "known_addresses"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "ip_address"], name="one_known_address")
        ]
