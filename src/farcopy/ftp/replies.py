"""The one boundary where a server's replies and foreign errors become ours.

`translate` judges by command: the same code means different things to PASS and
to STOR. The server's text stays in `__cause__`; no text or path is mixed into
our errors. It does no I/O. Called by session, data, publish and remote.
"""

import ftplib
import re
import ssl
from typing import NamedTuple

from farcopy.core.errors import (
    ConnectFailed,
    ConnectionLost,
    DataConnectionFailed,
    DownloadRefused,
    FarcopyError,
    LoginBarred,
    LoginRefused,
    NotFtp,
    OutOfStep,
    PathRefused,
    RemoteFull,
    ReplyTimeout,
    TlsFailed,
    TooManyConnections,
    UploadRefused,
)

MAX_LINE_BYTES = 8192
"""No honest reply or listing line is longer; PATH_MAX is 4096."""
MAX_REPLY_LINES = 1000
"""Long banners have dozens of lines; an endless reply must not fill our memory."""

GREETING = "greeting"
"""What `translate` is told in place of a command, before the first one."""
DATA = "DATA"
"""The same, for trouble on the data connection and the reply that ends a transfer."""

FOREIGN = (ftplib.Error, OSError, EOFError)
"""All that ftplib, socket and ssl raise while talking (ssl.SSLError is an OSError)."""


class Reply(NamedTuple):
    """A reply of RFC 959 §4.2. text: all of it, lines separated by a newline."""

    code: int
    text: str

    @property
    def is_positive(self) -> bool:
        """2yz: done."""
        return 200 <= self.code < 300

    @property
    def is_wait(self) -> bool:
        """1yz: begun, another reply follows."""
        return self.code < 200

    @property
    def is_more(self) -> bool:
        """3yz: the server waits for the next command of a sequence."""
        return 300 <= self.code < 400

    @property
    def is_refusal(self) -> bool:
        """5yz: asking again will not help."""
        return self.code >= 500

    @property
    def is_mix_up(self) -> bool:
        """503 bad sequence, 530 not logged in: after our login only a mix-up says so.

        ProFTPD says 501 to whatever comes between RNFR and RNTO.
        """
        return self.code in (503, 530) or (self.code == 501 and "sequence" in self.text.lower())

    @property
    def says_no_files(self) -> bool:
        """In place of an empty listing some servers refuse it, with 450 or 550."""
        return bool(_NO_FILES.search(self.text))

    @property
    def says_held(self) -> bool:
        """The file is there and somebody has it: asking again in a while may help."""
        return self.code in (450, 451) or bool(self.code >= 400 and _HELD.search(self.text))

    def as_error(self) -> ftplib.Error:
        if 400 <= self.code < 500:
            return ftplib.error_temp(self.text)
        return ftplib.error_perm(self.text) if self.code >= 500 else ftplib.error_reply(self.text)


_REPLY = re.compile(r"[1-5][0-9]{2}(?:[ \-\n]|$)")


def parse_reply(text: str) -> Reply:
    """Raises ftplib.error_proto for what is no reply."""
    if not _REPLY.match(text):
        raise ftplib.error_proto(text[:80])
    return Reply(int(text[:3]), text)


_LOGIN = frozenset({GREETING, "AUTH", "PBSZ", "PROT", "USER", "PASS", "ACCT"})
_SETTING_UP_DATA = frozenset({"PASV", "EPSV", "PORT", "EPRT"})
_TRANSFERS = frozenset({"STOR", "RETR", DATA, "LIST", "MLSD", "NLST"})
_STORES = frozenset({"STOR", DATA, "MKD", "RNTO"})
_LISTINGS = frozenset({"LIST", "MLSD", "NLST"})
_NAMES_A_PATH = frozenset({"STOR", "RNFR", "RNTO", "MKD", "CWD", "DELE", "SIZE", "MLST", DATA})

