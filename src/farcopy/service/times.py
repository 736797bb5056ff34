"""How times are shown: `YYYY-MM-DD HH:MM:SS` in the configured zone. Stored is UTC."""

from datetime import datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings


def shown(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    # Without a configured zone: the system's own, as the admin's clock on the wall has it.
    return moment.astimezone(_zone(settings.ENVIRONMENT.time_zone)).strftime("%Y-%m-%d %H:%M:%S")


@lru_cache
def _zone(name: str) -> tzinfo | None:
    return ZoneInfo(name) if name else None
