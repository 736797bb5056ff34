"""Row 1 of sync_configuration as frozen settings, and back. The password is encrypted here."""

import secrets as random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from django.conf import settings as django_settings
from django.db import transaction
from django.utils import timezone

from farcopy.core.changes import moved
from farcopy.core.config import PASSWORD_MASK, SyncSettings, apply_changes
from farcopy.core.errors import ChangedMeanwhile
from farcopy.store import key_history
from farcopy.store.authors import Author
from farcopy.store.models import Destination, SyncConfiguration
from farcopy.store.secrets import SecretBox, key_id_of

_PLAIN_FIELDS = tuple(f.name for f in fields(SyncSettings) if f.name != "ftp_password")


@dataclass(frozen=True, slots=True)
class StoredConfiguration:
    """The settings and what goes with them. settings.ftp_password is decrypted.

    has_seen_tls: the host and port were once seen with TLS. is_password_untried: no server
    has taken the password since it was given. version, settings_version: another one after
    each change of the settings, the latter counted. login_refused_at: when the server last
    refused the login of these very settings, if nothing has worked since.
    """

    id: int
    settings: SyncSettings
    last_sync_at: datetime | None
    settings_changed_at: datetime
    home_id: str
    has_seen_tls: bool
    is_password_untried: bool
    version: str
    settings_version: int
    login_refused_at: datetime | None


def load() -> StoredConfiguration:
    """Raises: KeyMismatch when the stored password was encrypted with another key; KeyUnusable."""
    key_history.masters()  # also when nothing is stored: the next password would find no key
    return _from_row(_row())


def version_counted() -> int:
    """How often the settings were changed so far."""
    found = SyncConfiguration.objects.values_list("settings_version", flat=True).first()
    return found or 0


def limit_bytes_per_s() -> int:
    """The bandwidth limit as it is now, for the run that is on; 0: none."""
    return 1024 * _row().ftp_limit_kib_s


def change(
    changes: Mapping[str, object], only_if: Collection[str] | None = None,
    author: Author | None = None,
) -> StoredConfiguration:
    """Validate and store changes; all or nothing.

    only_if: versions of which the settings must have one still; None: whatever they are.
    author: who asks, where it matters what he has seen and whether he is who he was.
    Raises: ChangedMeanwhile, SettingsInvalid, PasswordRequired, PasswordForUnseen,
    ConfirmationRequired, KeyMismatch, KeyUnusable.
    """
    why_no_source = django_settings.FENCE.why_not
    is_password_new = changes.get("ftp_password", PASSWORD_MASK) != PASSWORD_MASK
    return _update(
        lambda current: apply_changes(current, changes, why_no_source),
        needs_password=not is_password_new, only_if=only_if, author=author, named=changes,
    )


def _update(
    decide: Callable[[SyncSettings], SyncSettings], *, needs_password: bool,
    only_if: Collection[str] | None, author: Author | None, named: Mapping[str, object],
) -> StoredConfiguration:
    with transaction.atomic():
        row = SyncConfiguration.objects.select_for_update().get(pk=1)
        # Within the lock: of two who save at once the second is told.
        if only_if is not None and _version(row) not in only_if:
            raise ChangedMeanwhile
        # With a key that does not fit nothing is replaced, also not the password by a new one:
        # the right key may only be mislaid.
        current = _from_row(row).settings
        new = decide(current)
        fields = moved(current, new)
        if author is not None:
            if not needs_password and new.ftp_password is not None:
                author.check_password_goes_where_seen(named, row)
            author.check_may_move(fields)
            author.note(fields)
        if new != current or not needs_password:
            for name in _PLAIN_FIELDS:
                setattr(row, name, getattr(new, name))
            if new.ftp_password != current.ftp_password:
                row.ftp_password_encrypted = (
                    None if new.ftp_password is None
                    else key_history.box().encrypt(new.ftp_password, str(row.pk), "ftp_password")
                )
                row.is_password_untried = new.ftp_password is not None
            if _login(new) != _login(current):
                row.login_refused_at = None
            row.settings_changed_at = timezone.now()
            row.settings_version += 1
            row.moved_in |= dict.fromkeys(fields, row.settings_version)
            row.save()
        return _from_row(row)


def _version(row: SyncConfiguration) -> str:
    return f"{row.home_id}-{row.settings_version}"


