"""What an auditor reads instead of the endpoints that are the admins': status and settings."""

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router

from farcopy.service import overview
from farcopy.web import present
from farcopy.web.openapi_parts import error_answers
from farcopy.web.schemas import ConfigAnswer
from farcopy.web.status_schemas import StatusAnswer

router = Router(tags=["read"])


@router.get(
    "/status.php",
    operation_id="readStatus",
    summary="Read the sync status",
    response={200: StatusAnswer, **error_answers(401, 403, 503)},
)
def read_status(request: HttpRequest) -> StatusAnswer:
    """As sync/status.php answers, for auditors too."""
    return StatusAnswer(
        success=True,
        message="Sync status retrieved successfully",
        data=present.status_data(overview.status(), timezone.now()),
    )


@router.get(
    "/config.php",
    operation_id="readConfig",
    summary="Read the settings",
    response={200: ConfigAnswer, **error_answers(401, 403, 503)},
)
def read_config(request: HttpRequest) -> ConfigAnswer:
    """As sync/get-config.php answers, the password masked, for auditors too."""
    return ConfigAnswer(
        success=True,
        message="Sync configuration retrieved successfully",
        data=present.config_data(overview.status()),
    )
