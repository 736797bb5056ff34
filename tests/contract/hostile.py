"""Servers that misbehave by script: a meddling proxy before a real one, and a mumbler.

MeddlingProxy stands between a session and a good server, on the control
connection only (data goes direct: both are on this host). It can answer in the
server's place, lose a reply, close, or stall at any command.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """Do not tell the server; answer this."""

    reply: bytes


@dataclass(frozen=True)
class Replace:
    """Let the server do it; answer this instead of what it says."""

    reply: bytes


@dataclass(frozen=True)
class Lose:
    """Let the server do it, drop its reply and the connection."""


@dataclass(frozen=True)
class Close:
    """Do not tell the server; drop the connection."""


@dataclass(frozen=True)
class Stall:
    """Let the server do it, and say nothing ever after."""


Meddling = Answer | Replace | Lose | Close | Stall | None
Script = Callable[[str, str], Meddling]
"""(verb, whole line) -> what to do; None passes it on."""


def at(verb: str, *actions: Meddling) -> Script:
    """The actions in turn at each of this verb's first appearances; then pass."""
    waiting = list(actions)
    return lambda seen, _line: waiting.pop(0) if seen == verb and waiting else None


def always(verb: str, action: Meddling) -> Script:
    return lambda seen, _line: action if seen == verb else None


class _Listener:
    """Takes connections on a loopback port, a thread each, from construction to `stop`."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()[:2]
        self.connections = 0
        self._sockets: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, name="hostile")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                self._sockets.append(client)
                self._run(self._handle, client)

    def _handle(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            self.serve(client)

    def serve(self, client: socket.socket) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        for held in list(self._sockets):
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
            held.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()


class Mumbler(_Listener):
    """Says these bytes on connecting; reads what comes until `until`, then closes.

    answers: verb -> reply; others get 500.
    """

    def __init__(
        self,
        greeting: bytes,
        answers: dict[str, bytes] | None = None,
        *,
        closes: bool = False,
    ) -> None:
        self._greeting = greeting
        self._answers = answers
        self._closes = closes
        self.heard: list[str] = []
        super().__init__()

    def serve(self, client: socket.socket) -> None:
        client.sendall(self._greeting)
        if self._closes:
            return
        for line in client.makefile("rb"):
            text = line.decode("utf-8", "replace").strip()
            self.heard.append(text)
            if self._answers is not None:
                verb = text.partition(" ")[0]
                client.sendall(self._answers.get(verb, b"500 What?\r\n"))


class MeddlingProxy(_Listener):
    """Before a server on this host. heard: every command line, in order."""

    def __init__(self, upstream_port: int, script: Script = lambda _verb, _line: None) -> None:
        self._upstream_port = upstream_port
        self.script = script
        self.heard: list[str] = []
        super().__init__()

    def count(self, verb: str) -> int:
        return sum(line.partition(" ")[0] == verb for line in self.heard)

    def serve(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._upstream_port), 10) as server:
            self._sockets.append(server)
            replies = server.makefile("rb")
            client.sendall(_read_reply(replies))
            for line in client.makefile("rb"):
                text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
                self.heard.append(text)
                verb = text.partition(" ")[0]
                match self.script(verb, text):
                    case Answer(reply):
                        client.sendall(reply)
                        continue
                    case Close():
                        return
                    case meddling:
                        server.sendall(line)
                reply = _read_reply(replies)
                if reply.startswith(b"1"):  # a transfer: the last reply is what is meddled with
                    client.sendall(reply)
                    reply = _read_reply(replies)
                match meddling:
                    case Lose():
                        return
                    case Stall():
                        while client.recv(4096):
                            pass
                        return
                    case Replace(other):
                        client.sendall(other)
                    case _:
                        client.sendall(reply)


def _read_reply(replies: "socket.SocketIO | object") -> bytes:
    first: bytes = replies.readline()  # type: ignore[union-attr]
    whole = first
    if first[3:4] == b"-":
        while True:
            line: bytes = replies.readline()  # type: ignore[union-attr]
            whole += line
            if not line or (line[:3] == first[:3] and line[3:4] != b"-"):
                break
    if not whole:
        raise ConnectionResetError
    return whole
