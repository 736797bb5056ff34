"""The password again: for accounts always, for destination and sources where it is demanded."""

from collections.abc import Iterator

import httpx
import pytest

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import PASSWORD, FarcopyServer, sign_in

CONFIRM, ADD = "/api/auth/confirm.php", "/api/users/add.php"
CONFIGURE, STATUS = "/api/sync/configure-sync.php", "/api/sync/status.php"
STEP_UP = {"Prefer": "step-up"}


@pytest.fixture(scope="module")
def own_server(start_server: ServerFactory) -> FarcopyServer:
    return start_server(verb="web")


@pytest.fixture(scope="module")
def strict_server(start_server: ServerFactory) -> FarcopyServer:
    return start_server(FARCOPY_STEP_UP="all")


@pytest.fixture
def boss(own_server: FarcopyServer) -> Iterator[httpx.Client]:
    with own_server.client() as client:
        sign_in(client, "boss")
        yield client


def age(server: FarcopyServer, minutes: int = 6) -> None:
    """As if every password had been given so long ago."""
    server.query(
        "UPDATE sessions SET confirmed_at = strftime('%Y-%m-%d %H:%M:%f', 'now', ?)",
        f"{-minutes} minutes",
    )


def add(client: httpx.Client, name: str) -> httpx.Response:
    return client.post(ADD, json={"username": name, "role": "viewer", "password": PASSWORD})


def test_an_account_is_changed_within_five_minutes_of_the_password_and_not_after(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    assert add(boss, "first").status_code == 200  # it was given at sign-in
    age(own_server, minutes=4)
    assert add(boss, "second").status_code == 200
    age(own_server)
    refused = add(boss, "third")
    assert (refused.status_code, refused.json()["code"]) == (403, "confirm_password")
    assert own_server.query("SELECT 1 FROM users WHERE username = 'third'") == []

    answer = boss.post(CONFIRM, json={"password": PASSWORD})

    assert (answer.status_code, answer.json()["data"]) == (200, {"confirmed_for_s": 300})
    assert add(boss, "third").status_code == 200


@pytest.mark.parametrize("verb", ["add", "change", "reset-password", "unlock"])
def test_every_route_that_changes_an_account_needs_it(
    own_server: FarcopyServer, boss: httpx.Client, verb: str
) -> None:
    age(own_server)
    refused = boss.post(f"/api/users/{verb}.php", json={"username": "rad"})
    assert (refused.status_code, refused.json()["code"]) == (403, "confirm_password")
    assert boss.get("/api/users/list.php").status_code == 200


def test_a_wrong_password_confirms_nothing_and_is_counted(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    name = own_server.add_admin()
    with own_server.client() as client:
        sign_in(client, name)
        age(own_server)
        for _ in range(5):
            wrong = client.post(CONFIRM, json={"password": "not it at all"})
            assert (wrong.status_code, wrong.json()["code"]) == (400, "wrong_password")
        assert add(client, "nobody").status_code == 403
        assert client.post(CONFIRM, json={"password": PASSWORD}).status_code == 429
    boss.post("/api/users/unlock.php", json={"username": name})


def test_a_password_given_in_a_time_to_come_is_void(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    age(own_server, minutes=-60)
    assert add(boss, "nobody").status_code == 403


def test_the_seven_need_none_and_a_change_made_so_is_told_for_a_week(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    own_server.query("DELETE FROM unconfirmed_changes")
    assert boss.post(CONFIGURE, json={"ftp_path": "/a"}).status_code == 200
    assert boss.get(STATUS).json()["data"]["unconfirmed_changes"] == []
    age(own_server)
    change = {"orthanc_storage_path": "/srv/o", "ftp_path": "/b", "sync_interval": 7}
    assert boss.post(CONFIGURE, json=change).status_code == 200
    assert boss.post(CONFIGURE, json={**change, "sync_interval": 8}).status_code == 200

    (told,) = boss.get(STATUS).json()["data"]["unconfirmed_changes"]

    assert (told["username"], told["ip_address"], told["token"]) == ("boss", "127.0.0.1", "")
    assert set(told["fields"]) == {"orthanc_storage_path", "ftp_path"}
    assert told["text"].startswith("ftp_path, orthanc_storage_path were changed on")
    assert "by boss from 127.0.0.1, without the password again" in told["text"]
    for number in range(3):
        boss.post(CONFIGURE, json={"hospital_data_path": f"/srv/{number}"})
    (told,) = boss.get(STATUS).json()["data"]["unconfirmed_changes"]  # hidden by none of them
    assert (set(told["fields"]), told["times"]) == (
        {"orthanc_storage_path", "ftp_path", "hospital_data_path"}, 4)
    assert "4 times since" in told["text"]
    own_server.query("UPDATE unconfirmed_changes SET changed_at = datetime('now', '-8 days')")
    assert boss.get(STATUS).json()["data"]["unconfirmed_changes"] == []
    boss.post(CONFIGURE, json={"hospital_data_path": None})
    assert own_server.query("SELECT times FROM unconfirmed_changes") == [(1,)]


def test_who_prefers_to_be_asked_is_asked_where_something_is_moved(
    own_server: FarcopyServer, boss: httpx.Client
) -> None:
    age(own_server)
    boss.post(CONFIGURE, json={"ftp_path": "/a"})
    refused = boss.post(CONFIGURE, json={"ftp_path": "/c"}, headers=STEP_UP)
    assert (refused.status_code, refused.json()["code"]) == (403, "confirm_password")
    for same in ({"ftp_path": "/a"}, {"sync_interval": 11}, {"exclude": ["*.tmp"]}):
        assert boss.post(CONFIGURE, json=same, headers=STEP_UP).status_code == 200
    boss.post(CONFIRM, json={"password": PASSWORD})
    assert boss.post(CONFIGURE, json={"ftp_path": "/c"}, headers=STEP_UP).status_code == 200


def test_where_it_is_demanded_a_session_alone_moves_nothing_and_syncs_all_the_same(
    strict_server: FarcopyServer,
) -> None:
    with strict_server.client() as client:
        sign_in(client, "boss")
        ftp = {"ftp_host": "127.0.0.1", "ftp_port": 9, "ftp_username": "u", "ftp_password": "p"}
        assert client.post(CONFIGURE, json=ftp).status_code == 200
        age(strict_server)
        refused = client.post(CONFIGURE, json={**ftp, "ftp_host": "evil.example"})
        assert (refused.status_code, refused.json()["code"]) == (403, "confirm_password")
        assert client.post(CONFIGURE, json={"sync_interval": 9}).status_code == 200
        started = client.post("/api/sync/sync-now.php", headers={"Prefer": "respond-async"})
        assert started.json().get("code") != "confirm_password"
        client.post(CONFIRM, json={"password": PASSWORD})
        assert client.post(CONFIGURE, json={**ftp, "ftp_path": "/x"}).status_code == 200
