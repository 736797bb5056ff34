"""The seven endpoints. The gate has refused what it could: here come fields, state, rate.

Each calls the service floor and shapes its answer; errors of that floor are
raised on and answered by `answers.answer_error`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import NinjaAPI, Router, Status

from farcopy import __version__
from farcopy.core.errors import FarcopyError, FtpNotConfigured, RemotePathMissing
from farcopy.core.model import RunSummary
from farcopy.core.states import RunState
from farcopy.service import answers, connection, freezing, overview, runs
from farcopy.web import (
    auth,
    otp_api,
    own_sessions,
    people,
    present,
    reading,
    records_api,
    refusals,
    setup_api,
    tokens_api,
    trail,
    versions,
)
from farcopy.web.audit import changing
from farcopy.web.call import call_of, user_of
from farcopy.web.openapi_parts import error_answers, settings_body
from farcopy.web.rate import CONNECTION_TESTS
from farcopy.web.refusals import Refusal, Refused
from farcopy.web.schemas import (
    AcceptAnswer,
    AcceptData,
    CancelAnswer,
    CancelData,
    ConfigAnswer,
    ConfigureAnswer,
    ConfirmAnswer,
    ConfirmData,
    DisabledAnswer,
    DisabledData,
    EnabledAnswer,
    EnabledData,
    ProbeAnswer,
    ProbeData,
    StartedAnswer,
    StartedData,
    SyncAnswer,
)
from farcopy.web.status_schemas import StatusAnswer

T = TypeVar("T")
router = Router(tags=["sync"])
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "respond-async: answer 202 as soon as the run is on, instead of waiting.",
    "schema": {"type": "string"},
    "example": "respond-async",
}


@router.post(
    "/configure-sync.php",
    operation_id="configureSync",
    summary="Configure sync settings",
    response={200: ConfigureAnswer, **error_answers(400, 401, 403, 409, 412, 413, 415, 503)},
    openapi_extra={**settings_body(), **versions.CONFIGURE},
)
def configure_sync(request: HttpRequest, response: HttpResponse) -> ConfigureAnswer:
    """Change settings, all or nothing. Every bad field is named."""
    view = overview.change_configuration(
        call_of(request).fields, versions.wanted(request), versions.author_of(request),
        within=changing(request),
    )
    versions.tell(response, view)
    versions.note_seen(request, view)
    return ConfigureAnswer(
        success=True,
        message="Sync configuration updated successfully",
        data=present.configuration(view),
    )


@router.get(
    "/get-config.php",
    operation_id="getConfig",
    summary="Get sync configuration",
    response={200: ConfigAnswer, **error_answers(401, 403, 503)},
)
def get_config(request: HttpRequest, response: HttpResponse) -> ConfigAnswer:
    """The settings, the password masked, and statistics. The ETag is the settings' version."""
    view = overview.status()
    versions.tell(response, view.configuration)
    versions.note_seen(request, view.configuration)
    return ConfigAnswer(
        success=True,
        message="Sync configuration retrieved successfully",
        data=present.config_data(view),
    )


@router.post(
    "/sync-now.php",
    operation_id="syncNow",
    summary="Sync now",
    response={
        200: SyncAnswer,
        202: StartedAnswer,
        **error_answers(400, 401, 403, 409, 413, 415, 503),
    },
    exclude_unset=True,
    openapi_extra={"parameters": [_PREFER]},
)
def sync_now(request: HttpRequest, response: HttpResponse) -> SyncAnswer | Status[StartedAnswer]:
    """Send everything new and wait for the end. A caller that goes away does not stop it."""
    request_id = runs.request_sync(user_of(request).username)
    if versions.has_preference(request, "respond-async"):
        run_id = _run(lambda: runs.wait_for_start(request_id))
        response["Preference-Applied"] = "respond-async"
        started = StartedData(run_id=run_id, status="running")
        return Status(202, StartedAnswer(success=True, message="Sync started", data=started))
    summary = _run(lambda: runs.wait_for_summary(request_id))
    if summary.state is RunState.FAILED:
        raise Refused(_failed(summary))
    return present.sync_answer(summary)


def _run(wait: Callable[[], T]) -> T:
    """A run that could not begin is a failed sync, not an internal error."""
    try:
        return wait()
    except FarcopyError as error:
        if refusals.of_error(error) is not refusals.INTERNAL:
            raise
        raise Refused(
            Refusal(500, error.code, f"Sync failed: {error.text}", more={"errors": [error.text]})
        ) from error


def _failed(summary: RunSummary) -> Refusal:
    return Refusal(
        500,
        summary.error_code or "sync_failed",
        f"Sync failed: {present.failure_of(summary)}",
        more={"errors": list(summary.errors), "run_id": summary.run_id},
    )


@router.get(
    "/status.php",
    operation_id="getStatus",
    summary="Get sync status",
    response={200: StatusAnswer, **error_answers(401, 403, 503)},
)
def get_status(request: HttpRequest) -> StatusAnswer:
    """The last runs, the schedule, totals, and what is moving now."""
    return StatusAnswer(
        success=True,
        message="Sync status retrieved successfully",
        data=present.status_data(overview.status(), timezone.now()),
    )


