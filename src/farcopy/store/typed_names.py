"""Names typed at a sign-in: kept if there is such an account, else only a keyed hash of them.

People type their password where the name belongs. What stands for a name is the same for
the same name, so it can be counted and locked, and whoever has the key can compare.
"""

from typing import Final

from django.conf import settings

from farcopy.core.errors import KeyMismatch, KeyUnusable
from farcopy.store import key_history
from farcopy.store.chain import label_of_text
from farcopy.store.keys import derive_key
from farcopy.store.models import User

PREFIX: Final = "unknown#"
"""No account can be called so: `#` is in no name."""
_DIGITS: Final = 24
"""96 bits of it: no two names by chance, and room in every column."""


def kept_name(typed: str) -> str:
    """The name itself, of an account; else what stands for it under the key in force."""
    if User.objects.filter(username=typed).exists():
        return typed
    try:
        key = derive_key(key_history.in_force(), key_history.AUDIT_PURPOSE)
    except (KeyMismatch, KeyUnusable):
        key = settings.SECRET_KEY.encode()  # of this process; nothing is sealed meanwhile either
    return _label(key, typed)


def labels(typed: str) -> dict[str, str]:
    """What stood for it, by the id of each key there was. Raises: KeyMismatch, KeyUnusable."""
    return {name: _label(key, typed) for name, key in key_history.audit_keys().items()}


def _label(key: bytes, typed: str) -> str:
    return PREFIX + label_of_text(key, typed)[:_DIGITS]
