"""Which addresses are never an FTP server of an admin, and whence a caller comes. Pure.

Link-local, multicast and unspecified ones, and those of cloud metadata services, also
where another address stands for one: farcopy must not be made to knock there. Private
and loopback addresses are fine, for backup servers live there.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

_METADATA: Final = frozenset(
    # Those that are not link-local: Alibaba, Azure, Oracle; Google, Scaleway.
    map(IPv4Address, ("100.100.100.200", "168.63.129.16", "192.0.0.192"))
) | frozenset(map(IPv6Address, ("fd20:ce::254", "fd00:42::42")))
_FORBIDDEN_NETS: Final = (
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of one's own; how it holds the IPv4 is not known
    IPv6Network("2002::/16"),  # 6to4, withdrawn by RFC 7526
    IPv6Network("2001::/32"),  # Teredo, whose relays are gone
    IPv6Network("::/96"),  # IPv4-compatible, withdrawn by RFC 4291; loopback is let through before
    IPv6Network("fd00:ec2::/112"),  # AWS: ::254 is its metadata, ::23 its credentials
)
_ZERO_NET: Final = IPv4Network("0.0.0.0/8")
_IPV4_AT_THE_END: Final = (
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped
    IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated, RFC 2765
    IPv6Network("64:ff9b::/96"),  # NAT64: all of IPv4 in a network that has IPv6 only
)
_ISATAP: Final = frozenset({bytes.fromhex("00005efe"), bytes.fromhex("02005efe")})
_BROADCAST: Final = IPv4Address("255.255.255.255")
_LOOPBACK: Final = IPv6Address("::1")


def is_allowed_address(address: IPv4Address | IPv6Address) -> bool:
    """Whether farcopy may connect there, for the address itself and the one it stands for."""
    embedded = None if isinstance(address, IPv4Address) else embedded_ipv4(address)
    if embedded is not None and not is_allowed_address(embedded):
        return False
    if address == _LOOPBACK:
        return True
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    if address in _METADATA or address == _BROADCAST or address in _ZERO_NET:
        return False
    return not any(address in net for net in _FORBIDDEN_NETS)


def embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is meant, where an IPv6 address only carries one."""
    packed = address.packed
    if any(address in net for net in _IPV4_AT_THE_END) or packed[8:12] in _ISATAP:
        return IPv4Address(packed[12:])
    return None


# --- whence somebody comes ---

UNKNOWN_PEER: Final = "unknown"
_MAX_SHOWN: Final = 45
"""An IPv6 address with an IPv4 one at its end; the column of the audit trail."""


def read_peer(text: str) -> IPv4Address | IPv6Address | None:
    """The address in any form servers and proxies write it: `v4`, `v4:port`, `v6`, `[v6]`,
    `[v6]:port`, with a zone, an IPv4 one carried by IPv6. None: there is none."""
    name = text.strip()
    if name.startswith("["):
        name, closing, port = name[1:].partition("]")
        if not closing or (port and not _is_port(port)):
            return None
    elif name.count(":") == 1:
        name, _, port = name.partition(":")
        if not _is_port(f":{port}"):
            return None
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def shown_peer(text: str) -> str:
    """For the eye: the address; else the text itself, cleaned and cut; never empty."""
    address = read_peer(text)
    if address is not None:
        return str(address)
    clean = "".join(char if char.isprintable() else "�" for char in text.strip())
    return clean[:_MAX_SHOWN] or UNKNOWN_PEER


def neighbourhood(address: IPv4Address | IPv6Address) -> str:
    """What counts as one sender: an IPv4 address; of IPv6 the /64, for its addresses cost
    nothing. Written as its first address."""
    if isinstance(address, IPv4Address) or address.is_loopback or address.is_link_local:
        return str(address)
    return str(IPv6Address(int(address) >> 64 << 64))


def _is_port(text: str) -> bool:
    digits = text[1:]
    return text[:1] == ":" and digits.isascii() and digits.isdigit() and int(digits) <= 65535
