"""The background service: takes requests, keeps the schedule, looks for new files.

One engine works on a home at a time: the lock file and the lease see to it.
Everything it is told comes through the database, everything it tells too.
"""

import logging
import threading
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

from django.db import DatabaseError, connection
from django.utils import timezone

from farcopy.core.errors import EngineBusy, FarcopyError
from farcopy.core.ledger_errors import LedgerCorrupt, LedgerTrouble
from farcopy.core.states import SyncType
from farcopy.planning.schedule import next_look_due, next_run_due
from farcopy.service import auditing, monitor
from farcopy.service.execution import carry_out
from farcopy.service.scrub import Scrub
from farcopy.service.server_watch import ServerWatch
from farcopy.service.stop import StopSignal
from farcopy.service.trail_lines import TrailLines
from farcopy.service.trail_watch import TrailWatch
from farcopy.settings.environment import Environment
from farcopy.store import anchor, history, integrity, lease, looks, run_requests, schema
from farcopy.store import configuration as stored
from farcopy.store.configuration import StoredConfiguration
from farcopy.store.health import ENGINE, HEALTH, HEARTBEAT
from farcopy.store.patience import forget_replaced_file

TICK_S = 0.3
"""A request is taken within a second."""
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 5.0
_log = logging.getLogger("farcopy.service")


