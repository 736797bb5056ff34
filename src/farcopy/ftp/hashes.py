"""Asks the server for the MD5 of a file: HASH, MD5 or XMD5, where FEAT offers one.

No RFC holds them: HASH is draft-bryan-ftpext-hash, MD5 is draft-twine-ftpmd5, XMD5
is what servers have. One refusal or odd answer, and it is not asked again:
reading back always works. Called by publish and remote.
"""

import re
from pathlib import PurePosixPath

from farcopy.core.errors import FarcopyError
from farcopy.ftp.host import HostProfile
from farcopy.ftp.replies import Reply
from farcopy.ftp.session import Session

BYTES_A_SECOND = 5_000_000
"""What the slowest server reads of its own disk: how long a hash may take grows with the file."""
_ANSWERS = {
    # In order of trust. The name stands in some answers, and may itself look like a hash: it
    # is never searched.
    "HASH MD5": re.compile(r"213 MD5 0-\d+ ([0-9A-Fa-f]{32}) .*", re.ASCII | re.IGNORECASE),
    "MD5": re.compile(r"251 (?:.* )?([0-9A-Fa-f]{32})", re.ASCII),
    "XMD5": re.compile(r"25[0-2] \"?([0-9A-Fa-f]{32})\"?", re.ASCII),
}


class ServerHash:
    """Asks one server; it outlives its sessions, as what it learnt should.

    host: where a refusal is noted, for all sessions and for the next run.
    """

    def __init__(self, host: HostProfile, *, may_ask: bool = True) -> None:
        self._host = host
        self._may_ask = may_ask
        self._chosen_for: Session | None = None

    def is_offered(self, session: Session) -> bool:
        """Whether it is worth asking."""
        return (
            self._command(session) is not None and self._may_ask and not self._host.refuses_hashes
        )

    def md5(self, session: Session, path: PurePosixPath, size_bytes: int) -> str | None:
        """32 lower-case digits; None: not offered, or refused, now or before.

        size_bytes: the server has to read so much and gets time for it.
        Raises: SessionError, Interrupted.
        """
        command = self._command(session)
        if command is None or not self.is_offered(session):
            return None
        if command == "XMD5" and (" " in str(path) or not size_bytes):
            return None  # a blank begins the range of bytes; ProFTPD has no hash of no bytes
        try:
            answer = self._ask(session, command, path, size_bytes)
        except FarcopyError:
            self._may_ask = False  # too slow to answer: the next session does without
            raise
        if answer is None:
            self._may_ask = False
            self._host.note_hash_refused()
        else:
            self._host.has_told_hashes = True
        return answer

    @staticmethod
    def _command(session: Session) -> str | None:
        return next((name for name in _ANSWERS if name in session.features.hashes), None)

    def _ask(
        self, session: Session, command: str, path: PurePosixPath, size_bytes: int
    ) -> str | None:
        verb = command.partition(" ")[0]
        if verb == "HASH" and self._chosen_for is not session:
            if not session.ask("OPTS HASH MD5").is_positive:
                return None
            self._chosen_for = session
        wait_s = session.settings.deadlines.final_reply_s + size_bytes / BYTES_A_SECOND
        return _digits(session.ask(f"{verb} {path}", wait_s=wait_s), command)


def _digits(reply: Reply, command: str) -> str | None:
    # Some announce the work on lines before: the last one is the answer.
    match = _ANSWERS[command].fullmatch(reply.text.rpartition("\n")[2].strip())
    return match.group(1).lower() if match else None
