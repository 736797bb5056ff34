"""The query of the audit endpoints: which entries, how many, in what form."""

from typing import Any, Final

from django.http import QueryDict

from farcopy.store.trail import Wanted
from farcopy.web import query as reading
from farcopy.web.query import MAX_ID, MAX_LIMIT, parameter
from farcopy.web.routes import ROUTES

DEFAULT_LIMIT: Final = 50
FORMATS: Final = ("csv", "jsonl")
_WANTED: Final = {
    "username": reading.text(150),
    "action": reading.text(80),
    "status": reading.whole(100, 599),
    "since": reading.moment,
    "until": reading.moment,
    "polls": reading.one_of(("true", "false")),
}
_POLLS: Final = tuple(route.action for route in ROUTES.values() if route.is_polled)


def read_list(query: QueryDict) -> tuple[Wanted, int, int | None]:
    """(which, how many, older than the id). Raises: Refused."""
    values = reading.read(query, {
        "limit": reading.whole(1, MAX_LIMIT), "before": reading.whole(1, MAX_ID), **_WANTED,
    })
    limit = values.pop("limit", DEFAULT_LIMIT)
    before = values.pop("before", None)
    return _wanted(values), limit, before


def read_export(query: QueryDict) -> tuple[Wanted, str]:
    """(which, in which form). Raises: Refused."""
    values = reading.read(query, {"format": reading.one_of(FORMATS), **_WANTED})
    form = values.pop("format", FORMATS[0])
    return _wanted(values), form


def _wanted(values: dict[str, Any]) -> Wanted:
    has_polls = values.pop("polls", "true") == "true"
    return Wanted(**values, but_actions=() if has_polls else _POLLS)


_WANTED_WORDS: Final = [
    parameter("username", "Of this account only; its name, exactly.",
              reading.text_schema(150), "admin"),
    parameter("action", "Of this kind only, as in `action` of an entry.",
              reading.text_schema(80), "auth.login"),
    parameter("status", "Answered with this status only.",
              {"type": "integer", "minimum": 100, "maximum": 599}, 401),
    *reading.time_parameters("From then on", "Before then"),
    parameter("polls", "`false` leaves out what a page asks again and again by itself.",
              {"type": "string", "enum": ["true", "false"], "default": "true"}, "false"),
]
LIST_WORDS: Final = [
    parameter("limit", "At most so many entries.",
              {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
              DEFAULT_LIMIT),
    parameter("before", "Only entries with a smaller id: `next_before` of the page before.",
              {"type": "integer", "minimum": 1, "maximum": MAX_ID}, 1842),
    *_WANTED_WORDS,
]
EXPORT_WORDS: Final = [
    parameter("format", "The form of the file.",
              {"type": "string", "enum": list(FORMATS), "default": FORMATS[0]}, "jsonl"),
    *_WANTED_WORDS,
]
"""For the OpenAPI document: what is read above, in its words."""
