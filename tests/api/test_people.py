"""The account endpoints, on a server of their own: what an admin may do to whom."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import PASSWORD, FarcopyServer, sign_in

LIST, ADD, CHANGE, RESET, UNLOCK = (
    f"/api/users/{verb}.php" for verb in ("list", "add", "change", "reset-password", "unlock")
)
LOGIN = "/api/auth/login.php"
ME = "/api/auth/me.php"
STATUS = "/api/sync/status.php"


@pytest.fixture(scope="module")
def own_server(start_server: ServerFactory) -> FarcopyServer:
    return start_server(verb="web")


@pytest.fixture
def boss(own_server: FarcopyServer) -> Iterator[httpx.Client]:
    with own_server.signed_in() as client:
        yield client


@pytest.fixture
def client(own_server: FarcopyServer) -> Iterator[httpx.Client]:
    with own_server.client() as made:
        yield made


@pytest.fixture
def person(own_server: FarcopyServer) -> str:
    """An admin of this test's own, with PASSWORD."""
    return own_server.add_admin()


def one(boss: httpx.Client, name: str) -> dict[str, object]:
    answer = boss.get(LIST)
    assert answer.status_code == 200, answer.text
    (found,) = [user for user in answer.json()["data"]["users"] if user["username"] == name]
    return dict(found)


