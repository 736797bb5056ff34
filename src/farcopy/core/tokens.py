"""The text of an API token: a prefix that scanners find, 256 random bits, a checksum. Pure.

The checksum tells a typing error, or half a token, from a token; it proves nothing.
"""

from typing import Final
from zlib import crc32

PREFIX: Final = "farcopy_"
SECRET_BYTES: Final = 32
HINT_CHARS: Final = len(PREFIX) + 4
"""What is shown of a token later, to tell it from others."""
SCOPES: Final = ("read", "sync", "configure")
"""read: status, settings, history. sync: start, cancel, test. configure: change settings."""
MAX_DAYS: Final = 365
DEFAULT_DAYS: Final = 90
MAX_NAME: Final = 60
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_CHARS: Final = 43  # 62 to the power of 43 is just above 2 to that of 256
_CHECK_CHARS: Final = 6


def token_text(secret: bytes) -> str:
    """secret: SECRET_BYTES of them."""
    body = _base62(int.from_bytes(secret, "big"), _SECRET_CHARS)
    return f"{PREFIX}{body}{_check(body)}"


def is_token(text: str) -> bool:
    """Whether it has the form, with its checksum."""
    body = text[len(PREFIX) : -_CHECK_CHARS]
    return (
        text.startswith(PREFIX)
        and len(body) == _SECRET_CHARS
        and all(char in _ALPHABET for char in body)
        and text.endswith(_check(body))
    )


def _check(body: str) -> str:
    return _base62(crc32(body.encode()), _CHECK_CHARS)


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
