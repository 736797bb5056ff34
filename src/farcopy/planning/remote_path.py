"""A file's identity as a safe remote path, and back. Pure and reversible.

Names stay as they are wherever they can (an admin reads them with any FTP
client). Encoded as %XX are only: control characters, backslashes, bytes that
are no text, blanks at the ends of a name, a lone "." or "..", and a "%" that
would read as one of these codes. A scan encodes once, and from there on the
encoded name is the file's identity: in the ledger, in logs, on the remote.
"""

import re
from pathlib import PurePosixPath

from farcopy.core.errors import LocalName

MAX_NAME_BYTES = 255
"""What every common file system of a server takes for one name."""
MAX_PATH_BYTES = 3900
"""Below PATH_MAX (4096) with room for ftp_path; servers cut longer command lines."""

_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\\\u2028\u2029\ud800-\udfff]|^ | $|^\.{1,2}$|%(?=[0-9A-Fa-f]{2})"
)

_SPECIAL = re.compile(r"[^0-9A-Za-z_.-]")
"""Names without any of these need no closer look, but for the two of dots alone."""


def remote_path(root: str, relative_path: str) -> PurePosixPath:
    """`<root>/<relative path>`, relative to ftp_path. The names are encoded already."""
    return PurePosixPath(root, relative_path)


def is_too_long(directory: str, name: str) -> bool:
    """Whether a server could refuse the (encoded) name or its whole path for their length."""
    if len(name) <= MAX_NAME_BYTES // 4 and len(directory) <= MAX_PATH_BYTES // 5:
        return False  # a character has four bytes at most: no need to count them
    return (
        len(name.encode()) > MAX_NAME_BYTES
        or len(directory.encode()) + 1 + len(name.encode()) > MAX_PATH_BYTES
    )


def is_plain(relative_path: str) -> bool:
    """Letters, digits, dots, dashes and underscores only: no server has anything against it."""
    return not _SPECIAL.search(relative_path.replace("/", ""))


def encode_name(name: str) -> str:
    """Raises: LocalName for a Windows name that is no text (a lone surrogate)."""
    if not _SPECIAL.search(name) and name not in (".", ".."):
        return name  # nearly every name there is: five times as fast as the next line
    if not _UNSAFE.search(name):
        return name
    try:
        return _UNSAFE.sub(_percent_codes, name)
    except UnicodeEncodeError as error:
        raise LocalName("lone surrogate") from error


def _percent_codes(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode("utf-8", "surrogateescape"))


def decode_path(safe: str) -> str:
    """A whole relative path; codes stand for bytes of names, and never make a separator."""
    return "/".join(map(decode_name, safe.split("/"))) if "%" in safe else safe


def decode_name(safe: str) -> str:
    """The name `encode_name` was given."""
    if "%" not in safe:
        return safe
    raw = re.sub(
        rb"%([0-9A-Fa-f]{2})",
        lambda match: bytes.fromhex(match.group(1).decode()),
        safe.encode(),
    )
    return raw.decode("utf-8", "surrogateescape")


_TEMPORARY = re.compile(r"(new|old)-(\d{1,18})-(\d{1,18})")


NOBODY = 0
"""No replica has this id: a temporary of it meets no file's, and no sweep explains it."""


def temporary_name(replica_id: int, claim: int) -> str:
    """Replica and claim make it unique for ever; no leading dot, servers hide those."""
    return f"new-{replica_id}-{claim}"


def displaced_name(temporary: str) -> str:
    """Where the old final waits while a server that will not rename over it gets the new one."""
    return temporary.replace("new-", "old-", 1)


def parse_temporary(name: str) -> tuple[bool, int, int] | None:
    """(is it a displaced old final, replica id, claim), or None if the name is not of ours."""
    match = _TEMPORARY.fullmatch(name)
    if match is None:
        return None
    return match.group(1) == "old", int(match.group(2)), int(match.group(3))
