"""Where the web server listens, and whether that is safe. Pure; knows no Django.

Passwords and sessions pass here: beyond this machine they go encrypted, by our
own TLS or by a named proxy's, or the server does not start.
"""

import errno
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from farcopy.core.errors import EnvironmentInvalid, ListenFailed


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

    def is_stranger(self, address: str) -> bool:
        """Whether what comes from there was read along by others: not by the named proxy, and
        not encrypted."""
        if self.is_tls or self.may_be_exposed or not self.trusted_proxy:
            return False
        return not _is_same(address, self.trusted_proxy)

    def check(self) -> None:
        """Raises: EnvironmentInvalid."""
        if self.tls_key and not self.tls_cert:
            raise EnvironmentInvalid("--tls-key needs --tls-cert")
        if self.is_exposed and not self.may_be_exposed:
            raise EnvironmentInvalid(
                f"--host {self.host} is open to others: give --tls-cert, name a proxy with "
                "--trusted-proxy, or say --allow-insecure"
            )


    def failure(self, error: OSError) -> ListenFailed:
        """Why the system does not let us, and what to do."""
        match error.errno:
            case errno.EADDRINUSE:
                what = (f"port {self.port} of {self.host} is taken by another program, perhaps "
                        "another farcopy; end that, or give another with --port")
            case errno.EACCES if 0 < self.port < 1024:
                what = (f"ports below 1024, as {self.port}, need a right: give another with "
                        "--port, or the service AmbientCapabilities=CAP_NET_BIND_SERVICE")
            case errno.EADDRNOTAVAIL:
                what = f"{self.host} is no address of this machine; give one of it with --host"
            case _:
                what = f"{self.host}, port {self.port}: {error.strerror or error}"
        return ListenFailed(what)


def _is_same(address: str, other: str) -> bool:
    try:
        return ip_address(address) == ip_address(other)
    except ValueError:
        return address == other


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
