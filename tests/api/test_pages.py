"""The page, its files, health, and how the server starts and refuses to."""

import hashlib
import posixpath
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from farcopy import __version__
from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import COOKIE, PASSWORD, FarcopyServer

ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / "src/farcopy/web/static/farcopy"


def test_the_page_is_served_with_a_policy_that_forbids_inline_code(
    anonymous: httpx.Client,
) -> None:
    answer = anonymous.get("/")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    page = answer.text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page)
    assert __version__ in page


def told(client: httpx.Client) -> str:
    """What the page says of a session, kept by nobody."""
    answer = client.get("/")
    assert answer.headers["Cache-Control"] == "no-store"
    found = re.search(r'data-session="(\w+)"', answer.text)
    assert found
    return found[1]


def test_the_page_says_when_nobody_is_signed_in_so_that_it_need_not_ask(
    anonymous: httpx.Client, admin: httpx.Client, server: FarcopyServer
) -> None:
    assert told(anonymous) == "none"
    assert told(admin) == "maybe"
    with server.client(cookies={COOKIE: "forged"}) as client:
        assert told(client) == "none"


STATIC = "/static/farcopy/"
MODULES = sorted(
    path.relative_to(OWN).as_posix() for path in OWN.rglob("*.js") if "vendor" not in path.parts
)


def test_every_file_the_page_names_is_there_and_none_lies_about(anonymous: httpx.Client) -> None:
    seen: set[str] = set()
    waiting = ["/"]
    while waiting:
        address = waiting.pop()
        seen.add(address)
        answer = anonymous.get(address)
        assert answer.status_code == 200, address
        named = re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text)
        # `from "./x.js"`, and `import("./views/x.js")` of what is loaded when it is needed.
        named += [
            posixpath.normpath(posixpath.join(posixpath.dirname(address), name))
            for name in re.findall(r'(?:from |import\()"(\.[^"]+)"', answer.text)
        ]
        waiting += [name for name in named if name not in seen]
    assert {f"{STATIC}{name}" for name in MODULES} <= seen


def test_every_id_a_module_asks_for_is_in_the_page(anonymous: httpx.Client) -> None:
    page = anonymous.get("/").text
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    scripts = "".join((OWN / name).read_text(encoding="utf-8") for name in MODULES)
    asked = set(re.findall(r'getElementById\("([^"]+)"\)', scripts))
    assert asked - {"explained"} <= set(ids)  # that one is made by its own view


@pytest.mark.parametrize("name", MODULES)
def test_no_module_has_a_way_to_make_markup_of_text(name: str) -> None:
    text = (OWN / name).read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Function\(|srcdoc"
        r"|setAttribute\(.style|https?://(?!www\.w3\.org/2000/svg)", text
    )
    assert text.startswith("//"), "a module opens with its one job"
    assert len(text.splitlines()) <= 250


def vendored() -> dict[str, str]:
    """File -> SHA-256, as the reference documents them."""
    table = (ROOT / "docs/reference/vendored.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", table, re.MULTILINE))


def test_what_others_wrote_is_what_the_reference_says_byte_for_byte() -> None:
    documented = vendored()
    there = {
        path.relative_to(ROOT).as_posix()
        for folder in ("src/farcopy/web/static/farcopy/vendor", "tests/browser/vendor")
        for path in (ROOT / folder).rglob("*") if path.is_file()
    }
    assert there == set(documented)
    for name, digest in documented.items():
        assert hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == digest, name


def test_an_unchanged_file_is_not_sent_again(anonymous: httpx.Client) -> None:
    first = anonymous.get("/static/farcopy/main.js")
    assert first.headers["Content-Type"].startswith("text/javascript")
    again = anonymous.get(
        "/static/farcopy/main.js", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/nothing", "/static/nothing.js", "/static/../settings/web.py", "/admin/",
             "/static/farcopy/..%2f..%2fapi.py"],
)
def test_other_addresses_are_not_found(anonymous: httpx.Client, path: str) -> None:
    answer = anonymous.get(path)
    assert answer.status_code == 404
    assert "To the overview" in answer.text


@pytest.mark.parametrize("path", ["/", "/healthz"])
def test_pages_are_only_for_reading(anonymous: httpx.Client, path: str) -> None:
    answer = anonymous.post(path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    head = anonymous.head(path)
    assert (head.status_code, head.content) == (200, b"")


def test_health_is_open_to_all_and_tells_little(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/healthz", headers={"Host": "whatever.internal"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["Content-Type"] == "application/json"


def test_a_connection_is_kept_for_the_next_request(anonymous: httpx.Client) -> None:
    first = anonymous.get("/healthz").extensions["network_stream"].get_extra_info("client_addr")
    second = anonymous.get("/healthz").extensions["network_stream"].get_extra_info("client_addr")
    assert first == second


@pytest.mark.parametrize(
    ("name", "value"),
    [("CORS_ALLOWED_ORIGINS", "*"), ("CORS_ALLOWED_ORIGINS", "null"),
     ("CORS_ALLOWED_ORIGINS", "https://a.example/path"), ("FARCOPY_ALLOWED_HOSTS", "*"),
     ("FARCOPY_PUBLIC_URL", "archive.example")],
)
def test_a_setting_of_the_site_that_makes_no_sense_ends_the_start(
    server: FarcopyServer, name: str, value: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import farcopy.settings.web"], capture_output=True, text=True,
        env={**server.environment, name: value}, timeout=60,
    )
    assert done.returncode != 0
    assert f"{name}: {value!r}" in done.stderr


FORWARDED = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}


def test_forwarded_headers_of_anybody_are_ignored(
    server: FarcopyServer, anonymous: httpx.Client
) -> None:
    anonymous.get("/api/sync/status.php", headers=FORWARDED)
    assert server.last_audit()["ip_address"] == "127.0.0.1"


def test_forwarded_headers_of_the_trusted_proxy_count(start_server: ServerFactory) -> None:
    behind_proxy = start_server(verb="web", arguments=("--trusted-proxy", "127.0.0.1"))
    with behind_proxy.client() as client:
        answer = client.post(
            "/api/auth/login.php", json={"username": "boss", "password": PASSWORD},
            headers={**FORWARDED, "Host": "localhost", "Origin": "https://localhost"},
        )
        assert answer.status_code == 200, answer.text
        assert "Secure" in answer.headers["Set-Cookie"]
        assert behind_proxy.last_audit()["ip_address"] == "192.0.2.7"
        client.get("/api/auth/me.php", headers={"X-Forwarded-For": "unknown"})
        assert behind_proxy.last_audit()["ip_address"] == "unknown"


def test_a_server_that_is_asked_to_end_does_so_though_a_connection_is_open(
    start_server: ServerFactory,
) -> None:
    ending = start_server(verb="web")
    with ending.client() as client:
        assert client.get("/healthz").status_code == 200
        assert ending.stop() == 0
        with pytest.raises(httpx.TransportError):
            client.get("/healthz")
