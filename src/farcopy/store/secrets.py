"""Secrets at rest: AES-256-CBC as the reference demands, then HMAC-SHA256 over all of it.

`v2$<key id>$<iv>$<ciphertext>$<mac>`, hex. The MAC covers version, key id,
row, field, IV and ciphertext, and is compared before anything is decrypted:
CBC alone lets a flipped bit through.
"""

import hmac
import secrets as random
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from farcopy.core.errors import KeyMismatch
from farcopy.store.keys import derive_key, key_id

_VERSION = "v2"


def key_id_of(stored: str) -> str:
    """Of the key a value was encrypted with; "" for what is no value of ours. Unproven."""
    parts = stored.split("$")
    return parts[1] if len(parts) == 5 else ""


class SecretBox:
    """Encrypts and decrypts with keys derived from one master key."""

    def __init__(self, master: bytes) -> None:
        self._encryption_key = derive_key(master, "secret encryption")
        self._mac_key = derive_key(master, "secret authentication")
        self._key_id = key_id(master)

    def encrypt(self, text: str, row: str, field: str) -> str:
        """row and field: where the value is kept; it decrypts nowhere else."""
        iv = random.token_bytes(16)
        padder = PKCS7(128).padder()
        padded = padder.update(text.encode()) + padder.finalize()
        encryptor = Cipher(AES(self._encryption_key), CBC(iv)).encryptor()
        ciphertext = encryptor.update(padded) + encryptor.finalize()
        mac = self._mac(_VERSION, self._key_id, row, field, iv.hex(), ciphertext.hex())
        return "$".join([_VERSION, self._key_id, iv.hex(), ciphertext.hex(), mac])

    def decrypt(self, stored: str, row: str, field: str) -> str:
        """Raises: KeyMismatch, one identical error for a wrong key and a changed value."""
        try:
            version, key_id, iv, ciphertext, mac = stored.split("$")
            expected = self._mac(version, key_id, row, field, iv, ciphertext)
            is_ours = version == _VERSION and hmac.compare_digest(mac, expected)
        except (ValueError, TypeError):
            raise KeyMismatch from None
        if not is_ours:
            raise KeyMismatch
        decryptor = Cipher(AES(self._encryption_key), CBC(bytes.fromhex(iv))).decryptor()
        padded = decryptor.update(bytes.fromhex(ciphertext)) + decryptor.finalize()
        unpadder = PKCS7(128).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()

    def _mac(self, *parts: str) -> str:
        # "$" stands in none of the parts but could in row or field: lengths keep them apart.
        message = "".join(f"{len(part)}:{part}" for part in parts)
        return hmac.new(self._mac_key, message.encode(), sha256).hexdigest()
