"""The audit trail, shown to admins: a page of entries, and all of them as a file."""

from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from ninja import Router

from farcopy.service import answers, auditing
from farcopy.store import trail
from farcopy.web import trail_export, trail_query
from farcopy.web.openapi_parts import error_answers
from farcopy.web.trail_schemas import TrailAnswer, TrailData

router = Router(tags=["audit"])
_FILE: dict[str, Any] = {
    "parameters": trail_query.EXPORT_WORDS,
    "responses": {
        200: {
            "description": "The file: a line for each entry, the oldest first.",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        }
    },
}


@router.get(
    "/list.php",
    operation_id="listAudit",
    summary="Show the audit trail",
    response={200: TrailAnswer, **error_answers(400, 401, 403, 503)},
    openapi_extra={"parameters": trail_query.LIST_WORDS},
)
def list_entries(request: HttpRequest) -> TrailAnswer:
    """Who called what, when, and how it was answered; refused calls too. The newest first."""
    wanted, limit, before = trail_query.read_list(request.GET)
    found = trail.latest(wanted, limit + 1, before)
    return TrailAnswer(
        success=True,
        message="Audit trail retrieved successfully",
        data=TrailData.model_validate(answers.trail(found, limit, auditing.last_check())),
    )


@router.get(
    "/export.php",
    operation_id="exportAudit",
    summary="Download the audit trail",
    response=error_answers(400, 401, 403, 503),
    openapi_extra=_FILE,
)
def export(request: HttpRequest) -> StreamingHttpResponse:
    """All entries that are wanted, as CSV or JSON lines. Times are UTC."""
    wanted, form = trail_query.read_export(request.GET)
    answer = StreamingHttpResponse(
        trail_export.pieces(trail.every(wanted), form),
        content_type=trail_export.CONTENT_TYPES[form],
    )
    name = f"farcopy-audit-{timezone.now():%Y%m%dT%H%M%SZ}.{form}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
