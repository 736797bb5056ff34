"""Servers whose listings never end, or drip; and, run as a module, a client with little memory."""

import resource
import socket
import sys
import threading
import time
from pathlib import Path, PurePosixPath

from tests.contract.hostile import _Listener

_REPLIES = {
    "USER": b"331 Password?", "PASS": b"230 Welcome.", "FEAT": b"211 No features.",
    "PWD": b'257 "/"', "TYPE": b"200 Binary.", "OPTS": b"200 Fine.", "CWD": b"250 There.",
    "MKD": b"250 Made.", "SIZE": b"213 1000000", "QUIT": b"221 Bye.", "DELE": b"250 Gone.",
    "CDUP": b"250 Up.",
}


class _Listing(_Listener):
    """Answers all, and sends what `pour` pours for LIST, NLST and RETR."""

    verbs: tuple[str, ...] = ("LIST", "NLST", "RETR")

    def __init__(self) -> None:
        self.is_over = threading.Event()
        super().__init__()

    def stop(self) -> None:
        self.is_over.set()
        super().stop()

    def pour(self, data: socket.socket) -> None:
        raise NotImplementedError

    def serve(self, client: socket.socket) -> None:
        client.sendall(b"220 Hello.\r\n")
        ports: list[socket.socket] = []
        for line in client.makefile("rb"):
            verb = line.decode("utf-8", "replace").split()[0]
            if verb == "EPSV":
                for port in ports:
                    port.close()
                ports = [socket.create_server(("127.0.0.1", 0))]
                self._sockets.append(ports[0])
                client.sendall(b"229 Go (|||%d|)\r\n" % ports[0].getsockname()[1])
            elif verb in self.verbs:
                data, _ = ports[0].accept()
                self._sockets.append(data)
                client.sendall(b"150 Here it comes.\r\n")
                with data:
                    self.pour(data)
                client.sendall(b"226 Done.\r\n")
            elif line.rstrip().endswith(b"/names.json"):
                client.sendall(b"550 No such file.\r\n")  # farcopy never was there
            else:
                client.sendall(_REPLIES.get(verb, b"502 What?") + b"\r\n")


class Unread(_Listing):
    """Begins to take a file, and reads none of it."""

    verbs = ("STOR",)

    def pour(self, data: socket.socket) -> None:
        self.is_over.wait()


class Endless(_Listing):
    """line_bytes: of each line; all name other files."""

    def __init__(self, line_bytes: int) -> None:
        self._line_bytes = line_bytes
        super().__init__()

    def pour(self, data: socket.socket) -> None:
        head = b"-rw-r--r-- 1 u g 1 Nov 22 10:15 "
        data.sendall(head.replace(b"-", b"d", 1) + b".\r\n")  # it understands -a
        number = 0
        while True:
            names = (b"new-1-%d" % (number + more) for more in range(1000))
            if self._line_bytes <= 200:
                names = (b"%d-" % (number + more) for more in range(1000))
            lines = (head + name.ljust(self._line_bytes - len(head), b"x") for name in names)
            data.sendall(b"\r\n".join(lines) + b"\r\n")
            number += 1000


class Dripping(_Listing):
    """So many bytes at once, every so often; lines: then it ends. None: it never does."""

    def __init__(self, every_s: float, bytes_at_once: int = 1, lines: int | None = None) -> None:
        self._every_s, self._bytes_at_once, self._lines = every_s, bytes_at_once, lines
        super().__init__()

    def pour(self, data: socket.socket) -> None:
        number = 0
        while self._lines is None or number < self._lines:
            line = b"-rw-r--r-- 1 u g 1 Nov 22 10:15 %05d" % number
            line = line.ljust(self._bytes_at_once - 2, b"x") + b"\r\n"
            for start in range(0, len(line), self._bytes_at_once):
                data.sendall(line[start : start + self._bytes_at_once])
                time.sleep(self._every_s)
            number += 1


def _have_little_memory(room_mib: int) -> None:
    """So many more than this process has by now."""
    with Path("/proc/self/statm").open(encoding="ascii") as file:
        pages = int(file.read().split()[0])
    limit = pages * resource.getpagesize() + room_mib * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _main(port: int, work: str, room_mib: int) -> None:
    from farcopy.core.errors import FarcopyError
    from farcopy.engine.fetch import listing, walk
    from farcopy.engine.reading import ReadingSession
    from farcopy.ftp.probe import probe
    from farcopy.ftp.remote import FtpRemote
    from farcopy.service.stop import StopSignal
    from tests.contract.rig import at_port

    settings = at_port(port, path="/b")
    remote = FtpRemote(settings, "h1")
    session = ReadingSession(remote, StopSignal(), 0.0)
    remote.open()
    _have_little_memory(room_mib)
    try:
        match work:
            case "prepare":
                print(list(remote.prepare()))
            case "temporaries":
                print(list(remote.temporaries()))
            case "count":  # the doctor's look into the directory is the probe's
                print(probe(settings))
            case "walk":
                print([folder for folder, _ in walk(session, PurePosixPath("orthanc"))])
            case "rebuild":
                print(listing(session, PurePosixPath("orthanc"), lambda _entry: False))
    except FarcopyError as error:
        print(error.code)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
