"""Point Django at a fresh database, SQLite or PostgreSQL, for tests in this process."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import django
from django.conf import settings

DJANGO_HOME = Path(tempfile.gettempdir()) / f"farcopy-test-home-{os.getpid()}"


def set_up_django() -> None:
    """Once a process; the home it makes is only the key's and the default database's."""
    if settings.configured:
        return
    os.environ["FARCOPY_HOME"] = str(DJANGO_HOME)
    atexit.register(shutil.rmtree, DJANGO_HOME, ignore_errors=True)
    os.environ.pop("DATABASE_URL", None)
    os.environ["DJANGO_SETTINGS_MODULE"] = "farcopy.settings.base"
    django.setup()


def use_database(options: dict[str, Any]) -> None:
    """Close what is open, point `default` elsewhere, and migrate there."""
    from django.db import connections

    from farcopy.store.schema import prepare_database

    connections["default"].close()
    connections.databases["default"] = connections.configure_settings({"default": options})[
        "default"
    ]
    del connections["default"]
    prepare_database()


def sqlite_options(file: Path) -> dict[str, Any]:
    from farcopy.settings import base

    return {**base.SQLITE, "NAME": str(file)}


def postgres_options(url: str) -> dict[str, Any]:
    from farcopy.settings.base import database_of

    return database_of(url)
