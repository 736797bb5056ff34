"""Attacks on a web server without an account: what each does, and whether the server held.

`python -m bench.web_servers` runs them against farcopy's server and kept ones; here they are one
function each, over a `Target`. All are clients of loopback; nothing is sent elsewhere.
"""

import contextlib
import os
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Socket = socket.socket | ssl.SSLSocket
MANY: Final = 200
ANSWER_S: Final = 1.0
MEMORY_BYTES: Final = 300 * 1024**2
PATIENCE_S: Final = 75.0
"""The longest a held-up connection may stay: somewhat above every deadline promised."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server under attack. pids: of all its processes. large: the path of its largest file."""

    port: int
    pids: tuple[int, ...]
    large: str
    is_tls: bool = False
    health: str = "/healthz"

    def connect(self, *, is_tls: bool | None = None, buffer_bytes: int = 0) -> Socket:
        raw = socket.socket()
        if buffer_bytes:  # a window so small that an answer does not disappear in it
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        raw.settimeout(10)
        raw.connect(("127.0.0.1", self.port))
        if not (self.is_tls if is_tls is None else is_tls):
            return raw
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(raw)

    def memory_bytes(self) -> int:
        return sum(_kib(pid, "VmRSS") * 1024 for pid in self.pids)

    def descriptors(self) -> int:
        return max(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self.pids)

    def processor_s(self) -> float:
        ticks = 0
        for pid in self.pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def ask(self, request: bytes | None = None, timeout_s: float = 10.0) -> bytes:
        """All that comes until the server closes, is silent for `timeout_s`, or has answered."""
        head = request or (
            f"GET {self.health} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        )
        got = b""
        with contextlib.suppress(OSError), self.connect() as client:
            client.settimeout(timeout_s)
            client.sendall(head)
            while data := client.recv(65536):
                got += data
        return got

    def health_s(self) -> float:
        """How long a newcomer waits for the health answer, s; inf if none came in 10 s."""
        began = time.monotonic()
        answer = self.ask()
        return time.monotonic() - began if b" 200 " in answer[:20] else float("inf")


Verdict = tuple[bool, str]
Attack = Callable[[Target], Verdict]


def unread_pipelines(target: Target) -> Verdict:
    """25 connections, 8 KiB of pipelined GETs of the largest file each, nothing read."""
    head = f"GET {target.large} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    with _clients(target, 25, lambda _: head * (8192 // len(head)), buffer_bytes=4096):
        return _watch(target, 10.0)


def mixed_clients(target: Target) -> Verdict:
    """200 idle, slow, silent, unread, dripping clients for 20 s."""
    large = f"GET {target.large} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    starts = [
        b"",
        f"GET {target.health} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode(),  # then idle
        b"GET / HTTP/1.1\r\nX: ",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n"
        b"Content-Type: application/json\r\n\r\n",
        large * 20,
    ]
    slow = (2, 3)
    with _clients(target, MANY, lambda n: starts[n % 5], buffer_bytes=4096) as clients:
        dripping = [client for n, client in enumerate(clients) if n % 5 in slow]
        return _watch(target, 20.0, dripping)


def many_idle(target: Target) -> Verdict:
    """1,500 connections that say nothing; then newcomers."""
    with _clients(target, 1500, lambda _: b"", is_tls=False):
        return _watch(target, 6.0)


def dripped_header(target: Target) -> Verdict:
    """A header a byte a second: the connection has an end."""
    return _ends(target, b"GET / HTTP/1.1\r\nX: ", b"a")


