"""What the gate refuses, over real HTTP, and in which order. Who may call what: test_matrix."""

import http.client
import itertools
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.farcopy_server import COOKIE, LISTED_ORIGIN, FarcopyServer


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "../../etc/passwd", "a" * 31, "A" * 32, "a" * 5000, '"\\000aaaaaaaaaaaa"', "%00" * 11,
     "ü" * 32, "1' OR '1'='1"],
    ids=lambda cookie: cookie[:12].encode("unicode_escape").decode(),
)
def test_a_forged_cookie_is_answered_as_none_at_all(server: FarcopyServer, cookie: str) -> None:
    with server.client() as client:
        answer = client.get(
            "/api/sync/status.php", headers={"Cookie": f"{COOKIE}={cookie}".encode()}
        )
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"


@pytest.mark.parametrize(
    "path",
    ["/api/", "/api//sync/status.php", "/api/sync/status.php/", "/api/sync/STATUS.php",
     "/api/sync/status.php%00", "/api/sync/%2e%2e/x", "/api/%ff%fe", "/api/sync/status"],
)
def test_an_address_that_is_almost_one_of_ours_is_not_found(
    admin: httpx.Client, path: str
) -> None:
    answer = admin.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# Each makes a good request worse; in the order in which they must be answered.
FAULTS = (
    ("foreign host", {"Host": "evil.example"}, None, 400, "host_not_allowed"),
    ("foreign origin", {"Origin": "https://evil.example"}, None, 403, "cross_site"),
    ("content type", {"Content-Type": "text/plain"}, None, 415, "unsupported_media_type"),
    ("size", {}, b'{"a": "' + b"x" * 70000 + b'"}', 413, "body_too_large"),
    ("JSON", {}, b"{,}", 400, "invalid_json"),
    ("fields", {}, b'{"ftp_port": 0}', 400, "invalid_settings"),
)


@pytest.mark.parametrize(
    ("first", "second"),
    list(itertools.combinations_with_replacement(range(len(FAULTS)), 2)),
    ids=lambda index: FAULTS[index][0],
)
def test_the_first_fault_in_the_order_is_answered(
    admin: httpx.Client, first: int, second: int
) -> None:
    headers = {"Content-Type": "application/json", **FAULTS[second][1], **FAULTS[first][1]}
    body = FAULTS[first][2] or FAULTS[second][2] or b"{}"
    answer = admin.post("/api/sync/configure-sync.php", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == FAULTS[first][3:]


def test_signed_out_comes_before_everything_about_the_request(anonymous: httpx.Client) -> None:
    answer = anonymous.put(
        "/api/sync/configure-sync.php", content=b"{" * 70000,
        headers={"Origin": "null", "Content-Type": "text/plain"},
    )
    assert answer.status_code == 401


def test_a_chunked_body_over_the_limit_is_refused_in_the_envelope(admin: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 4096

    answer = admin.post(
        "/api/sync/configure-sync.php", content=chunks(),
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_body_of_megabytes_is_still_answered_by_the_application(admin: httpx.Client) -> None:
    answer = admin.post(
        "/api/sync/configure-sync.php", content=b" " * 5_000_000,
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example", 400), ("localhost:1", 401), ("10.9.8.7", 401), ("[::1]:80", 401),
     ("archive.hospital.example", 401), ("ARCHIVE.hospital.example:8480", 401),
     ("archive.hospital.example.evil.example", 400), ("a b", 400), ("[::1", 400),
     ("localhost@evil.example", 400), ("localhost:port", 400), ("x" * 5000, 400)],
)
def test_only_names_known_to_be_ours_are_served(
    anonymous: httpx.Client, host: str, status: int
) -> None:
    answer = anonymous.get("/api/sync/status.php", headers={"Host": host})
    assert answer.status_code == status
    assert answer.json()["success"] is False


def test_a_foreign_host_name_gets_no_page_either(anonymous: httpx.Client) -> None:
    assert anonymous.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_an_unknown_method_is_not_allowed(server: FarcopyServer) -> None:
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    cookie = {"Cookie": f"{COOKIE}={server.session_of('boss')}"}
    connection.request("BREW", "/api/sync/status.php", headers=cookie)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Allow")) == (405, "GET, OPTIONS")
    connection.close()


def test_every_answer_of_the_api_keeps_out_of_caches_and_frames(admin: httpx.Client) -> None:
    for answer in (admin.get("/api/sync/status.php"), admin.get("/api/nothing")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "Server" not in answer.headers
        assert LISTED_ORIGIN not in str(answer.headers)
