"""What a server does to names: tried out in our own folder, before the first file goes there.

Files of a few bytes get odd names in the way all get theirs, by a renaming, and what lies there
then tells. Told once a destination, and kept there as well: another home has to name files
alike. Called by remote.
"""

import contextlib
import json
import secrets
from pathlib import PurePosixPath

from farcopy.core.errors import FarcopyError, FileError, ListingUnreadable, RunError, SessionError
from farcopy.ftp import listing, transfer
from farcopy.ftp.removing import rename, tidy_away
from farcopy.ftp.session import Session
from farcopy.planning.remote_names import NameRules, Trait
from farcopy.planning.remote_path import NOBODY, temporary_name

KEPT_AS = "names.json"
_PLAIN_NAME = "probe-plain"
_LONG = "probe-" + "l" * 200
# What is tried, what it is asked for by afterwards (another name, where that must not be the
# same file), and what it means if that goes wrong. The bytes of the fourth are what Windows'
# and other code pages have no letter for.
_TRIED: tuple[tuple[str, str, Trait], ...] = (
    ("Probe-Case", "probe-cASE", Trait.CASE),
    ("probe-end.", "probe-end", Trait.ENDS),
    ("probe-\u00e9", "probe-e\u0301", Trait.COMPOSES),
    ("probe-\u00c1\u00cd\u00cf\u00d0\u00dd\u691c", "", Trait.ASCII),
    ('probe-<>:"|?*', "", Trait.NTFS),
    ("probe two blanks", "", Trait.BLANKS),
)


def learn(session: Session, folder: PurePosixPath) -> NameRules:
    """folder: our own for temporaries, which is there. Nothing is left in it.

    Raises: RunError, SessionError; FileError where not even a plain name can be had.
    """
    names = [_PLAIN_NAME, _LONG, *(name for name, _, _ in _TRIED)]
    made: set[str] = set()
    aliases: set[str] = set()
    try:
        _put(session, folder, _PLAIN_NAME)
        made.add(_PLAIN_NAME)
        for name in names[1:]:
            with contextlib.suppress(FileError):  # refused: it is to be encoded
                _put(session, folder, name)
                made.add(name)
        there = _there(session, folder)
        aliases = {
            alias for name, alias, _ in _TRIED
            if alias and name in made and session.size(folder / alias) is not None
        }
        lost = {
            trait for name, alias, trait in _TRIED
            if name not in made or alias in aliases
            or (there is not None and name not in there)
            or session.size(folder / name) is None
        }
        longest = 0
        if _LONG in made and there is not None and _LONG not in there:
            longest = max((len(name) for name in there if _LONG.startswith(name)), default=0)
        return NameRules(frozenset(lost), longest)
    finally:
        with contextlib.suppress(FarcopyError):
            for name in [*names, *aliases, *(name for name in _altered(session, folder))]:
                tidy_away(session, folder / name)


def _put(session: Session, folder: PurePosixPath, name: str) -> None:
    written = folder / temporary_name(NOBODY, secrets.randbelow(10**9) + 1)
    data = transfer.begin(session, f"STOR {written}")
    with data:
        data.send(b"probe")
        transfer.finish(session, data, 0)
    try:
        rename(session, written, folder / name)
    except FileError:
        tidy_away(session, written)
        raise


def _there(session: Session, folder: PurePosixPath) -> set[str] | None:
    """None: the server does not tell, and what can be asked for by its name has to do."""
    try:
        return {
            entry.name for entry in listing.entries(session, folder)
            if entry.name.lower().startswith("probe")
        }
    except ListingUnreadable:
        return None


def _altered(session: Session, folder: PurePosixPath) -> set[str]:
    """Ours, under whatever names the server made of them."""
    if not session.is_usable:
        return set()
    with contextlib.suppress(SessionError, RunError):
        return _there(session, folder) or set()
    return set()


def as_kept(rules: NameRules) -> bytes:
    return json.dumps(rules.to_store(), sort_keys=True).encode() + b"\n"


def from_kept(content: bytes) -> NameRules | None:
    try:
        return NameRules.from_stored(json.loads(content))
    except ValueError:
        return None
