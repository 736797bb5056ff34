"""Django's PostgreSQL backend; its errors are ours."""

from functools import cached_property
from typing import Any

from django.db.backends.postgresql import base

from farcopy.store import troubles


class DatabaseWrapper(base.DatabaseWrapper):
    """A server that is silent must not keep a thread for ever: see DEADLINES."""

    @cached_property
    def wrap_database_errors(self) -> troubles.Translating:
        return troubles.Translating(self)

    def trouble_of(self, error: BaseException) -> BaseException | None:
        return troubles.of_postgres(error, self.Database)

    def get_connection_params(self) -> dict[str, Any]:
        return {**DEADLINES, **super().get_connection_params()}

    def be_patient(self, busy_s: float | None) -> None:
        """Readers and writers do not wait for each other here."""

    def sync_to_disk(self, is_wanted: bool) -> None:
        """The one statement that does without says so itself: no round trip for that."""

    def close_if_replaced(self) -> None:
        """There is no file of ours."""


DEADLINES = {
    "connect_timeout": 10,
    # libpq's: a machine that is gone is noticed, by an idle connection within a minute …
    "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3,
    # … and by one that has sent something within half of one (Linux only, ignored elsewhere).
    "tcp_user_timeout": 30_000,
}
