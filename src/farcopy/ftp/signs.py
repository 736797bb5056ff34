"""What the cause of an error tells beyond the error: why a certificate was refused, and the like.

Pure. Used by the doctor; runs act by the error alone.
"""

import re
import ssl
from collections.abc import Iterator
from typing import Final

from farcopy.core.errors import (
    ConnectFailed,
    DataConnectionFailed,
    FarcopyError,
    HashMismatch,
    RemoteFull,
    TlsFailed,
)
from farcopy.core.examination import Sign
from farcopy.ftp import tls
from farcopy.ftp.settings import TlsMode

# OpenSSL's X509_V_ERR_*: not yet valid 9, expired 10, host name 62, IP address 64.
_CERTIFICATE: Final = {
    9: Sign.NOT_YET_VALID, 10: Sign.EXPIRED, 62: Sign.WRONG_NAME, 64: Sign.WRONG_NAME,
}
_SESSION_REUSE: Final = re.compile(
    # vsftpd "522 SSL connection failed; session reuse required"; ProFTPD says 425 "Unable to
    # build data connection: Operation not permitted"; FileZilla "TLS session … not resumed".
    r"session re-?use|not resumed|must resume|resumption|operation not permitted",
    re.IGNORECASE,
)


def sign_of(error: FarcopyError, mode: TlsMode) -> Sign:
    """mode: the setting ftp_tls, as it counts."""
    match error:
        case TlsFailed():
            return _of_tls(error, mode)
        case DataConnectionFailed():
            texts = " ".join(str(cause) for cause in _causes(error))
            return Sign.SESSION_REUSE if _SESSION_REUSE.search(texts) else Sign.NONE
        case ConnectFailed():
            is_refused = any(isinstance(c, ConnectionRefusedError) for c in _causes(error))
            return Sign.REFUSED if is_refused else Sign.NONE
        case RemoteFull():
            return Sign.QUOTA
        case HashMismatch():
            return Sign.DIFFERS
        case _:
            return Sign.NONE


def _of_tls(error: TlsFailed, mode: TlsMode) -> Sign:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _CERTIFICATE.get(cause.verify_code, Sign.UNTRUSTED)
    if error.detail == tls.NOT_PINNED:
        return Sign.NOT_PINNED
    if error.detail == tls.CA_UNREADABLE:
        return Sign.CA_UNREADABLE
    if mode == "off":
        return Sign.NEEDS_TLS
    return Sign.NOT_OFFERED if error.detail.endswith(" to AUTH") else Sign.NONE


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__
