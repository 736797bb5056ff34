"""Where a request comes from: own or foreign host names and origins. Pure functions.

The session cookie alone must not be enough for another site (CSRF), and a
name that an attacker points at this machine must not be served (DNS rebinding).
"""

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def host_name(host_header: str) -> str | None:
    """The lower-case name or address in a Host header, without port; None if malformed."""
    try:
        parts = urlsplit(f"//{host_header}")
        _ = parts.port
    except ValueError:
        return None
    if parts.netloc != host_header or parts.username is not None or not parts.hostname:
        return None
    return parts.hostname.removesuffix(".")


def is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_known_host(host_header: str | None, allowed: Iterable[str]) -> bool:
    """Listed names and any address; a header that is missing (HTTP/1.0 probes) passes.

    Rebinding needs a name, so an address is never an attacker's.
    """
    if not host_header:
        return True
    name = host_name(host_header)
    return name is not None and (is_address(name) or name in allowed)


def normalised(origin: str) -> str:
    """An origin as browsers write it (lower case, no default port), "" if it is none."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return ""
    host = parts.hostname
    if parts.scheme not in _DEFAULT_PORTS or not host or parts.username is not None:
        return ""
    if parts.path or parts.query or parts.fragment or origin[-1] in "?#":
        return ""
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        shown = f"{shown}:{port}"
    return f"{parts.scheme}://{shown}"


def is_cross_site(
    *, origin: str | None, fetch_site: str | None, own: Iterable[str], listed: Iterable[str]
) -> bool:
    """Whether an unsafe request must be refused as another site's.

    origin, fetch_site: the headers Origin and Sec-Fetch-Site, None when missing
    (curl sends neither and passes). own, listed: normalised origins.
    """
    if origin is not None:
        if origin in listed:
            return False
        mine = normalised(origin)
        if not mine or mine not in own:
            return True
    return fetch_site not in (None, "same-origin", "none")


def is_other_site(origin: str, own: str) -> bool:
    """Whether browsers treat two origins as different sites (SameSite cookies).

    Without the public suffix list the last two labels stand for the site. That errs to
    "same" below suffixes like co.uk, where the cookie then stays Lax: safe, if less handy.
    """
    theirs, mine = urlsplit(origin), urlsplit(own)
    return theirs.scheme != mine.scheme or _site(theirs.hostname) != _site(mine.hostname)


def _site(host: str | None) -> str:
    name = host or ""
    return name if is_address(name) else ".".join(name.split(".")[-2:])