@router.post(
    "/test-connection.php",
    operation_id="testConnection",
    summary="Test FTP connection",
    response={200: ProbeAnswer, **error_answers(400, 401, 403, 413, 415, 429, 503)},
)
def test_connection(request: HttpRequest) -> ProbeAnswer:
    """Log in and list ftp_path; uploads nothing. Six a minute and user."""
    settings = overview.configuration().settings
    if settings.ftp_host is None or not settings.is_ftp_configured:
        raise FtpNotConfigured
    wait_s = CONNECTION_TESTS.take(user_of(request).pk)
    if wait_s:
        raise Refused(refusals.too_many_tests(wait_s))
    try:
        result = connection.test_connection()
    except FarcopyError as error:
        if not error.cause_word:
            raise
        raise Refused(_unreachable(error)) from error
    return ProbeAnswer(
        success=True,
        message="FTP connection successful",
        data=ProbeData.model_validate(answers.probe(settings, result)),
    )


def _unreachable(error: FarcopyError) -> Refusal:
    text = f"Failed to connect to FTP server: {error.cause_word}"
    hint = error.text
    if isinstance(error, RemotePathMissing):
        hint = f"{hint}; {connection.MADE_BY_A_SYNC}"
    return Refusal(400, error.code, text, more={"cause": error.cause_word, "hint": hint})


@router.post(
    "/enable-auto.php",
    operation_id="enableAuto",
    summary="Enable auto-sync",
    response={200: EnabledAnswer, **error_answers(400, 401, 403, 412, 413, 415, 503)},
    openapi_extra=versions.IF_MATCH,
)
def enable_auto(request: HttpRequest, response: HttpResponse) -> EnabledAnswer:
    """Sync every sync_interval minutes. The background service must be running."""
    view = overview.enable_auto(versions.wanted(request), changing(request))
    versions.tell(response, view)
    return EnabledAnswer(
        success=True,
        message="Auto-sync enabled successfully",
        data=EnabledData(sync_enabled=True, sync_interval=view.settings.sync_interval),
    )


@router.post(
    "/disable-auto.php",
    operation_id="disableAuto",
    summary="Disable auto-sync",
    response={200: DisabledAnswer, **error_answers(400, 401, 403, 412, 413, 415, 503)},
    openapi_extra=versions.IF_MATCH,
)
def disable_auto(request: HttpRequest, response: HttpResponse) -> DisabledAnswer:
    """Stop scheduled syncs. A run that is on goes on; sync-now still works."""
    view = overview.disable_auto(versions.wanted(request), changing(request))
    versions.tell(response, view)
    return DisabledAnswer(
        success=True,
        message="Auto-sync disabled successfully",
        data=DisabledData(sync_enabled=False),
    )


@router.post(
    "/cancel.php",
    operation_id="cancelSync",
    summary="Cancel the sync that is on",
    response={200: CancelAnswer, **error_answers(400, 401, 403, 409, 413, 415, 503)},
)
def cancel_sync(request: HttpRequest) -> CancelAnswer:
    """Ends it within two seconds, also in the middle of a file. What was not sent stays due."""
    with changing(request):
        run_id = runs.cancel()
    return CancelAnswer(
        success=True,
        message="Sync cancel requested",
        data=CancelData.model_validate(answers.cancel(run_id)),
    )


@router.post(
    "/confirm-changes.php",
    operation_id="confirmChanges",
    summary="Confirm the changes that froze the sync",
    response={200: ConfirmAnswer, **error_answers(400, 401, 403, 409, 413, 415, 503)},
)
def confirm_changes(request: HttpRequest) -> ConfirmAnswer:
    """Unusually many known files changed or vanished at once, and that is meant.

    The next sync replaces the copies of the changed files. Nothing is deleted on the remote.
    """
    with changing(request):
        changed, vanished = freezing.confirm_changes(user_of(request).username)
    return ConfirmAnswer(
        success=True,
        message="Changes confirmed - The next sync sends them",
        data=ConfirmData.model_validate(answers.confirm(changed, vanished)),
    )


@router.post(
    "/accept-losses.php",
    operation_id="acceptLosses",
    summary="Take note of lost files",
    response={200: AcceptAnswer, **error_answers(400, 401, 403, 409, 413, 415, 503)},
)
def accept_losses(request: HttpRequest) -> AcceptAnswer:
    """Files gone from the source whose copies were found damaged or missing: no longer told."""
    with changing(request):
        files = freezing.accept_losses(user_of(request).username)
    return AcceptAnswer(
        success=True,
        message="Taken note of the lost files",
        data=AcceptData.model_validate(answers.accepted(files)),
    )


def make_api() -> NinjaAPI:
    """All routers below /api/. ninja's own docs page and document are off: see openapi.py."""
    extra: dict[str, Any] = {"info": {"license": {"name": "MIT"}}}
    api = NinjaAPI(
        title="farcopy",
        version=__version__,
        description="Replicates a hospital's DICOM archive by FTP or FTPS.",
        docs_url=None,
        openapi_url=None,
        openapi_extra=extra,
    )
    api.add_router("/sync", router)
    api.add_router("/sync", records_api.router)
    api.add_router("/sync", setup_api.router)
    api.add_router("/auth", auth.router)
    api.add_router("/auth", own_sessions.router)
    api.add_router("/auth", otp_api.router)
    api.add_router("/read", reading.router)
    api.add_router("/users", people.router)
    api.add_router("/tokens", tokens_api.router)
    api.add_router("/audit", trail.router)
    return api


api = make_api()