_DEMANDS_TLS = re.compile(
    # vsftpd 530, proftpd and pyftpdlib 550, IIS 534, FileZilla 503, pure-ftpd 421
    r"encrypt|cleartext|clear text|\bTLS\b|\bSSL\b|\bSSL/TLS\b|use AUTH|secure connection",
    re.IGNORECASE,
)
_BAD_LOGIN = re.compile(r"attempt|password|incorrect|\bbanned\b", re.IGNORECASE)
_BARRED = re.compile(
    # IIS, vsftpd ("500 OOPS"), ProFTPD, hosters: the password may be as right as can be.
    r"home director|cannot change directory|writable root|chroot|expired|disabled|suspended"
    r"|IP address|address not allowed|hostname|not allowed to log",
    re.IGNORECASE,
)
_TOO_MANY = re.compile(r"too many|maximum|limit|connections|sessions", re.IGNORECASE)
_NO_FILES = re.compile(
    r"no (?:such )?(?:files?|match|matches|entries|entry)\b|not found|empty|nothing",
    re.IGNORECASE,
)
_HELD = re.compile(
    # Windows, in the languages it is asked in: a virus scanner has the file just sent.
    r"used by another|in use|\bbusy\b|\block(?:ed)?\b|sharing violation|try again|temporar"
    r"|anderen Prozess|autre processus|otro proceso|altro processo",
    re.IGNORECASE,
)
_FULL = re.compile(
    # All that servers say (451) of a full disk: vsftpd "Failure writing to local
    # file", pure-ftpd "Error during write to file", ProFTPD "Input/output error".
    r"quota|no space|disk full|disk is full|insufficient (?:disk |storage )*space|storage full"
    r"|exceeded storage|not enough (?:disk |storage )*space|out of (?:disk )?space"
    r"|failure writing to local file|error during write to file|input/output error",
    re.IGNORECASE,
)


def translate(
    error: Exception,
    command: str,
    *,
    path_error: type[FarcopyError] = PathRefused,
) -> FarcopyError:
    """The error of ours that this one means, after this command.

    command: a verb, GREETING or DATA. path_error: what a refused path means
    here; a refused folder of our own stops more than one file.
    """
    if isinstance(error, FarcopyError):
        return error
    ours = _judge(error, command, path_error)
    ours.__cause__ = error
    return ours


def _judge(error: Exception, command: str, path_error: type[FarcopyError]) -> FarcopyError:
    if isinstance(error, ftplib.error_temp | ftplib.error_perm | ftplib.error_reply):
        return _judge_reply(parse_reply(str(error)), command, path_error)
    if isinstance(error, ftplib.Error):  # garbage, or longer than our limits
        return NotFtp(command) if command == GREETING else OutOfStep(command)
    if isinstance(error, TimeoutError):
        return ReplyTimeout(command)
    if isinstance(error, ssl.SSLError) and command == "AUTH":
        return TlsFailed(type(error).__name__)
    return ConnectionLost(f"{type(error).__name__} at {command}")


def _judge_reply(reply: Reply, command: str, path_error: type[FarcopyError]) -> FarcopyError:
    detail = f"{reply.code} to {command}"
    if reply.code < 400:
        return NotFtp(detail) if command == GREETING else OutOfStep(detail)
    if command in _LOGIN:
        return _judge_login(reply, command, detail)
    if reply.code == 421:
        # The server says goodbye (idle too long, going down): not the file's fault.
        lost = ConnectionLost(detail)
        lost.uses_attempt = False
        return lost
    if command in _SETTING_UP_DATA:
        return DataConnectionFailed(detail)
    if command in _STORES and (reply.code in (452, 552) or _FULL.search(reply.text)):
        return RemoteFull(detail)
    if command in _TRANSFERS and reply.code in (425, 521, 522):
        # 522 is often "TLS session not reused", not a bad certificate.
        return DataConnectionFailed(detail)
    if reply.code in (534, 536):
        return TlsFailed(detail)
    if reply.code in (332, 532):
        return LoginRefused(detail)
    if reply.is_mix_up:
        return OutOfStep(detail)
    if command in _LISTINGS:
        # 450 is what some say of an empty directory, and of one that may not be listed.
        is_of_path = reply.code == 450 or reply.code >= 500
        return path_error(detail) if is_of_path else DataConnectionFailed(detail)
    if command == "RETR":
        # "Input/output error" is a bad disk here, not a full one as for STOR.
        return DownloadRefused(detail) if reply.code < 500 else path_error(detail)
    if command in _NAMES_A_PATH:
        return UploadRefused(detail) if reply.code < 500 else path_error(detail)
    return OutOfStep(detail)


def _judge_login(reply: Reply, command: str, detail: str) -> FarcopyError:
    if command in ("AUTH", "PBSZ", "PROT") and reply.code != 421:
        return TlsFailed(detail)
    if reply.code in (521, 522, 534, 536) or _DEMANDS_TLS.search(reply.text):
        return TlsFailed(detail)
    if command in ("USER", "PASS", "ACCT") and _BARRED.search(reply.text):
        return LoginBarred(detail)
    # "Maximum login attempts exceeded" is a bad password: hosts ban who tries again.
    is_bad_login = command in ("PASS", "ACCT") and _BAD_LOGIN.search(reply.text)
    if not is_bad_login and (reply.code == 421 or _TOO_MANY.search(reply.text)):
        # ProFTPD reports its limit a host as 530 after PASS.
        return TooManyConnections(detail)
    if command == GREETING:
        return ConnectFailed(detail)
    if reply.code < 500 and reply.code != 430 and not is_bad_login:
        return ConnectionLost(detail)
    return LoginRefused(detail)
