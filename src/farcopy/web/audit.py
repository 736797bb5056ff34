"""The audit trail of the API: one row for every call under /api/, refused ones too.

Only calls without a session, refused for that, share one beyond so many a minute: web.tally.

Names of fields, never their values, and no text of the caller's but a bounded
path and account name. A trail that cannot be written breaks no answer: each
call that is missing is logged, and the first row after them says how many.
"""

import atexit
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import Error as DatabaseProblem
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from farcopy.core.errors import KeyMismatch, KeyUnusable
from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.store import audit
from farcopy.store.health import AUDIT, HEALTH
from farcopy.store.patience import wait_at_most
from farcopy.web.call import Call, call_of, is_api
from farcopy.web.refusals import UNAUTHORIZED
from farcopy.web.tally import Tally

log = logging.getLogger("farcopy.web")
MAX_PATH = 200
OK = 200
"""What an answer will be once its change is committed."""
GAP_ACTION = "audit.gap"
SHARED_ACTION = "audit.shared"
TROUBLED_BUSY_S = 0.1
"""While rows are missing anyway, an answer does not wait for one more."""
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"})


class AuditMiddleware:
    """Around everything that can refuse, so that it sees the final status."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if is_api(request) and request.method != "OPTIONS":
            call = call_of(request)
            is_written = call.recorded_status == response.status_code
            if not is_written and not _shares_a_row(call):
                _record(request, call, response.status_code)
            _write_shared()
        return response


_tally = Tally()


def _shares_a_row(call: Call) -> bool:
    """Of the gate's own refusal only: a sign-in that failed always has its own."""
    if call.session is not None or call.code != UNAUTHORIZED.code:
        return False
    is_network = call.sender not in ("", call.address)
    sender = f"{call.sender}/64" if is_network else call.address
    now_s = time.monotonic()
    if _tally.has_own_row(sender, call.action, now_s, timezone.now()):
        return False
    _clock.wind(_tally.left_s(now_s))
    return True


class _Clock:
    """Sees to it that a minute's shared rows are written though nobody calls any more.

    A thread of its own while there are such rows, and none else.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._ends_with_us = False

    def wind(self, left_s: float) -> None:
        with self._lock:
            if self._timer is not None and self._timer.is_alive():
                return
            if not self._ends_with_us:
                atexit.register(_write_shared, is_end=True)
                self._ends_with_us = True
            self._timer = threading.Timer(left_s + 0.5, self._strike)
            self._timer.name, self._timer.daemon = "farcopy-tally", True
            self._timer.start()

    def _strike(self) -> None:
        try:
            _write_shared()
        finally:
            connection.close()
        with self._lock:
            self._timer = None
        if _tally.has_shared:  # of a minute that a call had begun just before
            self.wind(_tally.left_s(time.monotonic()))


_clock = _Clock()


def _write_shared(*, is_end: bool = False) -> None:
    for shared in _tally.take(time.monotonic(), is_end=is_end):
        try:
            _write(
                SHARED_ACTION, ip_address=shared.sender or "many", status=401,
                details={
                    "calls": shared.calls, "actions": dict(shared.actions),
                    "from": shared.first_at.isoformat(timespec="seconds"),
                    "to": shared.last_at.isoformat(timespec="seconds"),
                },
            )
        except (DatabaseProblem, KeyMismatch, KeyUnusable) as error:
            _gap.widen(shared.last_at, shared.calls, shared.first_at)
            log.error(  # noqa: TRY400  # a traceback may quote what could not be stored
                "audit.gap", extra={"calls": shared.calls, "error": type(error).__name__}
            )


@dataclass(frozen=True, slots=True)
class _Lost:
    """Calls in a row that left no row."""

    calls: int
    first_at: datetime
    last_at: datetime


class _Gap:
    """The calls that could not be recorded and are not yet told of in the trail."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lost: _Lost | None = None

    @property
    def is_open(self) -> bool:
        return self._lost is not None

    def widen(self, now: datetime, calls: int = 1, first_at: datetime | None = None) -> None:
        first_at = first_at or now
        with self._lock:
            lost = self._lost
            self._lost = _Lost(calls, first_at, now) if lost is None else replace(
                lost, calls=lost.calls + calls, first_at=min(lost.first_at, first_at),
                last_at=max(lost.last_at, now),
            )

    def take(self) -> _Lost | None:
        """To be written into the trail, by one thread; `widen` when that fails."""
        with self._lock:
            lost, self._lost = self._lost, None
            return lost


