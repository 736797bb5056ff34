"""Before the first file of a run: our folders are there, and what a crash left is swept.

Only names the ledger can explain are touched: another home's temporaries, or
an admin's files, are left alone.
"""

from farcopy.core.ports import Ledger, Remote
from farcopy.planning.remote_path import parse_temporary


def prepare(remote: Remote, ledger: Ledger) -> None:
    """Raises: RemotePathMissing, RemoteReadOnly, SessionError."""
    remote.prepare()
    for name in remote.temporaries():
        parsed = parse_temporary(name)
        if parsed is None:
            continue
        is_displaced, replica_id, claim = parsed
        final_path = ledger.explain_temporary(replica_id, claim)
        if final_path is None:
            continue
        if is_displaced:
            # An old final moved aside for a new one that may never have come.
            remote.restore_displaced(name, final_path)
        else:
            remote.discard_temporary(name)
