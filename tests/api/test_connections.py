"""Connections: slow and idle clients end, many of them lock nobody out, nonsense is answered."""

import contextlib
import json
import logging
import socket
import threading
import time

import pytest

from farcopy.web.connections import Deadlines
from farcopy.web.listening import Listening
from farcopy.web.requests import KEPT_BYTES, MAX_HEADER_BYTES, THREADS
from tests.api.conftest import ServerFactory, Start
from tests.api.farcopy_server import COOKIE
from tests.api.small_site import LONG_S, answer_of, drip

STATUS = "/api/sync/status.php"
HASTE = Deadlines(first_byte_s=0.8, header_s=1.2, body_s=1.2)


def test_headers_a_byte_at_a_time_end_by_a_deadline_of_their_own(start: Start) -> None:
    with start(deadlines=HASTE).connect() as client:
        took_s = drip(client, b"GET / HTTP/1.1\r\nHost: a" + b"a" * 1000, every_s=0.05)
        status, body = answer_of(client)
    assert HASTE.header_s <= took_s < 5
    assert (status, json.loads(body)["code"]) == (408, "request_timeout")


def test_a_body_a_byte_at_a_time_ends_by_a_deadline_of_its_own(start: Start) -> None:
    with start(deadlines=HASTE).connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        took_s = drip(client, b"x" * 1000, every_s=0.05)
        status, body = answer_of(client)
    assert HASTE.body_s <= took_s < 5
    assert (status, json.loads(body)["code"]) == (408, "request_timeout")


def test_a_chunked_body_a_byte_at_a_time_ends_too(start: Start) -> None:
    with start(deadlines=HASTE).connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n")
        took_s = drip(client, b"x" * 1000, every_s=0.05)
        status, _ = answer_of(client)
    assert HASTE.body_s <= took_s < 5
    assert status == 408


def test_a_connection_that_says_nothing_is_ended(start: Start) -> None:
    with start(deadlines=HASTE).connect() as client:
        assert client.recv(1) == b""


def test_a_kept_connection_that_asks_nothing_more_is_ended(start: Start) -> None:
    with start(deadlines=HASTE).connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer_of(client)[0] == 200
        assert client.recv(1) == b""


def test_who_is_quick_enough_is_not_ended_in_the_middle(start: Start) -> None:
    with start(deadlines=HASTE).connect() as client:
        for _ in range(4):  # longer in all than any one deadline
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
            time.sleep(0.4)
            client.sendall(b"bc")
            assert json.loads(answer_of(client)[1])["body"] == 3


def test_while_an_answer_takes_its_time_the_client_is_not_late(start: Start) -> None:
    # Shorter than the answer takes, but no hurry for us between the two.
    deadlines = Deadlines(*3 * [LONG_S - 0.5])
    with start(deadlines=deadlines).connect() as client:
        for path in (b"/long", b"/"):
            client.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            assert answer_of(client)[0] == 200


def test_the_deadlines_in_use_are_those_promised() -> None:
    assert Deadlines() == Deadlines(first_byte_s=60, header_s=15, body_s=30)


def test_when_connections_run_out_the_longest_waiting_end_and_newcomers_are_served(
    start: Start,
) -> None:
    small = start(connections=40)
    idle = [small.connect() for _ in range(60)]
    began = time.monotonic()
    assert small.ask()[0] == 200
    assert time.monotonic() - began < 5
    for client in idle:
        client.close()


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nno header\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * MAX_HEADER_BYTES + b"\r\n\r\n", 431,
         "headers_too_large"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
         "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413,
         "body_too_large"),
    ],
    ids=lambda value: value[-24:] if isinstance(value, bytes) else None,
)
def test_what_is_no_request_is_refused_in_the_envelope(
    start: Start, request_bytes: bytes, status: int, code: str
) -> None:
    got, body = start().ask(request_bytes)
    envelope = json.loads(body)
    assert (got, envelope["code"], envelope["success"]) == (status, code, False)
    assert envelope["error"]
    assert envelope["request_id"]
    assert "waitress" not in body.decode()


@pytest.mark.parametrize("is_chunked", [False, True])
def test_of_a_large_body_only_the_beginning_is_kept(start: Start, is_chunked: bool) -> None:
    body = b"x" * 5_000_000
    head = f"Content-Length: {len(body)}" if not is_chunked else "Transfer-Encoding: chunked"
    sent = body if not is_chunked else b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    status, answer = start().ask(f"POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n".encode() + sent)
    assert (status, json.loads(answer)["body"]) == (200, KEPT_BYTES)


def test_listening_in_the_clear_is_logged_again_and_again(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Listening, "is_exposed", True)
    monkeypatch.setattr("farcopy.web.server.WARN_S", 0.0)
    def told() -> int:
        return sum(record.getMessage() == "web.not_encrypted" for record in caplog.records)

    with caplog.at_level(logging.WARNING, "farcopy.web"):
        small = start()
        deadline = time.monotonic() + 10
        while told() < 2 and time.monotonic() < deadline:
            small.ask()
    assert told() >= 2


class SlowClients:
    """Sends a byte a second over each connection until it is stopped."""

    def __init__(self, address: tuple[str, int]) -> None:
        heads = [
            b"GET / HTTP/1.1\r\nX: ",
            b"POST /api/auth/login.php HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n",
            b"",
        ]
        self._clients = [socket.create_connection(address, timeout=10) for _ in range(200)]
        for number, client in enumerate(self._clients):
            client.sendall(heads[number % 3])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._drip)
        self._thread.start()

    def _drip(self) -> None:
        while not self._stop.wait(1.0):
            for number, client in enumerate(self._clients):
                if number % 3 != 2:  # the third says nothing at all
                    with contextlib.suppress(OSError):  # ended by its deadline
                        client.sendall(b"a")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)
        for client in self._clients:
            client.close()


def test_two_hundred_slow_clients_do_not_keep_status_waiting(start_server: ServerFactory) -> None:
    server = start_server(verb="web")
    session = server.session_of("boss")
    host, _, port = server.url.removeprefix("http://").partition(":")
    slow = SlowClients((host, int(port)))

    def longest_wait_s() -> float:
        """Of as many calls as there are threads, each over a connection of its own."""
        took: list[float] = []
        for _ in range(THREADS):
            with server.client(cookies={COOKIE: session}) as client:
                began = time.monotonic()
                assert client.get(STATUS).status_code == 200
                took.append(time.monotonic() - began)
        return max(took)

    try:
        # Thrice at most: slow clients would hold up each round, the machine's other work not.
        assert any(longest_wait_s() < 1.0 for _ in range(3))
    finally:
        slow.stop()
