"""FARCOPY_HOME: made where it is missing, and looked at before anything in it is asked for.

Knows no Django, whose settings need the key in it. Called first by every process.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from farcopy.core.errors import HomeUnusable
from farcopy.store.keys import KEY_FILE, NEXT_KEY_FILE, make_private_directory
from farcopy.store.refusals import owner_of, reason, whose

DATABASE_FILE: Final = "farcopy.sqlite3"
OWN_FILES: Final = "own-files.json"
_SIGNS: Final = (KEY_FILE, NEXT_KEY_FILE, DATABASE_FILE, "logs", "engine.lock", "migrate.lock")


def prepare_home(home: Path) -> bool:
    """True: nothing of farcopy's was in it, so it is a new one. Raises: HomeUnusable."""
    try:
        make_private_directory(home)
        is_new = not any((home / name).exists() for name in _SIGNS)
    except OSError as error:
        raise HomeUnusable(_advised(reason(error, home), home)) from error
    # What is there can be read from a home, or a disk, that takes nothing new.
    wanted = os.R_OK | os.X_OK | (os.W_OK if is_new else 0)
    if not os.access(home, wanted):
        about = whose(home)
        text = f"{home}: not permitted" + (f": {about}" if about else "")
        raise HomeUnusable(_advised(text, home))
    return is_new


def name_files(home: Path, files: Sequence[Path]) -> None:
    """Files with secrets that only this process was told of, as that of a TLS key: whoever
    scans sources, in another process too, leaves them out. Raises: OSError."""
    known = named_files(home)
    new = [str(file.absolute()) for file in files if str(file.absolute()) not in known]
    if new:
        (home / OWN_FILES).write_text(json.dumps([*known, *new]), encoding="utf-8")


def named_files(home: Path) -> Sequence[str]:
    try:
        found = json.loads((home / OWN_FILES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _advised(text: str, home: Path) -> str:
    owner = owner_of(home)
    as_owner = f"run this as {owner}, or " if owner and home.is_dir() else ""
    return f"{text}; {as_owner}set FARCOPY_HOME to a directory of your own"
