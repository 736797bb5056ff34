"""API tokens, for an admin: list, make, revoke. The text of one is told once, when it is made."""

from django.http import HttpRequest
from ninja import Router

from farcopy.core.tokens import DEFAULT_DAYS, MAX_DAYS, MAX_NAME, SCOPES
from farcopy.service import answers
from farcopy.store import tokens
from farcopy.store.tokens import TokenProblem, TokenUnknown
from farcopy.web import refusals
from farcopy.web.audit import changing
from farcopy.web.auth import tell
from farcopy.web.call import call_of, user_of
from farcopy.web.fields import FieldReader
from farcopy.web.openapi_parts import body_of, error_answers
from farcopy.web.query import MAX_ID
from farcopy.web.refusals import Refused
from farcopy.web.token_schemas import (
    AddTokenBody,
    MadeToken,
    MadeTokenAnswer,
    RevokeBody,
    Token,
    TokenAnswer,
    TokensAnswer,
    TokensData,
)

router = Router(tags=["tokens"])


@router.get(
    "/list.php",
    operation_id="listTokens",
    summary="List the API tokens",
    response={200: TokensAnswer, **error_answers(401, 403, 503)},
)
def list_tokens(request: HttpRequest) -> TokensAnswer:
    """Everybody's, the newest first; those that are over too, until they are revoked."""
    return TokensAnswer(
        success=True, message="Tokens retrieved successfully",
        data=TokensData.model_validate(answers.tokens(tokens.every())),
    )


@router.post(
    "/add.php",
    operation_id="addToken",
    summary="Make an API token",
    response={200: MadeTokenAnswer, **error_answers(400, 401, 403, 413, 415, 503)},
    openapi_extra=body_of(AddTokenBody),
)
def add_token(request: HttpRequest) -> MadeTokenAnswer:
    """For a program, instead of a password. Its text is in this answer, and never again."""
    fields = FieldReader(call_of(request).fields)
    name = fields.text("name", MAX_NAME)
    scopes = fields.choices("scopes", SCOPES)
    days = fields.whole("days", 1, MAX_DAYS, DEFAULT_DAYS)
    fields.check()
    user = user_of(request)
    try:
        with changing(request):
            made, text = tokens.add(user.username, name, scopes, days)
            call_of(request).subject = f"{made.id} {made.name}"
    except TokenProblem as problem:
        raise Refused(refusals.invalid_fields({problem.field: f"is not usable: {problem}"})) \
            from problem
    tell(request, "token.made", user.username)
    return MadeTokenAnswer(
        success=True, message="Token made",
        data=MadeToken.model_validate(answers.token(made, text)),
    )


@router.post(
    "/revoke.php",
    operation_id="revokeToken",
    summary="Revoke an API token",
    response={200: TokenAnswer, **error_answers(400, 401, 403, 404, 413, 415, 503)},
    openapi_extra=body_of(RevokeBody),
)
def revoke_token(request: HttpRequest) -> TokenAnswer:
    """Its next call is answered 401. Needs no password again, for it only shuts out."""
    fields = FieldReader(call_of(request).fields)
    token_id = fields.whole("id", 1, MAX_ID)
    fields.check()
    try:
        with changing(request):
            gone = tokens.revoke(token_id)
            call_of(request).subject = f"{gone.id} {gone.name}"
    except TokenUnknown as problem:
        raise Refused(refusals.NO_SUCH_TOKEN) from problem
    tell(request, "token.revoked", gone.username)
    return TokenAnswer(
        success=True, message="Token revoked", data=Token.model_validate(answers.token(gone))
    )
