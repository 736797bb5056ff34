"""The marks of the audit trail in FARCOPY_HOME: a file beside the database, not in it.

Copies of the trail's end, each under its own seal, and what the last check found.
Knows files only; `store.anchor` decides what is written here.
"""

import contextlib
import json
import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from django.conf import settings

from farcopy.store.chain import Mark

FILE: Final = "audit-mark.json"
_MAX_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """What lies where a mark should. mark: None when it is none. digest: of the text."""

    mark: Mark | None
    digest: str


@dataclass(frozen=True, slots=True)
class Kept:
    """exists: whether there is such a file. turn: of the places on the remote. problems: what
    the last check found, in words."""

    exists: bool
    marks: tuple[Found, ...] = field(default_factory=tuple)
    problems: tuple[str, ...] = field(default_factory=tuple)
    turn: int = 0


def found_of(text: bytes) -> Found:
    try:
        mark = Mark.of_text(text)
    except ValueError:
        return Found(None, sha256(text).hexdigest())
    return Found(mark, mark.digest)


def read() -> Kept:
    """A file that cannot be read, or holds something else, is a mark that is none."""
    try:
        text = _path().read_bytes()[:_MAX_BYTES]
    except FileNotFoundError:
        return Kept(exists=False)
    except OSError:
        return Kept(True, (Found(None, ""),))
    try:
        values = json.loads(text)
        if "marks" not in values:
            return Kept(True, (found_of(text),))  # of a version that kept one
        marks = [Mark.of_values(mark) for mark in values["marks"]]
        return Kept(
            True, tuple(Found(mark, mark.digest) for mark in marks),
            tuple(map(str, values["problems"])), int(values["turn"]),
        )
    except (ValueError, TypeError, KeyError):
        return Kept(True, (Found(None, sha256(text).hexdigest()),))


def write(kept: Kept) -> None:
    """Whole or not at all. What is no mark cannot be kept among others. Raises: OSError."""
    values = {
        "marks": [json.loads(found.mark.text()) for found in kept.marks if found.mark],
        "problems": list(kept.problems), "turn": kept.turn,
    }
    path = _path()
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(values, file, indent=1, sort_keys=True)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())  # or a power cut leaves an empty one, which is an alarm
        draft.replace(path)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def _path() -> Path:
    return Path(settings.FARCOPY_HOME) / FILE