class Engine:
    """The right to work on a home, with its heartbeat, as a context manager.

    kind: "service" answers requests; "command" is a single `farcopy sync`.
    Raises on entering: EngineBusy, LedgerTrouble.
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
            if lease.is_left_over(home_mark):
                # An end without notice. A damaged file stays as it is: nothing is written.
                integrity.check()
            lease.take(self._owner, home_mark, self._kind, timezone.now())
            self._close_cut_runs()
        except BaseException:
            self._lock.release()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        try:
            lease.give_up(self._owner)
        except LedgerTrouble as error:
            _log.warning("lease.not_given_up", extra={"code": error.code})
        self._lock.release()

    def recover(self, trouble: LedgerTrouble) -> None:
        """The database had a trouble: close what it left open. Raises: LedgerTrouble."""
        if isinstance(trouble, LedgerCorrupt):
            integrity.check()
        if not lease.renew(self._owner, timezone.now()):
            self._lose()
            return
        self._close_cut_runs(trouble)

    def _close_cut_runs(self, trouble: LedgerTrouble | None = None) -> None:
        for run_id in history.recover(timezone.now(), trouble):
            _log.warning("run.cut_off", extra={"run": run_id})

    def _lose(self) -> None:
        # Somebody else works on this database: nothing of ours may go on.
        _log.error("lease.lost")
        self._stop.request(grace_s=0.0)

    def _beat(self) -> None:
        try:
            while not self._ended.wait(lease.HEARTBEAT_S):
                forget_replaced_file()
                try:
                    if not lease.renew(self._owner, timezone.now()):
                        self._lose()
                        return
                    HEALTH.clear(HEARTBEAT)
                except LedgerTrouble as error:
                    if HEALTH.note(HEARTBEAT, error):
                        _log.warning("lease.not_renewed", extra={"code": error.code})
                    connection.close()
        finally:
            connection.close()


class BackgroundService:
    """`run()` works until `stop` is requested, and outlives every trouble of the database."""

    def __init__(self, environment: Environment, stop: StopSignal) -> None:
        self._environment = environment
        self._stop = stop
        self._scrub = Scrub(environment, stop)
        self._engine: Engine | None = None
        self._trouble: LedgerTrouble | None = None
        self._damaged: integrity.Stamp | None = None
        self._retry_s = FIRST_RETRY_S
        self._last_complaint = ""
        self._trail = TrailWatch()
        self._lines = TrailLines(environment)
        self._server = ServerWatch()

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """on_ready: called when requests are taken, or will be once the database is well.

        Raises: EngineBusy.
        """
        with ExitStack() as ends:
            try:
                wait_s = self._turn(ends, on_ready)
                while not self._stop.wait(wait_s):
                    wait_s = self._turn(ends)
            finally:
                self._scrub.give_way()
                self._server.end()
                _log.info("service.stopped")
                if self._engine is not None and self._trouble is None:
                    auditing.note("service.stopped")
                    anchor.try_renewing()
                self._lines.end()
                connection.close()

    def _turn(self, ends: ExitStack, on_begun: Callable[[], None] = lambda: None) -> float:
        """One round of work. Returns after how many seconds the next one is due."""
        if self._damaged is not None and self._damaged == integrity.stamp():
            return LONGEST_RETRY_S  # nobody has put another file in its place
        forget_replaced_file()
        try:
            if self._engine is None:
                try:
                    self._begin(ends)
                except LedgerTrouble:
                    on_begun()  # there is somebody to ask what is wrong
                    raise
                on_begun()
            elif self._trouble is not None:
                # First of all: a run whose end could not be written is still `running`.
                self._engine.recover(self._trouble)
            self._trouble = self._damaged = None
            HEALTH.clear(ENGINE)
            if not self._stop.is_set() and not self._answer_request():
                self._keep_schedule()
        except LedgerTrouble as error:
            return self._wait_out(error)
        except EngineBusy:
            raise
        except (DatabaseError, FarcopyError) as error:
            # Tried again: a key is put right. A DatabaseError here is a mistake of ours.
            code = getattr(error, "code", type(error).__name__)
            if self._complain(code):
                auditing.note("service.trouble", details={"code": code})
            connection.close()
            return 2.0
        if self._last_complaint:
            _log.info("service.well_again")
            auditing.note("service.well_again", details={"code": self._last_complaint})
        self._trail.go_on()
        self._last_complaint, self._retry_s = "", FIRST_RETRY_S
        return TICK_S

    def _begin(self, ends: ExitStack) -> None:
        schema.prepare_database()
        self._engine = ends.enter_context(Engine(self._environment, "service", self._stop))
        self._lines.start()
        _log.info("service.started")
        auditing.note("service.started")

    def _wait_out(self, trouble: LedgerTrouble) -> float:
        # Damage is not forgotten for a later trouble: it takes a check to be rid of it.
        if self._trouble is None or not isinstance(self._trouble, LedgerCorrupt):
            self._trouble = trouble
        HEALTH.note(ENGINE, self._trouble)
        self._complain(trouble.code)
        connection.close()
        if isinstance(trouble, LedgerCorrupt):
            self._damaged = integrity.stamp()
        wait_s, self._retry_s = self._retry_s, min(self._retry_s * 2, LONGEST_RETRY_S)
        return wait_s

    def _complain(self, code: str) -> bool:
        """Told once, not at every round. Whether it is news."""
        is_news = code != self._last_complaint
        if is_news:
            _log.error("service.trouble", extra={"code": code})
            self._last_complaint = code
        return is_news

    def _answer_request(self) -> bool:
        request = run_requests.open_request()
        if request is None:
            return False
        if request.sync_type not in set(SyncType):
            # A row of no version of ours: answered, or every start would meet it again.
            run_requests.answer_request(request.pk, None, FarcopyError.code)
            return True
        self._scrub.give_way()
        try:
            carry_out(
                SyncType(request.sync_type),
                request.requested_by,
                self._environment,
                self._stop,
                lambda run_id: run_requests.answer_request(request.pk, run_id),
            )
        except LedgerTrouble:
            raise  # no refusal: the run is on, or begins when the database is back
        except FarcopyError as error:
            run_requests.answer_request(request.pk, None, error.code)
        return True

    def _keep_schedule(self) -> None:
        row = stored.load()
        settings = row.settings
        now = timezone.now()
        if settings.sync_enabled:
            last = history.last_attempt(row.settings_changed_at, now)
            if next_run_due(settings.sync_interval, last, now) <= now:
                self._start_automatic(SyncType.SCHEDULED, row)
                return
        if settings.monitoring_enabled and settings.has_source:
            self._monitor(row)
        self._scrub.go_on(row)
        self._server.go_on(row)

    def _monitor(self, row: StoredConfiguration) -> None:
        now = timezone.now()
        interval = row.settings.monitoring_interval
        last = looks.last_of_monitoring(now + timedelta(minutes=interval))
        if next_look_due(interval, last.ended_at if last else None, now) > now:
            return
        has_new = monitor.look(row, now)
        _log.info("monitor.looked", extra={"has_new": has_new})
        if has_new and row.settings.sync_enabled and self._may_run_early(row):
            self._start_automatic(SyncType.MONITORING, row)

    def _may_run_early(self, row: StoredConfiguration) -> bool:
        """Something new starts a run at once, but not against a wall only an admin can move."""
        last = history.last_attempt(row.settings_changed_at, timezone.now())
        return last is None or not last.hard_failures

    def _start_automatic(self, sync_type: SyncType, row: StoredConfiguration) -> None:
        self._scrub.give_way()
        try:
            carry_out(sync_type, "", self._environment, self._stop)
        except LedgerTrouble:
            raise
        except FarcopyError as error:
            _log.warning("run.not_started", extra={"code": error.code})
            history.record_unstarted(
                sync_type, row.settings.destination_label, "", timezone.now(),
                error.code, error.text,
            )
