"""One upload, from its bytes to its final name: temporary, 226, SIZE, fence, rename.

Nothing ever gets a final name before the server confirmed the transfer and
SIZE agrees. It keeps no session alive and settles nothing; called by remote.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePosixPath

from farcopy.core.errors import (
    FarcopyError,
    Fenced,
    FileError,
    HashMismatch,
    PathRefused,
    RemoteReadOnly,
    ReplyTimeout,
    SessionError,
    SizeMismatch,
    SourceGrew,
    SourceShrank,
    SourceUnreadable,
    UploadRefused,
)
from farcopy.core.model import SourceReader, Upload
from farcopy.ftp import transfer
from farcopy.ftp.data import BLOCK_BYTES, DataConnection
from farcopy.ftp.folders import KnownFolders, ensure_folder
from farcopy.ftp.hashes import ServerHash
from farcopy.ftp.host import HostProfile
from farcopy.ftp.removing import patiently, remove, rename, tidy_away
from farcopy.ftp.replies import FOREIGN
from farcopy.ftp.session import Session
from farcopy.ftp.sizing import size_in_listing, size_of
from farcopy.planning.remote_path import displaced_name


class Phase(IntEnum):
    """How far an upload came, as far as we know for sure."""

    BEFORE = 0  # the server has nothing of it
    BEGINNING = 1  # an empty temporary may be there
    SENDING = 2  # a part of it may be there
    SENT = 3  # all bytes are on their way, their confirmation may be lost
    RENAMING = 4  # RNTO may have been carried out


@dataclass
class InHand:
    """What must be known of an upload to settle it on another session.

    is_displaced: the old final may lie aside under `displaced`. is_intended: the
    ledger has noted that it may get its final name. is_published: it has it.
    is_late: all bytes were taken, and the confirmation did not come in time.
    proof: what the server's own hash has to be. is_verified: it was.
    """

    upload: Upload
    temporary: PurePosixPath
    final: PurePosixPath
    phase: Phase = Phase.BEFORE
    md5: str = ""
    proof: str = ""
    is_displaced: bool = False
    is_verified: bool = False
    is_intended: bool = False
    is_published: bool = False
    is_late: bool = False

    @property
    def displaced(self) -> PurePosixPath:
        return self.temporary.with_name(displaced_name(self.temporary.name))

    def compare(self, there: str | None) -> None:
        """Prove the temporary by the server's hash, if it told one. Raises: HashMismatch."""
        if there is not None and there != self.proof:
            self.phase = Phase.SENDING  # all bytes are there, but not the right ones
            raise HashMismatch
        self.is_verified = there is not None

    def compare_size(self, arrived: int | None) -> None:
        """arrived: how many bytes the server says it has. Raises: SizeMismatch."""
        if arrived != self.upload.size_bytes:
            self.phase = Phase.SENDING  # not all of it is there
            raise SizeMismatch(f"{arrived} of {self.upload.size_bytes} bytes")

    def check_may_publish(self) -> None:
        """The fence. Raises: Fenced."""
        if not self.upload.may_publish(self.md5):
            raise Fenced
        self.is_intended = True


