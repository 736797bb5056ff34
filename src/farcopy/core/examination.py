"""The words of the doctor, and of who sets farcopy up: steps, signs, what sources hold."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from farcopy.core.errors import FarcopyError

FINGERPRINT: Final = "SHA-256 fingerprint"
"""How the certificate's fingerprint is named among what was seen: the page offers to pin it."""


class Step(StrEnum):
    """What the doctor tries, in this order; after a failure nothing more is tried."""

    NAME = "name"  # the host's name resolved
    CONNECTION = "connection"  # connected, and greeted as an FTP server does
    TLS = "tls"
    LOGIN = "login"
    DIRECTORY = "directory"  # entered, and listed over a data connection
    PROBE = "probe"  # a small file written, read back, renamed and removed
    ABILITIES = "abilities"  # what the server says it can do
    CONNECTIONS = "connections"  # how many at once, up to ftp_connections


class Sign(StrEnum):
    """What was seen with an error that tells its cause more closely than the error itself."""

    NONE = ""
    WRONG_NAME = "wrong_name"  # the certificate is for another name
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    UNTRUSTED = "untrusted"  # signed by nobody we trust
    NOT_PINNED = "not_pinned"  # another certificate than the pinned one
    NOT_OFFERED = "not_offered"  # the server has no TLS
    CA_UNREADABLE = "ca_unreadable"
    NEEDS_TLS = "needs_tls"  # the server wants TLS, and ftp_tls forbids it
    SESSION_REUSE = "session_reuse"  # the data connection must resume the TLS session
    REFUSED = "refused"  # nothing listens there
    QUOTA = "quota"
    DIFFERS = "differs"  # what was read back is not what was written


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step of the doctor. seen: what was found, as (what, value) for people.

    error: None if it went well. Server texts are among neither.
    """

    step: Step
    took_s: float
    seen: tuple[tuple[str, str], ...] = ()
    error: FarcopyError | None = None
    sign: Sign = Sign.NONE


@dataclass(frozen=True, slots=True)
class SourceCount:
    """How much a source holds. is_whole: False when time was up before the end was reached."""

    files: int
    bytes: int
    is_whole: bool