def _login(settings: SyncSettings) -> tuple[object, ...]:
    """Who logs in where, and with what: a refusal is one of these."""
    return (
        settings.ftp_host, settings.ftp_port, settings.ftp_username, settings.ftp_password
    )


def note_login(tried: StoredConfiguration, *, is_refused: bool) -> None:
    """The server refused this login, or let it in; nothing if it is another one by now."""
    if not is_refused and tried.login_refused_at is None:
        return
    with transaction.atomic():
        row = SyncConfiguration.objects.select_for_update().get(pk=1)
        if _login(_from_row(row).settings) == _login(tried.settings):
            row.login_refused_at = timezone.now() if is_refused else None
            row.save(update_fields=["login_refused_at"])


def ensure_row() -> None:
    """Row 1 is there from the first start on, with the id of this installation."""
    SyncConfiguration.objects.get_or_create(pk=1, defaults={"home_id": random.token_hex(6)})


def _row() -> SyncConfiguration:
    return SyncConfiguration.objects.get(pk=1)


def _from_row(row: SyncConfiguration) -> StoredConfiguration:
    password = None
    if row.ftp_password_encrypted is not None:
        password = _decrypted(row.ftp_password_encrypted, str(row.pk))
    values = {name: getattr(row, name) for name in _PLAIN_FIELDS}
    values["exclude"] = tuple(values["exclude"])
    settings = SyncSettings(ftp_password=password, **values)
    return StoredConfiguration(
        id=row.pk,
        settings=settings,
        last_sync_at=row.last_sync_at,
        settings_changed_at=row.settings_changed_at,
        home_id=row.home_id,
        has_seen_tls=has_seen_tls(settings),
        is_password_untried=row.is_password_untried,
        version=_version(row),
        settings_version=row.settings_version,
        login_refused_at=row.login_refused_at,
    )


def _decrypted(stored: str, row: str) -> str:
    """Raises: KeyMismatch, KeyUnusable."""
    return SecretBox(key_history.at_hand(key_id_of(stored))).decrypt(stored, row, "ftp_password")


# --- destinations ---


def normalised_path(ftp_path: str) -> str:
    """The same directory, the same text: `/a//b/` is `/a/b`; `a` stays relative."""
    parts = [part for part in ftp_path.split("/") if part not in ("", ".")]
    return ("/" if ftp_path.startswith("/") else "") + "/".join(parts)


def destination_for(settings: SyncSettings) -> Destination:
    """The destination these settings name, made when it is a new one."""
    destination, _ = Destination.objects.get_or_create(
        host=(settings.ftp_host or "").lower().removesuffix("."),
        port=settings.ftp_port,
        username=settings.ftp_username or "",
        path=normalised_path(settings.ftp_path),
    )
    return destination


def find_destination(settings: SyncSettings) -> Destination | None:
    return Destination.objects.filter(
        host=(settings.ftp_host or "").lower().removesuffix("."),
        port=settings.ftp_port,
        username=settings.ftp_username or "",
        path=normalised_path(settings.ftp_path),
    ).first()


def has_seen_tls(settings: SyncSettings) -> bool:
    host = (settings.ftp_host or "").lower().removesuffix(".")
    return Destination.objects.filter(host=host, port=settings.ftp_port, has_tls=True).exists()


def note_tls(settings: SyncSettings) -> None:
    """The host answered with TLS: from now on it is refused without."""
    destination = destination_for(settings)
    if not destination.has_tls:
        Destination.objects.filter(pk=destination.pk).update(has_tls=True)


def note_let_in(settings_changed_at: datetime, destination: Destination, now: datetime) -> None:
    """The server took name and password. settings_changed_at: of the settings it took."""
    Destination.objects.filter(pk=destination.pk).update(last_seen_at=now)
    SyncConfiguration.objects.filter(
        pk=1, is_password_untried=True, settings_changed_at=settings_changed_at
    ).update(is_password_untried=False)


def note_asked(destination: Destination, now: datetime) -> None:
    """The idle service is about to log in, to see whether it may."""
    Destination.objects.filter(pk=destination.pk).update(last_asked_at=now)


def note_profile(destination: Destination, profile: dict[str, object]) -> None:
    """What a run learnt of the host: ftp/host.py says what stands in it."""
    Destination.objects.filter(pk=destination.pk).update(profile=profile)
