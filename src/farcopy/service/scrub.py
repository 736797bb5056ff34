"""The scrub: a part of what is held is verified each day, in the background service.

It works on a thread and over a session of its own, and gives way to every run:
`give_way` aborts it at once, the next idle moment goes on where it stopped. Its
row of `verifications` stays open until the day's part is done.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from itertools import islice

from django.db import connection
from django.utils import timezone

from farcopy.core.errors import FarcopyError, Interrupted
from farcopy.core.ports import Remote
from farcopy.engine.reading import ReadingSession
from farcopy.engine.verify import Verifier
from farcopy.ftp.folders import KnownFolders
from farcopy.planning.schedule import next_scrub_due
from farcopy.service import wiring
from farcopy.service.stop import StopSignal
from farcopy.service.verification import tell_end, tell_wrong
from farcopy.settings.environment import Environment
from farcopy.store import configuration as stored
from farcopy.store import history, proofs
from farcopy.store.configuration import StoredConfiguration
from farcopy.store.proofs import DatabaseProofs, Kind

READ_BACK_SHARE = 0.2
"""Of a day's part so much is read back even if the server tells hashes: those not read back for
longest, so that each has its turn (with 15 % a day, within five weeks)."""
LOOK_S = 5.0
"""How often it is asked whether a scrub is due."""
AFTER_TROUBLE_S = 3600.0
END_WITHIN_S = 5.0
"""Its sockets fail at once; this is for the database."""
_log = logging.getLogger("farcopy.sync")


class Scrub:
    """The scrub of one service. For the service's thread."""

    def __init__(self, environment: Environment, stop: StopSignal) -> None:
        self._environment = environment
        self._stop = stop
        self._slice: _Slice | None = None
        self._not_before_s = 0.0

    def go_on(self, row: StoredConfiguration) -> None:
        """Begin or continue, if it is due. Called when nothing else is to be done; returns at once.
        """
        if self._slice is not None and self._slice.is_alive():
            if self._slice.fits(row):
                return
            self.give_way()  # another destination, or switched off
        if self._slice is not None and self._slice.had_trouble:
            self._not_before_s = time.monotonic() + AFTER_TROUBLE_S
        self._slice = None
        if time.monotonic() < self._not_before_s or self._stop.is_set():
            return
        self._not_before_s = time.monotonic() + LOOK_S
        if _is_due(row, self._environment):
            self._slice = _Slice(row, self._environment, self._stop)
            self._slice.start()

    def give_way(self) -> None:
        """Before a run, and at the end: returns when it has stopped."""
        if self._slice is not None:
            self._slice.end()
            self._slice = None
            self._not_before_s = 0.0


def _is_due(row: StoredConfiguration, environment: Environment) -> bool:
    settings = row.settings
    if not (settings.sync_enabled and settings.is_ftp_configured and environment.scrub_percent):
        return False
    destination = stored.find_destination(settings)
    if destination is None:
        return False
    now = timezone.now()
    last_run = history.last_attempt(row.settings_changed_at, now)
    if last_run is not None and last_run.hard_failures:
        return False  # a wall only an admin can move; hosts ban who tries on
    if proofs.open_scrub(destination.pk) is not None:
        return True
    last = proofs.last_scrub(destination.pk)
    due = next_scrub_due(
        proofs.first_success(destination.pk), last.started_at if last else None, now
    )
    return due is not None and due <= now


class _Slice:
    """One piece of the day's part, on a thread of its own."""

    def __init__(
        self, row: StoredConfiguration, environment: Environment, stop: StopSignal
    ) -> None:
        self._row = row
        self._environment = environment
        self._pause = StopSignal(stop)
        self._remote: Remote = wiring.make_remote(row, KnownFolders())
        self._thread = threading.Thread(target=self._run, name="farcopy-scrub", daemon=True)
        self.had_trouble = False

    def start(self) -> None:
        self._thread.start()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def fits(self, row: StoredConfiguration) -> bool:
        is_same = row.settings_changed_at == self._row.settings_changed_at
        return is_same and row.settings.sync_enabled

    def end(self) -> None:
        self._pause.request(0.0)
        self._remote.abort()
        self._thread.join(END_WITHIN_S)

    def _run(self) -> None:
        try:
            self._scrub()
        except Exception:  # noqa: BLE001
            # The edge of the thread: it is told, and the service lives on.
            self.had_trouble = True
            _log.exception("scrub.crashed")
        finally:
            connection.close()

    def _scrub(self) -> None:
        destination = stored.destination_for(self._row.settings)
        clock = wiring.SystemClock()
        record = proofs.open_scrub(destination.pk)
        if record is None:
            proofs.begin(Kind.SCRUB, destination.pk, clock.now())
            record = proofs.open_scrub(destination.pk)
        if record is None:
            return
        _log.info("verify.started", extra={"verification": record.id, "kind": "scrub"})
        held = DatabaseProofs(destination.pk)
        files = math.ceil(held.held_files() * self._environment.scrub_percent / 100)
        session = ReadingSession(
            self._remote, self._pause, self._environment.retry_scale,
            lambda: wiring.note_what_was_learnt(self._remote, self._row),
        )
        verifier = Verifier(
            session, held, clock,
            on_check=lambda check: tell_wrong(record.id, check),
            may_read=_budget(self._environment.scrub_mib * 1024 * 1024, record.counts.bytes_read),
        )
        code: str | None = ""
        checked = record.counts.files_checked
        unread = math.ceil(files * READ_BACK_SHARE)
        try:
            verifier.check_all(
                islice(held.oldest(record.started_at), max(0, files - unread - checked))
            )
            left = max(0, files - checked - verifier.counts.files_checked)
            verifier.check_all(
                islice(held.longest_unread(record.started_at), min(unread, left)), reads_back=True
            )
        except Interrupted:
            code = None
        except FarcopyError as error:
            self.had_trouble = True
            # What may pass is waited for; what an admin has to mend ends this day's part.
            code = None if error.is_retryable else error.code
            _log.warning("scrub.failed", extra={"code": error.code})
        finally:
            session.close()
            proofs.add(record.id, verifier.counts)
        if code is not None:
            proofs.finish(record.id, clock.now(), code)
            tell_end(record.id, verifier.counts, code)


def _budget(limit_bytes: int, spent_bytes: int) -> Callable[[int], bool]:
    """Whether a file may be read back. The day's first always may: it may be larger than a day."""

    def may_read(size_bytes: int) -> bool:
        nonlocal spent_bytes
        if spent_bytes and spent_bytes + size_bytes > limit_bytes:
            return False
        spent_bytes += size_bytes
        return True

    return may_read
