"""Bring the database up to date. Every verb calls it; most find nothing to do."""

from pathlib import Path

import portalocker
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from farcopy.store import configuration


def prepare_database() -> None:
    """Create or migrate the tables; two processes that start together wait for each other."""
    if not _has_work():
        return
    with portalocker.Lock(settings.FARCOPY_HOME / "migrate.lock", timeout=120):
        if _has_work():
            call_command("migrate", verbosity=0, interactive=False)
            configuration.ensure_row()
    if connection.vendor == "sqlite":
        Path(connection.settings_dict["NAME"]).chmod(0o600)


def _has_work() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
