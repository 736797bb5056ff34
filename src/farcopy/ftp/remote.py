"""The Remote port over one FTP session: log in, store, settle, sweep, read back.

Knows where our names lie below ftp_path and what was in hand when a session was
lost. How bytes and names travel is publish's matter. Called by the engine.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from farcopy.core.errors import (
    ConnectionLost,
    FarcopyError,
    Fenced,
    FileError,
    Interrupted,
    LocalName,
    OutOfStep,
    RemotePathMissing,
    RemoteReadOnly,
    ReplyTimeout,
    SessionError,
)
from farcopy.core.model import RemoteEntry, SourceReader, StoreResult, Upload
from farcopy.ftp import listing, reading
from farcopy.ftp.folders import KnownFolders, ensure_folder
from farcopy.ftp.hashes import ServerHash
from farcopy.ftp.host import HostProfile
from farcopy.ftp.login import log_in
from farcopy.ftp.order import answers_in_order
from farcopy.ftp.pipeline import Pipeline, StorRefused
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

ALONE_ABOVE_BYTES = 16 * 1024 * 1024
"""Before a file of this size the one behind is published by itself: it would wait too long."""


class FtpRemote:
    """A destination. For one thread; `abort` may come from any, and is for good.

    home_id: names our temporary folder, so that two installations never sweep
    each other's. known_folders, host: shared between the sessions of one run.
    """

    def __init__(
        self,
        settings: SessionSettings,
        home_id: str,
        known_folders: KnownFolders | None = None,
        host: HostProfile | None = None,
    ) -> None:
        self._settings = settings
        self._folder_name = f"farcopy-tmp-{home_id}"
        self._known = known_folders or KnownFolders()
        self._host = host or HostProfile()
        self._hash = ServerHash(self._host, may_ask=settings.asks_hashes)
        self._guard = Guard()
        self._session: Session | None = None
        self._publisher: Publisher | None = None
        self._base = PurePosixPath("/")
        self._pipeline: Pipeline | None = None
        # What was sent, or is being sent, and has no result yet: at most two.
        self._hands: dict[str, InHand] = {}
        self._behind: InHand | None = None

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
        session.is_epsv_refused = self._host.refuses_epsv and session.has_pasv
        self._session = session
        self._publisher = self._pipeline = None

    def prepare(self) -> None:
        session = self._usable()
        if not session.is_directory(self._base):
            ensure_folder(session, self._known, self._base, path_error=RemotePathMissing)
        self._known.add(self._base)
        ensure_folder(session, self._known, self._folder, path_error=RemoteReadOnly)
        if self._settings.is_passive and self._host.answers_in_order is None:
            self._host.note_order(is_in_order=answers_in_order(session, self._folder))

    def store(self, uploads: Iterable[Upload]) -> Iterator[StoreResult]:
        self._behind = None
        for upload in uploads:
            self._guard.check()
            try:
                with upload.open_source() as reader:
                    yield from self._store(upload, reader)
            except FileError as error:  # of the source, before anything was sent
                yield from self._publish_behind()
                yield StoreResult(upload.replica_id, error=error)
        yield from self._publish_behind()

    def _store(self, upload: Upload, reader: SourceReader) -> Iterator[StoreResult]:
        """Send one file and tell of the one before it, which gets its name meanwhile."""
        if upload.size_bytes > ALONE_ABOVE_BYTES or not self._pipelines:
            yield from self._publish_behind()
        session = self._usable()
        try:
            hand = self._take_in_hand(upload)
        except FileError as error:
            yield from self._publish_behind()
            yield StoreResult(upload.replica_id, error=error)
            return
        behind = self._behind
        if behind is not None and not self._may_publish(behind):
            yield from self._publish_behind()
            behind = None
        failure: FarcopyError | None = None
        try:
            self._send(session, hand, reader, behind)
        except (SessionError, Interrupted) as error:
            self._lose(session, hand, reader, error)
            raise
        except FarcopyError as error:
            failure = error
        yield from self._publish_behind()
        if failure is None:
            self._behind = hand
            if not self._pipelines:
                yield from self._publish_behind()
            return
        self._discard(session, hand)
        if not isinstance(failure, FileError):
            raise failure
        yield StoreResult(upload.replica_id, error=failure)

    def _send(
        self, session: Session, hand: InHand, reader: SourceReader, behind: InHand | None
    ) -> None:
        if not self._pipelines:
            self._publisher_of(session).send(hand, reader)
            return
        try:
            self._pipeline_of(session).send(hand, reader, behind)
        except StorRefused:
            # Step by step, publish finds out why; the reader has been read from.
            with hand.upload.open_source() as again:
                self._publisher_of(session).send(hand, again)
        else:
            self._publisher_of(session).compare_hash(hand)

    def _may_publish(self, hand: InHand) -> bool:
        try:
            hand.check_may_publish()
        except Fenced:
            return False
        return True

    def _publish_behind(self) -> Iterator[StoreResult]:
        """Tell of the file before, which gets its final name now if it has not yet."""
        hand, self._behind = self._behind, None
        if hand is None:
            return
        session = self._session
        try:
            if not hand.is_published:
                session = self._usable()
                self._rename(session, hand)
        except (SessionError, Interrupted) as error:
            error.uses_attempt = False  # all of it was sent
            if session is not None:
                session.close()
            raise
        except FarcopyError as error:
            if session is not None:
                self._discard(session, hand)
            if not isinstance(error, FileError):
                raise
            yield StoreResult(hand.upload.replica_id, error=error)
        else:
            yield self._told(hand)

    def _rename(self, session: Session, hand: InHand) -> None:
        publisher = self._publisher_of(session)
        if self._pipelines and not self._host.refuses_to_replace:
            hand.check_may_publish()
            self._pipeline_of(session).rename(hand)
        if not hand.is_published:
            publisher.publish(hand)

    def _lose(
        self, session: Session, hand: InHand, reader: SourceReader, error: FarcopyError
    ) -> None:
        """The session is gone: what is known of the file in hand stays for `settle`."""
        if isinstance(error, SessionError):
            if hand.phase is not Phase.SENDING:
                # Nothing of it was sent (an idle session ended), or all of it, and
                # the outcome is unknown: neither is an attempt of this file's.
                error.uses_attempt = False
            if hand.phase is Phase.SENT and not _is_unchanged(reader):
                hand.phase = Phase.SENDING  # all bytes, but of no one version
        if self._pipelines and isinstance(error, OutOfStep):
            self._host.note_lost_step()
        elif self._pipelines and isinstance(error, ReplyTimeout):
            self._host.note_silence()
        self._behind = None
        session.close()

    def _told(self, hand: InHand) -> StoreResult:
        """It is published, and no longer in hand."""
        if self._session is not None and self._session.is_epsv_refused:
            self._host.note_epsv_refused()  # not before PASV has carried a file
        self._hands.pop(hand.upload.temporary_name, None)
        return StoreResult(
            hand.upload.replica_id, hand.upload.size_bytes, hand.md5, is_verified=hand.is_verified
        )

    def settle(self, upload: Upload) -> StoreResult | None:
        hand = self._hands.get(upload.temporary_name)
        if hand is None:
            upload.withdraw()
            self.discard_temporary(upload.temporary_name)
            return None
        session = self._usable()
        try:
            is_published = hand.is_published or self._settle(session, hand)
        except FileError as error:
            self._discard(session, hand)
            return StoreResult(upload.replica_id, error=error)
        self._hands.pop(upload.temporary_name, None)
        return self._told(hand) if is_published else None

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

    def _discard(self, session: Session, hand: InHand) -> None:
        """Leave no trace of it. Best effort: what stays is swept by a later run."""
        self._hands.pop(hand.upload.temporary_name, None)
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

    def size(self, final_path: PurePosixPath) -> int | None:
        return self._usable().size(self._final(final_path))

    def content_md5(self, final_path: PurePosixPath, size_bytes: int) -> str | None:
        return self._hash.md5(self._usable(), self._final(final_path), size_bytes)

    def read(self, final_path: PurePosixPath, size_bytes: int) -> Iterator[bytes]:
        return reading.blocks(self._usable(), self._final(final_path), size_bytes)

    def listing(self, folder: PurePosixPath) -> Sequence[RemoteEntry]:
        return listing.entries(self._usable(), self._final(folder))

    def abort(self) -> None:
        self._guard.abort()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = self._publisher = self._pipeline = self._behind = None

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
        hand = InHand(upload, temporary, self._final(upload.final_path))
        self._hands[upload.temporary_name] = hand
        return hand

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
            self._publisher = Publisher(session, self._known, self._hash, self._host)
        return self._publisher

    def _pipeline_of(self, session: Session) -> Pipeline:
        if self._pipeline is None:
            self._pipeline = Pipeline(session, self._known)
        return self._pipeline

    @property
    def _pipelines(self) -> bool:
        """Whether commands may be sent ahead of the replies to those before."""
        return self._settings.is_passive and bool(self._host.answers_in_order)


def _is_unchanged(reader: SourceReader) -> bool:
    try:
        reader.check_unchanged()
    except FileError:
        return False
    return True
