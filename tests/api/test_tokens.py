"""API tokens: what they open, what they never open, and how they end."""

import itertools
import re
from collections.abc import Iterator
from hashlib import sha256

import httpx
import pytest

from farcopy.core.tokens import is_token, token_text
from farcopy.web.routes import ROUTES
from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import COOKIE, FarcopyServer

LIST, ADD, REVOKE = (f"/api/tokens/{verb}.php" for verb in ("list", "add", "revoke"))
STATUS, ME = "/api/sync/status.php", "/api/auth/me.php"
CONFIGURE = "/api/sync/configure-sync.php"
PAST_THE_GATE = {200, 202, 400, 404, 409}
EVIL = "https://evil.example"


@pytest.fixture(scope="module")
def own_server(start_server: ServerFactory) -> FarcopyServer:
    return start_server(verb="web")


@pytest.fixture
def boss(own_server: FarcopyServer) -> Iterator[httpx.Client]:
    with own_server.signed_in() as client:
        yield client


def make(boss: httpx.Client, *scopes: str, **more: object) -> dict[str, str]:
    answer = boss.post(ADD, json={"name": "report", "scopes": scopes or ["read"], **more})
    assert answer.status_code == 200, answer.text
    made: dict[str, str] = answer.json()["data"]
    return made


def bearer(server: FarcopyServer, text: str, **cookies: str) -> httpx.Client:
    return server.client(headers={"Authorization": f"Bearer {text}".strip()}, cookies=cookies)


