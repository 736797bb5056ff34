"""Which master key is in force, and which were: by their ids, never the keys themselves.

The database says which; `django.conf.settings.KEYS` may have it. One that has
another is told so, and nothing is written under it.
"""

from collections.abc import Mapping
from contextlib import suppress

from django.conf import settings
from django.utils import timezone

from farcopy.core.errors import KeyMismatch
from farcopy.store.audit_models import KeyRecord
from farcopy.store.keys import derive_key, key_id
from farcopy.store.models import SyncConfiguration
from farcopy.store.secrets import SecretBox, key_id_of

AUDIT_PURPOSE = "audit chain"


def masters() -> Mapping[str, bytes]:
    """The keys at hand, by id. Raises: KeyUnusable."""
    return {key_id(master): master for master in settings.KEYS.load()}


def begin() -> None:
    """Note the key in force, in a database that knows of none. Raises: KeyUnusable, KeyMismatch."""
    if KeyRecord.objects.filter(is_in_force=True).exists():
        return
    first, *_ = masters()
    stored = SyncConfiguration.objects.values_list("ftp_password_encrypted", flat=True).first()
    if stored is not None and key_id_of(stored) != first:
        raise KeyMismatch
    # Of two first starts at once, one makes it.
    KeyRecord.objects.get_or_create(
        is_in_force=True, defaults={"key_id": first, "since": timezone.now()}
    )


def in_force() -> bytes:
    """Raises: KeyMismatch when it is not at hand; KeyUnusable."""
    record = KeyRecord.objects.filter(is_in_force=True).first()
    if record is None:
        begin()
        return in_force()
    return at_hand(record.key_id)


def at_hand(wanted: str) -> bytes:
    """The master key of this id. Raises: KeyMismatch, KeyUnusable."""
    found = masters().get(wanted)
    if found is None:
        raise KeyMismatch
    return found


def box() -> SecretBox:
    """Encrypts under the key in force. Raises: as in_force."""
    return SecretBox(in_force())


def audit_keys() -> dict[str, bytes]:
    """What entries of the trail are or were sealed with, by key id, as far as known.

    Raises: KeyMismatch, KeyUnusable.
    """
    master = in_force()
    found = {key_id(master): derive_key(master, AUDIT_PURPOSE)}
    current = SecretBox(master)
    for record in KeyRecord.objects.filter(is_in_force=False).exclude(audit_key_encrypted=None):
        # Who wrote something else there must not keep the check from being made: it tells of
        # the entries nobody can prove any more.
        with suppress(KeyMismatch):
            text = current.decrypt(record.audit_key_encrypted or "", record.key_id, "audit_key")
            found[record.key_id] = bytes.fromhex(text)
    return found
