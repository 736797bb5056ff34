"""Takes up an upload where an earlier one was cut off, if that can honestly be done.

The server says how much it has of the temporary, and its own hash must be that of as
much of the source as it is now. In any doubt what is there is removed, and the file
sent from its beginning. Called by storing.
"""

from pathlib import PurePosixPath

from farcopy.core.model import SourceReader
from farcopy.ftp.data import BLOCK_BYTES
from farcopy.ftp.hashes import ServerHash
from farcopy.ftp.publish import InHand
from farcopy.ftp.removing import rename, tidy_away
from farcopy.ftp.session import Session
from farcopy.ftp.sizing import size_of


def take_up(
    session: Session,
    server_hash: ServerHash,
    hand: InHand,
    left_over: PurePosixPath,
    reader: SourceReader,
) -> int:
    """How many bytes are there, under the upload's own temporary name now; 0: none.

    The reader has passed over them; after a 0 it may stand anywhere.
    Raises: SessionError, FileError, Interrupted.
    """
    there = size_of(session, left_over)
    if there is None:
        return 0
    if 0 < there < hand.upload.size_bytes and session.features.rest_stream:
        proof = server_hash.ask(session, left_over, there)
        is_as_long = proof is not None and _skip(there, session, reader)
        if is_as_long and proof == server_hash.of_read(session, reader):
            rename(session, left_over, hand.temporary)
            return there
    if not tidy_away(session, left_over):
        rename(session, left_over, hand.temporary)  # to be written over, under its new claim
    return 0


def _skip(size_bytes: int, session: Session, reader: SourceReader) -> bool:
    """Whether the source is as long."""
    left = size_bytes
    while left:
        session.guard.check()  # of some gigabytes it takes long
        passed = reader.skip(min(left, BLOCK_BYTES))
        if not passed:
            return False
        left -= passed
    return True
