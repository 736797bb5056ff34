"""Where a remote name goes on the local disk. Pure; the names may come from a hostile server.

A name that farcopy encoded gets its original form back. Any other is taken as it
is. What would lead out of the folder, or means something else to this system, is
refused: no name of a listing reaches the disk unchecked.
"""

import re

from farcopy.core.errors import LocalName
from farcopy.planning.remote_path import decode_name, encode_name

_DEVICES = re.compile(
    r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\..*)?", re.IGNORECASE
)
_WINDOWS_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f]|[. ]$')


def local_names(remote_path: str, *, is_windows: bool) -> tuple[str, ...]:
    """The names of folders and file below the target, root label first.

    Raises: LocalName when one of them cannot be had here, or is no single name.
    """
    names = tuple(original_name(part) for part in remote_path.split("/"))
    for name in names:
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise LocalName("no single name")
        if is_windows and (_WINDOWS_UNSAFE.search(name) or _DEVICES.fullmatch(name)):
            raise LocalName("no name on Windows")
    return names


def original_name(name: str) -> str:
    """The name at the source; of what farcopy did not encode, the very name."""
    try:
        original = decode_name(name)
        is_ours = encode_name(original) == name
    except (LocalName, UnicodeEncodeError):
        return name
    return original if is_ours else name
