"""Whether the database is up to date: by the names of migrations, as Django itself would say."""

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from django.db import connection  # noqa: E402
from django.db.migrations.loader import MigrationLoader  # noqa: E402
from django.db.migrations.recorder import MigrationRecorder  # noqa: E402

from farcopy.store.schema import _has_work, _there, prepare_database  # noqa: E402


def test_the_installed_migrations_are_those_django_finds(database: None) -> None:
    assert _there() == set(MigrationLoader(connection).disk_migrations)


@pytest.mark.parametrize("app", ["store", "axes"])
def test_what_a_prepared_database_lacks_is_seen(database: None, app: str) -> None:
    assert not _has_work()
    latest = max(name for label, name in _there() if label == app)
    MigrationRecorder(connection).record_unapplied(app, latest)
    assert _has_work()
    MigrationRecorder(connection).record_applied(app, latest)
    assert not _has_work()


def test_a_migration_of_a_later_version_is_no_work(database: None) -> None:
    MigrationRecorder(connection).record_applied("store", "9999_of_a_later_version")
    prepare_database()
