"""A file in a worker's hands: what it has cost so far, and its bytes on the line."""

from collections.abc import Callable
from dataclasses import dataclass

from farcopy.core.model import ClaimedFile, Upload


@dataclass(slots=True)
class Job:
    """A claimed file and what it has cost so far. wait_s: before it is tried again.

    stored_before: how many files the run had stored when this one failed first.
    """

    claimed: ClaimedFile
    upload: Upload
    line: "Line"
    attempts: int = 0
    tries: int = 0
    wait_s: float = 0.0
    stored_before: int = 0


class Line:
    """Bytes of one file on the line: told as they go, and taken back when they were for nothing."""

    def __init__(self, told: Callable[[int], None]) -> None:
        self._told = told
        self._bytes = 0

    def sent(self, count: int) -> None:
        self._bytes += count
        self._told(count)

    def take_back(self) -> None:
        self._told(-self._bytes)
        self._bytes = 0
