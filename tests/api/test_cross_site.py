"""CORS and requests from other sites, as a browser would see them."""

import httpx
import pytest

from tests.api.farcopy_server import LISTED_ORIGIN, FarcopyServer

DISABLE = "/api/sync/disable-auto.php"
STATUS = "/api/sync/status.php"
CORS = "access-control-"


def cors_headers(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith(CORS)}


LISTED_GETS = {
    "access-control-allow-origin": LISTED_ORIGIN,
    "access-control-allow-credentials": "true",
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-allow-headers": "Content-Type, Authorization",
}


@pytest.mark.parametrize("path", [STATUS, "/api/auth/login.php", "/api/nothing"])
def test_a_preflight_of_a_listed_origin_is_answered_without_a_session(
    anonymous: httpx.Client, path: str
) -> None:
    answer = anonymous.options(
        path, headers={"Origin": LISTED_ORIGIN, "Access-Control-Request-Method": "POST"}
    )
    assert answer.status_code == 204
    got = cors_headers(answer)
    got.pop("access-control-max-age", None)
    assert got == LISTED_GETS
    assert "origin" in answer.headers["Vary"].lower()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_ordinary_answers_to_a_listed_origin_carry_all_four_headers(
    admin: httpx.Client, method: str
) -> None:
    path = STATUS if method == "GET" else DISABLE
    answer = admin.request(
        method, path, headers={"Origin": LISTED_ORIGIN, "Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 200
    assert cors_headers(answer) == LISTED_GETS


def test_refusals_can_be_read_by_a_listed_origin(anonymous: httpx.Client) -> None:
    answer = anonymous.get(STATUS, headers={"Origin": LISTED_ORIGIN})
    assert answer.status_code == 401
    assert cors_headers(answer) == LISTED_GETS


@pytest.mark.parametrize(
    "origin",
    ["null", "https://evil.example", LISTED_ORIGIN + ".evil.example", LISTED_ORIGIN + ":8443",
     "http://viewer.hospital.example", LISTED_ORIGIN + "/x", "https://sub.viewer.hospital.example"],
)
def test_a_foreign_origin_changes_nothing_and_gets_no_cors_headers(
    admin: httpx.Client, origin: str
) -> None:
    for method, path, status in (
        ("POST", DISABLE, 403), ("GET", STATUS, 200), ("OPTIONS", DISABLE, 204),
    ):
        answer = admin.request(
            method, path, headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
        )
        assert answer.status_code == status
        assert cors_headers(answer) == {}
        assert "origin" in answer.headers["Vary"].lower()


@pytest.mark.parametrize(("fetch_site", "status"), [
    ("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("", 403),
])
def test_the_browsers_own_word_on_the_site_counts(
    admin: httpx.Client, fetch_site: str, status: int
) -> None:
    assert admin.post(DISABLE, headers={"Sec-Fetch-Site": fetch_site}).status_code == status


def test_the_own_origin_and_curl_pass(server: FarcopyServer, admin: httpx.Client) -> None:
    assert admin.post(DISABLE, headers={"Origin": server.url}).status_code == 200
    assert admin.post(DISABLE).status_code == 200


def test_signing_in_from_another_site_is_refused_too(anonymous: httpx.Client) -> None:
    answer = anonymous.post(
        "/api/auth/login.php", json={"username": "boss", "password": "x"},
        headers={"Origin": "https://evil.example"},
    )
    assert answer.json()["code"] == "cross_site"


def test_a_form_of_another_site_cannot_post_json(admin: httpx.Client) -> None:
    answer = admin.post(
        DISABLE, content=b'{"a": "="}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415


@pytest.mark.parametrize("path", ["/", "/static/farcopy/main.js", "/healthz"])
def test_pages_and_files_have_no_cors_headers(anonymous: httpx.Client, path: str) -> None:
    answer = anonymous.get(path, headers={"Origin": LISTED_ORIGIN})
    assert answer.status_code == 200
    assert cors_headers(answer) == {}
