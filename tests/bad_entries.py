"""Real directories in which asking for one entry fails, or says something odd, as on a broken
disk or a share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


def path_of(given: str | int) -> str:
    """Of what `os.scandir` is given: a path, or a directory that is open."""
    return str(Path(f"/proc/self/fd/{given}").readlink()) if isinstance(given, int) else str(given)


class _Entry:
    """A real entry, but for what `stat` says: an error number, or other fields."""

    def __init__(self, entry: os.DirEntry[str], answer: int | dict[str, int]) -> None:
        self._entry = entry
        self._answer = answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        if isinstance(self._answer, int):
            raise OSError(self._answer, os.strerror(self._answer))
        return with_fields(self._entry.stat(follow_symlinks=follow_symlinks), self._answer)


def with_fields(seen: os.stat_result, fields: dict[str, int]) -> os.stat_result:
    extra = {name: getattr(seen, name) for name in dir(seen) if name.endswith("_ns")}
    return os.stat_result(tuple(seen), {**extra, **fields})


def bend(monkeypatch: pytest.MonkeyPatch, answers: dict[str, int | dict[str, int]]) -> None:
    """answers: by name; an error number, or fields of the stat."""
    scandir = os.scandir

    @contextmanager
    def bent(path: str) -> Iterator[Iterator[Any]]:
        with scandir(path) as entries:
            yield (
                _Entry(entry, answers[entry.name]) if entry.name in answers else entry
                for entry in entries
            )

    monkeypatch.setattr(os, "scandir", bent)
