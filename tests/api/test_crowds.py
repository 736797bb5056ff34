"""Clients without an account that mean harm: none keeps others out, or costs much."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from farcopy.web.connections import Deadlines
from farcopy.web.requests import THREADS
from tests.api.conftest import ServerFactory, Start
from tests.api.farcopy_server import PASSWORD
from tests.api.small_site import WITHIN_S, SmallSite, answer_of

LARGE = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"
ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def unread(small: SmallSite, asked: bytes) -> socket.socket:
    """A client that asks and takes nothing, in a window that holds little."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(WITHIN_S)
    client.connect(small.address)
    client.sendall(asked)
    return client


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_more_unread_answers_than_threads_keep_nobody_waiting(start: Start) -> None:
    small = start()
    before = descriptors()
    clients = [unread(small, LARGE * 200) for _ in range(THREADS + 10)]
    try:
        assert small.ask()[0] == 200
        held = descriptors() - before
        assert held < 2 * len(clients) + 10  # both ends are in this process; no file is held
    finally:
        for client in clients:
            client.close()


def test_an_answer_that_nobody_takes_has_an_end(start: Start) -> None:
    small = start(deadlines=Deadlines(taking_s=0.5))
    with unread(small, LARGE * 8) as client:
        time.sleep(2.0)
        got = 0
        with contextlib.suppress(ConnectionResetError):
            while data := client.recv(65536):
                got += len(data)
    assert got < 8 * 3 * 1024**2


def test_an_answer_taken_slowly_arrives_whole(start: Start) -> None:
    small = start(deadlines=Deadlines(first_byte_s=0.5, taking_s=2.0))
    with unread(small, LARGE) as client:
        got = 0
        while got < 3 * 1024**2:  # longer in all than a kept connection may ask nothing
            taken = len(client.recv(4096))
            assert taken
            got += taken
            time.sleep(0.002)


@pytest.mark.parametrize(
    ("before", "piece"),
    [
        (b"", b"4;" + b"a" * 65534),
        (b"", b"f" * 65536),
        (b"1\r\na\r\n0\r\n", b"X: " + b"a" * 1000 + b"\r\n"),
        (b"", b"1\r\na\r\n" * 8000),
        (b"", b"1;" + b"x" * 4000 + b"\r\na\r\n"),
    ],
    ids=["one extension", "one size", "trailers", "tiny chunks", "an extension each"],
)
def test_framing_without_end_is_refused_early(start: Start, before: bytes, piece: bytes) -> None:
    sent, limit = 0, 32 * 1024**2
    with start().connect() as client, contextlib.suppress(OSError):
        client.sendall(CHUNKED + before)
        while sent < limit:
            client.sendall(piece)
            sent += len(piece)
    assert sent < limit // 2


def test_a_body_in_small_chunks_is_taken(start: Start) -> None:
    body = b"".join(b"8\r\nabcdefgh\r\n" for _ in range(4000)) + b"0\r\nX: y\r\n\r\n"
    status, answer = start().ask(CHUNKED + body)
    assert (status, json.loads(answer)["body"]) == (200, 32_000)


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_body_of_two_lengths_is_refused_and_nothing_after_it_is_read(
    start: Start, head: bytes
) -> None:
    with start().connect() as client:
        client.sendall(head + b"0\r\n\r\n" + ASK)
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while got := client.recv(65536):
                data += got
    assert data.startswith(b"HTTP/1.1 400")
    assert data.count(b"HTTP/1.1 ") == 1


def test_pipelined_requests_are_answered_one_after_the_other(start: Start) -> None:
    with start().connect() as client:
        client.sendall(ASK * 300)
        client.settimeout(WITHIN_S)
        data = b""
        while data.count(b"200 OK") < 300:
            got = client.recv(65536)
            assert got
            data += got


def test_who_holds_most_connections_loses_them_first(start: Start) -> None:
    small = start(connections=40)
    quiet = socket.create_connection(small.address, WITHIN_S, source_address=("127.0.0.2", 0))
    crowd = [small.connect() for _ in range(120)]
    assert small.ask()[0] == 200
    quiet.sendall(ASK)  # though it has waited longest
    assert answer_of(quiet)[0] == 200
    for client in [quiet, *crowd]:
        client.close()


_FEW_FILES = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))
from farcopy.web.listening import Listening
from farcopy.web.server import create_server

def site(environ, start_response):
    files = [open("/dev/null") for _ in range(50)]  # as the engine beside it would
    start_response("200 OK", [("Content-Length", "2")])
    [file.close() for file in files]
    return [b"ok"]

