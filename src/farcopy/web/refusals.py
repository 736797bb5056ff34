"""Refusals: a status, a stable code and a text from a fixed list. Nothing of the caller's.

Pure. `answers.py` makes HTTP answers of them; the gate, sign-in and the
endpoints choose them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from farcopy.core.errors import (
    ChangedMeanwhile,
    ConfigError,
    ConfirmationRequired,
    EngineBusy,
    FarcopyError,
    KeyMismatch,
    KeyUnusable,
    LoginKnownRefused,
    PasswordForUnseen,
    ServiceNotRunning,
    SettingsInvalid,
)
from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.core.state_errors import NoRunOn, NotFrozen, NothingLost, RunAlreadyOn, RunCutOff
from farcopy.service.times import shown


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is not carried out. more: further keys of the envelope."""

    status: int
    code: str
    error: str
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, object] = field(default_factory=dict)

    def envelope(self, request_id: str) -> dict[str, object]:
        """The answer's body, whoever makes it."""
        return {
            "success": False,
            "error": self.error,
            "code": self.code,
            "request_id": request_id,
            **self.more,
        }


class Refused(Exception):
    """Raised by a view; the gate answers it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Headers of every answer, whoever makes it."""

UNPROTECTED: Final = Refusal(
    403, "https_required",
    "Plain HTTP is answered to the named proxy only; use the proxy's address",
)
HOST_NOT_ALLOWED: Final = Refusal(
    400, "host_not_allowed", "This host name is not served here; see FARCOPY_ALLOWED_HOSTS"
)
UNAUTHORIZED: Final = Refusal(
    401, "unauthorized", "Unauthorized - Not logged in or session expired"
)
BAD_TOKEN: Final = Refusal(
    401, "bad_token", "Unauthorized - The token is unknown, over or revoked",
    {"WWW-Authenticate": 'Bearer error="invalid_token"'},  # RFC 6750 §3
)
TOKEN_SCOPE: Final = Refusal(
    403, "token_scope", "Forbidden - This token may not be used for this",
    {"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
)
BAD_CREDENTIALS: Final = Refusal(401, "bad_credentials", "Wrong username or password")
OTP_REQUIRED: Final = Refusal(
    401, "otp_required", "The password is right; a code of the second factor is needed too"
)
BAD_OTP: Final = Refusal(401, "bad_otp", "The code is wrong, or was used before")
FORBIDDEN: Final = Refusal(403, "forbidden", "Forbidden - Admin role required")
FORBIDDEN_TO_READ: Final = Refusal(
    403, "forbidden", "Forbidden - Admin or auditor role required"
)
PASSWORD_CHANGE_REQUIRED: Final = Refusal(
    403, "password_change_required",
    "Forbidden - The password was generated and must be changed first",
)
OTP_SETUP_REQUIRED: Final = Refusal(
    403, "otp_setup_required",
    "Forbidden - Admins need a second factor here; set it up first (auth/otp-begin.php)",
)
CONFIRM_PASSWORD: Final = Refusal(
    403, "confirm_password", "Forbidden - Give your password again (auth/confirm.php), then repeat"
)
NOT_FOUND: Final = Refusal(404, "not_found", "Not found")
NO_SUCH_RUN: Final = Refusal(404, "no_such_run", "There is no run with this id")
NO_SUCH_TOKEN: Final = Refusal(404, "no_such_token", "There is no token of this id")
NO_SUCH_SESSION: Final = Refusal(404, "no_such_session", "There is no such session of yours")
CROSS_SITE: Final = Refusal(
    403, "cross_site", "Forbidden - Request from another site; see CORS_ALLOWED_ORIGINS"
)
NOT_JSON: Final = Refusal(
    415, "unsupported_media_type", "The body must be application/json in UTF-8"
)
ENCODED: Final = Refusal(
    415, "unsupported_media_type", "The body must not be compressed; see Content-Encoding",
    {"Accept-Encoding": "identity"},  # RFC 9110 §15.5.16: so it was the coding, not the type
)
TOO_LARGE: Final = Refusal(413, "body_too_large", "The body is larger than 64 KiB")
EMPTY_BODY: Final = Refusal(400, "empty_body", "The body is empty; a JSON object is expected")
USER_UNKNOWN: Final = Refusal(404, "user_unknown", "There is no account of this name")
USER_EXISTS: Final = Refusal(409, "user_exists", "There is an account of this name")
OTP_STATE: Final = Refusal(
    409, "otp_state", "The second factor is on already, or was not begun; see auth/otp.php"
)
LAST_ADMIN: Final = Refusal(
    409, "last_admin", "This is the last active admin; make another account an admin first"
)
BAD_REQUEST: Final = Refusal(400, "bad_request", "This is no HTTP request")
REQUEST_TIMEOUT: Final = Refusal(
    408, "request_timeout", "The request did not arrive whole within its time"
)
HEADERS_TOO_LARGE: Final = Refusal(
    431, "headers_too_large", "The request line and headers are larger than 16 KiB"
)
NOT_IMPLEMENTED: Final = Refusal(
    501, "not_implemented", "This transfer encoding is not supported"
)
INTERNAL: Final = Refusal(500, "internal", "Internal server error; the log has the request_id")


def method_not_allowed(allow: str) -> Refusal:
    return Refusal(405, "method_not_allowed", "Method not allowed", {"Allow": allow})


def invalid_json(problem: str) -> Refusal:
    return Refusal(400, "invalid_json", f"Invalid JSON: {problem}")


def too_many(code: str, text: str, wait_s: float) -> Refusal:
    seconds = str(max(1, -int(-wait_s // 1)))
    return Refusal(429, code, text, {"Retry-After": seconds})


def too_many_tests(wait_s: float) -> Refusal:
    return too_many("too_many_tests", "Too many connection tests; try again later", wait_s)


MAX_NAMED_FIELDS: Final = 50
MAX_NAME_LENGTH: Final = 64


def invalid_fields(
    problems: Mapping[str, str], code: str = "invalid_fields", text: str = "Invalid input"
) -> Refusal:
    """Every bad field is named. A name may be the caller's own text: it is cut and cleaned."""
    shown = {_shown(name): what for name, what in list(problems.items())[:MAX_NAMED_FIELDS]}
    lines = [f"{name} {what}" for name, what in shown.items()]
    if len(problems) > MAX_NAMED_FIELDS:
        lines.append(f"and {len(problems) - MAX_NAMED_FIELDS} more")
    return Refusal(400, code, f"{text}: {'; '.join(lines)}", more={"fields": shown})


def weak_password(field_name: str, why: str) -> Refusal:
    return invalid_fields({field_name: f"is not usable: {why}"}, "weak_password")


def _shown(name: str) -> str:
    clean = "".join(char if char.isprintable() else "�" for char in name)
    return clean if len(clean) <= MAX_NAME_LENGTH else f"{clean[:MAX_NAME_LENGTH]}…"


def of_error(error: FarcopyError) -> Refusal:
    """The refusal an error of the lower floors stands for."""
    match error:
        case SettingsInvalid():
            return invalid_fields(error.problems, error.code, SettingsInvalid.text)
        case (
            KeyMismatch() | KeyUnusable() | ServiceNotRunning() | EngineBusy() | LedgerTrouble()
        ):
            return Refusal(503, error.code, error.text)
        case LoginKnownRefused():
            more = {"refused_at": shown(error.refused_at) or ""}
            return Refusal(409, error.code, error.text, more=more)
        case RunAlreadyOn() | RunCutOff() | NoRunOn() | NotFrozen() | NothingLost():
            return Refusal(409, error.code, error.text)
        case PasswordForUnseen():
            more_fields = dict.fromkeys(error.fields, "was changed by somebody else")
            return Refusal(409, error.code, error.text, more={"fields": more_fields})
        case ConfirmationRequired():
            return CONFIRM_PASSWORD
        case ChangedMeanwhile():
            return Refusal(412, error.code, error.text)
        case ConfigError():
            return Refusal(400, error.code, error.text)
        case _:
            return INTERNAL
