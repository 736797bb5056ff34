"""The web server with a site of a few lines in it, on a thread; and raw clients of it."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from farcopy.web.connections import Deadlines
from farcopy.web.listening import Listening
from farcopy.web.server import create_server

WITHIN_S = 10.0
LONG_S = 3.0


def site(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Tells how long the body was, whence and how it came.

    `/large` answers with 3 MiB, `/long` after LONG_S, `/note` after a second, in which it
    makes the file that X-File names.
    """
    if environ["PATH_INFO"] == "/long":
        time.sleep(LONG_S)
    if environ["PATH_INFO"] == "/note":
        time.sleep(1.0)
        Path(environ["HTTP_X_FILE"]).touch()
    if environ["PATH_INFO"] == "/large":
        answer = b"x" * 3 * 1024**2
    else:
        told = {
            "body": len(environ["wsgi.input"].read()),
            "address": environ["REMOTE_ADDR"],
            "scheme": environ["wsgi.url_scheme"],
        }
        answer = json.dumps(told).encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


class SmallSite:
    """Listening on loopback until `stop`."""

    def __init__(
        self, listening: Listening | None = None, *, deadlines: Deadlines | None = None,
        connections: int = 100,
    ) -> None:
        self._server = create_server(
            listening or Listening(), site, deadlines=deadlines or Deadlines(),
            connections=connections,
        )
        self.address = ("127.0.0.1", self._server.effective_port)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()

    def stop(self) -> None:
        self._server.close()
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=WITHIN_S)

    def ask(self, request: bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") -> tuple[int, bytes]:
        """(status, body) of the answer to what is sent over a connection of its own."""
        with self.connect() as client:
            client.sendall(request)
            return answer_of(client)


def answer_of(client: socket.socket | ssl.SSLSocket) -> tuple[int, bytes]:
    """Read one answer with its length; (0, b"") when the connection ends instead."""
    data = b""
    while b"\r\n\r\n" not in data:
        got = client.recv(65536)
        if not got:
            return 0, b""
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += client.recv(65536)
    return int(lines[0].split()[1]), body


def drip(client: socket.socket, data: bytes, every_s: float) -> float:
    """Send byte after byte until the other side answers or hangs up; how long that took, s."""
    began = time.monotonic()
    client.settimeout(every_s)
    for byte in data:
        try:
            client.sendall(bytes([byte]))
            if client.recv(1, socket.MSG_PEEK) is not None:
                break
        except TimeoutError:
            continue
        except OSError:
            break
    client.settimeout(WITHIN_S)
    return time.monotonic() - began
