"""The gate: every request under /api/ passes here once, in one order, before its view.

Gathers the facts, lets `decision.decide` choose and carries it out. Also the
edge at which an unexpected exception becomes a 500 without its text.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from farcopy.store import second_factor, tokens
from farcopy.store.health import HEALTH
from farcopy.store.models import User
from farcopy.store.patience import wait_at_most
from farcopy.web import sessions
from farcopy.web.answers import answer_error, answer_refusal
from farcopy.web.bearer import bearer_of
from farcopy.web.body import MAX_BODY_BYTES
from farcopy.web.call import Call, call_of, is_api
from farcopy.web.decision import Caller, Facts, Options, Passed, decide
from farcopy.web.origin import is_cross_site, is_known_host, normalised
from farcopy.web.refusals import HOST_NOT_ALLOWED, UNPROTECTED, Refusal
from farcopy.web.requests import IS_UNPROTECTED
from farcopy.web.routes import Access

HEALTH_PATH = "/healthz"
BUSY_S = 5.0
"""How long a call waits for another program's lock on the database; the engine waits longer,
for nobody looks at a clock meanwhile."""


class GateMiddleware:
    """The innermost middleware, so that a view's exceptions come here first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_api(request):
            if request.path_info != HEALTH_PATH:
                if not _is_protected(request):
                    return answer_refusal(request, UNPROTECTED)
                if not _has_known_host(request):
                    return answer_refusal(request, HOST_NOT_ALLOWED)
            return self.get_response(request)
        try:
            decision = self._decide(request, call_of(request))
        except Exception as error:  # noqa: BLE001  # the edge: whatever it is, it is answered
            return answer_error(request, error)
        match decision:
            case Refusal():
                return answer_refusal(request, decision)
            case Options():
                return HttpResponse(status=204, headers={"Allow": decision.allow})
            case Passed():
                return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse:
        """Django's hook for exceptions of views."""
        return answer_error(request, error)

    def _decide(self, request: HttpRequest, call: Call) -> Refusal | Options | Passed:
        caller = None
        if request.method != "OPTIONS":
            if HEALTH.damage is not None:
                raise HEALTH.damage  # parts of it may read well: nothing is to rely on them
            wait_at_most(BUSY_S)
            caller = _caller_of(request, call)
        decision = decide(
            Facts(
                method=request.method or "",
                path=request.path_info,
                caller=caller,
                is_protected=_is_protected(request),
                is_bad_token=call.is_bad_token,
                is_known_host=_has_known_host(request),
                # A browser adds no token by itself: who shows one means the call.
                is_cross_site=call.token is None and _is_cross_site(request),
                content_type=request.META.get("CONTENT_TYPE", ""),
                content_encoding=request.META.get("HTTP_CONTENT_ENCODING", ""),
                body=request.read(MAX_BODY_BYTES + 1),
                told_bytes=int(request.META.get("CONTENT_LENGTH") or 0),
            )
        )
        if isinstance(decision, Passed):
            call.fields = decision.fields
            if call.token is not None:
                tokens.touch(call.token, call.address)
            if call.session is not None and not decision.route.is_polled:
                sessions.touch(call.session, call.address)
        return decision


def _is_protected(request: HttpRequest) -> bool:
    """Whether what it holds may have been read on the way; the server tells (`requests`)."""
    scope = request.META.get("asgi.scope", {})
    return not scope.get("state", {}).get(IS_UNPROTECTED, False)


def _caller_of(request: HttpRequest, call: Call) -> Caller | None:
    """Who asks; noted in the call too. A token, if there is one, alone decides."""
    is_open = call.route is not None and call.route.access is Access.OPEN
    bearer = None if is_open else bearer_of(request)
    if bearer is not None:
        call.token = tokens.find(bearer)
        if call.token is None:
            call.is_bad_token = True
            return None
        call.user = call.token.user
        scopes = frozenset(call.token.scopes)
        return Caller(
            call.user.role, call.user.must_change_password, scopes=scopes,
            must_set_up_otp=_is_otp_missing(call.user),
        )
    call.session = sessions.open_session(request)
    if call.session is None:
        return None
    call.user = call.session.user
    return Caller(
        call.user.role, call.user.must_change_password,
        is_confirmed=bool(sessions.confirmed_for(call.session, timezone.now())),
        must_set_up_otp=_is_otp_missing(call.user),
    )


def _is_otp_missing(user: User) -> bool:
    is_demanded = user.role in settings.WEB_ENVIRONMENT.otp_roles
    return is_demanded and not second_factor.is_on(user)


def _has_known_host(request: HttpRequest) -> bool:
    return is_known_host(
        request.META.get("HTTP_HOST"), settings.WEB_ENVIRONMENT.allowed_hosts
    )


def _is_cross_site(request: HttpRequest) -> bool:
    own = {
        normalised(f"{request.scheme}://{request.META.get('HTTP_HOST', '').lower()}"),
        settings.WEB_ENVIRONMENT.public_url,
    }
    return is_cross_site(
        origin=request.META.get("HTTP_ORIGIN"),
        fetch_site=request.META.get("HTTP_SEC_FETCH_SITE"),
        own=own,
        listed=settings.WEB_ENVIRONMENT.allowed_origins,
    )
