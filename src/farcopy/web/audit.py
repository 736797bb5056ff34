"""The audit trail of the API: one row for every call under /api/, refused ones too.

Names of fields, never their values, and no text of the caller's but a bounded
path and account name. A trail that cannot be written is logged as a gap and
breaks no answer.
"""

import logging
from collections.abc import Callable

from django.db import Error as DatabaseProblem
from django.http import HttpRequest, HttpResponse

from farcopy.store import audit
from farcopy.web.call import Call, call_of, is_api

log = logging.getLogger("farcopy.web")
MAX_PATH = 200
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"})


class AuditMiddleware:
    """Around everything that can refuse, so that it sees the final status."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if is_api(request) and request.method != "OPTIONS":
            _record(request, call_of(request), response.status_code)
        return response


def _record(request: HttpRequest, call: Call, status: int) -> None:
    try:
        audit.record(
            action=call.action,
            user_id=call.user.pk if call.user else None,
            username=call.username,
            ip_address=call.address,
            user_agent=request.META.get("HTTP_USER_AGENT", ""),
            details=_details(request, call),
            response_status=status,
        )
    except (DatabaseProblem, ValueError) as error:
        log.error(  # noqa: TRY400  # a traceback may quote what could not be stored
            "audit.gap",
            extra={
                "request_id": call.request_id,
                "action": call.action,
                "status": status,
                "error": type(error).__name__,
            },
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
    if call.code:
        details["code"] = call.code
    return details


def _printable(path: str) -> str:
    return "".join(char if char.isprintable() else "�" for char in path[:MAX_PATH])
