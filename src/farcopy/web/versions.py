"""The settings' version as ETag and If-Match: of two admins who save, the second is told.

Without the header a change is made whatever the settings are, as the reference has it.
"""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from farcopy.service.overview import ConfigurationView

IF_MATCH: Final[dict[str, Any]] = {"parameters": [{
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag get-config answered with: nothing is changed, and the answer is 412 "
                   "changed_meanwhile, when the settings are not those any more.",
    "schema": {"type": "string"},
    "example": '"5f2b9c1d7e3a-12"',
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
