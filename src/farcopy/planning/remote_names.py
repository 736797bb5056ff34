"""Names for a server that does not keep all of them apart: encoded further, and back. Pure.

What a server cannot keep (case, dots at the end, characters, composed letters) stands as %XX,
the code a scan uses already, so that `decode_name` gives the file's own name back, whoever
looks. Two names never become one. What cannot be had even so is refused by its name.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from farcopy.core.errors import LocalName
from farcopy.planning.remote_path import MAX_NAME_BYTES, decode_name, encode_name

_OF_NTFS = frozenset('<>:"|?*')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
_CODE = re.compile(r"%([0-9A-Fa-f]{2})")


class Trait(StrEnum):
    """What a server does to names."""

    CASE = "case"  # finds or makes them whatever their case
    ENDS = "ends"  # cuts dots at the end off
    COMPOSES = "composes"  # takes é and e with an accent for one
    ASCII = "ascii"  # keeps no other characters, or not all
    NTFS = "ntfs"  # refuses what Windows does
    BLANKS = "blanks"


@dataclass(frozen=True, slots=True)
class NameRules:
    """What is to be heeded at one destination. longest: characters a name may have; 0: no matter.
    """

    traits: frozenset[Trait] = frozenset()
    longest: int = 0

    @classmethod
    def from_stored(cls, stored: object) -> "NameRules | None":
        """None for what is none of ours."""
        if not isinstance(stored, Mapping):
            return None
        traits, longest = stored.get("traits"), stored.get("longest")
        if not isinstance(traits, Collection) or type(longest) is not int:
            return None
        known = {trait.value for trait in Trait}
        if not all(isinstance(trait, str) and trait in known for trait in traits):
            return None  # of a later version: without knowing all of them no name is right
        return cls(frozenset(Trait(trait) for trait in traits), longest)

    def to_store(self) -> dict[str, object]:
        return {"traits": sorted(self.traits), "longest": self.longest}

    @property
    def is_plain(self) -> bool:
        return not self.traits and not self.longest

    def encode_path(self, path: PurePosixPath) -> PurePosixPath:
        """path: relative to ftp_path; the root's label stays. Raises: LocalName."""
        if self.is_plain:
            return path
        return PurePosixPath(*path.parts[:1], *(self.encode(name) for name in path.parts[1:]))

    def encode(self, name: str) -> str:
        """name: as a scan has it. Raises: LocalName when it would be too long."""
        own = decode_name(name)
        found = self._encode(name, own) if self.traits else name
        if self.longest and len(found) > self.longest:
            raise LocalName("longer than this server keeps")
        if len(found.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES:
            raise LocalName("too long once it is encoded")
        return found

    def decode(self, found: str) -> str:
        """As a scan would have it. found: in a listing."""
        if self.is_plain:
            return found
        try:
            return encode_name(decode_name(found))
        except LocalName:
            return found

    def _encode(self, name: str, own: str) -> str:
        # A name that the server may compose otherwise goes without any accent.
        is_composed = Trait.COMPOSES in self.traits and not _is_stable(own)
        parts: list[str] = []
        at = 0
        while at < len(name):
            if code := _CODE.match(name, at):
                parts.append(code.group().lower())  # digits have no case to lose
                at = code.end()
                continue
            char = name[at]
            is_last = at == len(name) - 1
            if self._is_lost(char, is_last=is_last, is_composed=is_composed) or (
                at == 0 and Trait.NTFS in self.traits and _DEVICE.match(own)
            ):
                parts.append(_code_of(char))
            else:
                parts.append(char)
            at += 1
        return "".join(parts)

    def _is_lost(self, char: str, *, is_last: bool, is_composed: bool) -> bool:
        traits = self.traits
        if not char.isascii() and (is_composed or Trait.ASCII in traits):
            return True
        if Trait.CASE in traits and not (char == char.lower() == char.upper().lower()):
            return True
        if Trait.NTFS in traits and char in _OF_NTFS:
            return True
        if Trait.BLANKS in traits and char == " ":
            return True
        return char == "." and is_last and bool({Trait.ENDS, Trait.NTFS} & traits)


PLAIN = NameRules()


def _is_stable(name: str) -> bool:
    return all(unicodedata.normalize(form, name) == name for form in ("NFC", "NFD"))


def _code_of(char: str) -> str:
    return "".join(f"%{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
