"""The master keys: from the environment, a systemd credential, or a file of the home (0600).

Mostly there is one. While it is being replaced there are two, the new one and the
old: `store.key_history` knows which is in force. Knows no Django, whose own
settings need a key.
"""

import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from farcopy.core.errors import KeyUnusable
from farcopy.store.refusals import reason

KEY_BYTES: Final = 32
KEY_FILE: Final = "farcopy.key"
NEXT_KEY_FILE: Final = "farcopy.key.next"
_EXAMPLES: Final = (b"\0", b"\xff", bytes(range(32)), b"\xde\xad\xbe\xef",
                    bytes.fromhex("0123456789abcdef"))
"""What examples are made of, again and again: no key of anybody's own."""


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where keys come from. key, old_key: given as hex; *_file: files that hold them.

    credentials: systemd's directory. database: a file that no home has without a key.
    """

    home: Path
    key: str = ""
    key_file: str = ""
    old_key: str = ""
    old_key_file: str = ""
    credentials: str = ""
    database: Path | None = None

    @property
    def is_own_file(self) -> bool:
        """Whether the key is the home's file, which `farcopy key rotate` may replace."""
        return not (self.key or self.key_file or self._credential)

    def load(self) -> Sequence[bytes]:
        """The keys there are, the one meant for the future first.

        Raises: KeyUnusable when one is short, no hex, an example, or open to others.
        """
        if self.is_own_file:
            return self._of_home()
        file = self.key_file or ("" if self.key else self._credential)
        return (*self._given(self.key, file), *self._given(self.old_key, self.old_key_file))

    @property
    def _credential(self) -> str:
        path = Path(self.credentials) / KEY_FILE
        return str(path) if self.credentials and path.exists() else ""

    def _given(self, text: str, file: str) -> tuple[bytes, ...]:
        if file:
            # Of the group a credential's file may show bits that mean the service's own user.
            return (_read(Path(file), forbidden=0o007),)
        return (decode(text),) if text else ()

    def _of_home(self) -> tuple[bytes, ...]:
        path, successor = self.home / KEY_FILE, self.home / NEXT_KEY_FILE
        if not path.exists() and not successor.exists():
            if self.database is not None and self.database.exists():
                # A new key would only hide that the old one is missing.
                raise KeyUnusable(
                    f"{KEY_FILE} is gone from {self.home}, but its database is there: put it back; "
                    "where it is a systemd credential, run this as the service does (farcopy-run)"
                )
            try:
                make_private_directory(self.home)
                create_key(path)
            except OSError as error:
                raise KeyUnusable(f"it cannot be made: {reason(error, path)}") from error
        # The new one is made before and takes the name after: one of the two is always there.
        found = [_read(file, forbidden=0o077) for file in (successor, path) if file.exists()]
        return tuple(dict.fromkeys(found))


def secret_of(source: KeySource, purpose: str) -> bytes:
    """A derived key for who cannot do without; of this process only while the key is unusable."""
    try:
        return derive_key(source.load()[-1], purpose)
    except KeyUnusable:
        return secrets.token_bytes(KEY_BYTES)


@lru_cache(maxsize=64)
def derive_key(master: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose; one purpose's key tells nothing of another's."""
    return HKDF(SHA256(), KEY_BYTES, None, f"farcopy {purpose}".encode()).derive(master)


def key_id(master: bytes) -> str:
    """Names a key without telling anything of it."""
    return derive_key(master, "secret key id").hex()[:16]


def make_private_directory(path: Path) -> None:
    """With its parents; 0700 where the system knows modes."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)


def create_key(path: Path) -> None:
    """A new random key in a file of this name, unless there is one."""
    # Written whole under another name and linked into place: two first starts at
    # once agree on one key, and a kill leaves no half of one.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        draft.unlink(missing_ok=True)
        error.filename = str(path)  # a full disk does not say which file it was
        raise
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not path.exists():
            draft.rename(path)
    draft.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make new names outlast a power cut, where the system can."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def decode(text: str) -> bytes:
    """Raises: KeyUnusable."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        raise KeyUnusable("the key is not hexadecimal") from None
    if len(key) < KEY_BYTES:
        raise KeyUnusable("the key is shorter than 32 bytes")
    if any(key == (example * len(key))[: len(key)] for example in _EXAMPLES):
        raise KeyUnusable("the key is one of those that stand in examples")
    return key


def _read(path: Path, forbidden: int) -> bytes:
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & forbidden:
            raise KeyUnusable(f"{path} is readable by others: chmod 600 {path}")
        return decode(path.read_text(encoding="ascii"))
    except UnicodeDecodeError as error:
        raise KeyUnusable(f"{path} cannot be read: it is no text") from error
    except OSError as error:
        raise KeyUnusable(f"the key cannot be read: {reason(error, path)}") from error
