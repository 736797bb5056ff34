"""Data connections: open one (passive or active), send or read over it, end it.

Which command it serves and what the replies mean is session's matter. Called by
session; folders, publish and listing only hold what it returns.
"""

import ftplib
import socket
import ssl
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from farcopy.core.errors import DataConnectionFailed, OutOfStep
from farcopy.ftp.replies import MAX_LINE_BYTES, Reply
from farcopy.ftp.settings import Budget
from farcopy.ftp.sockets import Guard, end_output, wait_until_ready

BLOCK_BYTES = 256 * 1024
"""Larger blocks gain nothing (measured); smaller ones cost Python calls."""


class DataConnection:
    """Bytes of one transfer. Every wait is for some progress, not for all of it.

    Methods raise OSError and TimeoutError as they come: what a broken data
    connection means, only the reply on the control connection tells.
    """

    def __init__(self, sock: socket.socket, guard: Guard, stall_s: float, budget: Budget) -> None:
        if sock.gettimeout() != 0:
            sock.setblocking(False)
        self._sock = sock
        self._guard = guard
        self._stall_s = stall_s
        self._budget = budget

    def send(self, block: bytes | memoryview) -> None:
        # Not sendall: its time-out is for the whole block, and a slow line is no stall.
        rest = memoryview(block)
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(None, self._sock)
            except ssl.SSLWantReadError:  # in the middle of a new handshake
                self._wait(self._sock, None)

    def send_some(self, block: memoryview) -> int:
        """What fits into the buffers right now: how many bytes, 0 for none."""
        try:
            return self._sock.send(block)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0

    def _wait(self, reading: socket.socket | None, writing: socket.socket | None) -> None:
        wait_until_ready(reading, writing, self._budget.cut(self._stall_s), self._guard)

    @property
    def socket(self) -> socket.socket:
        return self._sock

    def finish(self) -> None:
        """Tell the server that this was all. Read its reply, then close."""
        end_output(self._sock, self._stall_s, self._guard)

    def blocks(self) -> Iterator[bytes]:
        """All that comes, to its end. Whether that was the whole file only the reply tells."""
        while True:
            self._sock.settimeout(self._budget.cut(self._stall_s))
            block = self._sock.recv(BLOCK_BYTES)
            if not block:
                return
            yield block

    def lines(self, max_lines: int) -> Iterator[bytes]:
        """The lines of a listing, without their ends. Raises: OutOfStep beyond the limits."""
        pending = b""
        count = 0
        while True:
            self._sock.settimeout(self._budget.cut(self._stall_s))
            block = self._sock.recv(BLOCK_BYTES)
            *complete, pending = (pending + block).split(b"\n")
            if not block and pending:
                complete, pending = [pending], b""
            count += len(complete)
            longest = max(map(len, (*complete, pending)))
            if count > max_lines or longest > MAX_LINE_BYTES:
                raise OutOfStep("a listing beyond all limits")
            for line in complete:
                yield line.removesuffix(b"\r")
            if not block:
                return

    def close(self) -> None:
        self._guard.close(self._sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def passive_port(reply: Reply) -> int:
    """The port of a reply to EPSV (RFC 2428) or PASV; the address is not looked at.

    Raises: OutOfStep when there is none in it.
    """
    try:
        if reply.code == 229:
            _, port = ftplib.parse229(reply.text, ("", 0))
        else:
            _, port = ftplib.parse227(reply.text)
    except (ftplib.Error, ValueError, IndexError) as error:
        raise OutOfStep(f"{reply.code} without a port") from error
    if not 0 < port < 65536:
        raise OutOfStep(f"{reply.code} with an impossible port")
    return int(port)


def listen_beside(control: socket.socket, guard: Guard) -> socket.socket:
    """A listener for active mode, on the address our control connection has."""
    try:
        listener = socket.socket(control.family, socket.SOCK_STREAM)
        guard.add(listener)
        listener.bind((control.getsockname()[0], 0))
        listener.listen(5)
    except OSError as error:
        raise DataConnectionFailed(type(error).__name__) from error
    return listener


def port_command(listener: socket.socket) -> str:
    """PORT (RFC 959) for IPv4, EPRT (RFC 2428) for IPv6."""
    address, port = listener.getsockname()[:2]
    if listener.family == socket.AF_INET:
        return f"PORT {address.replace('.', ',')},{port // 256},{port % 256}"
    return f"EPRT |2|{address}|{port}|"
