"""Where syslog is, and how a message is written for it. Pure; `service.sinks` sends it.

Source: RFC 5424 (the message), RFC 5426 (UDP), RFC 6587 §3.4.1 (TCP, counted octets); for the
local socket what syslog(3) writes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

DEFAULT_PORT: Final = 514
_PRIORITY: Final = 10 * 8 + 6
"""authpriv, informational: not for every eye."""


@dataclass(frozen=True, slots=True)
class SyslogTarget:
    """kind: udp, tcp or local; host: or the path of the local socket."""

    kind: str
    host: str
    port: int = DEFAULT_PORT

    @property
    def shown(self) -> str:
        return self.host if self.kind == "local" else f"{self.kind} {self.host}:{self.port}"


def read_target(text: str) -> SyslogTarget:
    """`host`, `host:port`, `udp://host:port`, `tcp://host:port`, or the path of a socket.

    Raises: ValueError.
    """
    if text.startswith("/"):
        return SyslogTarget("local", text)
    kind, _, rest = text.rpartition("://")
    parts = urlsplit(f"//{rest}")
    if kind not in {"", "udp", "tcp"} or not parts.hostname or parts.netloc != rest:
        raise ValueError("no address of a syslog")
    if parts.username is not None or any(char.isspace() for char in rest):
        raise ValueError("no address of a syslog")
    return SyslogTarget(kind or "udp", parts.hostname, parts.port or DEFAULT_PORT)


def message(target: SyslogTarget, line: str, at: datetime, host: str, process_id: int) -> bytes:
    """line: ASCII without a line end."""
    if target.kind == "local":
        return f"<{_PRIORITY}>farcopy[{process_id}]: {line}".encode("ascii")
    moment = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    name = "".join(char for char in host if "!" <= char <= "~")[:255] or "-"
    text = f"<{_PRIORITY}>1 {moment} {name} farcopy {process_id} audit - {line}".encode("ascii")
    return str(len(text)).encode() + b" " + text if target.kind == "tcp" else text
