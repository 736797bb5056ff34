"""The states of a file at a destination and of a run, and the one table of allowed moves.

Nothing else decides whether a state may follow another: the ledger's
conditional UPDATEs are made from this table, and so is the drawing in the docs.
"""

from enum import StrEnum


class FileState(StrEnum):
    """Where one file version stands at one destination."""

    PENDING = "pending"  # due, nobody has it in hand
    UPLOADING = "uploading"  # claimed; its temporary may exist on the remote
    STORED = "stored"  # 226, SIZE agrees, final name
    VERIFIED = "verified"  # stored, and its content was checked on the remote
    FAILED = "failed"  # attempts used up; due again at retry_at
    SKIPPED = "skipped"  # never sent, by rule (link, special file, unusable name)
    VANISHED = "vanished"  # gone from the source; a remote copy is kept


class RunState(StrEnum):
    """How a run stands or ended, as the API shows it."""

    RUNNING = "running"
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"


class SyncType(StrEnum):
    """Who asked for a run."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    MONITORING = "monitoring"


class RunEnd(StrEnum):
    """Why a run ended: the schedule treats a cut-off run as due, a finished one as done."""

    FINISHED = "finished"
    CANCELLED = "cancelled"
    STOPPED = "stopped"  # the service was asked to stop
    CRASHED = "crashed"  # found `running` by the next start


HELD = frozenset({FileState.STORED, FileState.VERIFIED})
"""The remote holds the version the ledger describes."""
DUE = frozenset({FileState.PENDING, FileState.UPLOADING, FileState.FAILED})
"""The remote does not hold it, and the ledger knows that it has to."""

_S = FileState
MOVES: dict[FileState, frozenset[FileState]] = {
    # To STORED: what was held back is as the remote has it, or a renaming whose reply
    # a crash swallowed had taken place.
    _S.PENDING: frozenset({_S.UPLOADING, _S.STORED, _S.SKIPPED, _S.VANISHED, _S.PENDING}),
    _S.UPLOADING: frozenset({_S.STORED, _S.VERIFIED, _S.PENDING, _S.FAILED, _S.VANISHED}),
    _S.STORED: frozenset({_S.PENDING, _S.VERIFIED, _S.VANISHED, _S.SKIPPED}),
    _S.VERIFIED: frozenset({_S.PENDING, _S.STORED, _S.VANISHED, _S.SKIPPED, _S.VERIFIED}),
    _S.FAILED: frozenset({_S.PENDING, _S.STORED, _S.VANISHED, _S.SKIPPED}),
    _S.SKIPPED: frozenset({_S.PENDING, _S.VANISHED, _S.SKIPPED}),
    # A file that comes back unchanged still has its remote copy.
    _S.VANISHED: frozenset({_S.PENDING, _S.STORED, _S.SKIPPED}),
}


def sources_of(target: FileState) -> frozenset[FileState]:
    """The states from which `target` may be reached: the condition of an UPDATE to it."""
    return frozenset(state for state, targets in MOVES.items() if target in targets)
