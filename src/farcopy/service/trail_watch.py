"""The service's care for the audit trail: the home's mark each minute, a check each day.

The check reads the whole trail, so it has a thread of its own; what it finds stands
in the status. Called by the background service while it is idle.
"""

import logging
import threading
import time
from datetime import timedelta
from typing import Final

from django.db import Error as DatabaseProblem
from django.db import connection
from django.utils import timezone

from farcopy.core.errors import FarcopyError
from farcopy.service import auditing, trail_check
from farcopy.store import anchor

MARK_EVERY_S: Final = 60.0
CHECK_EVERY: Final = timedelta(days=1)
_log = logging.getLogger("farcopy.service")


class TrailWatch:
    """settle_s: after the start nothing is checked for so long."""

    def __init__(self, settle_s: float = MARK_EVERY_S) -> None:
        self._mark_due_s = 0.0
        self._check_due_s = time.monotonic() + settle_s
        self._checked_s = time.monotonic()
        self._thread: threading.Thread | None = None

    def go_on(self) -> None:
        """What is due now. Returns at once."""
        now_s = time.monotonic()
        if now_s >= self._mark_due_s:
            self._mark_due_s = now_s + MARK_EVERY_S
            anchor.try_renewing()
        if now_s >= self._check_due_s and (self._thread is None or not self._thread.is_alive()):
            self._check_due_s = now_s + MARK_EVERY_S
            if self._is_check_due(now_s):
                self._checked_s = now_s
                self._thread = threading.Thread(target=_check, name="farcopy-trail", daemon=True)
                self._thread.start()

    def _is_check_due(self, now_s: float) -> bool:
        checked_at = auditing.last_check().checked_at
        if checked_at is None or abs(timezone.now() - checked_at) >= CHECK_EVERY:
            return True
        # Who can write the database can put there that it was just checked.
        return now_s - self._checked_s >= CHECK_EVERY.total_seconds()

    def join(self) -> None:
        """Wait for a check that is on."""
        if self._thread is not None:
            self._thread.join()


def _check() -> None:
    try:
        checked = trail_check.verify().checked
        _log.info("audit.checked", extra={"entries": checked.entries, "whole": checked.is_whole})
    except (FarcopyError, DatabaseProblem) as error:
        _log.warning("audit.not_checked", extra={"error": type(error).__name__})
    finally:
        connection.close()
