"""Where the web server listens, and whether that is safe. Pure; knows no Django.

Passwords and sessions pass here: beyond this machine they go encrypted, by our
own TLS or by a named proxy's, or the server does not start.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from farcopy.core.errors import EnvironmentInvalid


@dataclass(frozen=True, slots=True)
class Listening:
    """tls_key: None where it stands in tls_cert's file. trusted_proxy: its address."""

    host: str = "127.0.0.1"
    port: int = 0
    trusted_proxy: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    may_be_exposed: bool = False

    @property
    def is_tls(self) -> bool:
        return self.tls_cert is not None

    @property
    def is_exposed(self) -> bool:
        """Whether others on the network may read along."""
        return not (self.is_tls or self.trusted_proxy or is_loopback(self.host))

    def check(self) -> None:
        """Raises: EnvironmentInvalid."""
        if self.tls_key and not self.tls_cert:
            raise EnvironmentInvalid("--tls-key needs --tls-cert")
        if self.is_exposed and not self.may_be_exposed:
            raise EnvironmentInvalid(
                f"--host {self.host} is open to others: give --tls-cert, name a proxy with "
                "--trusted-proxy, or say --allow-insecure"
            )


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
