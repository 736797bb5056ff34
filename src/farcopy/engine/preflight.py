"""Before the first file of a run: our folders are there, and what a crash left is settled.

Only names the ledger can explain are touched, and those of small files of our own:
another home's temporaries, or an admin's files, are left alone.
"""

from collections.abc import MutableMapping, Sequence

from farcopy.core.ports import Ledger, Remote
from farcopy.planning.continuing import is_worth_continuing
from farcopy.planning.remote_path import NOBODY, parse_temporary, temporary_name


def prepare(
    run_id: int, remote: Remote, ledger: Ledger, left_over: MutableMapping[int, str]
) -> None:
    """left_over: filled with temporaries that may be continued, by replica id.

    Raises: RemotePathMissing, RemoteReadOnly, SessionError.
    """
    names = remote.prepare()
    _settle(run_id, remote, ledger, frozenset(names))
    _sweep(remote, ledger, names, left_over)
    # From here on temporaries are made; the end of the run says whether none is left.
    ledger.note_untidy(True)


def _settle(run_id: int, remote: Remote, ledger: Ledger, names: frozenset[str]) -> None:
    """Renamings of which nobody heard. Before the sweep: it removes what tells of them."""
    for renaming in ledger.renamings():
        name = temporary_name(renaming.replica_id, renaming.claim)
        # Absence is not concluded from a listing alone; was_renamed asks by name.
        took_place = name not in names and remote.was_renamed(
            name, renaming.final_path, renaming.size_bytes
        )
        ledger.settle_renaming(run_id, renaming, took_place=took_place)


def _sweep(
    remote: Remote, ledger: Ledger, names: Sequence[str], left_over: MutableMapping[int, str]
) -> None:
    # The latest claim of a file comes last: of several temporaries it is kept.
    for name in sorted(names, key=lambda name: parse_temporary(name) or ()):
        parsed = parse_temporary(name)
        if parsed is None:
            continue
        is_displaced, replica_id, claim = parsed
        if (replica_id, claim) == (NOBODY, NOBODY):
            if not is_displaced:  # a small file of our own: the next one is put whole
                remote.discard_temporary(name)
            continue
        final_path = ledger.explain_temporary(replica_id, claim)
        if final_path is None:
            continue
        if is_displaced:
            # An old final moved aside for a new one that may never have come.
            remote.restore_displaced(name, final_path)
            continue
        size_bytes = ledger.awaits(replica_id)
        if size_bytes is None or not is_worth_continuing(size_bytes):
            if not remote.discard_temporary(name) and size_bytes is not None:
                left_over[replica_id] = name  # it becomes the next claim's, and is written over
            continue
        if before := left_over.get(replica_id):
            remote.discard_temporary(before)
        left_over[replica_id] = name
