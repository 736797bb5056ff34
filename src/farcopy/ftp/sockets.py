"""The sockets of one session: opened with a bounded wait, closed, and shut from outside.

Resolving and connecting happen here, and the check that an address is allowed;
no FTP is spoken. Called by session and data.
"""

import contextlib
import errno
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Collection

from farcopy.core.addresses import is_allowed_address
from farcopy.core.config import literal_address
from farcopy.core.errors import ConnectFailed, DnsFailed, HostRefused, Interrupted
from farcopy.ftp.settings import Budget

_SLICE_S = 0.25
"""How soon an abort is noticed where shutting a socket wakes nobody (Windows: connect, accept)."""
_IN_PROGRESS = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN})


class Guard:
    """Holds a session's open sockets, so that another thread can make them fail at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._is_aborted = False

    @property
    def is_aborted(self) -> bool:
        return self._is_aborted

    def check(self) -> None:
        """Raises: Interrupted after an abort."""
        if self._is_aborted:
            raise Interrupted

    def add(self, sock: socket.socket) -> None:
        """Raises: Interrupted, and closes the socket, when an abort came first."""
        with self._lock:
            if not self._is_aborted:
                self._sockets.add(sock)
                return
        sock.close()
        raise Interrupted

    def close(self, sock: socket.socket) -> None:
        # Under the lock: an abort must not shut a descriptor that is another's by then.
        with self._lock:
            self._sockets.discard(sock)
            with contextlib.suppress(OSError):
                sock.close()

    def close_all(self) -> None:
        for sock in list(self._sockets):
            self.close(sock)

    def abort(self) -> None:
        """From any thread: whoever waits for these sockets fails at once."""
        with self._lock:
            self._is_aborted = True
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    # Not SSLSocket.shutdown: that drops the encryption first, and a
                    # thread in the middle of send() would go on in clear text.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)


def resolve(host: str, port: int, wait_s: float, guard: Guard) -> list[str]:
    """The allowed addresses of a host, in the resolver's order.

    Raises: DnsFailed; HostRefused when it has addresses, but none that is allowed.
    """
    literal = literal_address(host)
    found = [str(literal)] if literal is not None else _look_up(host, port, wait_s, guard)
    allowed = []
    for text in found:
        address = literal_address(text.partition("%")[0])
        if address is not None and is_allowed_address(address) and text not in allowed:
            allowed.append(text)
    if not allowed:
        raise HostRefused
    return allowed


def _look_up(host: str, port: int, wait_s: float, guard: Guard) -> list[str]:
    # getaddrinfo knows no deadline, so it waits on a thread of its own; one that
    # hangs ends by the resolver's own time-out and holds nothing of ours.
    found: list[str] = []
    failure: list[Exception] = []
    is_done = threading.Event()

    def look_up() -> None:
        try:
            for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append(str(address[0]))
        except (OSError, UnicodeError) as error:  # UnicodeError: a label IDNA cannot take
            failure.append(error)
        finally:
            is_done.set()

    thread = threading.Thread(target=look_up, name="farcopy-resolve", daemon=True)
    thread.start()
    end_s = time.monotonic() + wait_s
    while not is_done.wait(_SLICE_S):
        guard.check()
        if time.monotonic() > end_s:
            raise DnsFailed("no answer in time")
    thread.join(1)
    if failure:
        raise DnsFailed(type(failure[0]).__name__) from failure[0]
    return found


def connect_first(addresses: list[str], port: int, wait_s: float, budget: Budget, guard: Guard
                  ) -> socket.socket:
    """The first address that takes the connection. Raises: ConnectFailed, Interrupted."""
    for number, address in enumerate(addresses):
        wait = budget.cut(wait_s)
        if budget.is_limited:  # leave time for the addresses that follow
            wait = min(wait, budget.cut(wait_s * len(addresses)) / (len(addresses) - number))
        try:
            return connect(address, port, wait, guard)
        except OSError as error:
            failure = error
    raise ConnectFailed(type(failure).__name__) from failure


def connect(address: str, port: int, wait_s: float, guard: Guard) -> socket.socket:
    """A connected socket that does not block, known to the guard. Raises: OSError, Interrupted."""
    sock = begin_connect(address, port, guard)
    finish_connect(sock, wait_s, guard)
    return sock


def begin_connect(address: str, port: int, guard: Guard) -> socket.socket:
    """A socket on its way to be connected, known to the guard. Raises: OSError, Interrupted."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    guard.add(sock)
    try:
        sock.setblocking(False)
        _raise_unless_in(_IN_PROGRESS, sock.connect_ex((address, port)))
    except BaseException:
        guard.close(sock)
        raise
    return sock


