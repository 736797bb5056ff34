"""What a server says it can do: the reply to FEAT (RFC 2389), parsed. No I/O.

Called by session after login. A server without FEAT has no features.
"""

from dataclasses import dataclass

_HASH_COMMANDS = frozenset({"MD5", "MMD5", "XMD5", "XCRC", "XSHA", "XSHA1", "XSHA256", "XSHA512"})


@dataclass(frozen=True, slots=True)
class Features:
    """hashes: "XMD5" and the like, and "HASH SHA-256" for each algorithm of HASH."""

    mlst: bool = False
    mlsd: bool = False
    size: bool = False
    epsv: bool = False
    utf8: bool = False
    tvfs: bool = False
    rest_stream: bool = False
    hashes: tuple[str, ...] = ()


def parse_features(text: str) -> Features:
    """Read the lines between the first and the last; whatever is odd is no feature."""
    offered: dict[str, str] = {}
    for line in text.split("\n")[1:]:
        # RFC 2389 §3.2 begins each feature with one blank; some send "211-" instead.
        words = line.removeprefix("211-").strip().split(None, 1)
        if words and not line.startswith("211 "):
            offered[words[0].upper()] = words[1] if len(words) > 1 else ""
    algorithms = [name.strip(" *") for name in offered.get("HASH", "").split(";")]
    return Features(
        mlst="MLST" in offered,
        # MLSD has no line of its own: who lists MLST has both (RFC 3659 §7.8).
        mlsd="MLST" in offered or "MLSD" in offered,
        size="SIZE" in offered,
        epsv="EPSV" in offered,
        utf8="UTF8" in offered,
        tvfs="TVFS" in offered,
        rest_stream=offered.get("REST", "").strip().upper() == "STREAM",
        hashes=(
            *sorted(_HASH_COMMANDS & offered.keys()),
            *(f"HASH {name.upper()}" for name in algorithms if name),
        ),
    )