def test_the_list_shows_every_account_and_nothing_secret(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    answer = boss.get(LIST)
    names = [user["username"] for user in answer.json()["data"]["users"]]
    assert names == [name for (name,) in own_server.query(
        "SELECT username FROM users ORDER BY username"
    )]
    assert one(boss, "tech").keys() == {
        "id", "username", "role", "is_active", "must_change_password", "is_locked_out",
        "created_at", "last_login_at",
    }
    assert one(boss, "tech")["last_login_at"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", str(one(boss, "boss")["last_login_at"]))
    assert "argon2" not in answer.text


def test_an_account_without_a_password_gets_one_told_once_and_must_change_it(
    boss: httpx.Client, client: httpx.Client
) -> None:
    answer = boss.post(ADD, json={"username": "erika", "role": "admin"})
    made = answer.json()["data"]
    assert (answer.status_code, made["must_change_password"]) == (200, True)
    assert made["password"] not in boss.get(LIST).text

    sign_in(client, "erika", made["password"])

    refused = client.get(STATUS)
    assert (refused.status_code, refused.json()["code"]) == (403, "password_change_required")


def test_an_account_with_a_given_password_is_added_without_telling_it(
    boss: httpx.Client, client: httpx.Client
) -> None:
    answer = boss.post(ADD, json={"username": "max", "role": "viewer", "password": PASSWORD})
    assert answer.status_code == 200
    assert "password" not in answer.json()["data"]
    assert answer.json()["data"]["must_change_password"] is False

    sign_in(client, "max")

    assert client.get(ME).json()["data"]["role"] == "viewer"


@pytest.mark.parametrize(
    ("body", "status", "code", "fields"),
    [
        ({}, 400, "invalid_fields", {"username", "role"}),
        ({"username": 1, "role": "king"}, 400, "invalid_fields", {"username", "role"}),
        ({"username": "a\nb", "role": "viewer"}, 400, "invalid_fields", {"username"}),
        ({"username": " a", "role": "viewer"}, 400, "invalid_fields", {"username"}),
        ({"username": "<script>", "role": "viewer"}, 400, "invalid_fields", {"username"}),
        ({"username": "b\u043ess", "role": "viewer"}, 400, "invalid_fields", {"username"}),
        ({"username": "bo\u200bss", "role": "viewer"}, 400, "invalid_fields", {"username"}),
        ({"username": "x" * 151, "role": "viewer"}, 400, "invalid_fields", {"username"}),
        ({"username": "new", "role": "viewer", "password": None}, 400, "invalid_fields",
         {"password"}),
        ({"username": "new", "role": "viewer", "password": "short"}, 400, "weak_password",
         {"password"}),
        ({"username": "new", "role": "viewer", "is_superuser": True}, 400, "invalid_fields",
         {"is_superuser"}),
        ({"username": "boss", "role": "viewer"}, 409, "user_exists", set()),
    ],
    ids=lambda value: repr(sorted(value) if isinstance(value, set) else value),
)
def test_what_is_wrong_with_a_new_account_is_named_and_none_is_made(
    own_server: FarcopyServer, boss: httpx.Client, body: dict[str, object], status: int,
    code: str, fields: set[str],
) -> None:
    before = own_server.query("SELECT username, password, role FROM users")
    answer = boss.post(ADD, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json().get("fields", {})) == fields
    assert own_server.query("SELECT username, password, role FROM users") == before


def test_another_role_counts_at_the_very_next_request(
    own_server: FarcopyServer, boss: httpx.Client, person: str
) -> None:
    with own_server.signed_in(person) as theirs:
        assert theirs.get(STATUS).status_code == 200

        answer = boss.post(CHANGE, json={"username": person, "role": "technician"})

        assert answer.json()["data"]["role"] == "technician"
        assert theirs.get(STATUS).status_code == 403


def test_a_disabled_account_is_out_at_once_and_enabled_again_may_sign_in(
    own_server: FarcopyServer, boss: httpx.Client, person: str, client: httpx.Client
) -> None:
    with own_server.signed_in(person) as theirs:
        answer = boss.post(CHANGE, json={"username": person, "is_active": False})
        assert answer.json()["data"]["is_active"] is False
        assert theirs.get(ME).status_code == 401

    boss.post(CHANGE, json={"username": person, "is_active": True})

    sign_in(client, person)


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": "viewer"}])
def test_the_last_active_admin_stays_one(
    own_server: FarcopyServer, boss: httpx.Client, change: dict[str, object]
) -> None:
    others = "FROM users WHERE role = 'admin' AND username != 'boss'"
    own_server.query("UPDATE users SET is_active = 0 WHERE id IN (SELECT id " + others + ")")
    answer = boss.post(CHANGE, json={"username": "boss", **change})
    assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
    assert boss.get(STATUS).status_code == 200


def test_a_change_of_nothing_changes_nothing(boss: httpx.Client) -> None:
    before = one(boss, "rad")
    answer = boss.post(CHANGE, json={"username": "rad"})
    assert (answer.status_code, answer.json()["data"]) == (200, before)


def test_a_reset_ends_the_sessions_and_the_new_password_works_once_told(
    own_server: FarcopyServer, boss: httpx.Client, person: str, client: httpx.Client
) -> None:
    with own_server.signed_in(person) as theirs:
        made = boss.post(RESET, json={"username": person}).json()["data"]
        assert theirs.get(ME).status_code == 401
    old = client.post(LOGIN, json={"username": person, "password": PASSWORD})
    assert old.status_code == 401

    sign_in(client, person, made["password"])

    assert client.get(ME).json()["data"]["must_change_password"] is True


def test_a_locked_account_is_shown_so_and_can_be_unlocked(
    boss: httpx.Client, person: str, client: httpx.Client
) -> None:
    for _ in range(5):
        client.post(LOGIN, json={"username": person, "password": "wrong"})
    assert one(boss, person)["is_locked_out"] is True

    answer = boss.post(UNLOCK, json={"username": person})

    assert answer.json()["data"]["is_locked_out"] is False
    sign_in(client, person)


@pytest.mark.parametrize("path", [CHANGE, RESET, UNLOCK])
def test_an_account_that_is_not_there_is_not_found(boss: httpx.Client, path: str) -> None:
    answer = boss.post(path, json={"username": "nobody here"})
    assert (answer.status_code, answer.json()["code"]) == (404, "user_unknown")


def test_the_audit_names_the_account_and_the_fields_but_no_value(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    boss.post(ADD, json={"username": "ilse", "role": "viewer", "password": "CANARY-pass-9f3a"})
    row = own_server.last_audit()
    assert (row["action"], row["username"], row["response_status"]) == ("users.add", "boss", 200)
    assert row["details"]["account"] == "ilse"
    assert row["details"]["fields"] == ["password", "role", "username"]
    assert "CANARY" not in str(row) + own_server.log_text("auth.log")
    assert '"account.added"' in own_server.log_text("auth.log")


def test_an_account_whose_name_would_be_refused_today_keeps_working(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    name = "Dr. <b>\u043ess</b>"
    boss.post(ADD, json={"username": "before", "role": "viewer", "password": PASSWORD})
    own_server.query("UPDATE users SET username = ? WHERE username = 'before'", name)
    with own_server.client() as client:
        signed_in = client.post(LOGIN, json={"username": name, "password": PASSWORD})
    changed = boss.post(CHANGE, json={"username": name, "role": "technician"})
    reset = boss.post(RESET, json={"username": name})
    assert [a.status_code for a in (signed_in, changed, reset)] == [200, 200, 200]