def finish_connect(sock: socket.socket, wait_s: float, guard: Guard) -> None:
    """Wait until it is connected; else it is closed. Raises: OSError, Interrupted."""
    try:
        wait_until_ready(None, sock, wait_s, guard)
        _raise_unless_in({0}, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    except BaseException:
        guard.close(sock)
        raise


def _raise_unless_in(fine: Collection[int], code: int) -> None:
    if code not in fine:
        raise OSError(code, os.strerror(code))


def accept(listener: socket.socket, from_address: str, wait_s: float, guard: Guard
           ) -> socket.socket:
    """A connection from this address and no other: data must not go to a stranger.

    Raises: TimeoutError, OSError, Interrupted.
    """
    end_s = time.monotonic() + wait_s
    while True:
        wait_until_ready(listener, None, end_s - time.monotonic(), guard)
        sock, peer = listener.accept()
        if peer[0] == from_address:
            guard.add(sock)
            return sock
        sock.close()


def wait_until_ready(
    reading: socket.socket | None, writing: socket.socket | None, wait_s: float, guard: Guard
) -> bool:
    """Until the one can be read or the other written; True: the one can be read.

    Raises: TimeoutError, Interrupted.
    """
    end_s = time.monotonic() + wait_s
    left_s = wait_s
    while (ready := _look(reading, writing, max(0.0, min(_SLICE_S, left_s)))) is None:
        guard.check()
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
    guard.check()
    return ready


def _look(
    reading: socket.socket | None, writing: socket.socket | None, wait_s: float
) -> bool | None:
    """Whether the one can be read; None: nothing can be done with either."""
    # Not selectors: for two sockets and one wait they cost several times the call itself.
    if not hasattr(select, "poll"):  # Windows, where a refused connection is an "exception"
        to_read, to_write = ([sock] if sock else [] for sock in (reading, writing))
        readable, writable, failed = select.select(to_read, to_write, to_write, wait_s)
        return bool(readable) if readable or writable or failed else None
    poll = select.poll()
    if reading is not None:
        poll.register(reading, select.POLLIN | select.POLLPRI)
    if writing is not None:
        poll.register(writing, select.POLLOUT)
    ready = poll.poll(wait_s * 1000)
    if not ready:
        return None
    return reading is not None and any(number == reading.fileno() for number, _ in ready)


def wait_for_reading(sock: socket.socket, wait_s: float, guard: Guard) -> bool:
    """Whether something came within that time. Raises: Interrupted."""
    try:
        wait_until_ready(sock, None, wait_s, guard)
    except TimeoutError:
        return False
    return True


def keep_alive(sock: socket.socket) -> None:
    """TCP keepalive, not NOOP: during a transfer the reply to a NOOP could pass for the 226."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Below the minutes after which NAT tables forget; the names vary by system.
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def end_output(sock: socket.socket, wait_s: float, guard: Guard) -> None:
    """Say that no more comes, over TLS with close_notify: without it servers answer 425 or 426.

    The server's own close_notify is not waited for; some never send one.
    Raises: OSError, TimeoutError, Interrupted.
    """
    if isinstance(sock, ssl.SSLSocket):
        sock.setblocking(False)
        for _ in range(100):
            try:
                sock.unwrap()
            except ssl.SSLWantWriteError:  # the last of the data still fills the buffer
                wait_until_ready(None, sock, wait_s, guard)
            except (OSError, ValueError):
                break  # sent; what came back is of no interest
            else:
                break
    socket.socket.shutdown(sock, socket.SHUT_WR)
