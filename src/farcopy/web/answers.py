"""Refusals and errors as HTTP answers in the reference's envelope.

`answer_error` is the one place where an exception becomes an answer. Its text
never is the exception's: that goes to the log, without values.
"""

import logging
import traceback

from django.http import HttpRequest, HttpResponse, JsonResponse

from farcopy.core.errors import FarcopyError
from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.web import refusals
from farcopy.web.call import call_of
from farcopy.web.refusals import Refusal, Refused

log = logging.getLogger("farcopy.web")


def answer_refusal(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    call = call_of(request)
    call.code = refusal.code
    return JsonResponse(
        refusal.envelope(call.request_id),
        status=refusal.status,
        headers=dict(refusal.headers),
    )


def answer_error(request: HttpRequest, error: BaseException) -> HttpResponse:
    """Any exception of the gate or a view."""
    if isinstance(error, Refused):
        return answer_refusal(request, error.refusal)
    refusal = refusals.INTERNAL
    if isinstance(error, FarcopyError):
        refusal = refusals.of_error(error)
    if refusal.status >= 500:
        call = call_of(request)
        log.error(
            "request.failed",
            extra={
                "request_id": call.request_id,
                "action": call.action,
                "code": refusal.code,
                "error": type(error).__name__,
                "detail": error.detail if isinstance(error, LedgerTrouble) else "",
                "at": _places(error),
            },
        )
    return answer_refusal(request, refusal)


def _places(error: BaseException) -> list[str]:
    # Places in the code only: an exception's text may quote file names or settings.
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    return [f"{frame.name}:{frame.lineno}" for frame in frames]
