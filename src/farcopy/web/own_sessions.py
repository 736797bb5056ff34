"""My sessions: which there are, end one, end the others or all."""

from django.http import HttpRequest
from ninja import Router

from farcopy.service import answers
from farcopy.store import sign_ins
from farcopy.store.sign_ins import SessionUnknown
from farcopy.web import refusals
from farcopy.web.audit import changing
from farcopy.web.auth import tell
from farcopy.web.call import call_of, user_of
from farcopy.web.fields import FieldReader
from farcopy.web.openapi_parts import body_of, error_answers
from farcopy.web.people_schemas import (
    EndedAnswer,
    EndedData,
    EndOthersBody,
    EndSessionBody,
    SessionsAnswer,
    SessionsData,
)
from farcopy.web.refusals import Refused

router = Router(tags=["auth"])


@router.get(
    "/sessions.php",
    operation_id="listSessions",
    summary="List my sessions",
    response={200: SessionsAnswer, **error_answers(401, 403, 503)},
)
def list_sessions(request: HttpRequest) -> SessionsAnswer:
    """Where I am signed in, the last used first; `is_this` is the session of this call."""
    found = sign_ins.of_account(user_of(request).username, _this(request))
    return SessionsAnswer(
        success=True, message="Sessions retrieved successfully",
        data=SessionsData.model_validate(answers.sessions(found)),
    )


@router.post(
    "/end-session.php",
    operation_id="endSession",
    summary="End one of my sessions",
    response={200: EndedAnswer, **error_answers(400, 401, 403, 404, 413, 415, 503)},
    openapi_extra=body_of(EndSessionBody),
)
def end_session(request: HttpRequest) -> EndedAnswer:
    """Its next call is answered 401. Mine of this call may be it."""
    fields = FieldReader(call_of(request).fields)
    handle = fields.text("session", sign_ins.HANDLE_CHARS)
    fields.check()
    user = user_of(request)
    try:
        with changing(request):
            sign_ins.end(user.username, handle)
    except SessionUnknown as problem:
        raise Refused(refusals.NO_SUCH_SESSION) from problem
    tell(request, "session.ended", user.username)
    return EndedAnswer(success=True, message="Session ended", data=EndedData(sessions=1))


@router.post(
    "/end-sessions.php",
    operation_id="endSessions",
    summary="End my other sessions, or all",
    response={200: EndedAnswer, **error_answers(400, 401, 403, 413, 415, 503)},
    openapi_extra=body_of(EndOthersBody, is_required=False),
)
def end_sessions(request: HttpRequest) -> EndedAnswer:
    """All but the one of this call; with `with_this` that one too."""
    fields = FieldReader(call_of(request).fields)
    with_this = fields.optional_flag("with_this") or False
    fields.check()
    user = user_of(request)
    with changing(request):
        number = sign_ins.end_all(user.username, "" if with_this else _this(request))
    tell(request, "sessions.ended", user.username)
    return EndedAnswer(success=True, message="Sessions ended", data=EndedData(sessions=number))


def _this(request: HttpRequest) -> str:
    session = call_of(request).session
    return session.pk if session else ""
