"""How times are shown: `YYYY-MM-DD HH:MM:SS` in the configured zone. Stored is UTC."""

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings


def shown(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    # Without a configured zone: the system's own, as the admin's clock on the wall has it.
    return moment.astimezone(_zone(settings.ENVIRONMENT.time_zone)).strftime("%Y-%m-%d %H:%M:%S")


def moment_of(text: str) -> datetime:
    """The reverse: also a date alone (its first second), or any ISO 8601 time with an offset.

    Raises: ValueError.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        zone = _zone(settings.ENVIRONMENT.time_zone)
        moment = moment.replace(tzinfo=zone) if zone else moment.astimezone()
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # in the first or the last hours there are
        return moment.replace(tzinfo=UTC)


@lru_cache
def _zone(name: str) -> tzinfo | None:
    return ZoneInfo(name) if name else None
