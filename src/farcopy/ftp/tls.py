"""TLS of control and data connections: contexts, handshakes, the pinned certificate.

TLS 1.2 or newer. A failed handshake is never followed by a plain login. Which
connection is secured when is session's matter; called by session only.
"""

import hashlib
import hmac
import os
import socket
import ssl
import stat
from pathlib import Path

from farcopy.core.errors import TlsFailed
from farcopy.ftp.replies import Reply
from farcopy.ftp.settings import SessionSettings
from farcopy.ftp.sockets import Guard

NOT_PINNED = "the certificate is not the pinned one"
MAX_CA_BYTES = 1024 * 1024
"""All of the web's authorities together are a quarter of this."""
CA_UNREADABLE = "ftp_tls_ca cannot be read"
"""What stands in `detail`, so that the doctor can tell one cause from another."""


def make_context(settings: SessionSettings, *, is_p256_only: bool) -> ssl.SSLContext:
    """A context that verifies: by pin if there is one, else by CA file or system CAs.

    is_p256_only: vsftpd takes no other curve, and asks again for it at every
    TLS 1.3 handshake; offering just this one saves a round trip a file.
    Raises: TlsFailed when the CA file cannot be used.
    """
    if settings.fingerprint or settings.tls == "off":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # `check_fingerprint` decides instead
    else:
        try:
            authorities = _read_ca(settings.ca_file) if settings.ca_file else None
            context = ssl.create_default_context(cadata=authorities)
        except (OSError, ValueError) as error:
            raise TlsFailed(CA_UNREADABLE) from error
        if settings.ca_file:
            # Lets the file hold the server's own certificate in place of its CA's.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if is_p256_only:
        context.set_ecdh_curve("prime256v1")
    return context


def _read_ca(path: str) -> str:
    """OpenSSL would wait at a FIFO, and read a file to its end. Raises: OSError, ValueError."""
    # O_NONBLOCK: to open a FIFO nobody writes to does not wait.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_NOCTTY", 0)
    if not stat.S_ISREG(Path(path).stat().st_mode):  # a device may act on being opened
        raise ValueError(CA_UNREADABLE)
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError(CA_UNREADABLE)
        pem = file.read(MAX_CA_BYTES + 1)
    if len(pem) > MAX_CA_BYTES:
        raise ValueError(CA_UNREADABLE)
    # Texts between the certificates may be in any encoding; OpenSSL passes over them.
    text = pem.decode("ascii", "replace").replace("\ufffd", "?")
    if not text.strip():
        raise ValueError(CA_UNREADABLE)
    return text


def is_offered(reply: Reply, settings: SessionSettings) -> bool:
    """Read the reply to AUTH TLS (RFC 4217 §4). False: go on in clear text.

    Raises: TlsFailed when clear text is not allowed, or the refusal may be
    temporary: only a server that says for good it has no TLS gets a password
    in clear text.
    """
    if reply.is_positive:
        return True
    if settings.tls == "required" or settings.is_tls_known or not reply.is_refusal:
        raise TlsFailed(f"{reply.code} to AUTH") from reply.as_error()
    return False


def handshake(
    sock: socket.socket,
    context: ssl.SSLContext,
    server_name: str,
    wait_s: float,
    guard: Guard,
    session: ssl.SSLSession | None = None,
) -> ssl.SSLSocket:
    """Secure a connected socket, which is used up. Raises: OSError (also ssl.SSLError)."""
    sock.settimeout(wait_s)
    # In two steps, so that an abort can reach the socket during the handshake.
    secured = context.wrap_socket(
        sock, server_hostname=server_name, session=session, do_handshake_on_connect=False
    )
    guard.close(sock)  # an empty shell by now
    guard.add(secured)
    try:
        secured.do_handshake()
    except BaseException:
        guard.close(secured)
        raise
    return secured


def check_fingerprint(secured: ssl.SSLSocket, fingerprint: str | None) -> None:
    """Compare the server's certificate with the pinned SHA-256. Raises: TlsFailed."""
    if fingerprint is None:
        return
    certificate = secured.getpeercert(binary_form=True)
    if certificate is None and secured.session_reused:
        return  # it was compared when the session began
    seen = hashlib.sha256(certificate or b"").hexdigest()
    if not hmac.compare_digest(seen, fingerprint.replace(":", "").lower()):
        raise TlsFailed(NOT_PINNED)


def wants_other_curve(error: ssl.SSLError) -> bool:
    """Whether the server may have refused our one curve, rather than we its certificate."""
    return not isinstance(error, ssl.SSLCertVerificationError) and "HANDSHAKE_FAILURE" in (
        error.reason or ""
    )
