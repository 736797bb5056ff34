"""Put another master key in force: everything is encrypted anew, in one transaction.

A kill at any point leaves what is stored readable: the new key is made before the
database knows of it, the old one goes after, and until then both are at hand.
Whoever was cut off calls again.
"""

from dataclasses import dataclass, replace
from typing import Final

from django.conf import settings as django_settings
from django.db import transaction
from django.utils import timezone

from farcopy.core.errors import KeyFits, KeyUnusable
from farcopy.store import anchor, audit, key_history, seals, second_factor
from farcopy.store.audit_models import AuditHead, KeyRecord
from farcopy.store.chain import Head
from farcopy.store.keys import (
    KEY_FILE,
    NEXT_KEY_FILE,
    KeySource,
    create_key,
    derive_key,
    key_id,
    sync_directory,
)
from farcopy.store.models import SyncConfiguration
from farcopy.store.seals import Kept
from farcopy.store.secrets import SecretBox

_PASSWORD: Final = "ftp_password"  # noqa: S105  # the name of the field


@dataclass(frozen=True, slots=True)
class Rotated:
    """Ids of the keys. is_new: the new one was put in force now, not by a call cut off."""

    old_id: str
    new_id: str
    is_new: bool


def rotate() -> Rotated:
    """A new key in the home's file; or, with keys that are given, the one that is new there.

    Raises: KeyUnusable when there is no new key to be had, KeyMismatch.
    """
    source: KeySource = django_settings.KEYS
    if not source.is_own_file:
        keys = source.load()
        if len(keys) < 2:
            raise KeyUnusable(
                "the key is not farcopy's own file: give the new one as FARCOPY_KEY and the old "
                "one as FARCOPY_OLD_KEY"
            )
        return _put_in_force(keys[0])
    successor = source.home / NEXT_KEY_FILE
    if not successor.exists():
        key_history.in_force()  # with a key that does not fit nothing is begun
        create_key(successor)
    rotated = _put_in_force(source.load()[0])
    successor.replace(source.home / KEY_FILE)
    sync_directory(source.home)
    return rotated


def _put_in_force(new: bytes) -> Rotated:
    with transaction.atomic():
        # Before the head, as who changes settings does: else each may wait for the other.
        SyncConfiguration.objects.select_for_update().get(pk=1)
        head, old_audit_key = audit.locked_head()
        record = KeyRecord.objects.select_for_update().get(is_in_force=True)
        if record.key_id == key_id(new):
            return Rotated(_before(record), record.key_id, is_new=False)
        old_box, new_box = SecretBox(key_history.at_hand(record.key_id)), SecretBox(new)
        _encrypt_password(old_box, new_box)
        second_factor.encrypt_anew(old_box, new_box)
        for retired in KeyRecord.objects.exclude(audit_key_encrypted=None):
            stored = retired.audit_key_encrypted or ""
            text = old_box.decrypt(stored, retired.key_id, "audit_key")
            retired.audit_key_encrypted = new_box.encrypt(text, retired.key_id, "audit_key")
            retired.save()
        record.is_in_force = False
        record.audit_key_encrypted = new_box.encrypt(
            old_audit_key.hex(), record.key_id, "audit_key"
        )
        record.save()
        # A key of before may come back; then nothing of it need be kept apart.
        KeyRecord.objects.update_or_create(
            key_id=key_id(new),
            defaults={"is_in_force": True, "since": timezone.now(), "audit_key_encrypted": None},
        )
        audit.store_head(head, derive_key(new, key_history.AUDIT_PURPOSE))
        audit.record(
            action="key.rotated", ip_address="service",
            details={"old_key": record.key_id, "new_key": key_id(new)},
        )
    return Rotated(record.key_id, key_id(new), is_new=True)


def _before(record: KeyRecord) -> str:
    found = KeyRecord.objects.filter(is_in_force=False).order_by("-since").first()
    return found.key_id if found else record.key_id


def _encrypt_password(old: SecretBox, new: SecretBox) -> None:
    row = SyncConfiguration.objects.select_for_update().get(pk=1)
    if row.ftp_password_encrypted is not None:
        text = old.decrypt(row.ftp_password_encrypted, str(row.pk), _PASSWORD)
        row.ftp_password_encrypted = new.encrypt(text, str(row.pk), _PASSWORD)
        row.save(update_fields=["ftp_password_encrypted"])


def reset() -> str:
    """The key in force is lost: go on with another, without what it encrypted.

    The FTP password and the second factors are forgotten, and the audit trail's chain begins
    anew: its entries until now are counted and hashed, and can no longer be proven one by one.
    Returns the new key's id. Raises: KeyFits when nothing is lost, KeyUnusable.
    """
    source: KeySource = django_settings.KEYS
    if source.is_own_file and not (source.home / KEY_FILE).exists():
        create_key(source.home / KEY_FILE)
    new = source.load()[0]
    with transaction.atomic():
        record = KeyRecord.objects.select_for_update().filter(is_in_force=True).first()
        if record is not None and record.key_id in key_history.masters():
            raise KeyFits
        KeyRecord.objects.update(is_in_force=False, audit_key_encrypted=None)
        KeyRecord.objects.update_or_create(
            key_id=key_id(new), defaults={"is_in_force": True, "since": timezone.now()}
        )
        SyncConfiguration.objects.filter(pk=1).update(ftp_password_encrypted=None)
        given_up, kept = AuditHead.objects.filter(pk=1).first(), seals.read()
        AuditHead.objects.all().delete()
        head, key = audit.locked_head()
        if not _is_of_a_key_at_hand(kept):
            head = _given_up(head, given_up, kept)
        # Else no key was lost: somebody changed which one the database names, and that is told.
        audit.store_head(head, key)
        audit.record(
            action="key.reset", ip_address="service",
            details={"new_key": key_id(new), "second_factors": second_factor.forget_all()},
        )
    anchor.try_renewing()
    return key_id(new)


def _given_up(head: Head, before: AuditHead | None, kept: Kept) -> Head:
    """The new chain's head: marks of what the lost key sealed are no alarm any more."""
    head = replace(head, broken_after=None)
    if before is not None:
        head = head.closing({**audit.head_of(before).closed_chains, before.chain_id: None})
    return head.closing({found.mark.chain_id: None for found in kept.marks if found.mark})


def _is_of_a_key_at_hand(kept: Kept) -> bool:
    keys = {name: derive_key(master, key_history.AUDIT_PURPOSE)
            for name, master in key_history.masters().items()}
    return any(
        found.mark.key_id in keys and found.mark.is_sealed(keys[found.mark.key_id])
        for found in kept.marks if found.mark
    )