_gap = _Gap()


def _record(request: HttpRequest, call: Call, status: int) -> None:
    is_troubled = _gap.is_open or call.code.startswith("ledger_")
    lost = _gap.take()
    try:
        if HEALTH.damage is not None:
            raise HEALTH.damage  # nothing is written into a damaged file
        if is_troubled:
            wait_at_most(TROUBLED_BUSY_S)
        with transaction.atomic():
            _write_call(request, call, status, lost)
    except (DatabaseProblem, ValueError, KeyMismatch, KeyUnusable) as error:
        now = timezone.now()
        if lost is not None:
            _gap.widen(lost.last_at, lost.calls, lost.first_at)
        _gap.widen(now)
        if isinstance(error, LedgerTrouble):
            HEALTH.note(AUDIT, error)
        log.error(  # noqa: TRY400  # a traceback may quote what could not be stored
            "audit.gap",
            extra={
                "request_id": call.request_id,
                "action": call.action,
                "user": call.user.pk if call.user else None,
                "status": status,
                "error": type(error).__name__,
            },
        )
    else:
        HEALTH.clear(AUDIT)


@contextmanager
def changing(request: HttpRequest, *, even_unsealed: bool = False) -> Iterator[None]:
    """What a view changes in here is committed with its entry, which says 200; or not at all.

    even_unsealed: also while the key is in trouble; then the entry is missing, and counted.
    Raises: LedgerTrouble, KeyMismatch, KeyUnusable: answered 503.
    """
    call, lost = call_of(request), None
    try:
        with transaction.atomic():
            yield
            lost = _gap.take()
            try:
                _write_call(request, call, OK, lost)
            except (KeyMismatch, KeyUnusable):
                if not even_unsealed:
                    raise
            else:
                call.recorded_status = OK
    except BaseException:
        call.recorded_status = None
        if lost is not None:
            _gap.widen(lost.last_at, lost.calls, lost.first_at)
        raise
    if lost is not None and call.recorded_status is None:
        _gap.widen(lost.last_at, lost.calls, lost.first_at)


def _write_call(request: HttpRequest, call: Call, status: int, lost: _Lost | None) -> None:
    """lost: calls before that left no row."""
    if lost is not None:
        _write(GAP_ACTION, details={
            "calls": lost.calls, "from": lost.first_at.isoformat(timespec="seconds"),
            "to": lost.last_at.isoformat(timespec="seconds"),
        })
    _write(
        call.action,
        user_id=call.user.pk if call.user else None,
        username=call.username,
        ip_address=call.address,
        user_agent=request.META.get("HTTP_USER_AGENT", ""),
        details=_details(request, call),
        status=status,
    )


def _write(
    action: str, *, user_id: int | None = None, username: str = "", ip_address: str = "",
    user_agent: str = "", details: Mapping[str, object], status: int | None = None,
) -> None:
    audit.record(
        action=action, user_id=user_id, username=username, ip_address=ip_address,
        user_agent=user_agent, details=details, response_status=status,
    )


def _details(request: HttpRequest, call: Call) -> dict[str, object]:
    known = call.route.fields if call.route else frozenset()
    details: dict[str, object] = {
        "request_id": call.request_id,
        "method": request.method if request.method in _METHODS else "other",
        "path": call.route.path if call.route else _printable(request.path_info),
    }
    if call.fields:
        details["fields"] = sorted(known & call.fields.keys())
    unknown = len(call.fields.keys() - known)
    if unknown:
        details["unknown_fields"] = unknown
    if call.token is not None:
        details |= {"token_id": call.token.pk, "token": call.token.name}
    elif call.is_bad_token:
        details["token"] = "?"  # noqa: S105  # not the text that was given: it may be a password
    if call.subject:
        details["subject"] = call.subject
    if call.account:
        details["account"] = call.account
    if call.code:
        details["code"] = call.code
    return details


def _printable(path: str) -> str:
    return "".join(char if char.isprintable() else "�" for char in path[:MAX_PATH])
