"""Strict JSON bodies: one object, no duplicate keys, no NaN, bounded depth. Pure.

Says what is wrong with the text of a body; which fields mean what is decided
by core.config and the views.
"""

import json
import math
import re
from collections.abc import Sequence
from typing import Final, NoReturn

MAX_BODY_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 20


class BodyInvalid(Exception):
    """The text says what is wrong, from a fixed list."""


def is_json_type(content_type: str) -> bool:
    """application/json, with charset utf-8 or none."""
    essence, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [p.partition("=")[2].strip(' "') for p in parameters if p.startswith("charset")]
    return essence == "application/json" and all(c in ("utf-8", "utf8") for c in charsets)


def is_plain(content_encoding: str) -> bool:
    """No coding but identity (RFC 9110 §8.4): what is packed is never unpacked here."""
    return all(part.strip().lower() in ("", "identity") for part in content_encoding.split(","))


def parse_object(body: bytes) -> dict[str, object]:
    """The JSON object in a body.

    Raises: BodyInvalid. Lone surrogates may be in its strings: core.config
    and the views refuse them with the field's name.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BodyInvalid("not UTF-8") from None
    # Before parsing: the parser recurses, and deep enough nesting ends it with RecursionError.
    if _depth(text) > MAX_DEPTH:
        raise BodyInvalid(f"nested deeper than {MAX_DEPTH} levels")
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_object_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except (ValueError, RecursionError):
        # ValueError also is an integer of more digits than Python converts.
        raise BodyInvalid("cannot be parsed") from None
    if not isinstance(value, dict):
        raise BodyInvalid("an object is expected")
    return value


# A string that never ends goes on to the end of the text: were it no match, the next quote
# would be tried, and so on, in quadratic time (64 KiB of `\"` took 20 s).
_STRING = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)


def _depth(text: str) -> int:
    depth = deepest = 0
    for char in _STRING.sub("", text):
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def _object_without_duplicates(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BodyInvalid("a key is given twice")
    return found


def _refuse_constant(_: str) -> NoReturn:
    raise BodyInvalid("NaN and Infinity are no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BodyInvalid("a number is too large")
    return number
