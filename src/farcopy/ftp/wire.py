"""Lines on the control connection: one command out, one reply in, both bounded.

Hardens ftplib: every reply has one deadline as a whole, lines and replies have
a greatest length, no byte of a server can raise a decoding error, and no
command can carry a second one. Raises foreign errors; session translates them.
"""

import ftplib
import re
import socket
import ssl
import time
from collections.abc import Sequence

from farcopy.core.errors import LocalName
from farcopy.ftp.replies import MAX_LINE_BYTES, MAX_REPLY_LINES, Reply, parse_reply
from farcopy.ftp.settings import Budget

_CONTROL = re.compile(r"[\r\n\0]")
_ONE_LINE = re.compile(rb"([1-5][0-9]{2}(?: [^\n]{0,%d})?)\n" % (MAX_LINE_BYTES - 4))


def encode_command(line: str) -> bytes:
    """UTF-8 (RFC 2640), and the bytes of a server's own names as it gave them.

    Raises: LocalName for a control character: CR or LF would begin another
    command, and vsftpd stores a NUL as a newline.
    """
    if _CONTROL.search(line):
        raise LocalName("a control character in a command")
    try:
        return line.encode("utf-8", "surrogateescape") + b"\r\n"
    except UnicodeEncodeError as error:
        raise LocalName("cannot be encoded") from error


class Wire(ftplib.FTP_TLS):
    """A control connection, not yet logged in."""

    # Both are ftplib's defaults and kept on purpose: the address in a passive
    # reply is ignored (a server must not send us to another host), no debug prints.
    trust_server_pasv_ipv4_address = False
    debugging = 0

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, reply_s: float, budget: Budget
    ) -> None:
        super().__init__(context=context, timeout=reply_s, encoding="utf-8")
        self.sock = sock
        self.af = sock.family
        self.reply_s = reply_s
        self._budget = budget
        self._received = bytearray()
        self._wait_s = reply_s
        self._end_s: float | None = None

    @property
    def connection(self) -> socket.socket:
        if self.sock is None:
            raise EOFError("closed")
        return self.sock

    @property
    def has_unread(self) -> bool:
        """Bytes that came ahead of what was asked. After AUTH they would be an injection."""
        return bool(self._received)

    def ask(self, line: str, wait_s: float | None = None) -> Reply:
        """Send a command and read its reply, whatever it says.

        Raises: LocalName, TimedOut, ftplib.Error, OSError, EOFError.
        """
        self.putcmd(line)
        return self.read_reply(wait_s)

    def read_reply(self, wait_s: float | None = None) -> Reply:
        """The next reply as a whole, within wait_s (default: reply_s)."""
        self._wait_s = wait_s or self.reply_s
        self._end_s = None
        if not self._received:
            self._receive()
        # Nearly every reply is one line that came in one piece: seen at one look.
        if found := _ONE_LINE.match(self._received):
            line = found[1].removesuffix(b"\r").decode("utf-8", "surrogateescape")
            del self._received[: found.end()]
            return Reply(int(line[:3]), line)
        return parse_reply(self.getmultiline())

    @property
    def has_reply(self) -> bool:
        """Whether something of a reply was read from the socket already."""
        sock = self.sock
        return self.has_unread or (isinstance(sock, ssl.SSLSocket) and sock.pending() > 0)

    def putline(self, line: str) -> None:
        self.put_lines([line])

    def put_lines(self, lines: Sequence[str]) -> None:
        """In one piece: one segment, one TLS record. All are encoded before any is sent."""
        data = b"".join(map(encode_command, lines))
        self._waiting(self._budget.cut(self.reply_s)).sendall(data)

    def getmultiline(self) -> str:
        # RFC 959 §4.2: "123-" opens a reply, a line that begins "123 " ends it.
        lines = [self._first_line()]
        if lines[0][3:4] == "-":
            while not (lines[-1][:3] == lines[0][:3] and lines[-1][3:4] != "-"):
                if len(lines) >= MAX_REPLY_LINES:
                    raise ftplib.Error("more lines than any reply has")
                lines.append(self.getline())
        return "\n".join(lines)

    def _first_line(self) -> str:
        # What does not begin with digits speaks something else, and may never end a line.
        while len(self._received) < 3:
            self._receive()
            if not self._received[:3].isdigit():
                raise ftplib.error_proto("no reply")
        if not self._received[:3].isdigit():
            raise ftplib.error_proto("no reply")
        return self.getline()

    def getline(self) -> str:
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > MAX_LINE_BYTES:
                raise ftplib.Error("line too long")
            self._receive()
        if end > MAX_LINE_BYTES:
            raise ftplib.Error("line too long")
        line = bytes(self._received[:end]).removesuffix(b"\r")
        del self._received[: end + 1]
        return line.decode("utf-8", "surrogateescape")

    def _receive(self) -> None:
        if self._end_s is None:
            left_s = self._budget.cut(self._wait_s)
            self._end_s = time.monotonic() + left_s
        else:
            left_s = self._end_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
        block = self._waiting(left_s).recv(MAX_LINE_BYTES)
        if not block:
            raise EOFError
        self._received += block

    def _waiting(self, wait_s: float) -> socket.socket:
        """The connection, whose next call waits so long. Setting it costs a system call."""
        connection = self.connection
        if connection.gettimeout() != wait_s:
            connection.settimeout(wait_s)
        return connection
