"""Data connections: open one (passive or active), send or read over it, end it.

Which command it serves and what the replies mean is session's matter. Called by
session; folders, publish and listing only hold what it returns.
"""

import ftplib
import socket
import ssl
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from farcopy.core.errors import DataConnectionFailed, ListingBeyondLimits, OutOfStep
from farcopy.ftp.replies import MAX_LINE_BYTES, Reply
from farcopy.ftp.settings import Budget, Deadlines
from farcopy.ftp.sockets import Guard, end_output, wait_until_ready

BLOCK_BYTES = 256 * 1024
"""Larger blocks gain nothing (measured); smaller ones cost Python calls."""


class TooSlow(TimeoutError):
    """Bytes come, but so few that it would go on for ever."""


class DataConnection:
    """Bytes of one transfer. Every wait is for some progress, and all waits together for as
    much as the slowest line there is would bring meanwhile.

    Methods raise OSError and TimeoutError as they come: what a broken data
    connection means, only the reply on the control connection tells.
    """

    def __init__(
        self, sock: socket.socket, guard: Guard, deadlines: Deadlines, budget: Budget
    ) -> None:
        if sock.gettimeout() != 0:
            sock.setblocking(False)
        self._sock = sock
        self._guard = guard
        self._deadlines = deadlines
        self._budget = budget
        self._moved_bytes = 0
        self._waited_s = 0.0

    def send(self, block: bytes | memoryview) -> None:
        # Not sendall: its time-out is for the whole block, and a slow line is no stall.
        rest = memoryview(block)
        while rest:
            try:
                sent_bytes = self._sock.send(rest)
                self._moved_bytes += sent_bytes
                rest = rest[sent_bytes:]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(None, self._sock)
            except ssl.SSLWantReadError:  # in the middle of a new handshake
                self._wait(self._sock, None)

    def send_some(self, block: memoryview) -> int:
        """What fits into the buffers right now: how many bytes, 0 for none."""
        try:
            sent_bytes = self._sock.send(block)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        self._moved_bytes += sent_bytes
        return sent_bytes

    def _wait(self, reading: socket.socket | None, writing: socket.socket | None) -> None:
        wait_s, begun_s = self._next_wait_s(), time.monotonic()
        wait_until_ready(reading, writing, wait_s, self._guard)
        self._waited_s += time.monotonic() - begun_s

    def _next_wait_s(self) -> float:
        """Raises: TooSlow. What we ourselves take (a limit, a slow disk) does not count."""
        left_s = self._deadlines.crawl_s - self._waited_s
        left_s += self._moved_bytes / self._deadlines.least_bytes_per_s
        if left_s <= 0:
            raise TooSlow
        return self._budget.cut(min(self._deadlines.stall_s, left_s))

    def _receive(self) -> bytes:
        begun_s = time.monotonic()
        self._sock.settimeout(self._next_wait_s())
        try:
            block = self._sock.recv(BLOCK_BYTES)
        except TimeoutError:
            self._waited_s += time.monotonic() - begun_s
            self._next_wait_s()  # too slow as a whole, or just now?
            raise
        self._waited_s += time.monotonic() - begun_s
        self._moved_bytes += len(block)
        return block

    @property
    def socket(self) -> socket.socket:
        return self._sock

    def finish(self) -> None:
        """Tell the server that this was all. Read its reply, then close."""
        end_output(self._sock, self._deadlines.stall_s, self._guard)

    def blocks(self) -> Iterator[bytes]:
        """All that comes, to its end. Whether that was the whole file only the reply tells."""
        while True:
            block = self._receive()
            if not block:
                return
            yield block

    def lines(self, max_lines: int, max_bytes: int) -> Iterator[bytes]:
        """The lines of a listing, without their ends.

        Raises: ListingBeyondLimits. That of a line's length is the protocol's.
        """
        pending = b""
        count = 0
        while True:
            block = self._receive()
            *complete, pending = (pending + block).split(b"\n")
            if not block and pending:
                complete, pending = [pending], b""
            count += len(complete)
            longest = max(map(len, (*complete, pending)))
            if longest > MAX_LINE_BYTES:
                raise OutOfStep("a line longer than any of a listing")
            if count > max_lines or self._moved_bytes > max_bytes:
                raise ListingBeyondLimits(f"{count} lines, {self._moved_bytes} bytes")
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