server = create_server(Listening(), site)
print(server.effective_port, flush=True)
server.run()
"""


def test_a_crowd_leaves_descriptors_to_the_engine(start: Start) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _FEW_FILES], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    clients = []
    try:
        for _ in range(600):
            clients.append(socket.create_connection(("127.0.0.1", port), WITHIN_S))
        with socket.create_connection(("127.0.0.1", port), WITHIN_S) as client:
            client.sendall(ASK)
            assert answer_of(client)[0] == 200
    finally:
        for client in clients:
            client.close()
        process.kill()
        process.wait(WITHIN_S)


_ENDLESS_CALL = """
import socket, threading, time
from farcopy.web.listening import Listening
from farcopy.web.server import create_server

called = threading.Event()

def site(environ, start_response):
    called.set()
    threading.Event().wait()

server = create_server(Listening(), site)
threading.Thread(target=server.run).start()
client = socket.create_connection(("127.0.0.1", server.effective_port))
client.sendall(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
called.wait(20)
server.close()
"""


def test_a_process_ends_though_a_call_does_not() -> None:
    assert subprocess.run([sys.executable, "-c", _ENDLESS_CALL], timeout=60).returncode == 0


def test_a_call_goes_on_though_its_client_went_away(start: Start, tmp_path: Path) -> None:
    small = start()
    with small.connect() as client:
        client.sendall(b"GET /note HTTP/1.1\r\nHost: a\r\nX-File: %b\r\n\r\n"
                       % str(tmp_path / "noted").encode())
        time.sleep(0.3)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST
    deadline = time.monotonic() + WITHIN_S
    while not (tmp_path / "noted").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (tmp_path / "noted").exists()


@pytest.mark.parametrize("head", [b"Content-Length: 9\r\n\r\nabc",
                                  b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"])
def test_half_a_request_is_not_carried_out(start: Start, tmp_path: Path, head: bytes) -> None:
    small, noted = start(), tmp_path / "noted"
    with small.connect() as client:
        client.sendall(b"POST /note HTTP/1.1\r\nHost: a\r\nX-File: %b\r\n%b"
                       % (str(noted).encode(), head))
        time.sleep(0.2)
    time.sleep(1.5)  # `/note` takes a second
    assert small.ask()[0] == 200
    assert not noted.exists()


# What farcopy itself makes of it.


def say(address: tuple[str, int], sent: bytes, source: str = "127.0.0.1") -> bytes:
    with socket.create_connection(address, WITHIN_S, source_address=(source, 0)) as client:
        client.sendall(sent)
        data = b""
        with contextlib.suppress(ConnectionResetError, TimeoutError):
            while got := client.recv(65536):
                data += got
        return data


def address_of(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


@pytest.mark.parametrize(
    ("path", "status"), [("/api/auth/login.php", 413), ("/api/sync/configure-sync.php", 401)]
)
def test_a_body_that_is_refused_anyway_is_not_asked_for(
    start_server: ServerFactory, path: str, status: int
) -> None:
    answer = say(
        address_of(start_server(verb="web").url),
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: 99999\r\nExpect: 100-continue\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"connection: close" in answer.lower()


def test_a_body_that_is_wanted_is_asked_for(start_server: ServerFactory) -> None:
    body = json.dumps({"username": "boss", "password": PASSWORD}).encode()
    address = address_of(start_server(verb="web").url)
    with socket.create_connection(address, WITHIN_S) as client:
        client.sendall(
            b"POST /api/auth/login.php HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n"
            b"Expect: 100-continue\r\n\r\n" % len(body))
        assert client.recv(65536).startswith(b"HTTP/1.1 100 ")
        client.sendall(body)
        assert answer_of(client)[0] == 200


def test_past_the_named_proxy_plain_http_opens_nothing(start_server: ServerFactory) -> None:
    server = start_server(verb="web", arguments=("--trusted-proxy", "127.0.0.2"))
    address = address_of(server.url)
    body = json.dumps({"username": "boss", "password": PASSWORD}).encode()
    login = (b"POST /api/auth/login.php HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
             b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    page = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    healthz = page.replace(b"/ ", b"/healthz ", 1)
    refused = say(address, login)
    assert refused.startswith(b"HTTP/1.1 403 ")
    assert b'"https_required"' in refused
    assert server.last_audit()["response_status"] == 403
    assert say(address, page).startswith(b"HTTP/1.1 403 ")
    assert say(address, healthz).startswith(b"HTTP/1.1 200 ")
    assert say(address, login, "127.0.0.2").startswith(b"HTTP/1.1 200 ")
    assert say(address, page, "127.0.0.2").startswith(b"HTTP/1.1 200 ")


def test_a_server_in_a_crowd_still_ends_when_asked(start_server: ServerFactory) -> None:
    server = start_server(verb="web")
    address = address_of(server.url)
    crowd = [socket.create_connection(address, WITHIN_S) for _ in range(300)]
    for client in crowd[::2]:
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
    os.kill(server.pid, signal.SIGTERM)
    assert server.stop() == 0
    for client in crowd:
        client.close()
