"""The Remote port over one FTP session: log in, store, settle, sweep.

Knows where our names lie below ftp_path and what was in hand when a session was
lost. How bytes and names travel is publish's matter. Called by the engine.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from farcopy.core.errors import (
    ConnectionLost,
    FarcopyError,
    FileError,
    Interrupted,
    LocalName,
    RemotePathMissing,
    RemoteReadOnly,
    SessionError,
)
from farcopy.core.model import SourceReader, StoreResult, Upload
from farcopy.ftp import listing
from farcopy.ftp.folders import KnownFolders, ensure_folder
from farcopy.ftp.login import log_in
from farcopy.ftp.publish import (
    InHand,
    Phase,
    Publisher,
    put_back,
    remove,
    remove_temporary,
)
from farcopy.ftp.session import Session
from farcopy.ftp.settings import SessionSettings
from farcopy.ftp.sockets import Guard
from farcopy.ftp.wire import encode_command
from farcopy.planning.remote_path import parse_temporary


class FtpRemote:
    """A destination. For one thread; `abort` may come from any, and is for good.

    home_id: names our temporary folder, so that two installations never sweep
    each other's. known_folders: shared between the sessions of one run.
    """

    def __init__(
        self,
        settings: SessionSettings,
        home_id: str,
        known_folders: KnownFolders | None = None,
    ) -> None:
        self._settings = settings
        self._folder_name = f"farcopy-tmp-{home_id}"
        self._known = known_folders or KnownFolders()
        self._guard = Guard()
        self._session: Session | None = None
        self._publisher: Publisher | None = None
        self._base = PurePosixPath("/")
        self._in_hand: InHand | None = None

    @property
    def is_tls(self) -> bool:
        """Whether the session is encrypted: worth remembering as `is_tls_known`."""
        return self._session is not None and self._session.is_tls

    def open(self) -> None:
        self.close()
        session = log_in(self._settings, self._guard)
        try:
            is_absolute = self._settings.path.startswith("/")
            home = "/" if is_absolute else session.login_directory
            self._base = self._settings.absolute_path(home)
        except BaseException:
            session.close()
            raise
        self._session = session
        self._publisher = Publisher(session, self._known)

    def prepare(self) -> None:
        session = self._usable()
        if not session.is_directory(self._base):
            ensure_folder(session, self._known, self._base, path_error=RemotePathMissing)
        self._known.add(self._base)
        ensure_folder(session, self._known, self._folder, path_error=RemoteReadOnly)

    def store(self, uploads: Iterable[Upload]) -> Iterator[StoreResult]:
        for upload in uploads:
            self._guard.check()
            try:
                with upload.open_source() as reader:
                    result = self._store(upload, reader)
            except FileError as error:
                result = StoreResult(upload.replica_id, error=error)
            yield result

    def _store(self, upload: Upload, reader: SourceReader) -> StoreResult:
        session = self._usable()
        hand = self._in_hand = self._take_in_hand(upload)
        try:
            self._publisher_of(session).send(hand, reader)
            self._publisher_of(session).publish(hand)
        except SessionError as error:
            if hand.phase is not Phase.SENDING:
                # Nothing of it was sent (an idle session ended), or all of it, and
                # the outcome is unknown: neither is an attempt of this file's.
                error.uses_attempt = False
            if hand.phase is Phase.SENT and not _is_unchanged(reader):
                hand.phase = Phase.SENDING  # all bytes, but of no one version
            session.close()
            raise
        except Interrupted:
            session.close()
            raise
        except FarcopyError:
            self._discard_in_hand(session, hand)
            raise
        self._in_hand = None
        return StoreResult(upload.replica_id, bytes_sent=upload.size_bytes, md5=hand.md5)

    def settle(self, upload: Upload) -> StoreResult | None:
        hand = self._in_hand
        if hand is None or hand.upload.temporary_name != upload.temporary_name:
            upload.withdraw()
            self.discard_temporary(upload.temporary_name)
            return None
        session = self._usable()
        try:
            is_published = self._settle(session, hand)
        except FileError as error:
            self._discard_in_hand(session, hand)
            return StoreResult(upload.replica_id, error=error)
        self._in_hand = None
        if not is_published:
            return None
        return StoreResult(upload.replica_id, bytes_sent=upload.size_bytes, md5=hand.md5)

    def _settle(self, session: Session, hand: InHand) -> bool:
        """Whether it is published: it was, or all that lacked was the renaming."""
        arrived = session.size(hand.temporary)
        if arrived is None and hand.phase is Phase.RENAMING:
            # Gone from there and there with its size: the rename took place.
            if session.size(hand.final) == hand.upload.size_bytes:
                if hand.is_displaced:
                    remove(session, hand.displaced)
                return True
        elif arrived == hand.upload.size_bytes and hand.phase >= Phase.SENT:
            self._publisher_of(session).publish(hand)
            return True
        put_back(session, hand)
        remove_temporary(session, hand)
        return False

    def _discard_in_hand(self, session: Session, hand: InHand) -> None:
        """Leave no trace of it. Best effort: what stays is swept by a later run."""
        self._in_hand = None
        if hand.phase is not Phase.BEFORE and session.is_usable:
            with contextlib.suppress(FarcopyError):
                put_back(session, hand)
                remove_temporary(session, hand)

    def was_renamed(self, temporary_name: str, final_path: str, size_bytes: int) -> bool:
        session = self._usable()
        if session.size(self._path_of(temporary_name)) is not None:
            return False
        return session.size(self._final(PurePosixPath(final_path))) == size_bytes

    def temporaries(self) -> Sequence[str]:
        session = self._usable()
        if not session.is_directory(self._folder):
            return ()
        return tuple(
            name for name in listing.names(session, self._folder) if parse_temporary(name)
        )

    def restore_displaced(self, name: str, final_path: str) -> None:
        session, displaced = self._usable(), self._path_of(name)
        final = self._final(PurePosixPath(final_path))
        if session.size(displaced) is None:
            return
        if session.size(final) is not None:
            remove(session, displaced)
            return
        ensure_folder(session, self._known, final.parent)
        session.command(f"RNFR {displaced}")
        session.command(f"RNTO {final}")

    def discard_temporary(self, name: str) -> None:
        remove(self._usable(), self._path_of(name))

    def abort(self) -> None:
        self._guard.abort()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = self._publisher = None

    # -- where things lie

    @property
    def _folder(self) -> PurePosixPath:
        return self._base / self._folder_name

    def _path_of(self, name: str) -> PurePosixPath:
        if parse_temporary(name) is None:
            raise ValueError("not a temporary name of ours")
        return self._folder / name

    def _final(self, path: PurePosixPath) -> PurePosixPath:
        if path.is_absolute() or ".." in path.parts:
            raise LocalName("outside ftp_path")
        encode_command(str(path))  # raises now, not between RNFR and RNTO
        return self._base / path

    def _take_in_hand(self, upload: Upload) -> InHand:
        temporary = self._path_of(upload.temporary_name)
        return InHand(upload, temporary, self._final(upload.final_path))

    # -- the session

    def _usable(self) -> Session:
        self._guard.check()
        if self._session is None or not self._session.is_usable:
            lost = ConnectionLost("no session")
            lost.uses_attempt = False
            raise lost
        return self._session

    def _publisher_of(self, session: Session) -> Publisher:
        if self._publisher is None:
            self._publisher = Publisher(session, self._known)
        return self._publisher


def _is_unchanged(reader: SourceReader) -> bool:
    try:
        reader.check_unchanged()
    except FileError:
        return False
    return True
