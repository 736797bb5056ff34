"""Two round trips a file: one segment of commands a file, publication one file behind.

While file k+1 is about to be sent, file k is proven (226, and SIZE agrees) and
waits for its name. Both travel in one segment, with the folders k+1 needs and
the next passive port:

    [MKD …]  RNFR temporary k  RNTO final k  STOR temporary k+1  SIZE temporary k+1  [HASH]  EPSV

The data connection is opened at the same moment, and data is pushed as soon as
it stands. No RNTO leaves before the proof of its file. There is one reply to
each command, two to STOR, in order (RFC 959 §5.4): a refusal stays in step, and
what was refused is done again by publish, one command at a time.
"""

import contextlib
import socket
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import PurePosixPath

from farcopy.core.errors import (
    DataConnectionFailed,
    FarcopyError,
    FileError,
    Interrupted,
    ReplyTimeout,
    SessionError,
    UploadRefused,
)
from farcopy.core.model import SourceReader
from farcopy.ftp import transfer
from farcopy.ftp.data import DataConnection
from farcopy.ftp.folders import KnownFolders, missing_levels
from farcopy.ftp.hashes import Question, ServerHash
from farcopy.ftp.publish import InHand, Phase, blocks_of
from farcopy.ftp.replies import DATA, FOREIGN, Reply
from farcopy.ftp.session import Session, SizeUnreadable
from farcopy.ftp.sizing import size_in_listing
from farcopy.ftp.sockets import begin_connect, finish_connect, wait_until_ready
from farcopy.ftp.wire import encode_command

REFUSAL_S = 2.0
"""A server that refuses STOR closes the port it opened for it. Its reply is there about when
our connection fails; one that waits for a connection says nothing for a minute."""
SEGMENT_BYTES = 1200
"""One TCP segment on any path, one TLS record; more new folders than fit are made ahead."""


class StorRefused(Exception):  # no error of the run's: a signal to publish
    """The server would not begin the transfer: it has nothing of the file. Still in step."""


class Pipeline:
    """Sends over one session, in passive mode, with as few waits as the protocol has."""

    def __init__(
        self, session: Session, known: KnownFolders, server_hash: ServerHash
    ) -> None:
        self._session = session
        self._known = known
        self._hash = server_hash

    def send(
        self, hand: InHand, reader: SourceReader, behind: InHand | None
    ) -> str | None:
        """Get all bytes to the temporary name, proven by SIZE, and give `behind` its final name.

        Returns the server's hash of the temporary, if it tells one. `behind` tells by
        `is_published` whether it has its name. The fence let it pass before.
        Raises: StorRefused, FileError, SessionError, RunError.
        """
        session = self._session
        folders = self._make_ahead(missing_levels(self._known, hand.final.parent))
        question = self._hash.question(session, hand.temporary, hand.upload.size_bytes)
        sock = self._begin_connect()
        flight = _Flight(
            session, self._known, hand, behind, folders,
            None if question is None else (self._hash, question),
        )
        is_size_known = True
        try:
            flight.launch()
            self._finish_connect(sock, flight)
            self._transfer(flight, sock, reader)
        except SizeUnreadable:
            is_size_known = False
        except BaseException as error:
            session.guard.close(sock)
            if isinstance(error, SessionError) and flight.is_before_stor:
                error.uses_attempt = False  # a reply about others was lost, not this file's
            raise
        finally:
            self._session.keep_port(flight.port_reply)
        if not is_size_known:
            hand.compare_size(size_in_listing(session, hand.temporary))
        reader.check_unchanged()
        if question is None or flight.hash_reply is None:
            return None
        return self._hash.judge(question, flight.hash_reply)

    def rename(self, hand: InHand) -> None:
        """Ask for the final name alone; `is_published` tells. Raises: SessionError."""
        flight = _Flight(self._session, self._known, None, hand, ())
        flight.launch()
        flight.read_head()

    # -- the data connection

    def _begin_connect(self) -> socket.socket:
        session = self._session
        try:
            port = session.take_port() or transfer.ask_for_port(session)
            return begin_connect(session.peer_address, port, session.guard)
        except (DataConnectionFailed, OSError) as error:
            raise transfer.port_lost(session) from error

    def _finish_connect(self, sock: socket.socket, flight: "_Flight") -> None:
        session = self._session
        wait_s = session.budget.cut(session.settings.deadlines.connect_s)
        try:
            finish_connect(sock, wait_s, session.guard)
        except OSError as error:
            if flight.was_refused():
                raise StorRefused from error
            raise transfer.port_lost(session) from error

    def _transfer(self, flight: "_Flight", sock: socket.socket, reader: SourceReader) -> None:
        session, hand = self._session, flight.hand
        assert hand is not None, "a transfer is of a file"
        data: DataConnection | None = None
        try:
            sock = transfer.secure(session, sock)
            session.has_had_data = True
            deadlines = session.settings.deadlines
            data = DataConnection(sock, session.guard, deadlines, session.budget)
            hand.phase = Phase.SENDING
            for block in blocks_of(hand.upload, reader):
                flight.push(data, block)
                hand.upload.on_bytes(len(block))
            hand.md5 = reader.md5
            hand.phase = Phase.SENT
            data.finish()
        except FOREIGN as error:
            session.guard.close(sock)
            meant = flight.judge_broken(error)
            raise meant from meant.__cause__ or error  # the server's reply, if it said more
        except FileError:
            session.guard.close(sock)
            flight.read_rest()
            raise
        except (StorRefused, FarcopyError):
            session.guard.close(sock)
            raise
        except BaseException:
            session.is_usable = False  # a caller's error: nobody read the last replies
            raise
        flight.read_end(data.close)

    # -- folders

    def _make_ahead(self, folders: Sequence[PurePosixPath]) -> Sequence[PurePosixPath]:
        """Make now what one segment cannot hold. Returns the rest."""
        room = SEGMENT_BYTES // 2  # the other half is for the names of the files
        while folders and sum(len(encode_command(f"MKD {path}")) for path in folders) > room:
            flight = _Flight(self._session, self._known, None, None, folders[:8])
            flight.launch()
            flight.read_head()
            folders = folders[8:]
        return folders


