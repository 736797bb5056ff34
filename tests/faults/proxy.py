"""An FTP proxy that breaks one thing at a time: control and data, plain or TLS on both sides.

Commands go in lock-step, so a fault can be set at any command, reply or byte of a file.
With TLS the proxy is a man in the middle by consent: farcopy trusts its certificate, and
the server's is not looked at.
"""

import contextlib
import itertools
import re
import socket
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from tests.faults import actions as do
from tests.faults.carry import LEAVE_S, carry, linger_off

TRANSFERS = ("STOR", "LIST", "MLSD", "NLST", "RETR")


@dataclass
class Certificate:
    """Of the proxy, for 127.0.0.1. ca_file: what farcopy is told to trust."""

    ca_file: Path
    context: ssl.SSLContext

    @classmethod
    def make(cls, folder: Path) -> "Certificate":
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        authority.cert_pem.write_to_path(folder / "proxy-ca.pem")
        return cls(folder / "proxy-ca.pem", context)


class FaultProxy:
    """Stands before a server on this host from construction to `stop`. One fault at a time.

    sessions: the command lines of each control connection, as the client sent them.
    has_struck: whether the fault that was set has happened.
    """

    def __init__(self, port: int, user: str, password: str, certificate: Certificate | None = None
                 ) -> None:
        self.user, self.password = user, password
        self.upstream_port = port
        self.certificate = certificate
        self.sessions: list[list[str]] = []
        self.has_struck = False
        self._released = threading.Event()
        self._release_at = ""
        self._arrived = threading.Event()
        self._fault: do.Fault | None = None
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = self.keep(socket.create_server(("127.0.0.1", 0)))
        self.host: str = "127.0.0.1"
        self.port: int = self._listener.getsockname()[1]
        self.run(self._accept)

    # --- the fault ---

    def set_fault(self, fault: do.Fault | None) -> None:
        """Counting begins anew. None: everything passes from now on."""
        with self._lock:
            self._fault, self.has_struck = fault, False
            self._seen.clear()
        self._release_at = ""
        self._released.clear()
        self._arrived.clear()

    def strike(self, verb: str) -> do.Action | None:
        """What to do at this moment, if its turn has come."""
        with self._lock:
            self._seen[verb] += 1
            fault = self._fault
            if fault is None or (fault.verb, fault.nth) != (verb, self._seen[verb]):
                return None
            self.has_struck = True
            return fault.action

    def strike_data(self, count: int) -> do.AtByte | None:
        """The fault of an upload, if so many bytes are enough for it: the first that has them."""
        with self._lock:
            action = self._fault.action if self._fault is not None else None
            if not isinstance(action, do.AtByte) or self.has_struck or count <= action.offset:
                return None
            self.has_struck = True
            return action

    def release(self) -> None:
        """Let a held command reach the server."""
        self._released.set()

    def hold(self, until: str) -> bool:
        """Wait, on the held command's own thread; whether it may go on to the server."""
        self._release_at = until
        return self._released.wait(LEAVE_S)

    def arrived(self) -> None:
        """The held command is with the server."""
        self._arrived.set()

    def make_way(self, verb: str) -> None:
        """Before a command passes: the held one may have to come first."""
        if verb == self._release_at:
            self._release_at = ""
            self._released.set()
            self._arrived.wait(LEAVE_S)

    # --- sockets and threads ---

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.run(_Session(self, self.keep(client)).serve)

    def run(self, target: object) -> None:
        thread = threading.Thread(target=target, name="fault-proxy", daemon=True)  # type: ignore[arg-type]
        self._threads = [held for held in self._threads if held.is_alive()]
        self._threads.append(thread)
        thread.start()

    def keep(self, held: socket.socket) -> socket.socket:
        held.settimeout(LEAVE_S)
        if held.type == socket.SOCK_STREAM and held is not getattr(self, "_listener", None):
            with contextlib.suppress(OSError):
                held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(held)
        return held

    def end(self, *held: socket.socket | None) -> None:
        for one in held:
            if one is not None:
                self._open.discard(one)
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                with contextlib.suppress(OSError):
                    one.close()

    def stop(self) -> None:
        self._released.set()
        self.end(*list(self._open))
        for thread in self._threads:
            thread.join(5)

    def __enter__(self) -> "FaultProxy":
        self._listener.settimeout(None)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _End(Exception):
    """This session is over, as the fault has it."""


