"""Endpoints for who sets farcopy up: directories, what the sources hold, and the doctor."""

from typing import Final

from django.http import HttpRequest
from ninja import Router

from farcopy.service import browsing, counting, doctor
from farcopy.service.browsing import NotListed
from farcopy.service.counting import CountedSource
from farcopy.web import query, rate, refusals
from farcopy.web.call import call_of, user_of
from farcopy.web.fields import FieldReader
from farcopy.web.openapi_parts import body_of, error_answers
from farcopy.web.refusals import Refused
from farcopy.web.setup_schemas import (
    DoctorAnswer,
    DoctorBody,
    DoctorData,
    FoldersAnswer,
    FoldersData,
    SourcesAnswer,
    SourcesData,
)

router = Router(tags=["setup"])
_countings = rate.RateLimit(calls=20, window_s=60.0)
_listings = rate.RateLimit(calls=120, window_s=60.0)
MAX_PATH: Final = 4096


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


@router.get(
    "/folders.php",
    operation_id="listFolders",
    summary="List the directories in a directory",
    response={200: FoldersAnswer, **error_answers(400, 401, 403, 429, 503)},
    openapi_extra={"parameters": [
        query.parameter("path", "Whose directories; left out: where one may begin.",
                        query.text_schema(MAX_PATH), "/srv"),
    ]},
)
def list_folders(request: HttpRequest) -> FoldersAnswer:
    """Names only, of this machine, to choose a source from; at most 1,000.

    Below FARCOPY_SOURCE_ROOTS where that is set, and never what is farcopy's own.
    """
    path = query.read(request.GET, {"path": query.text(MAX_PATH)}).get("path", "")
    wait_s = _listings.take(user_of(request).pk)
    if wait_s:
        text = "Directories were listed too often; try again later"
        raise Refused(refusals.too_many("too_many_listings", text, wait_s))
    try:
        found = browsing.folders_in(path) if path else browsing.beginnings()
    except NotListed as error:
        raise Refused(refusals.invalid_fields({"path": error.why})) from error
    return FoldersAnswer(
        success=True, message="Directories listed",
        data=FoldersData.model_validate({
            "path": found.path, "parent": found.parent, "has_more": found.has_more,
            "folders": [{"name": name, "path": path} for name, path in found.folders],
        }),
    )


@router.post(
    "/doctor.php",
    operation_id="examineConnection",
    summary="Examine the connection step by step",
    response={200: DoctorAnswer, **error_answers(400, 401, 403, 409, 413, 415, 429, 503)},
    openapi_extra=body_of(DoctorBody, is_required=False),
)
def examine(request: HttpRequest) -> DoctorAnswer:
    """Goes the way of a sync: name, connection, TLS, login, directory, a file, connections.

    Writes a small file under a temporary name and removes it. A failed step is told with
    its likely cause and what to do; the answer is 200 all the same. Counts as a connection
    test: six a minute and user.
    """
    fields = FieldReader(call_of(request).fields)
    skips_refused = fields.optional_flag("skip_refused_login")
    fields.check()
    doctor.check_configured(skips_refused=bool(skips_refused))
    wait_s = rate.CONNECTION_TESTS.take(user_of(request).pk)
    if wait_s:
        raise Refused(refusals.too_many_tests(wait_s))
    data = DoctorData.model_validate(doctor.as_data(list(doctor.findings())))
    message = "The connection is well" if data.is_well else "The connection is not well"
    return DoctorAnswer(success=True, message=message, data=data)