class _Flight:
    """The commands of one segment, and their replies as they are read, in order."""

    def __init__(
        self,
        session: Session,
        known: KnownFolders,
        hand: InHand | None,
        behind: InHand | None,
        folders: Sequence[PurePosixPath],
        asks: tuple[ServerHash, Question] | None = None,
    ) -> None:
        self._session = session
        self._known = known
        self.hand = hand
        self._behind = behind
        self._folders = folders
        # What reads the replies up to the first one to STOR, a reply each.
        self._head: deque[Callable[[], None]] = deque()
        self._asks = asks
        self._wait_s: float | None = None
        self.hash_reply: Reply | None = None
        self.port_reply: Reply | None = None

    def launch(self) -> None:
        """Send all commands at once."""
        lines = [f"MKD {folder}" for folder in self._folders]
        self._head.extend(partial(self._read_made, folder) for folder in self._folders)
        if self._behind is not None:
            lines += [f"RNFR {self._behind.temporary}", f"RNTO {self._behind.final}"]
            self._head.append(partial(self._read_renaming, self._behind))
        if self.hand is not None:
            lines += [f"STOR {self.hand.temporary}", f"SIZE {self.hand.temporary}"]
            if self._asks is not None:
                lines.append(self._asks[1].line)
            lines.append(self._session.passive_command)
            self._head.append(partial(self._read_begin, self.hand))
            self.hand.phase = Phase.BEGINNING
        if self._behind is not None:
            self._behind.phase = Phase.RENAMING
        self._session.send(lines)

    @property
    def is_before_stor(self) -> bool:
        """Whether a reply is still awaited to a command that comes before STOR."""
        return bool(self._head)

    def push(self, data: DataConnection, block: bytes) -> None:
        """Send a block; until the server said that it begins, look whether it says so.

        Raises: StorRefused, SessionError, OSError.
        """
        rest = memoryview(block)
        stall_s = self._session.settings.deadlines.stall_s
        while rest and self._head:
            # One reply, not all: the one to STOR comes a round trip after those before it.
            if self._session.wire.has_reply or wait_until_ready(
                self._session.wire.connection, data.socket, stall_s, self._session.guard
            ):
                self._head.popleft()()
            else:
                rest = rest[data.send_some(rest) :]
        if rest:
            data.send(rest)

    def read_head(self) -> None:
        """The replies up to the first one to STOR. Raises: StorRefused, SessionError."""
        while self._head:
            self._head.popleft()()

    def was_refused(self) -> bool:
        """Whether it was STOR that failed, and not the connection to its port."""
        self._wait_s = REFUSAL_S
        try:
            with contextlib.suppress(SessionError):
                self.read_head()
        except StorRefused:
            return True
        return False

    def _read(self, verb: str) -> Reply:
        return self._session.read(verb, wait_s=self._wait_s)

    def _read_made(self, folder: PurePosixPath) -> None:
        reply = self._read("MKD")
        if reply.is_wait or reply.is_more:
            raise self._session.out_of_step(reply)
        # "Exists" is 550, 521 or worse, and so is every other refusal. Taken for
        # existing: if it is not, the renaming is refused, and publish looks closer.
        self._known.add(folder)

    def _read_begin(self, hand: InHand) -> None:
        reply = self._read("STOR")
        if reply.code == 200:  # some servers send it ahead of the 150
            reply = self._read("STOR")
        if not reply.is_wait and reply.code < 400:
            raise self._session.out_of_step(reply)
        if not reply.is_wait:
            self._read_size_and_port()
            hand.phase = Phase.BEFORE
            raise StorRefused(f"{reply.code}")

    def _read_renaming(self, behind: InHand) -> None:
        from_reply, to_reply = self._read("RNFR"), self._read("RNTO")
        is_ready = from_reply.is_more
        is_done = to_reply.code // 10 in (20, 25)
        if from_reply.code < 300 or (is_done and not is_ready) or (
            to_reply.code < 400 and not is_done
        ):
            raise self._session.out_of_step(to_reply)
        behind.is_published = is_done
        if not is_done:
            behind.phase = Phase.SENT  # refused: it is known not to have happened

    def read_end(self, close: Callable[[], None]) -> None:
        """All bytes were sent: the server's confirmation, and how many it has.

        Raises: StorRefused, FileError, SessionError, RunError.
        """
        assert self.hand is not None, "a transfer is of a file"
        self.read_head()
        session = self._session
        wait_s = session.settings.deadlines.final_reply_of(self.hand.upload.size_bytes)
        try:
            reply = session.exchange(DATA, wait_s=wait_s)
        except ReplyTimeout:
            self.hand.is_late = True
            raise
        close()
        failure: FarcopyError | None = None
        if reply.code not in (200, 226, 250):
            self.hand.phase = Phase.SENDING  # it is known now: not all arrived
            failure = session.refusal(reply, DATA)
            if not session.is_usable:
                raise failure
        if failure is not None:
            with contextlib.suppress(FarcopyError):  # some hang up after they said no
                self._read_size_and_port()
            raise failure
        arrived = self._read_size_and_port()
        size_bytes = self.hand.upload.size_bytes
        if arrived is None and not size_bytes:
            raise SizeUnreadable("no SIZE of an empty file")
        self.hand.compare_size(arrived)

    def read_rest(self, wait_s: float | None = None) -> Reply | None:
        """After a transfer that was broken off: every reply that is still to come.

        Returns the one that ends the transfer, None if it never began. wait_s: for each.
        """
        self._wait_s = wait_s
        try:
            self.read_head()
        except StorRefused:
            return None
        reply = self._session.exchange(
            DATA, wait_s=wait_s or self._session.settings.deadlines.final_reply_s
        )
        if reply.code == 421:
            raise self._session.refusal(reply, DATA)
        with contextlib.suppress(FarcopyError):  # some hang up after they said no
            self._read_size_and_port()
        return reply

    def judge_broken(self, error: Exception) -> FarcopyError | StorRefused:
        """What the failure of the data connection meant: the reply tells, not the socket."""
        session = self._session
        if session.guard.is_aborted:
            session.is_usable = False
            return Interrupted()
        assert self.hand is not None, "a transfer is of a file"
        try:
            reply = self.read_rest(transfer.after_stall_s(session, error))
        except FarcopyError as lost:
            return transfer.stalled_or(lost, error)
        if reply is None:
            return StorRefused()
        self.hand.phase = Phase.SENDING
        said = session.refusal(reply, DATA) if reply.code >= 400 else None
        if said is not None and not isinstance(said, FileError):
            return said
        refused = UploadRefused(f"{type(error).__name__}, then {reply.code}")
        refused.__cause__ = error if said is None else said.__cause__
        return refused

    def _read_size_and_port(self) -> int | None:
        size_reply = self._session.read("SIZE")
        if self._asks is not None:
            server_hash, question = self._asks
            self.hash_reply = server_hash.read(self._session, question)
        self.port_reply = self._session.read("EPSV")
        if not (self.port_reply.code in (227, 229) or self.port_reply.code >= 400):
            raise self._session.out_of_step(self.port_reply)
        return self._session.size_in(size_reply)
