"""Small files of our own, beside the copies: written whole under a temporary name, and read.

They are no copies of anything, and no run depends on them. Called by remote.
"""

from pathlib import PurePosixPath

from farcopy.core.errors import DownloadRefused, PathRefused, SizeMismatch, UploadRefused
from farcopy.ftp import reading, transfer
from farcopy.ftp.folders import KnownFolders, ensure_folder
from farcopy.ftp.publish import remove
from farcopy.ftp.replies import FOREIGN
from farcopy.ftp.session import Session

MAX_BYTES = 64 * 1024


def write(
    session: Session,
    known: KnownFolders,
    temporary: PurePosixPath,
    final: PurePosixPath,
    content: bytes,
) -> None:
    """Raises: FileError, SessionError, RunError; the file of before then is there, or none."""
    ensure_folder(session, known, final.parent)
    remove(session, temporary)
    with transfer.begin(session, f"STOR {temporary}") as data:
        try:
            data.send(content)
        except FOREIGN as error:
            meant = transfer.broken(session, data, error)
            raise meant from meant.__cause__
        transfer.finish(session, data)
    if session.size(temporary) != len(content):
        raise SizeMismatch("a file of our own")
    session.command(f"RNFR {temporary}")
    try:
        session.command(f"RNTO {final}")
    except (PathRefused, UploadRefused):
        # A server that will not rename over a file.
        remove(session, final)
        session.command(f"RNFR {temporary}")
        session.command(f"RNTO {final}")


def read(session: Session, path: PurePosixPath) -> bytes | None:
    """None: there is no such file. Raises: DownloadRefused also when it is far too long."""
    size_bytes = session.size(path)
    if size_bytes is None:
        return None
    if size_bytes > MAX_BYTES:
        raise DownloadRefused("a file of our own is longer than we write any")
    return b"".join(reading.blocks(session, path, size_bytes))
