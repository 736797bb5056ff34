"""A control connection in use: commands, replies, and what their failures mean.

How it came to be is login's matter, its data connections are transfer's. Every
error it raises is ours. Used by all modules above it, from one thread.
"""

import contextlib
import ftplib
import socket
import ssl
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import PurePosixPath

from farcopy.core.errors import (
    FarcopyError,
    Interrupted,
    OutOfStep,
    PathRefused,
    SessionError,
    SizeMismatch,
)
from farcopy.ftp.data import passive_port
from farcopy.ftp.features import Features
from farcopy.ftp.host import HostProfile
from farcopy.ftp.replies import FOREIGN, Reply, translate
from farcopy.ftp.settings import Budget, SessionSettings
from farcopy.ftp.sockets import Guard
from farcopy.ftp.wire import Wire

PORT_KEPT_S = 10.0
"""Servers close a passive port nobody comes to (pyftpdlib: after 30 s)."""


class SizeUnreadable(SizeMismatch):
    """The server's answer to SIZE is no number, or none for a file that must be there."""


class Session:
    """One login. After a SessionError it is of no more use: close it, make another.

    has_had_data: a data connection worked before. is_epsv_refused: ask for PASV.
    is_list_a_refused: list without options. last_text: of the reply that ended a listing.
    """

    def __init__(
        self,
        settings: SessionSettings,
        wire: Wire,
        context: ssl.SSLContext,
        guard: Guard,
        budget: Budget,
        host: HostProfile,
    ) -> None:
        self.settings = settings
        self.host = host
        self.wire = wire
        self.context = context
        self.guard = guard
        self.budget = budget
        self.features = Features()
        self.is_usable = True
        self.has_had_data = False
        self.is_epsv_refused = False
        self.is_list_a_refused = False
        self._tls_to_resume: ssl.SSLSession | None = None
        self.last_text = ""
        self._login_reply: Reply | None = None
        self._port: int | None = None
        self._port_at_s = 0.0

    @property
    def is_tls(self) -> bool:
        return isinstance(self.wire.sock, ssl.SSLSocket)

    @property
    def tls_to_resume(self) -> ssl.SSLSession | None:
        """What data connections must resume: servers refuse (522, 425) strangers.

        Asked for once, not for each: the answer is a copy, as dear as the handshake.
        """
        if self._tls_to_resume is None and isinstance(self.wire.sock, ssl.SSLSocket):
            self._tls_to_resume = self.wire.sock.session
        return self._tls_to_resume

    def forget_tls(self) -> None:
        """It was not resumed: the server may have sent a newer one since (RFC 8446 §4.6.1)."""
        self._tls_to_resume = None

    @property
    def has_pasv(self) -> bool:
        """Whether there is another way than EPSV: PASV knows IPv4 only."""
        return self.wire.af == socket.AF_INET

    @cached_property
    def peer_address(self) -> str:
        """Where passive data connections go, whatever the reply says (RFC 2577 §3)."""
        return str(self.wire.connection.getpeername()[0])

    @property
    def passive_command(self) -> str:
        return "PASV" if self.is_epsv_refused else "EPSV"

    @property
    def server_name(self) -> str:
        """For SNI and the certificate's check: the name, though we connect to an address."""
        return self.settings.host.removesuffix(".")

    def ask(self, line: str, *, wait_s: float | None = None) -> Reply:
        """Send a command; its reply may say anything but goodbye (421).

        wait_s: for its reply, where the usual time is not enough.
        Raises: SessionError, LocalName (a control character), Interrupted, TimedOut.
        """
        verb = line.partition(" ")[0]
        if self.wire.has_unread:
            # Something came that nobody asked for: whose reply would the next one be?
            reply = self.exchange(verb)
            raise self.refusal(reply, verb) if reply.code == 421 else self.out_of_step(reply)
        return self.read(verb, line, wait_s=wait_s)

    def read(self, verb: str, line: str | None = None, *, wait_s: float | None = None) -> Reply:
        """The next reply, to the line if one is given; goodbye (421) is raised."""
        reply = self.exchange(verb, line, wait_s=wait_s)
        if reply.code == 421:
            raise self.refusal(reply, verb)
        return reply

    def command(self, line: str, *, path_error: type[FarcopyError] = PathRefused) -> Reply:
        """Send a command that has to succeed; else raises what its refusal means.

        Only 20x and 25x are success: a late 226 of a transfer is not.
        """
        reply = self.ask(line)
        verb = line.partition(" ")[0]
        if reply.is_more if verb == "RNFR" else reply.code // 10 in (20, 25):
            return reply
        if reply.code < 400:
            raise self.out_of_step(reply)
        raise self.refusal(reply, verb, path_error)

    def size(self, path: PurePosixPath) -> int | None:
        """The size of a remote file (RFC 3659 §4), None if there is no such file.

        Raises: SizeUnreadable; sizing asks otherwise then.
        """
        return self.size_in(self.ask(f"SIZE {path}"))

    def size_in(self, reply: Reply) -> int | None:
        """What a reply to SIZE says; None: there is no such file."""
        if reply.code == 213:
            digits = reply.text[4:].strip()
            if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
                raise SizeUnreadable("no number in a reply to SIZE") from reply.as_error()
            return int(digits)
        if reply.code in (500, 502):
            raise SizeMismatch("the server has no SIZE") from reply.as_error()
        if reply.code < 500 or reply.is_mix_up:
            raise self.refusal(reply, "SIZE")
        return None

    def is_directory(self, path: PurePosixPath) -> bool:
        """Whether it can be entered. Does not stay there: others may want to remove it."""
        reply = self.ask(f"CWD {path}")
        if reply.is_positive:
            self.leave(path)
            return True
        if reply.code < 500 or reply.is_mix_up:
            raise self.refusal(reply, "CWD")
        return False

    @property
    def lists_by_mlsd(self) -> bool:
        return self.features.mlsd and not self.host.refuses_mlsd

    @property
    def login_directory(self) -> str | None:
        """Where the server put us at login; None if it does not say as RFC 959 has it. What is
        said without quotes, as nothing, or in Windows' or VMS' way is not guessed at: a wrong
        guess would put everything somewhere else."""
        if self._login_reply is None:
            self.note_login_directory(self.ask("PWD"))
        assert self._login_reply is not None, "just noted"
        reply = self._login_reply
        directory = ftplib.parse257(reply.text) if reply.code == 257 else ""
        return directory if directory.startswith("/") else None

    def note_login_directory(self, reply: Reply) -> None:
        """reply: to PWD, before any CWD."""
        self._login_reply = reply

    def leave(self, folder: PurePosixPath) -> None:
        """Go back from there to where the login led.

        Raises: OutOfStep, if relative names count and that is not where we are then.
        """
        home = self.login_directory
        if home is not None or folder.is_absolute():
            self.ask(f"CWD {home or '/'}")
            return
        for _ in folder.parts:
            self.command("CDUP")
        before = self._login_reply
        if before is not None and before.code == 257 and self.ask("PWD") != before:
            raise self.out_of_step(before)

    def keep_port(self, reply: Reply | None) -> None:
        """A passive port that was asked for ahead of its use; a refusal keeps none."""
        if reply is not None and reply.code in (227, 229):
            self._port, self._port_at_s = passive_port(reply), time.monotonic()

    def take_port(self) -> int | None:
        """The port that was kept, once, unless the server may have closed it since."""
        port, self._port = self._port, None
        return port if time.monotonic() - self._port_at_s <= PORT_KEPT_S else None

    def close(self) -> None:
        """Say goodbye, briefly, and free every socket. Never raises."""
        if self.is_usable and not self.guard.is_aborted:
            self.wire.reply_s = self.settings.deadlines.goodbye_s
            with contextlib.suppress(FarcopyError, *FOREIGN):
                self.wire.ask("QUIT")
        self.is_usable = False
        self.guard.close_all()

    def send(self, lines: Sequence[str]) -> None:
        """Send commands at once; their replies are read one by one, by `exchange`.

        Raises: SessionError, LocalName, Interrupted.
        """
        if self.wire.has_unread:
            raise self.out_of_step(self.exchange("an earlier command"))
        try:
            self.wire.put_lines(lines)
        except FOREIGN as error:
            raise self.failure(error, lines[0].partition(" ")[0]) from error

    def exchange(
        self,
        command: str,
        line: str | None = None,
        *,
        wait_s: float | None = None,
    ) -> Reply:
        """Send the line, if any, and read one reply. command: what errors are judged by."""
        try:
            if line is None:
                return self.wire.read_reply(wait_s)
            return self.wire.ask(line, wait_s)
        except FOREIGN as error:
            raise self.failure(error, command) from error

    def failure(self, error: Exception, command: str) -> FarcopyError:
        """What a broken control connection means."""
        self.is_usable = False
        if self.guard.is_aborted:
            return Interrupted()
        return translate(error, command)

    def refusal(
        self,
        reply: Reply,
        command: str,
        path_error: type[FarcopyError] = PathRefused,
    ) -> FarcopyError:
        """What a reply other than the wanted one means."""
        error = translate(reply.as_error(), command, path_error=path_error)
        if isinstance(error, SessionError):
            self.is_usable = False
        return error

    def out_of_step(self, reply: Reply) -> OutOfStep:
        self.is_usable = False
        error = OutOfStep(f"an unexpected {reply.code}")
        error.__cause__ = reply.as_error()
        return error