def test_a_token_is_told_once_and_only_its_hash_is_kept(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    made = make(boss)
    text = made["token"]
    assert re.fullmatch(r"farcopy_[0-9A-Za-z]{49}", text)
    assert is_token(text)
    assert text not in boss.get(LIST).text
    dump = str(own_server.query("SELECT * FROM api_tokens"))
    assert text not in dump
    assert sha256(text.encode()).hexdigest() in dump
    row = own_server.query("SELECT details FROM audit_logs WHERE action = 'tokens.add'"
                           " ORDER BY id DESC LIMIT 1")
    assert f'{made["id"]} report' in row[0][0]
    for log in ("auth.log", "service.log", "sync.log"):
        assert text not in own_server.log_text(log)
    assert text not in str(own_server.query("SELECT details FROM audit_logs"))


@pytest.mark.parametrize("scope", ["read", "sync", "configure"])
def test_a_token_passes_where_its_scope_is_named_and_nowhere_else(
    own_server: FarcopyServer, boss: httpx.Client, scope: str
) -> None:
    with bearer(own_server, make(boss, scope)["token"]) as client:
        for route in ROUTES.values():
            body = {} if route.method == "POST" else None
            answer = client.request(route.method, route.path, json=body)
            if route.scope == scope:
                assert answer.status_code in PAST_THE_GATE | {503}, route.path
            elif route.path != "/api/auth/login.php":
                assert (answer.status_code, answer.json()["code"]) == (403, "token_scope"), (
                    route.path)
        assert client.get("/api/nothing").json()["code"] == "token_scope"


def test_tokens_open_the_seven_and_reading_and_no_route_about_people_or_tokens() -> None:
    open_to_tokens = {route.path for route in ROUTES.values() if route.scope}
    assert not any(path.startswith(("/api/users/", "/api/tokens/", "/api/auth/", "/api/audit/"))
                   for path in open_to_tokens)
    assert not any(route.scope and route.needs_confirmation for route in ROUTES.values())


def test_a_bearer_alone_decides_beside_a_session(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    session = own_server.session_of("boss")
    good = make(boss)["token"]
    bad = (good[:-1], good.upper(), f"{good}, Bearer {good}", token_text(b"\0" * 32), "x", "")
    for text in bad:
        with bearer(own_server, text, **{COOKIE: session}) as client:
            answer = client.get(STATUS)
            assert (answer.status_code, answer.json()["code"]) == (401, "bad_token"), text
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    with bearer(own_server, good, **{COOKIE: session}) as client:
        assert client.get(STATUS).status_code == 200
        assert client.post("/api/sync/disable-auto.php").status_code == 403  # the session could
    for header in ("Basic Ym9zczp4", "bearerx", "Digest a=b"):
        with own_server.signed_in(headers={"Authorization": header}) as client:
            assert client.get(STATUS).status_code == 200, header  # none of ours: the session's
    with own_server.client(headers={"Authorization": f"bEaReR   {good}"}) as client:
        assert client.get(STATUS).status_code == 200


def test_signing_in_beside_a_bearer_is_signing_in(own_server: FarcopyServer) -> None:
    with bearer(own_server, "nonsense") as client:
        answer = client.post("/api/auth/login.php", json={
            "username": "rad", "password": "correct horse battery 9"})
        assert answer.status_code == 200


def test_no_cookie_counts_so_no_origin_is_asked_for_but_a_bad_one_is_refused_as_such(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    session = own_server.session_of("boss")
    good = make(boss, "configure")["token"]
    path, foreign = "/api/sync/disable-auto.php", {"Origin": EVIL}
    with bearer(own_server, good, **{COOKIE: session}) as client:
        assert client.post(path, headers=foreign).status_code == 200
    with bearer(own_server, "nonsense", **{COOKIE: session}) as client:
        assert client.post(path, headers=foreign).status_code == 401
    assert boss.post(path, headers=foreign).json()["code"] == "cross_site"


def test_a_token_ends_with_its_day_its_revocation_and_its_account(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    name = own_server.add_admin()
    with own_server.signed_in(name) as owner:
        over, ahead, revoked, kept = (make(owner, days=1) for _ in range(4))
    move = "UPDATE api_tokens SET expires_at = datetime('now', ?) WHERE id = ?"
    own_server.query(move, "-1 minutes", over["id"])
    own_server.query(move, "+400 days", ahead["id"])
    assert boss.post(REVOKE, json={"id": revoked["id"]}).status_code == 200
    for dead in (over, ahead, revoked):
        with bearer(own_server, dead["token"]) as client:
            assert client.get(STATUS).status_code == 401
    with bearer(own_server, kept["token"]) as client:
        assert client.get(STATUS).status_code == 200
        change = "/api/users/change.php"
        boss.post(change, json={"username": name, "role": "viewer"})
        assert client.get(STATUS).status_code == 403
        boss.post(change, json={"username": name, "role": "admin", "is_active": False})
        assert client.get(STATUS).status_code == 401
        boss.post(change, json={"username": name, "is_active": True})
        assert client.get(STATUS).status_code == 200
        boss.post("/api/users/reset-password.php", json={"username": name})
        assert client.get(STATUS).json()["code"] == "password_change_required"
    gone = boss.post(REVOKE, json={"id": revoked["id"]})
    assert (gone.status_code, gone.json()["code"]) == (404, "no_such_token")


def test_its_use_is_shown_and_stands_in_the_audit_trail(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    made = make(boss, name="nightly")
    with bearer(own_server, made["token"]) as client:
        client.get(STATUS)
        row = own_server.last_audit()
        assert (row["username"], row["details"]["token"]) == ("boss", "nightly")
        assert row["details"]["token_id"] == made["id"]
    (listed,) = [one for one in boss.get(LIST).json()["data"]["tokens"]
                 if one["id"] == made["id"]]
    assert (listed["last_used_address"], listed["is_over"]) == ("127.0.0.1", False)
    assert listed["last_used_at"] is not None
    with bearer(own_server, made["token"][:-1]) as client:
        client.get(STATUS)
    row = own_server.last_audit()
    assert (row["username"], row["details"]["code"]) == ("", "bad_token")


@pytest.mark.parametrize(("body", "fields"), [
    ({}, {"name", "scopes"}),
    ({"name": "", "scopes": []}, {"name", "scopes"}),
    ({"name": "a\nb", "scopes": ["admin"]}, {"name", "scopes"}),
    ({"name": "x" * 61, "scopes": "read"}, {"name", "scopes"}),
    ({"name": "a", "scopes": [["read"]], "days": 0}, {"scopes", "days"}),
    ({"name": "a", "scopes": ["read"], "days": 366}, {"days"}),
    ({"name": "a", "scopes": ["read"], "days": True}, {"days"}),
    ({"name": " ", "scopes": ["read"]}, {"name"}),
    ({"name": "a", "scopes": ["read"], "user": "boss"}, {"user"}),
], ids=lambda value: repr(sorted(value)))
def test_what_is_wrong_with_a_new_token_is_named(
    own_server: FarcopyServer, boss: httpx.Client, body: dict[str, object], fields: set[str]
) -> None:
    before = own_server.query("SELECT count(*) FROM api_tokens")
    answer = boss.post(ADD, json=body)
    assert (answer.status_code, set(answer.json()["fields"])) == (400, fields)
    assert own_server.query("SELECT count(*) FROM api_tokens") == before


def test_a_token_needs_the_password_again_to_be_made_and_none_to_be_revoked(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    made = make(boss)
    own_server.query("UPDATE sessions SET confirmed_at = datetime('now', '-6 minutes')")
    refused = boss.post(ADD, json={"name": "a", "scopes": ["read"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "confirm_password")
    assert boss.post(REVOKE, json={"id": made["id"]}).status_code == 200
    own_server.query("UPDATE sessions SET confirmed_at = datetime('now')")


def test_what_a_token_moves_is_told_and_a_password_goes_only_where_it_has_seen(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    ftp = {"ftp_host": "ftp.example.org", "ftp_username": "u", "ftp_password": "p"}
    with bearer(own_server, make(boss, "configure", name="setter")["token"]) as client:
        assert client.post(CONFIGURE, json=ftp).status_code == 200
        told = boss.get(STATUS).json()["data"]["unconfirmed_changes"][0]
        assert (told["token"], told["username"]) == ("setter", "boss")
        assert "with the token setter" in told["text"]
        boss.post(CONFIGURE, json={**ftp, "ftp_host": "evil.example"})
        alone = client.post(CONFIGURE, json={"ftp_password": "the-real-one"})
        assert (alone.status_code, alone.json()["code"]) == (409, "changed_meanwhile")


def test_where_the_password_is_demanded_for_all_no_token_moves_the_destination(
    start_server: ServerFactory,
) -> None:
    server = start_server(verb="web", FARCOPY_STEP_UP="all")
    with server.signed_in() as boss, bearer(server, make(boss, "configure")["token"]) as client:
        assert client.post(CONFIGURE, json={"ftp_path": "/x"}).json()["code"] == "confirm_password"
        assert client.post(CONFIGURE, json={"sync_interval": 9}).status_code == 200


def test_the_command_line_makes_lists_and_revokes_them(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    def farcopy(*arguments: str) -> str:
        return own_server.run_python(
            "import sys; sys.argv[0] = 'farcopy'; from farcopy.cli import main; main()", *arguments
        )

    said = farcopy("token", "add", "from the shell", "--user", "boss", "--scope", "sync")
    text = said.split("Token: ")[1].strip()
    with bearer(own_server, text) as client:
        assert client.get(STATUS).json()["code"] == "token_scope"
        assert text[:12] in farcopy("token", "list")
        (number,) = [one["id"] for one in boss.get(LIST).json()["data"]["tokens"]
                     if one["name"] == "from the shell"]
        assert farcopy("token", "revoke", str(number)) == (
            f"Revoked token {number} (from the shell)\n")
        assert client.get(STATUS).status_code == 401
    trail = own_server.query("SELECT details FROM audit_logs WHERE action = 'cli.token_add'")
    assert "from the shell" in trail[-1][0]
    assert text not in trail[-1][0]


def test_a_wrong_letter_anywhere_is_no_token() -> None:
    text = token_text(bytes(range(32)))
    assert is_token(text)
    for place, char in itertools.product(range(len(text)), "0aZ-"):
        changed = text[:place] + char + text[place + 1:]
        assert is_token(changed) is (changed == text)
