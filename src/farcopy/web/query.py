"""Parameters of a GET, read as strictly as bodies: every bad one is named in one refusal.

One that is unknown or given twice is bad. Used by the endpoints with a query.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from django.http import QueryDict

from farcopy.service.times import moment_of
from farcopy.web import refusals
from farcopy.web.refusals import Refused

MAX_LIMIT: Final = 500
MAX_ID: Final = 2**63 - 1
NO_CONTROL: Final = r"^[^\x00-\x1f\x7f]+$"


class Bad(ValueError):
    """The text says what the value must be."""


def whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        # int() takes blanks, underscores, signs and the digits of every script.
        is_number = text.isascii() and text.isdigit() and len(text) <= 19
        if not is_number or not least <= int(text) <= most:
            raise Bad(f"must be a whole number between {least} and {most}")
        return int(text)

    return read


def one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise Bad(f"must be one of {', '.join(choices)}")
        return text

    return read


def text(longest: int) -> Callable[[str], str]:
    def read(given: str) -> str:
        if not 0 < len(given) <= longest or not re.fullmatch(NO_CONTROL, given):
            raise Bad(f"must be 1 to {longest} characters, no control characters")
        return given

    return read


def moment(text: str) -> datetime:
    try:
        # Years before 1 are no datetimes, and nothing is as old.
        return moment_of(text.replace("0000-", "0001-", 1) if text[:5] == "0000-" else text)
    except ValueError:
        raise Bad("must be YYYY-MM-DD, YYYY-MM-DD HH:MM:SS, or a time in ISO 8601") from None


def read(
    query: QueryDict, known: Mapping[str, Callable[[str], object]], required: str = ""
) -> dict[str, Any]:
    """The values by name. required: a parameter that must be there. Raises: Refused (400)."""
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
            except Bad as bad:
                problems[name] = str(bad)
    if required and required not in values and required not in problems:
        problems[required] = "is required"
    if problems:
        raise Refused(refusals.invalid_fields(problems))
    return values


def parameter(
    name: str, description: str, schema: dict[str, Any], example: Any, *, is_required: bool = False
) -> dict[str, Any]:
    """For the OpenAPI document: what is read above, in words."""
    return {
        "name": name, "in": "query", "required": is_required, "description": description,
        "schema": schema, "example": example,
    }


def text_schema(longest: int) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": NO_CONTROL}


def time_parameters(since: str, until: str) -> list[dict[str, Any]]:
    """since, until: what the two mean here."""
    return [
        parameter(
            name, f"{words}: a time in ISO 8601; or YYYY-MM-DD, or YYYY-MM-DD HH:MM:SS, in the "
            "configured time zone.", {"type": "string", "format": "date-time"},
            "2025-11-22T10:30:00Z",
        )
        for name, words in (("since", since), ("until", until))
    ]
