"""The settings' version as ETag and If-Match: of two admins who save, the second is told.

Without the header a change is made whatever the settings are, as the reference has it; but a
new password goes nowhere its giver has not seen, and what moves destination or sources
may need his own password again.
"""

import logging
from typing import Any, Final

from django.conf import settings
from django.db import Error as DatabaseProblem
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from farcopy.service.overview import ConfigurationView
from farcopy.store.authors import Author
from farcopy.store.health import HEALTH
from farcopy.web import sessions
from farcopy.web.call import call_of

log = logging.getLogger("farcopy.web")

IF_MATCH: Final[dict[str, Any]] = {"parameters": [{
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag get-config answered with: nothing is changed, and the answer is 412 "
                   "changed_meanwhile, when the settings are not those any more.",
    "schema": {"type": "string"},
    "example": '"5f2b9c1d7e3a-12"',
}]}


CONFIGURE: Final[dict[str, Any]] = {"parameters": [*IF_MATCH["parameters"], {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "step-up: what moves destination or sources is refused (403 confirm_password) "
                   "unless the password was given within the last five minutes.",
    "schema": {"type": "string"},
    "example": "step-up",
}]}


def wanted(request: HttpRequest) -> frozenset[str] | None:
    """The versions of which the caller wants one to be in force; None: any.

    A weak tag (W/) matches nothing, nor does what is no tag: RFC 9110 §13.1.1.
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    tags = (part.strip() for part in header.split(","))
    return frozenset(
        tag[1:-1] for tag in tags if len(tag) > 2 and tag.startswith('"') and tag.endswith('"')
    )


def tell(response: HttpResponse, view: ConfigurationView) -> None:
    response["ETag"] = f'"{view.version}"'


def note_seen(request: HttpRequest, view: ConfigurationView) -> None:
    """All settings are in the answer: from now on the caller is held to know them."""
    call = call_of(request)
    seer = call.token or call.session
    if seer is None or seer.settings_seen == view.settings_version or HEALTH.trouble is not None:
        return
    try:
        type(seer).objects.filter(pk=seer.pk).update(settings_seen=view.settings_version)
    except DatabaseProblem:
        # He has read them all the same; at worst he is told to read them again.
        log.warning("settings.seen_not_noted")


def author_of(request: HttpRequest) -> Author:
    """Who asks for a change."""
    call, now = call_of(request), timezone.now()
    session, seer = call.session, call.token or call.session
    return Author(
        seen_version=seer.settings_seen if seer else 0,
        username=call.username,
        ip_address=call.address,
        token=call.token.name if call.token else "",
        is_confirmed=session is not None and bool(sessions.confirmed_for(session, now)),
        must_confirm=settings.WEB_ENVIRONMENT.step_up_all or has_preference(request, "step-up"),
    )


def has_preference(request: HttpRequest, name: str) -> bool:
    """Whether the header Prefer has this word (RFC 7240)."""
    preferences = request.headers.get("Prefer", "").split(",")
    return any(text.partition(";")[0].strip().lower() == name for text in preferences)
