"""The page, the health answer, and what is shown for addresses that are not there."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render

from farcopy import __version__
from farcopy.core.errors import FarcopyError
from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.planning.situation import OffSite
from farcopy.service import judging, overview
from farcopy.store import health
from farcopy.store.patience import wait_at_most
from farcopy.web import sessions
from farcopy.web.answers import answer_refusal
from farcopy.web.call import is_api
from farcopy.web.refusals import INTERNAL, NOT_FOUND

_READING = ("GET", "HEAD")
SESSION_BUSY_S = 0.5
"""The page comes in any case: it does not wait long for a database that is locked."""


def index(request: HttpRequest) -> HttpResponse:
    """One page: it asks the API who is signed in, unless it is told here that nobody is.

    Never kept: what was told before a sign-in must not come back after it.
    """
    if request.method not in _READING:
        return HttpResponseNotAllowed(_READING)
    response = render(request, "farcopy/index.html", {
        "version": __version__, "session": "maybe" if _may_be_signed_in(request) else "none",
    })
    response["Cache-Control"] = "no-store"
    response["Vary"] = "Cookie"
    return response


def _may_be_signed_in(request: HttpRequest) -> bool:
    """False only if it is known that the API would answer 401. Does not count as a use."""
    if health.HEALTH.damage is not None:
        return True
    try:
        wait_at_most(SESSION_BUSY_S)
        return sessions.open_session(request) is not None
    except LedgerTrouble:
        return True  # the page asks, and shows what the API says of the trouble


def healthz(request: HttpRequest) -> HttpResponse:
    """For probes, open to all: 200 when the database can be read, else 503 and its code.

    One that can only be read is `degraded`: restarting the process would not help it. With
    `?deep` it is the archive that is asked about: 200 only when everything is off-site, else
    503 with the code of the sentence; no count and no name.
    """
    if request.method not in _READING:
        return HttpResponseNotAllowed(_READING)
    try:
        health.check_readable()
    except LedgerTrouble as trouble:
        body, status = {"status": "unavailable", "code": trouble.code}, 503
    else:
        overview.ask_again()  # else nobody would, where only probes call
        trouble_now = health.HEALTH.trouble
        body, status = {"status": "ok"}, 200
        if trouble_now is not None:
            body = {"status": "degraded", "code": trouble_now.code}
        if "deep" in request.GET:
            body, status = _deep()
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


def _deep() -> tuple[dict[str, str], int]:
    try:
        found = judging.health()
    except FarcopyError as error:  # a key that does not fit: nothing can be said
        return {"status": "unavailable", "code": error.code}, 503
    body = {"status": found.level.value, "off_site": found.off_site.value, "code": found.code}
    return body, 200 if found.off_site is OffSite.ALL else 503


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404. Under /api/ the gate comes first; this stands in case."""
    if is_api(request):
        return answer_refusal(request, NOT_FOUND)
    return render(request, "farcopy/not_found.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: an error outside every view."""
    return answer_refusal(request, INTERNAL)
