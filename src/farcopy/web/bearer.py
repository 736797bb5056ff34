"""`Authorization: Bearer`: if there is one, it alone decides; no session beside it counts."""

from django.http import HttpRequest

SCHEME = "bearer"


def bearer_of(request: HttpRequest) -> str | None:
    """What follows the word Bearer, "" for nothing; None when there is none. RFC 6750 §2.1.

    Another scheme, as a proxy's own Basic, is none of ours.
    """
    header = request.META.get("HTTP_AUTHORIZATION", "")
    scheme, _, text = header.partition(" ")
    return text.strip() if scheme.lower() == SCHEME else None
