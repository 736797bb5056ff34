"""Endpoints about past runs: history beyond ten, one run's files, charts, trying again."""

from datetime import timedelta
from typing import Final

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router

from farcopy.core.states import RunState, SyncType
from farcopy.service import records
from farcopy.service.times import shown
from farcopy.store import run_details
from farcopy.store.run_details import WantedRuns
from farcopy.web import query, records_present, refusals
from farcopy.web.audit import changing
from farcopy.web.call import call_of
from farcopy.web.openapi_parts import body_of, error_answers
from farcopy.web.query import MAX_ID, MAX_LIMIT, parameter
from farcopy.web.records_schemas import (
    ChartAnswer,
    RetryAnswer,
    RetryBody,
    RetryData,
    RunDetailsAnswer,
    RunsAnswer,
    RunsData,
)
from farcopy.web.refusals import Refused

router = Router(tags=["runs"])
DEFAULT_LIMIT: Final = 50
MAX_DAYS: Final = 92
STATUSES: Final = tuple(state.value for state in RunState)
TYPES: Final = tuple(kind.value for kind in SyncType)
FILE_LISTS: Final = tuple(records.LISTS)
_ID: Final = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
_LIMIT: Final = {
    "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT,
}


@router.get(
    "/runs.php",
    operation_id="listRuns",
    summary="List past runs",
    response={200: RunsAnswer, **error_answers(400, 401, 403, 503)},
    openapi_extra={"parameters": [
        parameter("limit", "At most so many runs.", _LIMIT, DEFAULT_LIMIT),
        parameter("before", "Only runs with a smaller id: `next_before` of the page before.",
                  _ID, 1842),
        parameter("status", "Of this status only.", {"type": "string", "enum": list(STATUSES)},
                  "failed"),
        parameter("type", "Of this sync_type only.", {"type": "string", "enum": list(TYPES)},
                  "scheduled"),
        *query.time_parameters("Begun from then on", "Begun before then"),
    ]},
)
def list_runs(request: HttpRequest) -> RunsAnswer:
    """The whole history, page by page, the newest first."""
    values = query.read(request.GET, {
        "limit": query.whole(1, MAX_LIMIT), "before": query.whole(1, MAX_ID),
        "status": query.one_of(STATUSES), "type": query.one_of(TYPES),
        "since": query.moment, "until": query.moment,
    })
    limit = values.pop("limit", DEFAULT_LIMIT)
    wanted = WantedRuns(sync_type=values.pop("type", ""), **values)
    found = run_details.page(wanted, limit + 1)
    page = found[:limit]
    now = timezone.now()
    return RunsAnswer(
        success=True,
        message="Runs retrieved successfully",
        data=RunsData.model_validate({
            "now": shown(now),
            "runs": [records_present.run_line(run, now) for run in page],
            "next_before": page[-1].id if len(found) > limit else None,
        }),
    )


@router.get(
    "/run.php",
    operation_id="getRun",
    summary="Show one run",
    response={200: RunDetailsAnswer, **error_answers(400, 401, 403, 404, 503)},
    openapi_extra={"parameters": [
        parameter("id", "The run.", _ID, 15, is_required=True),
        parameter("files", "Which files: those that failed or vanished in the run (unsent), "
                  "those that were stored in it (sent), or those that are skipped by rule at its "
                  "destination, as of now.",
                  {"type": "string", "enum": list(FILE_LISTS), "default": "unsent"}, "unsent"),
        parameter("after", "`next_after` of the page before.", _ID, 501),
        parameter("limit", "At most so many files.", _LIMIT, DEFAULT_LIMIT),
    ]},
)
def get_run(request: HttpRequest) -> RunDetailsAnswer:
    """Counts by outcome, every file that did not go with its reason, or that did; by pages."""
    values = query.read(request.GET, {
        "id": query.whole(1, MAX_ID), "files": query.one_of(FILE_LISTS),
        "after": query.whole(1, MAX_ID), "limit": query.whole(1, MAX_LIMIT),
    }, required="id")
    found = records.details(
        values["id"], values.get("files", "unsent"), values.get("after", 0),
        values.get("limit", DEFAULT_LIMIT),
    )
    if found is None:
        raise Refused(refusals.NO_SUCH_RUN)
    return RunDetailsAnswer(
        success=True, message="Run retrieved successfully",
        data=records_present.details(found, timezone.now()),
    )


@router.post(
    "/retry.php",
    operation_id="retryFiles",
    summary="Try failed files again",
    response={200: RetryAnswer, **error_answers(400, 401, 403, 404, 413, 415, 503)},
    openapi_extra=body_of(RetryBody),
)
def retry(request: HttpRequest) -> RetryAnswer:
    """A failed file of a run, or all of them, are due at once; the next sync sends them.

    Files that were sent since are left alone and not counted.
    """
    run_id, file_id = _read_retry(call_of(request).fields)
    if run_details.find(run_id) is None:
        raise Refused(refusals.NO_SUCH_RUN)
    with changing(request):
        files = run_details.make_due(run_id, file_id)
    return RetryAnswer(
        success=True, message="Files are due again", data=RetryData(files=files)
    )


def _read_retry(fields: dict[str, object]) -> tuple[int, int | None]:
    """(run, file or None). Raises: Refused (400)."""
    ids: dict[str, int] = {}
    problems: dict[str, str] = {}
    for name, value in fields.items():
        if name == "file_id" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            problems[name] = "must be an integer"
        elif not 0 < value <= MAX_ID:
            problems[name] = f"must be between 1 and {MAX_ID}"
        else:
            ids[name] = value
    if "run_id" not in fields:
        problems["run_id"] = "is required, an integer"
    if problems:
        raise Refused(refusals.invalid_fields(problems))
    return ids["run_id"], ids.get("file_id")


@router.get(
    "/chart.php",
    operation_id="getChart",
    summary="Series for charts",
    response={200: ChartAnswer, **error_answers(400, 401, 403, 503)},
    openapi_extra={"parameters": [
        parameter("days", "How far back.", {"type": "integer", "minimum": 1, "maximum": MAX_DAYS,
                                            "default": 7}, 30),
    ]},
)
def get_chart(request: HttpRequest) -> ChartAnswer:
    """Files and bytes of each run, and what waited to go off-site, over time."""
    days = query.read(request.GET, {"days": query.whole(1, MAX_DAYS)}).get("days", 7)
    now = timezone.now()
    since = now - timedelta(days=days)
    return ChartAnswer(
        success=True, message="Chart retrieved successfully",
        data=records_present.chart(records.chart(since, now), since, now),
    )
