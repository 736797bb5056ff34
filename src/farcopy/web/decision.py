"""The one order in which a request under /api/ is refused, as a pure function.

403 plain HTTP past the proxy → 400 host → OPTIONS → 401 → 403 role → 404 → 405 → 403 origin →
403 password again → 415 (coding, then type) → 413 → 400 JSON. What follows (fields 400 → state
409 → rate 429) is the views' part.
`gate.py` gathers the facts and carries the decision out.
"""

from dataclasses import dataclass, field

from farcopy.web import refusals
from farcopy.web.body import MAX_BODY_BYTES, BodyInvalid, is_json_type, is_plain, parse_object
from farcopy.web.refusals import Refusal
from farcopy.web.routes import ROUTES, UNKNOWN_ALLOW, Access, Route, access_of

ADMIN = "admin"
AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is signed in, as the database has it at this moment.

    is_confirmed: the password was given within the last minutes. scopes: of the token it is
    by; None: it is by a session, which suffices for all.
    """

    role: str
    must_change_password: bool = False
    is_confirmed: bool = False
    scopes: frozenset[str] | None = None
    must_set_up_otp: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """All the decision knows. body: at most one byte more than is allowed."""

    method: str
    path: str
    caller: Caller | None = None
    is_protected: bool = True
    is_bad_token: bool = False
    is_known_host: bool = True
    is_cross_site: bool = False
    content_type: str = ""
    content_encoding: str = ""
    body: bytes = b""
    told_bytes: int = 0  # of the body; it need not have come when it is too long


@dataclass(frozen=True, slots=True)
class Options:
    """Answer 204 with Allow."""

    allow: str


@dataclass(frozen=True, slots=True)
class Passed:
    """On to the view. fields: the object in the body, empty when there is none."""

    route: Route
    fields: dict[str, object] = field(default_factory=dict)


def decide(facts: Facts) -> Refusal | Options | Passed:
    """What becomes of a request under /api/."""
    if not facts.is_protected:
        return refusals.UNPROTECTED
    if not facts.is_known_host:
        return refusals.HOST_NOT_ALLOWED
    route = ROUTES.get(facts.path)
    if facts.method == "OPTIONS":
        return Options(route.allow if route else UNKNOWN_ALLOW)
    refusal = _refuse_caller(facts)
    if refusal:
        return refusal
    if route is None:
        return refusals.NOT_FOUND
    if facts.method != route.method:
        return refusals.method_not_allowed(route.allow)
    if route.method == "GET":
        return Passed(route)
    return _refuse_origin_or_body(facts, route)


def _refuse_caller(facts: Facts) -> Refusal | None:
    access = access_of(facts.path)
    if access is Access.OPEN:
        return None
    if facts.caller is None:
        return refusals.BAD_TOKEN if facts.is_bad_token else refusals.UNAUTHORIZED
    role = _refuse_role(facts.caller, access)
    return role or _refuse_token(facts)


def _refuse_token(facts: Facts) -> Refusal | None:
    """A token passes where its scope is named, and nowhere else."""
    if facts.caller is None or facts.caller.scopes is None:
        return None
    route = ROUTES.get(facts.path)
    is_within = route is not None and route.scope in facts.caller.scopes
    return None if is_within else refusals.TOKEN_SCOPE


def _refuse_role(caller: Caller, access: Access) -> Refusal | None:
    if access is Access.SIGNED_IN:
        return None
    if access is Access.READ and caller.role not in (ADMIN, AUDITOR):
        return refusals.FORBIDDEN_TO_READ
    if access is Access.ADMIN and caller.role != ADMIN:
        return refusals.FORBIDDEN
    if caller.must_change_password:
        return refusals.PASSWORD_CHANGE_REQUIRED
    return refusals.OTP_SETUP_REQUIRED if caller.must_set_up_otp else None


def _refuse_origin_or_body(facts: Facts, route: Route) -> Refusal | Passed:
    if facts.is_cross_site:
        return refusals.CROSS_SITE
    if route.needs_confirmation and not (facts.caller and facts.caller.is_confirmed):
        return refusals.CONFIRM_PASSWORD
    if not is_plain(facts.content_encoding):
        return refusals.ENCODED
    is_too_long = max(len(facts.body), facts.told_bytes) > MAX_BODY_BYTES
    if not facts.body and not is_too_long:
        # `curl -d ''` sends a form's content type with nothing in it: nothing to refuse.
        return refusals.EMPTY_BODY if route.needs_body else Passed(route)
    if not is_json_type(facts.content_type):
        return refusals.NOT_JSON
    if is_too_long:
        return refusals.TOO_LARGE
    try:
        fields = parse_object(facts.body)
    except BodyInvalid as error:
        return refusals.invalid_json(str(error))
    unknown = [] if route.checks_fields_itself else [n for n in fields if n not in route.fields]
    if unknown:
        return refusals.invalid_fields(dict.fromkeys(unknown, "is not a known field"))
    return Passed(route, fields)
