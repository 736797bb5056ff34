"""The size of a remote file, asked in another way where SIZE is answered oddly: by the listing.

Some servers answer in words, or refuse SIZE of an empty file. One odd answer concerns one
file, and the listing of its folder is as much the server's word. Called by publish, pipeline,
storing, continuing, removing, keeping and remote.
"""

from pathlib import PurePosixPath

from farcopy.core.errors import ListingUnreadable, RemotePathMissing
from farcopy.ftp import listing
from farcopy.ftp.session import Session, SizeUnreadable


def size_of(session: Session, path: PurePosixPath) -> int | None:
    """None: there is no such file. Raises: SizeUnreadable, SizeMismatch, SessionError."""
    try:
        return session.size(path)
    except SizeUnreadable:
        return size_in_listing(session, path)


def size_in_listing(session: Session, path: PurePosixPath) -> int | None:
    """None: it is not in there. Raises: SizeUnreadable when that cannot be known."""
    found = None
    try:
        for entry in listing.entries(session, path.parent):
            if entry.name == path.name:
                found = entry
    except RemotePathMissing:
        return None
    except ListingUnreadable as error:
        if found is None:
            raise SizeUnreadable("nor does the listing tell") from error
    if found is not None and (found.is_folder or found.size_bytes is None):
        raise SizeUnreadable("the listing tells no size")
    return None if found is None else found.size_bytes
