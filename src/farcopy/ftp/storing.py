"""The files of one session after another: sent, published, settled when a session was lost.

In the pipeline where the server is up to it (ftp/pipeline), else one command at a
time (ftp/publish). What has no result yet stays in hand across sessions: at most
the file being sent and the one behind it. Called by remote.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

from farcopy.core.errors import (
    FarcopyError,
    Fenced,
    FileError,
    Interrupted,
    OutOfStep,
    ReplyTimeout,
    SessionError,
    SizeMismatch,
    UploadRefused,
)
from farcopy.core.model import SourceReader, StoreResult, Upload
from farcopy.ftp.continuing import take_up
from farcopy.ftp.folders import KnownFolders
from farcopy.ftp.hashes import ServerHash
from farcopy.ftp.host import HostProfile
from farcopy.ftp.pipeline import Pipeline, StorRefused
from farcopy.ftp.publish import (
    InHand,
    Phase,
    Publisher,
    put_back,
    remove_temporary,
)
from farcopy.ftp.removing import tidy_away
from farcopy.ftp.session import Session
from farcopy.ftp.sizing import size_of
from farcopy.ftp.sockets import wait_for_reading
from farcopy.planning.continuing import is_worth_continuing

ALONE_ABOVE_BYTES = 16 * 1024 * 1024
"""Before a file of this size the one behind is published by itself: it would wait too long."""


LOOKS = 12
"""So often in the time of a last reply it is looked for a file whose reply did not come."""


class Storing:
    """usable: the session there is (raises ConnectionLost); locate: an upload's temporary and
    final path (raises LocalName)."""

    def __init__(
        self,
        usable: Callable[[], Session],
        locate: Callable[[Upload], tuple[PurePosixPath, PurePosixPath]],
        known: KnownFolders,
        server_hash: ServerHash,
        host: HostProfile,
        *,
        is_passive: bool,
    ) -> None:
        self._usable = usable
        self._locate = locate
        self._known = known
        self._hash = server_hash
        self._host = host
        self._is_passive = is_passive
        self._session: Session | None = None  # whose publisher and pipeline these are
        self._publisher: Publisher | None = None
        self._pipeline: Pipeline | None = None
        self._hands: dict[str, InHand] = {}
        self._behind: InHand | None = None

    def store(self, uploads: Iterable[Upload]) -> Iterator[StoreResult]:
        self._behind = None
        for upload in uploads:
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
        self._choose_hashes(session, reader)
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
            if not self._continues(session, hand, reader):
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
        if isinstance(failure, UploadRefused | SizeMismatch) and self._may_continue(session, hand):
            self._hands.pop(upload.temporary_name, None)
        else:
            self._discard(session, hand)
        if not isinstance(failure, FileError):
            raise failure
        yield StoreResult(upload.replica_id, error=failure)

    def _continues(self, session: Session, hand: InHand, reader: SourceReader) -> bool:
        """Send the rest only, if a part of it is there. A reader that was used is of no use."""
        name = hand.upload.left_over
        if name is None:
            return False
        left_over = hand.temporary.with_name(name)
        offset = take_up(session, self._hash, hand, left_over, reader)
        if offset:
            try:
                self._publisher_of(session).send(hand, reader, offset)
            except FileError:
                if hand.phase is not Phase.BEGINNING:
                    raise
                self._host.note_restart_refused()  # ProFTPD's default: AllowStoreRestart off
                tidy_away(session, hand.temporary)
            else:
                return True
        self._send_singly(session, hand)
        return True

    def _send_singly(self, session: Session, hand: InHand) -> None:
        """From its beginning, one command at a time. The reader before has been read from."""
        with hand.upload.open_source() as again:
            self._choose_hashes(session, again)
            self._publisher_of(session).send(hand, again)

    def _choose_hashes(self, session: Session, reader: SourceReader) -> None:
        if self._hash.algorithm(session) == "sha256":
            reader.also_sha256()

    def _may_continue(self, session: Session, hand: InHand) -> bool:
        """Whether the temporary is worth keeping: a later try proves what there is of it."""
        return (
            hand.phase is Phase.SENDING
            and is_worth_continuing(hand.upload.size_bytes)
            and session.features.rest_stream
            and not self._host.refuses_restart
            and self._hash.algorithm(session) is not None
        )

    def _send(
        self, session: Session, hand: InHand, reader: SourceReader, behind: InHand | None
    ) -> None:
        if not self._pipelines:
            self._publisher_of(session).send(hand, reader)
            return
        try:
            there = self._pipeline_of(session).send(hand, reader, behind)
        except StorRefused:
            self._send_singly(session, hand)  # publish finds out why
        else:
            hand.proof = self._hash.of_read(session, reader)
            hand.compare(there)

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
        if hand.is_published:
            yield self._told(hand)
            return
        session = self._usable()
        try:
            refusal = self._rename_or_discard(session, hand)
        except (SessionError, Interrupted) as error:
            error.uses_attempt = False  # all of it was sent
            session.close()
            raise
        if refusal is None:
            yield self._told(hand)
        else:
            yield StoreResult(hand.upload.replica_id, error=refusal)

    def _rename_or_discard(self, session: Session, hand: InHand) -> FileError | None:
        """Returns why it has not got its final name."""
        try:
            self._rename(session, hand)
        except (SessionError, Interrupted):
            raise
        except FarcopyError as error:
            self._discard(session, hand)
            if not isinstance(error, FileError):
                raise
            return error
        return None

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
        self._hands.pop(hand.upload.temporary_name, None)
        if self._session is not None and self._session.is_epsv_refused:
            self._host.note_epsv_refused()  # not before PASV has carried a file
        return StoreResult(
            hand.upload.replica_id, hand.upload.size_bytes, hand.md5, is_verified=hand.is_verified
        )

    def settle(self, upload: Upload) -> StoreResult | None:
        hand = self._hands.get(upload.temporary_name)
        if hand is None:
            upload.withdraw()
            tidy_away(self._usable(), self._locate(upload)[0])
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
        is_late = hand.is_late and hand.phase is Phase.SENT
        arrived = self._wait_for(session, hand) if is_late else size_of(session, hand.temporary)
        if arrived is None and hand.phase is Phase.RENAMING:
            # Gone from there and there with its size: the rename took place.
            if size_of(session, hand.final) == hand.upload.size_bytes:
                if hand.is_displaced:
                    tidy_away(session, hand.displaced)
                return True
        elif arrived == hand.upload.size_bytes and hand.phase >= Phase.SENT:
            self._publisher_of(session).publish(hand)
            return True
        put_back(session, hand)
        if not (arrived and self._may_continue(session, hand)):
            remove_temporary(session, hand)
        return False

    def _wait_for(self, session: Session, hand: InHand) -> int | None:
        """Its size, once the server has made it visible: some copy it elsewhere first, and say
        nothing until that is done. Looking costs little, and sending again all of it."""
        hand.is_late = False
        waits = session.settings.deadlines
        left_s = 2 * waits.final_reply_of(hand.upload.size_bytes)
        look_s = waits.final_reply_s / LOOKS
        arrived = size_of(session, hand.temporary)
        while arrived != hand.upload.size_bytes and left_s > 0:
            wait_for_reading(session.wire.connection, look_s, session.guard)
            left_s -= look_s
            arrived = size_of(session, hand.temporary)
        return arrived

    def _discard(self, session: Session, hand: InHand) -> None:
        """Leave no trace of it. Best effort: what stays is swept by a later run.

        Raises: SessionError, Interrupted, with an old final still aside: `settle` goes on.
        """
        if hand.phase is not Phase.BEFORE and session.is_usable:
            try:
                put_back(session, hand)
                remove_temporary(session, hand)
            except FarcopyError as error:
                if hand.is_displaced and not isinstance(error, FileError):
                    raise
        self._hands.pop(hand.upload.temporary_name, None)

    def _take_in_hand(self, upload: Upload) -> InHand:
        hand = InHand(upload, *self._locate(upload))
        self._hands[upload.temporary_name] = hand
        return hand

    # -- the tools of a session

    def _publisher_of(self, session: Session) -> Publisher:
        self._take_tools(session)
        assert self._publisher is not None, "just made"
        return self._publisher

    def _pipeline_of(self, session: Session) -> Pipeline:
        self._take_tools(session)
        assert self._pipeline is not None, "just made"
        return self._pipeline

    def _take_tools(self, session: Session) -> None:
        if session is not self._session:
            self._session = session
            self._publisher = Publisher(session, self._known, self._hash, self._host)
            self._pipeline = Pipeline(session, self._known, self._hash)

    @property
    def _pipelines(self) -> bool:
        """Whether commands may be sent ahead of the replies to those before."""
        return self._is_passive and bool(self._host.answers_in_order)


def _is_unchanged(reader: SourceReader) -> bool:
    try:
        reader.check_unchanged()
    except FileError:
        return False
    return True