class Publisher:
    """Sends and publishes over one session. How this server wants it, `host` remembers."""

    def __init__(
        self, session: Session, known: KnownFolders, server_hash: ServerHash, host: HostProfile
    ) -> None:
        self._session = session
        self._known = known
        self._hash = server_hash
        self._host = host

    def send(self, hand: InHand, reader: SourceReader, offset: int = 0) -> None:
        """Get all bytes to the temporary name, and have the server say how many it has.

        offset: so many are there, and the reader is beyond them; then the server's hash of
        the whole is needed. Raises: FileError, SessionError, RunError.
        """
        upload, session = hand.upload, self._session
        ensure_folder(session, self._known, hand.final.parent)
        hand.phase = Phase.BEGINNING
        with self._begin(hand, offset) as data:
            hand.phase = Phase.SENDING
            try:
                for block in blocks_of(upload, reader, offset):
                    data.send(block)
                    upload.on_bytes(len(block))
            except FOREIGN as error:
                meant = transfer.broken(session, data, error)
                raise meant from meant.__cause__
            except FileError:
                transfer.abandon(session, data)
                raise
            except BaseException:
                session.is_usable = False  # a caller's error: nobody read the last reply
                raise
            hand.md5, hand.proof = reader.md5, self._hash.of_read(session, reader)
            hand.phase = Phase.SENT
            try:
                transfer.finish(session, data, upload.size_bytes)
            except ReplyTimeout:
                hand.is_late = True
                raise
            except FileError:
                hand.phase = Phase.SENDING  # it is known now: not all arrived
                raise
        arrived = size_of(session, hand.temporary)
        if arrived is None and not upload.size_bytes:  # some refuse SIZE of an empty file
            arrived = size_in_listing(session, hand.temporary)
        hand.compare_size(arrived)
        reader.check_unchanged()
        hand.compare(self._hash.ask(session, hand.temporary, upload.size_bytes))
        if offset and not hand.is_verified:
            hand.phase = Phase.SENDING
            raise UploadRefused("continued, and the server tells no hash of the whole")

    def _begin(self, hand: InHand, offset: int) -> DataConnection:
        session, folder = self._session, hand.temporary.parent
        line = f"STOR {hand.temporary}"
        if offset:
            return transfer.begin(session, line, offset=offset)
        try:
            return transfer.begin(session, line)
        except PathRefused:
            # The name is always a good one, so it is the folder, or a leftover of
            # an attempt before, which some servers do not overwrite.
            if size_of(session, hand.temporary) is not None:
                remove_temporary(session, hand)
            else:
                self._known.forget(folder)
                ensure_folder(session, self._known, folder, path_error=RemoteReadOnly)
        try:
            return transfer.begin(session, line, path_error=RemoteReadOnly)
        except RemoteReadOnly as error:
            if size_of(session, hand.temporary) is None:
                raise
            # A connection we lost still holds it on the server; later it will not.
            raise UploadRefused(error.detail) from error

    def publish(self, hand: InHand) -> None:
        """Give the proven temporary its final name.

        Raises: Fenced, PathRefused, SessionError, RunError; the old final then is in place
        or, with `is_displaced`, waits to be `put_back`.
        """
        session, final = self._session, hand.final
        if self._host.refuses_to_replace and size_of(session, final) is not None:
            self._replace(hand)
        else:
            try:
                self._rename_to_final(hand)
            except (PathRefused, UploadRefused):
                if size_of(session, final) is not None:
                    self._replace(hand)
                    self._host.note_replacing_refused()
                else:
                    # Someone may have removed the folder since we made it.
                    self._known.forget(final.parent)
                    ensure_folder(session, self._known, final.parent)
                    self._rename_to_final(hand)
        hand.is_published = True
        if hand.is_displaced:
            tidy_away(session, hand.displaced)
            hand.is_displaced = False

    def _rename_to_final(self, hand: InHand) -> None:
        """Once all of it is proven there, it is asked for as long as a scanner may hold it."""
        patiently(self._session, lambda: self._ask_for_final(hand))

    def _ask_for_final(self, hand: InHand) -> None:
        session = self._session
        session.command(f"RNFR {hand.temporary}")
        try:
            hand.check_may_publish()
        except Fenced:
            # ProFTPD refuses every command until an RNTO comes: let it change nothing.
            session.ask(f"RNTO {hand.temporary}")
            raise
        hand.phase = Phase.RENAMING
        try:
            session.command(f"RNTO {hand.final}")
        except FarcopyError as error:
            if not isinstance(error, SessionError):
                hand.phase = Phase.SENT  # refused: it is known not to have happened
            raise

    def _replace(self, hand: InHand) -> None:
        """Old final aside, new one in its place. If that fails, the caller puts it back."""
        session = self._session
        if session.is_directory(hand.final):
            raise PathRefused("a folder has the name of the file")
        hand.check_may_publish()
        was_displaced, hand.is_displaced = hand.is_displaced, True
        try:
            rename(session, hand.final, hand.displaced)
        except FileError:
            if size_of(session, hand.displaced) is None:
                hand.is_displaced = was_displaced
                raise
            if size_of(session, hand.final) is not None:
                # Left over from an attempt before; the final that stands is complete.
                patiently(session, lambda: remove(session, hand.displaced))
                rename(session, hand.final, hand.displaced)
            # Else it lies aside, whatever the server said: it is the only copy there.
        self._rename_to_final(hand)


def put_back(session: Session, hand: InHand) -> None:
    """Return the displaced old final to its place, unless there is one."""
    if hand.is_displaced:
        if size_of(session, hand.final) is None and size_of(session, hand.displaced) is not None:
            rename(session, hand.displaced, hand.final)
        hand.is_displaced = False


def remove_temporary(session: Session, hand: InHand) -> None:
    """The upload ends without its final name. First the ledger is told: a temporary that is
    gone would else be taken for one that was renamed."""
    if hand.is_intended:
        hand.upload.withdraw()
        hand.is_intended = False
    tidy_away(session, hand.temporary)


def blocks_of(upload: Upload, reader: SourceReader, offset: int = 0) -> Iterator[bytes]:
    """The file from there on, as long as it was said to be.

    Raises: SourceGrew, SourceShrank, SourceUnreadable.
    """
    sent_bytes = offset
    # One byte more than there should be: whether it grew.
    while block := _read(reader, min(BLOCK_BYTES, upload.size_bytes - sent_bytes + 1)):
        sent_bytes += len(block)
        if sent_bytes > upload.size_bytes:
            raise SourceGrew("beyond its size")
        yield block
    if sent_bytes < upload.size_bytes:
        raise SourceShrank("below its size")


def _read(reader: SourceReader, at_most: int) -> bytes:
    try:
        return reader.read(at_most)
    except OSError as error:
        # Kept apart from the sockets' errors, whatever a source lets through.
        raise SourceUnreadable(type(error).__name__) from error