def dripped_body(target: Target) -> Verdict:
    """A body a byte a second: the connection has an end."""
    return _ends(target, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n", b"a")


def unread_answer(target: Target) -> Verdict:
    """A large answer that nobody takes: the connection has an end."""
    head = f"GET {target.large} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    return _ends(target, head * 30, b"", buffer_bytes=4096)


def silent(target: Target) -> Verdict:
    """A connection that says nothing, in TLS not even hello: it has an end."""
    return _ends(target, b"", b"", is_tls=False)


def endless_chunk_line(target: Target) -> Verdict:
    """One chunk-size line of 64 MiB: refused early, for little work."""
    return _pours(target, b"4;" + b"a" * 65534)


def endless_trailer(target: Target) -> Verdict:
    """A trailer of 64 MiB after the last chunk: refused early, for little work."""
    return _pours(target, b"X: " + b"a" * 1000 + b"\r\n", before=b"1\r\na\r\n0\r\n")


def tiny_chunks(target: Target) -> Verdict:
    """Chunks of one byte, without end: refused early, for little work."""
    return _pours(target, b"1\r\na\r\n" * 8000)


def two_lengths(target: Target) -> Verdict:
    """Content-Length beside Transfer-Encoding: refused, or answered and closed."""
    answer = target.ask(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n", 3.0)
    count = answer.count(b"HTTP/1.1 ")
    return count == 1, f"{count} answers, first {answer[9:12].decode()}"


def continued_for_nothing(target: Target) -> Verdict:
    """Expect: 100-continue of a body far too long: no 100 before the refusal."""
    answer = target.ask(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n"
        b"Expect: 100-continue\r\n\r\n", 3.0)
    return answer.startswith(b"HTTP/1.1 4"), answer[:24].decode("latin-1").strip() or "nothing"


def smuggling(target: Target) -> Verdict:
    """Forms of header that servers read differently: each refused."""
    forms = {
        "blank before colon": b"Content-Length : 5\r\n",
        "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n",
        "signed": b"Content-Length: +5\r\n",
        "underscore": b"Content-Length: 1_0\r\n",
        "coding twice": b"Transfer-Encoding: chunked, chunked\r\n",
        "odd coding": b"Transfer-Encoding: \x0bchunked\r\n",
        "bare CR": b"X: a\rb\r\n",
        "NUL": b"X: a\x00b\r\n",
    }
    passed = []
    for name, form in forms.items():
        answer = target.ask(
            b"GET / HTTP/1.1\r\nHost: a\r\n" + form + b"Connection: close\r\n\r\n", 2.0)
        if b" 200 " in answer[:16] or b" 404 " in answer[:16]:
            passed.append(name)
    return not passed, "refused all" if not passed else "took: " + ", ".join(passed)


def huge_header(target: Target) -> Verdict:
    """A header of 1 MiB, and one of 10,000 lines: refused early."""
    one = target.ask(b"GET / HTTP/1.1\r\nX: " + b"a" * 1024**2 + b"\r\n\r\n", 3.0)
    two = target.ask(b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 100_000 + b"\r\n", 3.0)
    ok = all(b" 200 " not in answer[:16] for answer in (one, two))
    return ok, f"{one[9:12].decode() or 'closed'}, {two[9:12].decode() or 'closed'}"


def plain_own_errors(target: Target) -> Verdict:
    """What the server refuses by itself comes in the envelope and says not what it is."""
    answer = target.ask(b"nonsense\r\n\r\n", 3.0).lower()
    ok = b'"success": false' in answer and b"nosniff" in answer
    return ok, answer.partition(b"\r\n\r\n")[2][:30].decode("latin-1") or "nothing"


ATTACKS: tuple[Attack, ...] = (
    unread_pipelines, mixed_clients, many_idle, endless_chunk_line, endless_trailer, tiny_chunks,
    two_lengths, continued_for_nothing, smuggling, huge_header, plain_own_errors, silent,
    dripped_header, dripped_body, unread_answer,
)


def _watch(target: Target, for_s: float, dripping: list[Socket] | None = None) -> Verdict:
    """Newcomers ask for health twice a second; the worst of it is told."""
    until = time.monotonic() + for_s
    worst_s, memory, descriptors, cpu = 0.0, 0, 0, target.processor_s()
    began = time.monotonic()
    while time.monotonic() < until and worst_s < float("inf"):
        for client in dripping or ():
            with contextlib.suppress(OSError):
                client.sendall(b"a")
        worst_s = max(worst_s, target.health_s())
        memory, descriptors = (
            max(memory, target.memory_bytes()), max(descriptors, target.descriptors()))
        time.sleep(0.5)
    share = (target.processor_s() - cpu) / (time.monotonic() - began)
    return worst_s < ANSWER_S and memory < MEMORY_BYTES, (
        f"health {worst_s:.2f} s, {memory / 1024**2:.0f} MiB, {descriptors} descriptors, "
        f"{share:.0%} of a core")


def _ends(
    target: Target, start: bytes, drip: bytes, *, buffer_bytes: int = 0,
    is_tls: bool | None = None,
) -> Verdict:
    """Whether the server ends the connection; seen by sending, since nothing is read."""
    began = time.monotonic()
    with contextlib.suppress(OSError), target.connect(
        is_tls=is_tls, buffer_bytes=buffer_bytes
    ) as client:
        client.sendall(start)
        local = client.getsockname()[1]
        while time.monotonic() - began < PATIENCE_S:
            time.sleep(1.0)
            if not _is_open(target, local):
                break
            if drip:
                client.sendall(drip)
    took_s = time.monotonic() - began
    return took_s < PATIENCE_S, f"ended after {took_s:.0f} s" if took_s < PATIENCE_S else "never"


def _is_open(target: Target, client_port: int) -> bool:
    """Whether the server still holds the connection, from the kernel's table."""
    local, remote = f"0100007F:{target.port:04X}", f"0100007F:{client_port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == local and fields[2] == remote:
            return fields[3] in {"01", "08"} and fields[9] != "0"  # else nobody's any more
    return False


def _pours(target: Target, piece: bytes, before: bytes = b"") -> Verdict:
    """Up to 64 MiB of `piece` after the head of a chunked body."""
    cpu, memory, sent = target.processor_s(), target.memory_bytes(), 0
    began = time.monotonic()
    with contextlib.suppress(OSError), target.connect() as client:
        client.settimeout(5)
        client.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + before)
        while sent < 64 * 1024**2 and time.monotonic() - began < 20:
            client.sendall(piece)
            sent += len(piece)
    time.sleep(0.3)
    used_s, grown = target.processor_s() - cpu, target.memory_bytes() - memory
    ok = used_s < 1.0 and grown < 32 * 1024**2 and sent < 48 * 1024**2
    return ok, f"took {sent / 1024**2:.1f} MiB, {used_s:.2f} s of processor, +{grown >> 20} MiB"


@contextlib.contextmanager
def _clients(
    target: Target, count: int, start: Callable[[int], bytes], *, buffer_bytes: int = 0,
    is_tls: bool | None = None,
) -> Iterator[list[Socket]]:
    made: list[Socket] = []

    def open_some(share: range) -> None:
        for number in share:
            with contextlib.suppress(OSError):
                client = target.connect(is_tls=is_tls, buffer_bytes=buffer_bytes)
                made.append(client)
                client.settimeout(0.2)
                client.sendall(start(number))

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    threads = [threading.Thread(target=open_some, args=(range(k, count, 8),)) for k in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        yield made
    finally:
        for client in made:
            with contextlib.suppress(OSError):
                client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        time.sleep(1.0)


def _kib(pid: int, name: str) -> int:
    line = next(
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith(name + ":"))
    return int(line.split()[1])
