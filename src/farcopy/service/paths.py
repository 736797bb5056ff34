"""Paths as an admin names them: `orthanc/ab/cd`, `hospital/reports`; the same on every system."""

from collections.abc import Sequence

from farcopy.core.errors import PathUnknown
from farcopy.core.model import RootLabel
from farcopy.store.proofs import Scope


def scopes_of(paths: Sequence[str]) -> list[Scope]:
    """The parts of what is held that are meant; none given is all.

    Raises: PathUnknown for what begins with no root's label.
    """
    return [_scope_of(path) for path in paths] or [Scope()]


def _scope_of(text: str) -> Scope:
    root, *below = [part for part in text.split("/") if part not in ("", ".")] or [""]
    if root not in set(RootLabel) or ".." in below:
        raise PathUnknown(text)
    return Scope(root, "/".join(below))
