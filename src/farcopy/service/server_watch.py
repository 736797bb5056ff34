"""Once a day an idle service logs in: is the server still there, and the password still right?

A run of nothing new asks the server nothing. Without this, an archive that is
whole and a server that has been gone for weeks would look the same. On a thread:
a server may take its time to say nothing.
"""

import logging
import threading

from django.db import connection as database
from django.utils import timezone

from farcopy.core.errors import FarcopyError
from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.planning.schedule import next_asking_due
from farcopy.service import connection
from farcopy.store import configuration as stored
from farcopy.store import history
from farcopy.store.configuration import StoredConfiguration

_log = logging.getLogger("farcopy.service")


class ServerWatch:
    """For the service's thread."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def go_on(self, row: StoredConfiguration) -> None:
        """Ask, if it is due. Called when nothing else is to be done; returns at once."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = None
        settings = row.settings
        if not (settings.is_ftp_configured and (
            settings.sync_enabled or settings.monitoring_enabled
        )):
            return
        destination = stored.find_destination(settings)
        if destination is None:
            return
        now = timezone.now()
        due = next_asking_due(destination.last_seen_at, destination.last_asked_at, now)
        last = history.last_attempt(row.settings_changed_at, now)
        if due is None or due > now or (last is not None and last.hard_failures):
            return
        stored.note_asked(destination, now)
        self._thread = threading.Thread(target=_ask, name="farcopy-ask", daemon=True)
        self._thread.start()

    def end(self, within_s: float = 1.0) -> None:
        if self._thread is not None:
            self._thread.join(within_s)


def _ask() -> None:
    try:
        connection.test_connection()
        _log.info("server.reached")
    except LedgerTrouble:
        pass  # the service's own turns tell of it
    except FarcopyError as error:
        _log.warning("server.not_reached", extra={"code": error.code})
    except Exception:  # noqa: BLE001
        # The edge of the thread: it is told, and the service lives on.
        _log.exception("server.not_asked")
    finally:
        database.close()