@dataclass
class _Lines:
    """Lines out of a socket that may become a TLS one in between."""

    sock: socket.socket
    unread: bytes = b""

    def line(self) -> bytes:
        while b"\n" not in self.unread:
            block = self.sock.recv(4096)
            if not block:
                raise _End
            self.unread += block
        line, _, self.unread = self.unread.partition(b"\n")
        return line + b"\n"

    def reply(self) -> bytes:
        whole = first = self.line()
        while first[3:4] == b"-" and not (line := self.line()).startswith(first[:3] + b" "):
            whole += line
        return whole if first[3:4] != b"-" else whole + line


@dataclass
class _Data:
    """A passive data connection: opened by its reply, given its verb by the command after."""

    listener: socket.socket
    upstream_port: int
    verb: str = ""
    is_named: threading.Event = field(default_factory=threading.Event)
    is_given_up: bool = False


class _Session:
    """One control connection, in lock-step."""

    def __init__(self, proxy: FaultProxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._client = _Lines(client)
        self._server: _Lines
        self._heard: list[str] = []
        self._said = b"220 Hello.\r\n"
        self._is_private = False
        self._data: _Data | None = None
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE

    def serve(self) -> None:
        proxy = self._proxy
        proxy.sessions.append(self._heard)
        upstream = None
        with contextlib.suppress(OSError, _End):
            action = proxy.strike("CONNECT")
            upstream = socket.create_connection(("127.0.0.1", proxy.upstream_port), LEAVE_S)
            self._server = _Lines(proxy.keep(upstream))
            self._answer(action, None)
            while True:
                line = self._client.line()
                self._heard.append(line.decode("utf-8", "surrogateescape").rstrip("\r\n"))
                self._pass(line)
        proxy.end(self._client.sock, upstream)
        self._give_up_data()
        if upstream is not None:
            proxy.end(self._server.sock)

    def _pass(self, line: bytes) -> None:
        verb = self._heard[-1].partition(" ")[0].upper()
        self._proxy.make_way(verb)
        action = self._proxy.strike(verb)
        if verb in TRANSFERS and self._data is not None:
            self._data.verb = verb
        self._answer(action, line)
        if verb == "PROT" and self._said.startswith(b"2"):
            self._is_private = self._heard[-1].upper() == "PROT P"
        if verb == "AUTH" and self._said.startswith(b"234"):
            self._secure()
        if verb in TRANSFERS and self._said.startswith(b"1"):
            if self._data is not None:
                self._data.is_named.set()
            self._answer(self._proxy.strike("226") if verb == "STOR" else None, None)

    def _secure(self) -> None:
        assert self._proxy.certificate is not None, "AUTH came, but the proxy has no certificate"
        keep = self._proxy.keep
        self._server.sock = keep(self._context.wrap_socket(self._server.sock))
        client = self._proxy.certificate.context.wrap_socket(self._client.sock, server_side=True)
        self._client.sock = keep(client)

    def _answer(self, action: do.Action | None, line: bytes | None) -> None:
        """Tell the server (a line, or nothing where only a reply is due), then the client."""
        client, before = self._client.sock, self._said
        match action:
            case do.Answer(reply) if line is not None:
                self._say(reply)
                return
            case do.Close() if line is not None:
                raise _End
            case do.Reset(after=False) if line is not None:
                _reset(client)
            case do.Hold(until) if line is not None:
                self._hold(line, until)
        if line is not None:
            self._server.sock.sendall(line)
        reply = self._server.reply()
        if line is not None and reply[:3] in (b"227", b"229"):
            reply = self._open_data(reply)
        match action:
            case do.Answer(other) | do.Replace(other):
                self._said = other
                client.sendall(other)
            case do.Lose() | do.Close():
                raise _End
            case do.Reset():
                _reset(client)
            case do.Stall() | do.Hold():
                self._wait_for_leave()
            case do.Delay(by_s):
                time.sleep(by_s)
                self._say(reply)
            case do.Cut():
                client.sendall(reply[:len(reply) // 2])
                raise _End
            case do.Twice():
                self._say(reply)
                client.sendall(reply)
            case do.Replay():
                client.sendall(before)
            case do.Garbage():
                client.sendall(b"\xff\xfe\x00 nothing of FTP\r\n")
            case do.Endless():
                for number in itertools.count():
                    client.sendall(reply[:3] + b"-line %d\r\n" % number)
            case _:
                self._say(reply)

    def _say(self, reply: bytes) -> None:
        self._said = reply
        self._client.sock.sendall(reply)

    def _wait_for_leave(self) -> None:
        while self._client.sock.recv(4096):
            pass
        raise _End

    def _hold(self, line: bytes, until: str) -> None:
        """The client gives up and goes; the command is still on its way, and arrives."""
        with contextlib.suppress(OSError, _End):
            self._wait_for_leave()
        with contextlib.suppress(OSError, _End):
            if self._proxy.hold(until):
                self._server.sock.sendall(line)
                self._server.reply()
        self._proxy.arrived()
        raise _End

    # --- data ---

    def _open_data(self, reply: bytes) -> bytes:
        """The proxy's own port instead of the server's."""
        text = reply.decode("latin-1")
        if text.startswith("229"):
            upstream = int(re.findall(r"\|(\d+)\|", text)[0])
        else:
            numbers = re.findall(r"(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)", text)[0]
            upstream = int(numbers[4]) * 256 + int(numbers[5])
        self._give_up_data()
        listener = self._proxy.keep(socket.create_server(("127.0.0.1", 0)))
        port = listener.getsockname()[1]
        data = self._data = _Data(listener, upstream)
        self._proxy.run(lambda: self._carry(data))
        if text.startswith("229"):
            return b"229 Entering Extended Passive Mode (|||%d|)\r\n" % port
        return b"227 Entering Passive Mode (127,0,0,1,%d,%d).\r\n" % divmod(port, 256)

    def _give_up_data(self) -> None:
        """Nobody came to the port, or no command followed."""
        if self._data is not None:
            # Not closed: its thread may be about to wait for it, and would then wait for the
            # next socket that gets its number. The thread closes it.
            with contextlib.suppress(OSError):
                self._data.listener.shutdown(socket.SHUT_RDWR)
            self._data.is_given_up = not self._data.is_named.is_set()
            self._data.is_named.set()

    def _carry(self, data: _Data) -> None:
        proxy = self._proxy
        client: socket.socket | None = None
        server: socket.socket | None = None
        with contextlib.suppress(OSError, ValueError):
            client = proxy.keep(data.listener.accept()[0])
            server = proxy.keep(
                socket.create_connection(("127.0.0.1", data.upstream_port), LEAVE_S)
            )
            if data.is_named.wait(LEAVE_S) and not data.is_given_up:
                if self._is_private:
                    assert proxy.certificate is not None
                    context = proxy.certificate.context
                    client = proxy.keep(context.wrap_socket(client, server_side=True))
                    control = self._server.sock
                    assert isinstance(control, ssl.SSLSocket)
                    session = control.session
                    server = proxy.keep(self._context.wrap_socket(server, session=session))
                if data.verb == "STOR":
                    carry(client, server, proxy.strike_data)
                else:
                    carry(server, client, lambda _count: None)
        proxy.end(client, server, data.listener)


def _reset(client: socket.socket) -> None:
    linger_off(client)
    client.close()
    raise _End
