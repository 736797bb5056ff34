"""The shapes of the second factor's answers and bodies, in the manner of `schemas`."""

from pydantic import BaseModel

from farcopy.web.schemas import Answer, Body, example_of, told


class OtpData(BaseModel):
    is_on: bool = told("Whether signing in needs a code.", True)
    is_required: bool = told("Whether this account has to have it.", False)
    since: str | None = told(
        "When it was switched on (YYYY-MM-DD HH:MM:SS, configured time zone); null: it is off.",
        "2025-11-22 10:30:45",
    )
    recovery_codes_left: int = told("How many recovery codes are not used yet.", 10)


class OtpAnswer(Answer):
    data: OtpData = told("The second factor.", example_of(OtpData))


class BegunData(BaseModel):
    secret: str = told("For an authenticator app, to be typed (base32).",
                       "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    uri: str = told("The same for a camera.", "otpauth://totp/farcopy:erika?secret=JBSW…")
    qr: list[str] = told('The rows of a QR code of it, "1" for dark.', ["0000", "0110"])


class BegunAnswer(Answer):
    data: BegunData = told("What the app needs.", example_of(BegunData))


class EnabledOtpData(BaseModel):
    recovery_codes: list[str] = told(
        "Each signs in once instead of a code, when the telephone is lost. Told this once.",
        ["abcd-efgh-ijkl-mnop"],
    )


class EnabledOtpAnswer(Answer):
    data: EnabledOtpData = told("The recovery codes.", example_of(EnabledOtpData))


class OtpBody(Body):
    otp: str = told("The six digits the app shows.", "492039", min_length=1, max_length=40)
