"""The master key: a file of the home (0600) or the environment; other keys derive from it.

Knows no Django: the settings need a key before Django is set up.
"""

import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from farcopy.core.errors import KeyUnusable

KEY_BYTES = 32
KEY_FILE = "farcopy.key"


def load_or_create_key(home: Path, given: str) -> bytes:
    """The key given in the environment (hex), else that of the home, made when missing.

    Raises: KeyUnusable when it is short, no hex, or its file is open to others.
    """
    if given:
        return _decode(given)
    make_private_directory(home)
    path = home / KEY_FILE
    if not path.exists():
        _create(path)
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyUnusable("farcopy.key is readable by others: chmod 600 it")
    return _decode(path.read_text(encoding="ascii"))


def derive_key(master: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose; one purpose's key tells nothing of another's."""
    return HKDF(SHA256(), KEY_BYTES, None, f"farcopy {purpose}".encode()).derive(master)


def make_private_directory(path: Path) -> None:
    """With its parents; 0700 where the system knows modes."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)


def _create(path: Path) -> None:
    # Written whole under another name and linked into place: two first starts at
    # once agree on one key, and a kill leaves no half of one.
    draft = path.with_name(f"{KEY_FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not path.exists():
            draft.rename(path)
    draft.unlink(missing_ok=True)


def _decode(text: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        raise KeyUnusable("the key is not hexadecimal") from None
    if len(key) < KEY_BYTES:
        raise KeyUnusable("the key is shorter than 32 bytes")
    return key
