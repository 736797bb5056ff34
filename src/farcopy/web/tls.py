"""The certificate the web server shows. The handshake and all after it are asyncio's."""

import logging
import ssl
from pathlib import Path

from farcopy.core.errors import EnvironmentInvalid
from farcopy.store.refusals import reason

log = logging.getLogger("farcopy.web")


def make_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer. key: None where it stands in the certificate's file.

    Raises: EnvironmentInvalid.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An encrypted key would be asked for at the terminal, where nobody sits.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise EnvironmentInvalid(
            _unreadable("--tls-cert", certificate) or (_unreadable("--tls-key", key) if key else "")
            or "--tls-cert and --tls-key must be PEM files that belong together, without a password"
        ) from error
    return context


def _unreadable(option: str, file: Path) -> str:
    """Why it cannot be read; "" when it can."""
    try:
        with file.open("rb"):
            return ""
    except OSError as error:
        return f"{option}: {reason(error, file)}"


class Certificate:
    """A renewed one counts from the next connection on; until its files fit together, the old.

    Raises: EnvironmentInvalid, when made.
    """

    def __init__(self, certificate: Path, key: Path | None) -> None:
        self._certificate, self._key = certificate, key
        self._seen = self._times()
        self._context = make_context(certificate, key)

    def context(self) -> ssl.SSLContext:
        """For the next connection."""
        times = self._times()
        if times != self._seen:
            self._seen = times
            try:
                self._context = make_context(self._certificate, self._key)
            except EnvironmentInvalid:
                log.error("web.certificate_unusable")  # noqa: TRY400  # nothing more is in it
            else:
                log.info("web.certificate_renewed")
        return self._context

    def _times(self) -> list[int]:
        return [_changed_at_ns(file) for file in (self._certificate, self._key) if file]


def _changed_at_ns(file: Path) -> int:
    """0 while it is not there: somebody may just be replacing it."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
