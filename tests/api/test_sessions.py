"""The list of one's sessions and their end; and what an auditor may see."""

from collections.abc import Iterator

import httpx
import pytest

from farcopy.core.browsers import browser_of
from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import PASSWORD, FarcopyServer, sign_in

LIST, END, END_ALL = (
    f"/api/auth/{verb}.php" for verb in ("sessions", "end-session", "end-sessions")
)
ME = "/api/auth/me.php"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
THE_SEVEN = [
    ("GET", "get-config"), ("GET", "status"), ("POST", "configure-sync"), ("POST", "sync-now"),
    ("POST", "test-connection"), ("POST", "enable-auto"), ("POST", "disable-auto"),
]


@pytest.fixture(scope="module")
def own_server(start_server: ServerFactory) -> FarcopyServer:
    return start_server(verb="web")


@pytest.fixture
def person(own_server: FarcopyServer) -> str:
    return own_server.add_admin()


@pytest.fixture
def here(own_server: FarcopyServer, person: str) -> Iterator[httpx.Client]:
    with own_server.client(headers={"User-Agent": FIREFOX}) as client:
        sign_in(client, person)
        yield client


@pytest.fixture
def there(own_server: FarcopyServer, person: str, here: httpx.Client) -> Iterator[httpx.Client]:
    with own_server.client(headers={"User-Agent": "curl/8.5.0"}) as client:
        sign_in(client, person)
        yield client


def listed(client: httpx.Client) -> list[dict[str, object]]:
    answer = client.get(LIST)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["data"]["sessions"]
    return found


def test_the_list_tells_browser_address_and_which_is_this_and_no_id(
    own_server: FarcopyServer, here: httpx.Client, there: httpx.Client
) -> None:
    by_browser = {one["browser"]: one for one in listed(here)}
    assert by_browser.keys() == {"Firefox on Windows", "curl"}
    mine = by_browser["Firefox on Windows"]
    assert (mine["is_this"], mine["ip_address"]) == (True, "127.0.0.1")
    assert by_browser["curl"]["is_this"] is False
    hashes = [pk for (pk,) in own_server.query("SELECT id_hash FROM sessions")]
    text = here.get(LIST).text
    assert all(pk not in text for pk in hashes)


def test_one_session_is_ended_by_its_name_and_the_others_go_on(
    here: httpx.Client, there: httpx.Client
) -> None:
    (name,) = [one["session"] for one in listed(here) if not one["is_this"]]
    assert here.post(END, json={"session": name}).status_code == 200
    assert there.get(ME).status_code == 401
    assert [one["is_this"] for one in listed(here)] == [True]
    again = here.post(END, json={"session": name})
    assert (again.status_code, again.json()["code"]) == (404, "no_such_session")


@pytest.mark.parametrize("name", ["", "%", "_" * 12, "0" * 13, 1, None, "a\nb"])
def test_what_names_no_session_of_mine_ends_none(
    own_server: FarcopyServer, here: httpx.Client, name: object
) -> None:
    before = own_server.query("SELECT count(*) FROM sessions")
    assert here.post(END, json={"session": name}).status_code in (400, 404)
    assert own_server.query("SELECT count(*) FROM sessions") == before


def test_somebody_elses_session_is_not_ended(
    own_server: FarcopyServer, here: httpx.Client
) -> None:
    with own_server.signed_in() as boss:
        (name,) = [one["session"] for one in listed(boss) if one["is_this"]]
        assert here.post(END, json={"session": name}).status_code == 404
        assert boss.get(ME).status_code == 200


def test_all_others_end_or_all(here: httpx.Client, there: httpx.Client) -> None:
    answer = here.post(END_ALL)
    assert answer.json()["data"] == {"sessions": 1}
    assert there.get(ME).status_code == 401
    assert here.get(ME).status_code == 200
    assert here.post(END_ALL, json={"with_this": True}).json()["data"] == {"sessions": 1}
    assert here.get(ME).status_code == 401


def test_a_session_that_is_over_is_not_listed(
    own_server: FarcopyServer, here: httpx.Client, there: httpx.Client
) -> None:
    own_server.query(
        "UPDATE sessions SET last_used_at = datetime('now', '-31 minutes') WHERE user_agent"
        " LIKE 'curl%'"
    )
    assert [one["browser"] for one in listed(here)] == ["Firefox on Windows"]


def test_an_admin_ends_all_sessions_of_an_account(
    own_server: FarcopyServer, person: str, here: httpx.Client
) -> None:
    with own_server.signed_in() as boss:
        seen = boss.get("/api/users/sessions.php", params={"username": person})
        assert [one["is_this"] for one in seen.json()["data"]["sessions"]] == [False]
        unknown = boss.get("/api/users/sessions.php", params={"username": "nobody"})
        assert (unknown.status_code, boss.get("/api/users/sessions.php").status_code) == (404, 400)
        answer = boss.post("/api/users/end-sessions.php", json={"username": person})
        assert (answer.status_code, answer.json()["data"]) == (200, {"sessions": 1})
        assert own_server.last_audit()["details"]["account"] == person
        gone = boss.post("/api/users/end-sessions.php", json={"username": "nobody"})
        assert gone.status_code == 404
    assert here.get(ME).status_code == 401


def test_the_command_line_lists_and_ends_them(
    own_server: FarcopyServer, person: str, here: httpx.Client
) -> None:
    lines = farcopy(own_server, "user", "sessions", person)
    assert "Firefox on Windows" in lines
    assert farcopy(own_server, "user", "sign-out", person) == f"Ended 1 session of {person}\n"
    assert here.get(ME).status_code == 401


def farcopy(server: FarcopyServer, *arguments: str) -> str:
    return server.run_python(
        "import sys; sys.argv[0] = 'farcopy'; from farcopy.cli import main; main()", *arguments
    )


@pytest.mark.parametrize(("agent", "words"), [
    (FIREFOX, "Firefox on Windows"), ("", ""), ("python-httpx/0.28.1", "python-httpx/0.28.1"),
    ("x" * 500, "x" * 30),
    ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 "
     "Safari/537.36 Edg/141.0", "Edge on Windows"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15_6) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/18.6 Safari/605.1.15", "Safari on macOS"),
])
def test_a_browser_is_told_in_words(agent: str, words: str) -> None:
    assert browser_of(agent) == words


def test_an_auditor_reads_all_by_routes_of_its_own_and_none_of_the_seven(
    own_server: FarcopyServer,
) -> None:
    own_server.query(
        "INSERT INTO users (password, username, role, is_active, must_change_password,"
        " created_at) SELECT password, 'audi', 'auditor', 1, 0, created_at FROM users"
        " WHERE username = 'boss'"
    )
    with own_server.client() as auditor, own_server.signed_in() as boss:
        sign_in(auditor, "audi", PASSWORD)
        for method, name in THE_SEVEN:
            answer = auditor.request(method, f"/api/sync/{name}.php", json={} if method == "POST"
                                     else None)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), name
        for path, theirs in (("/api/read/status.php", "/api/sync/status.php"),
                             ("/api/read/config.php", "/api/sync/get-config.php")):
            read, original = auditor.get(path).json()["data"], boss.get(theirs).json()["data"]
            assert read.keys() == original.keys()
        assert auditor.get("/api/read/config.php").json() == boss.get(
            "/api/sync/get-config.php").json()
        for path in ("sync/runs", "sync/chart", "audit/list", "audit/export", "users/list"):
            assert auditor.get(f"/api/{path}.php").status_code == 200, path
