"""Headers of every answer: request id, caching, browser protection, CORS.

Outermost, so that refusals and static files carry them too. Decides nothing
about who may do what.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import SplitResult

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from farcopy.web.call import begin_call, is_api
from farcopy.web.refusals import ALWAYS

_YEAR_S: Final = 365 * 24 * 3600


class HeadersMiddleware:
    """Begins the `Call` and writes the headers that do not depend on the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        call = begin_call(request)
        response = self.get_response(request)
        response["X-Request-ID"] = call.request_id
        for name, value in ALWAYS.items():
            response[name] = value
        if request.is_secure():
            response["Strict-Transport-Security"] = f"max-age={_YEAR_S}"
        if is_api(request):
            response["Cache-Control"] = "no-store"
        _fit_body(request, response)
        return response


def _fit_body(request: HttpRequest, response: HttpResponse) -> None:
    # With a length the client knows when it has all. Files (streaming) come with their length
    # and know about HEAD.
    if response.streaming or response.status_code == 204:
        return
    if "Content-Length" not in response:
        response["Content-Length"] = str(len(response.content))
    if request.method == "HEAD":
        response.content = b""


class ApiCorsMiddleware(CorsMiddleware):
    """django-cors-headers, with what the reference asks beyond it.

    Allow-Methods and Allow-Headers stand on ordinary answers too, and a
    preflight goes on to the gate, which answers it like any OPTIONS.
    """

    def check_preflight(self, request: HttpRequest) -> None:
        super().check_preflight(request)

    def add_response_headers(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        super().add_response_headers(request, response)
        if "Access-Control-Allow-Origin" in response:
            response["Access-Control-Allow-Methods"] = ", ".join(settings.CORS_ALLOW_METHODS)
            response["Access-Control-Allow-Headers"] = ", ".join(settings.CORS_ALLOW_HEADERS)
        return response

    def origin_found_in_white_lists(self, origin: str, _: SplitResult) -> bool:
        # Exact, as the cross-site rule is: the parent takes `https://listed/anything` too.
        return origin in settings.CORS_ALLOWED_ORIGINS
