"""The background service: takes requests, keeps the schedule, looks for new files.

One engine works on a home at a time: the lock file and the lease see to it.
Everything it is told comes through the database, everything it tells too.
"""

import logging
import threading
import uuid
from collections.abc import Callable

from django.db import DatabaseError, connection
from django.utils import timezone

from farcopy.core.errors import FarcopyError
from farcopy.core.states import SyncType
from farcopy.planning.schedule import next_look_due, next_run_due
from farcopy.service import monitor
from farcopy.service.execution import carry_out
from farcopy.service.scrub import Scrub
from farcopy.service.stop import StopSignal
from farcopy.settings.environment import Environment
from farcopy.store import configuration as stored
from farcopy.store import history, lease, looks
from farcopy.store.configuration import StoredConfiguration

TICK_S = 0.3
"""A request is taken within a second."""
_log = logging.getLogger("farcopy.service")


class Engine:
    """The right to work on a home, with its heartbeat, as a context manager.

    kind: "service" answers requests; "command" is a single `farcopy sync`.
    Raises on entering: EngineBusy.
    """

    def __init__(self, environment: Environment, kind: str, stop: StopSignal) -> None:
        self._kind = kind
        self._stop = stop
        self._lock = lease.EngineLock(environment.home)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="farcopy-heartbeat", daemon=True)
        self._owner = ""

    def __enter__(self) -> "Engine":
        home_mark = self._lock.acquire()
        try:
            self._owner = f"{home_mark}-{uuid.uuid4().hex[:16]}"
            lease.take(self._owner, home_mark, self._kind, timezone.now())
        except BaseException:
            self._lock.release()
            raise
        for run_id in history.recover(timezone.now()):
            _log.warning("run.cut_off", extra={"run": run_id})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        try:
            lease.give_up(self._owner)
        except DatabaseError as error:
            _log.warning("lease.not_given_up", extra={"error": type(error).__name__})
        self._lock.release()

    def _beat(self) -> None:
        try:
            while not self._ended.wait(lease.HEARTBEAT_S):
                try:
                    if not lease.renew(self._owner, timezone.now()):
                        # Somebody else works on this database: nothing of ours may go on.
                        _log.error("lease.lost")
                        self._stop.request(grace_s=0.0)
                        return
                except DatabaseError as error:
                    _log.warning("lease.not_renewed", extra={"error": type(error).__name__})
                    connection.close()
        finally:
            connection.close()


class BackgroundService:
    """`run()` works until `stop` is requested. Raises: EngineBusy."""

    def __init__(self, environment: Environment, stop: StopSignal) -> None:
        self._environment = environment
        self._stop = stop
        self._scrub = Scrub(environment, stop)
        self._last_complaint = ""

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """on_ready: called when the home is ours and requests are taken."""
        with Engine(self._environment, "service", self._stop):
            _log.info("service.started")
            on_ready()
            try:
                while not self._stop.is_set():
                    self._tick()
                    self._stop.wait(TICK_S)
            finally:
                self._scrub.give_way()
                _log.info("service.stopped")
                connection.close()

    def _tick(self) -> None:
        try:
            if not self._answer_request():
                self._keep_schedule()
            self._last_complaint = ""
        except (DatabaseError, FarcopyError) as error:
            # Told once, not three times a second, and tried again: a database comes back,
            # a key is put right.
            complaint = getattr(error, "code", type(error).__name__)
            if complaint != self._last_complaint:
                _log.error("service.trouble", extra={"code": complaint})
                self._last_complaint = complaint
            connection.close()
            self._stop.wait(2.0)

    def _answer_request(self) -> bool:
        request = history.open_request()
        if request is None:
            return False
        if request.sync_type not in set(SyncType):
            # A row of no version of ours: answered, or every start would meet it again.
            history.answer_request(request.pk, None, FarcopyError.code)
            return True
        self._scrub.give_way()
        try:
            carry_out(
                SyncType(request.sync_type),
                request.requested_by,
                self._environment,
                self._stop,
                lambda run_id: history.answer_request(request.pk, run_id),
            )
        except FarcopyError as error:
            history.answer_request(request.pk, None, error.code)
        return True

    def _keep_schedule(self) -> None:
        row = stored.load()
        settings = row.settings
        now = timezone.now()
        if settings.sync_enabled:
            last = history.last_attempt(row.settings_changed_at)
            if next_run_due(settings.sync_interval, last, now) <= now:
                self._start_automatic(SyncType.SCHEDULED, row)
                return
        if settings.monitoring_enabled and settings.has_source:
            self._monitor(row)
        self._scrub.go_on(row)

    def _monitor(self, row: StoredConfiguration) -> None:
        now = timezone.now()
        last = looks.last()
        interval = row.settings.monitoring_interval
        if next_look_due(interval, last.looked_at if last else None, now) > now:
            return
        has_new = monitor.look(row, now)
        _log.info("monitor.looked", extra={"has_new": has_new})
        if has_new and row.settings.sync_enabled and self._may_run_early(row):
            self._start_automatic(SyncType.MONITORING, row)

    def _may_run_early(self, row: StoredConfiguration) -> bool:
        """Something new starts a run at once, but not against a wall only an admin can move."""
        last = history.last_attempt(row.settings_changed_at)
        return last is None or not last.hard_failures

    def _start_automatic(self, sync_type: SyncType, row: StoredConfiguration) -> None:
        self._scrub.give_way()
        try:
            carry_out(sync_type, "", self._environment, self._stop)
        except FarcopyError as error:
            _log.warning("run.not_started", extra={"code": error.code})
            history.record_unstarted(
                sync_type, row.settings.destination_label, "", timezone.now(),
                error.code, error.text,
            )
