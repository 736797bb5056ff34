"""What a failed step of the doctor means, and what to do: pure texts, from step, error and sign.

They are for an admin who has never heard of EPSV. No server text is mixed in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from farcopy.core.errors import FarcopyError
from farcopy.core.examination import FINGERPRINT, Sign, Step


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """cause: what it most likely is; action: what to do about it."""

    cause: str
    action: str


TITLES: Final = {
    Step.NAME: "Name resolved",
    Step.CONNECTION: "Connected",
    Step.TLS: "Encryption and certificate",
    Step.LOGIN: "Logged in",
    Step.DIRECTORY: "Directory entered and listed",
    Step.PROBE: "File written, read back, renamed, removed",
    Step.ABILITIES: "What the server can do",
    Step.CONNECTIONS: "Connections at the same time",
}

_BY_SIGN: Final = {
    Sign.WRONG_NAME: Diagnosis(
        "The certificate is for another name than ftp_host.",
        "Set ftp_host to a name the certificate has (shown here), or compare the fingerprint "
        "with your host's and pin it as ftp_tls_fingerprint.",
    ),
    Sign.EXPIRED: Diagnosis(
        "The certificate of the server has expired.",
        "Ask your host to renew it. Until then, having compared the fingerprint, it can be "
        "pinned as ftp_tls_fingerprint.",
    ),
    Sign.NOT_YET_VALID: Diagnosis(
        "The certificate is not valid yet: most likely a clock is wrong.",
        "Check date and time of this machine, then those of the server.",
    ),
    Sign.UNTRUSTED: Diagnosis(
        "The certificate is signed by nobody this machine trusts: often it is self-signed.",
        "Ask your host for the CA's certificate and name its file in ftp_tls_ca; or compare the "
        "fingerprint shown here with your host's and pin it as ftp_tls_fingerprint.",
    ),
    Sign.NOT_PINNED: Diagnosis(
        "The server shows another certificate than the one that is pinned.",
        "If your host has renewed it, compare the new fingerprint with his and pin that. "
        "If not, somebody may stand in between: do not go on.",
    ),
    Sign.NOT_OFFERED: Diagnosis(
        "The server offers no TLS, and these settings do not do without.",
        "Ask your host for FTPS (explicit TLS). With ftp_tls off, and neither ftp_tls_ca nor "
        "ftp_tls_fingerprint, images and password can be read on the way.",
    ),
    Sign.CA_UNREADABLE: Diagnosis(
        "The file named in ftp_tls_ca cannot be read, or holds no certificate.",
        "Check its path, its permissions, and that it is PEM (BEGIN CERTIFICATE): a plain file "
        "of 1 MiB at most.",
    ),
    Sign.NEEDS_TLS: Diagnosis(
        "The server takes logins over TLS only, and ftp_tls is off.",
        "Set ftp_tls to auto or required.",
    ),
    Sign.SESSION_REUSE: Diagnosis(
        "The server wants data connections to resume the TLS session, and did not accept ours.",
        "Ask your host to switch that demand off (vsftpd: require_ssl_reuse=NO; ProFTPD: "
        "TLSOptions NoSessionReuseRequired), or to update the server.",
    ),
    Sign.QUOTA: Diagnosis(
        "The account's quota or the server's disk is full.",
        "Make room there, or ask your host for more.",
    ),
    Sign.DIFFERS: Diagnosis(
        "What was read back is not what was written: the line or the server changes files.",
        "Ask your host whether files are scanned or converted on their way. Do not rely on "
        "this server until it is found.",
    ),
}

_BY_STEP_AND_CODE: Final = {
    (Step.NAME, "dns_failed"): Diagnosis(
        "The name of the server is not known to the name server.",
        "Check ftp_host for a typing error; then the DNS settings of this machine.",
    ),
    (Step.NAME, "host_refused"): Diagnosis(
        "The name leads to an address that is never an FTP server (link-local, multicast, "
        "or a cloud's metadata).",
        "Check ftp_host, and what your name server says of it.",
    ),
    (Step.CONNECTION, "connect_failed"): Diagnosis(
        "Nothing answers there: a wrong port, a firewall, or a server that is down.",
        "Check ftp_port (usually 21); then let the firewall pass outgoing connections to it.",
    ),
    (Step.CONNECTION, "reply_timeout"): Diagnosis(
        "Something takes the connection and says nothing: often implicit TLS (port 990), "
        "or a firewall in between.",
        "Use the port for plain or explicit TLS, usually 21.",
    ),
    (Step.CONNECTION, "not_ftp"): Diagnosis(
        "What answers there is no FTP server: SFTP (port 22) is something else.",
        "Check ftp_port; ask your host for FTP or FTPS.",
    ),
    (Step.LOGIN, "login_barred"): Diagnosis(
        "The server does not let this account in for another reason than its password: its home "
        "directory, an end date, addresses it may come from, or the server's own set-up.",
        "Ask your host what speaks against the account; another try changes nothing.",
    ),
    (Step.LOGIN, "login_refused"): Diagnosis(
        "User name or password is wrong, or the account may not log in from here.",
        "Type both anew. Try rarely: many hosts ban an address after a few wrong passwords.",
    ),
    (Step.DIRECTORY, "remote_path_missing"): Diagnosis(
        "The directory is not there, or the account may not enter it.",
        "Check ftp_path, also upper and lower case; a path without a leading slash counts "
        "from the login directory.",
    ),
    (Step.PROBE, "remote_read_only"): Diagnosis(
        "The account may read there, but not write.",
        "Ask your host for permission to write, or name another ftp_path.",
    ),
    (Step.PROBE, "path_refused"): Diagnosis(
        "The server lets files be written, but not all that farcopy needs: read, rename, remove.",
        "Ask your host to let the account read, rename and delete within ftp_path.",
    ),
    (Step.PROBE, "download_refused"): Diagnosis(
        "The server takes files, but does not give them back.",
        "Ask your host to let the account read: without it nothing can be verified or restored.",
    ),
}

_PLAIN: Final = Diagnosis(
    "The connection is not encrypted: images and the password can be read on the way.",
    "Ask your host for FTPS (explicit TLS), or use this server within a VPN only.",
)
_DATA_CONNECTION: Final = Diagnosis(
    "The control connection works, the data connection does not: a firewall blocks the "
    "passive ports.",
    "Ask your host for his range of passive ports and let the firewall pass outgoing connections "
    "to it. In an old network the other value of ftp_passive may help.",
)
_TOO_MANY: Final = Diagnosis(
    "The server allows no more connections for this account or address.",
    "Close other FTP clients, wait a few minutes, or lower ftp_connections.",
)
_SLOW: Final = Diagnosis(
    "The server did not answer in time, or the line broke.",
    "Try again; if it lasts, ask your host whether the server is well.",
)
_BY_CODE: Final = {
    "data_connection_failed": _DATA_CONNECTION,
    "too_many_connections": _TOO_MANY,
    "reply_timeout": _SLOW,
    "timed_out": _SLOW,
    "connection_lost": _SLOW,
    "remote_full": _BY_SIGN[Sign.QUOTA],
}


def diagnose(step: Step, error: FarcopyError, sign: Sign = Sign.NONE) -> Diagnosis:
    """The most telling of what is known: the sign, then the step with the error, then the error."""
    found = (
        _BY_SIGN.get(sign)
        or _BY_STEP_AND_CODE.get((step, error.code))
        or _BY_CODE.get(error.code)
    )
    if found is not None:
        return found
    what, _, action = error.text.partition("; ")
    return Diagnosis(_sentence(what), _sentence(action or "the server's log may say why"))


def caution(step: Step, seen: Sequence[tuple[str, str]]) -> Diagnosis | None:
    """What an admin should know of a step that went well."""
    if step is Step.TLS and FINGERPRINT not in dict(seen):
        return _PLAIN
    return None


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
