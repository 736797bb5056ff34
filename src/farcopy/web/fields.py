"""Reads the fields of a JSON body, strictly typed; every bad one is named in one refusal.

For sign-in and accounts. The settings are checked in core.config.
"""

from farcopy.core.account_names import MAX_USERNAME
from farcopy.web import refusals
from farcopy.web.refusals import Refused

MAX_PASSWORD = 4096


class FieldReader:
    """Ask for each field, then `check`; until then a bad field reads as empty."""

    def __init__(self, fields: dict[str, object]) -> None:
        self._fields = fields
        self._problems: dict[str, str] = {}

    def username(self) -> str:
        # It goes into tables and logs; NUL in it would be an error of PostgreSQL.
        name = self._text("username", MAX_USERNAME)
        if not name.isprintable():
            self._problems["username"] = "must not contain control characters"
        return name

    def password(self, name: str = "password", *, is_optional: bool = False) -> str:
        """Any characters but half a surrogate pair, which has no UTF-8."""
        if is_optional and name not in self._fields:
            return ""
        password = self._text(name, MAX_PASSWORD)
        if any(0xD800 <= ord(char) <= 0xDFFF for char in password):
            self._problems[name] = "must not contain control characters"
        return password

    def text(self, name: str, longest: int) -> str:
        """One that must be there, without control characters."""
        text = self._text(name, longest)
        if not text.isprintable():
            self._problems[name] = "must not contain control characters"
            return ""
        return text

    def optional_text(self, name: str, longest: int) -> str:
        """ "" when it is not there, or null or empty."""
        return self.text(name, longest) if self._fields.get(name) not in (None, "") else ""

    def choices(self, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        """A list of at least one of these."""
        value = self._fields.get(name)
        if isinstance(value, list) and value and all(one in allowed for one in value):
            return tuple(value)
        self._problems[name] = f"must be a list of at least one of {', '.join(allowed)}"
        return ()

    def whole(self, name: str, least: int, most: int, default: int | None = None) -> int:
        if default is not None and name not in self._fields:
            return default
        value = self._fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self._problems[name] = f"must be an integer between {least} and {most}"
        return least

    def choice(self, name: str, choices: tuple[str, ...], *, is_optional: bool = False) -> str:
        if is_optional and name not in self._fields:
            return ""
        value = self._fields.get(name)
        if not isinstance(value, str) or value not in choices:
            self._problems[name] = f"must be one of {', '.join(choices)}"
            return ""
        return value

    def optional_flag(self, name: str) -> bool | None:
        value = self._fields.get(name)
        if isinstance(value, bool):
            return value
        if name in self._fields:
            self._problems[name] = "must be true or false"
        return None

    def check(self) -> None:
        """Raises: Refused (400)."""
        if self._problems:
            raise Refused(refusals.invalid_fields(self._problems))

    def _text(self, name: str, longest: int) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str) or not value:
            self._problems[name] = "is required, a string"
        elif len(value) > longest:
            self._problems[name] = f"must not be longer than {longest} characters"
        else:
            return value
        return ""
