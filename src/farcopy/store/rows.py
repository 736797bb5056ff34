"""What the ledger's raw statements share: chunks, literals, times."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from django.db import connection

from farcopy.core.states import FileState

_T = TypeVar("_T")
ROWS_A_STATEMENT = 500
"""SQLite takes at most 32,766 values a statement, PostgreSQL 65,535."""


def chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), ROWS_A_STATEMENT):
        yield items[start : start + ROWS_A_STATEMENT]


def places(items: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(items))


def quoted(states: frozenset[FileState]) -> str:
    """States as SQL literals: constants of ours, never input."""
    return ", ".join(f"'{state.value}'" for state in sorted(states))


def stored_time(moment: datetime | None) -> str | datetime | None:
    """A time as the database's own parameter: raw SQL does not pass Django's fields."""
    return connection.ops.adapt_datetimefield_value(moment) if moment else None


def aware(value: datetime | str) -> datetime:
    """A time out of raw SQL: SQLite's is UTC but does not say so."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
