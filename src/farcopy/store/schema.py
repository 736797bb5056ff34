"""Bring the database up to date. Every verb calls it; most find nothing to do."""

import pkgutil
from contextlib import suppress
from pathlib import Path

import portalocker
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.exceptions import MigrationSchemaMissing
from django.db.migrations.recorder import MigrationRecorder

from farcopy.core.errors import KeyMismatch, KeyUnusable
from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.store import anchor, audit, configuration, counters, key_history
from farcopy.store.troubles import of_os_error


def prepare_database() -> None:
    """Create or migrate the tables; two processes that start together wait for each other.

    Raises: LedgerTrouble.
    """
    connection.may_create = True  # type: ignore[attr-defined]  # our SQLite backend asks
    try:
        _prepare()
    except MigrationSchemaMissing as error:
        if isinstance(error.__context__, LedgerTrouble):
            raise error.__context__ from error
        raise
    except OSError as error:
        raise of_os_error(error) from error
    finally:
        connection.may_create = False  # type: ignore[attr-defined]


def _prepare() -> None:
    if not _has_work() and counters.are_kept():
        return
    with portalocker.Lock(settings.FARCOPY_HOME / "migrate.lock", timeout=120):
        if _has_work():
            counters.stop_keeping()
            call_command("migrate", verbosity=0, interactive=False)
            configuration.ensure_row()
            # With a key that does not fit both are left to the day when it does.
            with suppress(KeyMismatch, KeyUnusable):
                with transaction.atomic():  # a key without its chain would look like a theft
                    key_history.begin()
                    audit.begin_chain()
                anchor.try_renewing()
        if not counters.are_kept():  # also after a start that was cut off just here
            counters.begin_keeping()
    if connection.vendor == "sqlite":
        Path(connection.settings_dict["NAME"]).chmod(0o600)


def _has_work() -> bool:
    if _there() <= set(MigrationRecorder(connection).applied_migrations()):
        return False  # by their names alone: loading them all takes ten times as long
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _there() -> set[tuple[str, str]]:
    """App and name of each migration that is installed."""
    return {
        (app.label, module.name)
        for app in apps.get_app_configs()
        for module in pkgutil.iter_modules([str(Path(app.path) / "migrations")])
    }
