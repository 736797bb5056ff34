"""What a server's certificate says, for an admin who is to judge it. Verifies nothing.

Called by the doctor only: connections that carry a password are verified by tls.
"""

import hashlib
import socket
import ssl

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from farcopy.core.examination import FINGERPRINT


def trusting_context() -> ssl.SSLContext:
    """For looking at a certificate. Nothing of ours may be sent over such a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def seen_of(secured: socket.socket) -> list[tuple[str, str]]:
    """Protocol, names, issuer, end and fingerprint; nothing for a plain connection."""
    if not isinstance(secured, ssl.SSLSocket):
        return []
    cipher = secured.cipher()
    seen = [("encryption", f"{secured.version()}, {cipher[0] if cipher else 'unknown cipher'}")]
    der = secured.getpeercert(binary_form=True)
    return seen if der is None else [*seen, *_of_certificate(der)]


def _of_certificate(der: bytes) -> list[tuple[str, str]]:
    fingerprint = hashlib.sha256(der).hexdigest().upper()
    pairs = ":".join(fingerprint[i : i + 2] for i in range(0, 64, 2))
    try:
        certificate = x509.load_der_x509_certificate(der)
        told = [
            ("certificate for", ", ".join(_names(certificate)) or "no name at all"),
            ("issued by", _common_name(certificate.issuer)),
            ("valid until", f"{certificate.not_valid_after_utc:%Y-%m-%d}"),
        ]
    except ValueError:  # odd enough for the parser, and yet it has a fingerprint
        told = []
    return [*told, (FINGERPRINT, pairs)]


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        ).value
    except x509.ExtensionNotFound:
        return [_common_name(certificate.subject)]
    if not isinstance(found, x509.SubjectAlternativeName):
        return []
    addresses = map(str, found.get_values_for_type(x509.IPAddress))
    return [_printable(name) for name in (*found.get_values_for_type(x509.DNSName), *addresses)]


def _common_name(name: x509.Name) -> str:
    values = name.get_attributes_for_oid(NameOID.COMMON_NAME) or list(name)
    return _printable(str(values[0].value)) if values else "nobody"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text[:200])
