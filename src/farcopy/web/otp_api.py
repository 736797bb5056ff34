"""My second factor: is it on, set it up, switch it off."""

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router

from farcopy.service import answers
from farcopy.store import second_factor, sign_ins
from farcopy.store.second_factor import CodeWrong
from farcopy.store.users import UserProblem
from farcopy.web import refusals
from farcopy.web.audit import changing
from farcopy.web.auth import must_have_otp, tell
from farcopy.web.call import call_of, user_of
from farcopy.web.fields import FieldReader
from farcopy.web.openapi_parts import body_of, error_answers
from farcopy.web.otp_schemas import (
    BegunAnswer,
    BegunData,
    EnabledOtpAnswer,
    EnabledOtpData,
    OtpAnswer,
    OtpBody,
    OtpData,
)
from farcopy.web.refusals import Refused

router = Router(tags=["auth"])
_CHANGE_ERRORS = error_answers(400, 401, 403, 409, 413, 415, 503)


@router.get(
    "/otp.php",
    operation_id="getOtp",
    summary="My second factor",
    response={200: OtpAnswer, **error_answers(401, 403, 503)},
)
def get_otp(request: HttpRequest) -> OtpAnswer:
    """Whether it is on, and whether it has to be."""
    return _state(request, "Second factor retrieved successfully")


@router.post(
    "/otp-begin.php",
    operation_id="beginOtp",
    summary="Begin to set up a second factor",
    response={200: BegunAnswer, **_CHANGE_ERRORS},
)
def begin_otp(request: HttpRequest) -> BegunAnswer:
    """A secret for an authenticator app. Nothing changes until a code of it is given."""
    try:
        with changing(request):
            begun = second_factor.begin(user_of(request))
    except UserProblem as problem:
        raise Refused(refusals.OTP_STATE) from problem
    return BegunAnswer(
        success=True, message="Second factor begun",
        data=BegunData(secret=begun.secret, uri=begun.uri, qr=_qr(begun.uri)),
    )


@router.post(
    "/otp-enable.php",
    operation_id="enableOtp",
    summary="Switch my second factor on",
    response={200: EnabledOtpAnswer, **_CHANGE_ERRORS},
    openapi_extra=body_of(OtpBody),
)
def enable_otp(request: HttpRequest) -> EnabledOtpAnswer:
    """By a code of the app. Recovery codes are told once; my other sessions end."""
    call, user = call_of(request), user_of(request)
    fields = FieldReader(call.fields)
    code = fields.text("otp", second_factor.MAX_CODE)
    fields.check()
    try:
        with changing(request):
            codes = second_factor.enable(user, code, timezone.now())
            sign_ins.end_all(user.username, call.session.pk if call.session else "")
    except CodeWrong as problem:
        raise Refused(refusals.invalid_fields({"otp": "is wrong, or was used before"})) \
            from problem
    except UserProblem as problem:
        raise Refused(refusals.OTP_STATE) from problem
    tell(request, "otp.enabled", user.username)
    return EnabledOtpAnswer(
        success=True, message="Second factor enabled",
        data=EnabledOtpData(recovery_codes=codes),
    )


@router.post(
    "/otp-disable.php",
    operation_id="disableOtp",
    summary="Switch my second factor off",
    response={200: OtpAnswer, **_CHANGE_ERRORS},
)
def disable_otp(request: HttpRequest) -> OtpAnswer:
    """The password alone signs in again; recovery codes are void."""
    user = user_of(request)
    with changing(request):
        second_factor.remove(user.username)
    tell(request, "otp.disabled", user.username)
    return _state(request, "Second factor disabled")


def _state(request: HttpRequest, message: str) -> OtpAnswer:
    user = user_of(request)
    data = answers.otp(second_factor.state(user), is_required=must_have_otp(user))
    return OtpAnswer(success=True, message=message, data=OtpData.model_validate(data))


def _qr(uri: str) -> list[str]:
    """The rows of a QR code with its quiet zone, "1" for dark."""
    import segno

    rows = segno.make(uri, error="m", micro=False).matrix_iter(border=4)
    return ["".join("1" if cell else "0" for cell in row) for row in rows]
