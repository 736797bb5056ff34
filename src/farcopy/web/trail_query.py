"""The query of the audit endpoints: which entries, how many, in what form. As strict as bodies.

Every bad parameter is named; one that is unknown or given twice is bad.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import QueryDict

from farcopy.service.times import moment_of
from farcopy.store.trail import Wanted
from farcopy.web import refusals
from farcopy.web.refusals import Refused

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 500
MAX_ID: Final = 2**63 - 1
FORMATS: Final = ("csv", "jsonl")
_TEXT: Final = re.compile(r"^[^\x00-\x1f\x7f]+$")
_TIME: Final = "must be YYYY-MM-DD, YYYY-MM-DD HH:MM:SS, or a time in ISO 8601"


class _Bad(ValueError):
    """The text says what the value must be."""


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        # int() takes blanks, underscores, signs and the digits of every script.
        if not (text.isascii() and text.isdigit() and len(text) <= 19):
            raise _Bad(f"must be a whole number between {least} and {most}")
        if not least <= int(text) <= most:
            raise _Bad(f"must be between {least} and {most}")
        return int(text)

    return read


def _text(longest: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not 0 < len(text) <= longest or not _TEXT.fullmatch(text):
            raise _Bad(f"must be 1 to {longest} characters, no control characters")
        return text

    return read


def _moment(text: str) -> object:
    try:
        # Years before 1 are no datetimes, and nothing is as old.
        return moment_of(text.replace("0000-", "0001-", 1) if text[:5] == "0000-" else text)
    except ValueError:
        raise _Bad(_TIME) from None


def _format(text: str) -> str:
    if text not in FORMATS:
        raise _Bad(f"must be {' or '.join(FORMATS)}")
    return text


_WANTED: Final[Mapping[str, Callable[[str], object]]] = {
    "username": _text(150),
    "action": _text(80),
    "status": _whole(100, 599),
    "since": _moment,
    "until": _moment,
}


def read_list(query: QueryDict) -> tuple[Wanted, int, int | None]:
    """(which, how many, older than the id). Raises: Refused."""
    values = _read(query, {"limit": _whole(1, MAX_LIMIT), "before": _whole(1, MAX_ID), **_WANTED})
    limit = values.pop("limit", DEFAULT_LIMIT)
    before = values.pop("before", None)
    return Wanted(**values), limit, before


def read_export(query: QueryDict) -> tuple[Wanted, str]:
    """(which, in which form). Raises: Refused."""
    values = _read(query, {"format": _format, **_WANTED})
    form = values.pop("format", FORMATS[0])
    return Wanted(**values), form


def _read(query: QueryDict, known: Mapping[str, Callable[[str], object]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, given in query.lists():
        if name not in known:
            problems[name] = "is not a known parameter"
        elif len(given) > 1:
            problems[name] = "is given twice"
        else:
            try:
                values[name] = known[name](given[0])
            except _Bad as bad:
                problems[name] = str(bad)
    if problems:
        raise Refused(refusals.invalid_fields(problems))
    return values


def _parameter(name: str, description: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {
        "name": name, "in": "query", "required": False, "description": description,
        "schema": schema, "example": example,
    }


def _text_schema(longest: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": _TEXT.pattern}


_WANTED_WORDS: Final = [
    _parameter("username", "Of this account only; its name, exactly.",
               _text_schema(150), "admin"),
    _parameter("action", "Of this kind only, as in `action` of an entry.",
               _text_schema(80), "auth.login"),
    _parameter("status", "Answered with this status only.",
               {"type": "integer", "minimum": 100, "maximum": 599}, 401),
    *(
        _parameter(
            name, f"{words}: a time in ISO 8601; or YYYY-MM-DD, or YYYY-MM-DD HH:MM:SS, in the "
            "configured time zone.", {"type": "string", "format": "date-time"},
            "2025-11-22T10:30:00Z",
        )
        for name, words in (("since", "From then on"), ("until", "Before then"))
    ),
]
LIST_WORDS: Final = [
    _parameter("limit", "At most so many entries.",
               {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
               DEFAULT_LIMIT),
    _parameter("before", "Only entries with a smaller id: `next_before` of the page before.",
               {"type": "integer", "minimum": 1, "maximum": MAX_ID}, 1842),
    *_WANTED_WORDS,
]
EXPORT_WORDS: Final = [
    _parameter("format", "The form of the file.",
               {"type": "string", "enum": list(FORMATS), "default": FORMATS[0]}, "jsonl"),
    *_WANTED_WORDS,
]
"""For the OpenAPI document: what is read above, in its words."""
