"""Endpoints for who sets farcopy up: what the sources hold, and the doctor."""

from django.http import HttpRequest
from ninja import Router

from farcopy.service import counting, doctor
from farcopy.service.counting import CountedSource
from farcopy.web import query, rate, refusals
from farcopy.web.call import user_of
from farcopy.web.openapi_parts import error_answers
from farcopy.web.refusals import Refused
from farcopy.web.setup_schemas import DoctorAnswer, DoctorData, SourcesAnswer, SourcesData

router = Router(tags=["setup"])
_countings = rate.RateLimit(calls=20, window_s=60.0)


@router.get(
    "/sources.php",
    operation_id="countSources",
    summary="Count what the sources hold",
    response={200: SourcesAnswer, **error_answers(400, 401, 403, 429, 503)},
)
def count_sources(request: HttpRequest) -> SourcesAnswer:
    """Files and bytes of the configured directories, counted for five seconds each at most."""
    query.read(request.GET, {})
    wait_s = _countings.take(user_of(request).pk)
    if wait_s:
        text = "The sources were counted too often; try again later"
        raise Refused(refusals.too_many("too_many_countings", text, wait_s))
    return SourcesAnswer(
        success=True, message="Sources counted",
        data=SourcesData.model_validate(
            {"sources": [_entry(counted) for counted in counting.count_sources()]}
        ),
    )


def _entry(counted: CountedSource) -> dict[str, object]:
    count = counted.count
    return {
        "label": counted.label,
        "path": counted.path,
        "is_there": count is not None,
        "files": count.files if count else 0,
        "bytes": count.bytes if count else 0,
        "is_whole": count.is_whole if count else True,
    }


@router.post(
    "/doctor.php",
    operation_id="examineConnection",
    summary="Examine the connection step by step",
    response={200: DoctorAnswer, **error_answers(400, 401, 403, 413, 415, 429, 503)},
)
def examine(request: HttpRequest) -> DoctorAnswer:
    """Goes the way of a sync: name, connection, TLS, login, directory, a file, connections.

    Writes a small file under a temporary name and removes it. A failed step is told with
    its likely cause and what to do; the answer is 200 all the same. Counts as a connection
    test: six a minute and user.
    """
    doctor.check_configured()
    wait_s = rate.CONNECTION_TESTS.take(user_of(request).pk)
    if wait_s:
        raise Refused(refusals.too_many_tests(wait_s))
    data = DoctorData.model_validate(doctor.as_data(list(doctor.findings())))
    message = "The connection is well" if data.is_well else "The connection is not well"
    return DoctorAnswer(success=True, message=message, data=data)
