"""The audit trail: a row for every API call, refused ones too."""

from collections.abc import Mapping

from django.utils import timezone

from farcopy.store.models import AuditLog

MAX_AGENT = 500
"""A user agent is the caller's text: kept, but not without end."""


def record(
    *,
    action: str,
    user_id: int | None,
    username: str,
    ip_address: str,
    user_agent: str,
    details: Mapping[str, object],
    response_status: int | None,
) -> None:
    """details: field names and facts of the request, never values of settings."""
    AuditLog.objects.create(
        action=action,
        user_id=user_id,
        username=username[:150],
        created_at=timezone.now(),
        ip_address=ip_address[:45],
        user_agent=_printable(user_agent)[:MAX_AGENT],
        details=dict(details),
        response_status=response_status,
    )


def _printable(text: str) -> str:
    # NUL cannot be stored by PostgreSQL, line ends would forge lines in an export.
    return "".join(char if char.isprintable() else "�" for char in text)
