"""Reads a remote file: RETR over a data connection, judged by its number of bytes and its 226.

A data connection that ends early looks like the end of a file, over TLS too, so
neither the reply nor the size alone is believed. Called by remote.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from farcopy.core.errors import DownloadRefused, ReplyTimeout
from farcopy.ftp import transfer
from farcopy.ftp.data import TooSlow
from farcopy.ftp.replies import FOREIGN
from farcopy.ftp.session import Session


def blocks(session: Session, path: PurePosixPath, size_bytes: int) -> Iterator[bytes]:
    """The content of a file, block by block.

    size_bytes: what SIZE said. A caller that stops before the end has used the
    session up: what the server says of a transfer broken off is not waited for.
    Raises: DownloadRefused (also when another number of bytes came), PathRefused,
    SessionError, RunError, Interrupted.
    """
    data = transfer.begin(session, f"RETR {path}")
    received = 0
    is_at_end = False
    try:
        with data:
            try:
                for block in data.blocks():
                    received += len(block)
                    if received > size_bytes:
                        break
                    yield block
            except TooSlow as error:
                raise ReplyTimeout("a file that drips") from error
            except FOREIGN as error:
                is_at_end = True  # its reply was read, or the session says itself what it is
                meant = transfer.broken(session, data, error, DownloadRefused, "RETR")
                raise meant from meant.__cause__
            session.guard.check()  # an abort ends the stream as a server would
        is_at_end = received <= size_bytes
    finally:
        if not is_at_end:
            session.is_usable = False
    if is_at_end:
        reply = session.exchange("RETR", wait_s=session.settings.deadlines.final_reply_s)
        if reply.code not in (200, 226, 250):
            raise session.refusal(reply, "RETR")
    if received != size_bytes:
        raise DownloadRefused(f"{received} of {size_bytes} bytes")
