"""Asks the server for the hash of a file, where FEAT offers an MD5 or else a SHA-256.

No RFC holds them: HASH is draft-bryan-ftpext-hash, MD5 is draft-twine-ftpmd5, XMD5
and XSHA256 are what servers have. One refusal or odd answer, and it is not asked
again: reading back always works. Called by pipeline, publish, continuing and remote.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from farcopy.core.errors import FarcopyError
from farcopy.core.model import SourceReader
from farcopy.ftp.host import HostProfile
from farcopy.ftp.replies import Reply
from farcopy.ftp.session import Session

Algorithm = Literal["md5", "sha256"]

_ANSWERS = {
    # In order of trust; MD5 first, which is made in any case. The name stands in some
    # answers, and may itself look like a hash: it is never searched.
    "HASH MD5": re.compile(r"213 MD5 0-\d+ ([0-9A-Fa-f]{32}) .*", re.ASCII | re.IGNORECASE),
    "MD5": re.compile(r"251 (?:.* )?([0-9A-Fa-f]{32})", re.ASCII),
    "XMD5": re.compile(r"25[0-2] \"?([0-9A-Fa-f]{32})\"?", re.ASCII),
    "HASH SHA-256": re.compile(
        r"213 SHA-256 0-\d+ ([0-9A-Fa-f]{64}) .*", re.ASCII | re.IGNORECASE
    ),
    "XSHA256": re.compile(r"25[0-2] \"?([0-9A-Fa-f]{64})\"?", re.ASCII),
}


@dataclass(frozen=True, slots=True)
class Question:
    """command: a key of the answers. wait_s: for the reply, once the server has come to it."""

    command: str
    line: str
    wait_s: float


class ServerHash:
    """Asks one server; it outlives its sessions, as what it learnt should.

    host: where a refusal is noted, for all sessions and for the next run.
    """

    def __init__(self, host: HostProfile, *, may_ask: bool = True) -> None:
        self._host = host
        self._may_ask = may_ask
        self._chosen_for: Session | None = None

    def algorithm(self, session: Session) -> Algorithm | None:
        """What the server would tell; None: not offered, or not worth asking."""
        command = self._command(session)
        if command is None:
            return None
        return "sha256" if "SHA" in command else "md5"

    def of_read(self, session: Session, reader: SourceReader) -> str:
        """Of what was read so far, the hash the server's is to be compared with."""
        return reader.sha256 if self.algorithm(session) == "sha256" else reader.md5

    def md5(self, session: Session, path: PurePosixPath, size_bytes: int) -> str | None:
        """As `ask`, from a server that tells MD5s."""
        return self.ask(session, path, size_bytes) if self.algorithm(session) == "md5" else None

    def ask(self, session: Session, path: PurePosixPath, size_bytes: int) -> str | None:
        """Lower-case digits; None: not offered, or refused, now or before.

        size_bytes: the server has to read so much and gets time for it.
        Raises: SessionError, Interrupted.
        """
        question = self.question(session, path, size_bytes)
        if question is None:
            return None
        with self._or_never():
            reply = session.ask(question.line, wait_s=question.wait_s)
        return self.judge(question, reply)

    def question(
        self, session: Session, path: PurePosixPath, size_bytes: int
    ) -> Question | None:
        """What to send, for who reads the reply later by `read`; None: as of `ask`.

        Raises: SessionError, Interrupted.
        """
        command = self._command(session)
        if command is None:
            return None
        if command.startswith("X") and (" " in str(path) or not size_bytes):
            return None  # a blank begins the range of bytes; ProFTPD has no hash of no bytes
        verb = command.partition(" ")[0]
        if verb == "HASH" and self._chosen_for is not session:
            if not session.ask(f"OPTS {command}").is_positive:
                self._note_refusal()
                return None
            self._chosen_for = session
        wait_s = session.settings.deadlines.final_reply_of(size_bytes)
        return Question(command, f"{verb} {path}", wait_s)

    def read(self, session: Session, question: Question) -> Reply:
        """The reply to a question that was sent among other commands. Raises: as Session.read."""
        with self._or_never():
            return session.read(question.line.partition(" ")[0], wait_s=question.wait_s)

    def judge(self, question: Question, reply: Reply) -> str | None:
        """As `ask`, of a file that is there whole."""
        # Some announce the work on lines before: the last one is the answer.
        last = reply.text.rpartition("\n")[2].strip()
        match = _ANSWERS[question.command].fullmatch(last)
        if match is None:
            self._note_refusal()
            return None
        self._host.has_told_hashes = True
        return match.group(1).lower()

    def _note_refusal(self) -> None:
        self._may_ask = False
        self._host.note_hash_refused()

    @contextmanager
    def _or_never(self) -> Iterator[None]:
        try:
            yield
        except FarcopyError:
            self._may_ask = False  # too slow to answer: the next session does without
            raise

    def _command(self, session: Session) -> str | None:
        if not self._may_ask or self._host.refuses_hashes:
            return None
        return next((name for name in _ANSWERS if name in session.features.hashes), None)
