"""Sign-in, sessions and passwords, on a server whose accounts these tests may change."""

import json
import time
from collections.abc import Iterator
from hashlib import sha256

import httpx
import pytest

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import COOKIE, PASSWORD, FarcopyServer, sign_in

LOGIN = "/api/auth/login.php"
ME = "/api/auth/me.php"
STATUS = "/api/sync/status.php"
CHANGE = "/api/auth/password.php"
NEW_PASSWORD = "another long sentence 5"


@pytest.fixture(scope="module")
def own_server(start_server: ServerFactory) -> FarcopyServer:
    return start_server()


@pytest.fixture
def client(own_server: FarcopyServer) -> Iterator[httpx.Client]:
    with own_server.client() as made:
        yield made


@pytest.fixture
def account(own_server: FarcopyServer) -> str:
    """An admin of this test's own, with PASSWORD."""
    return own_server.add_admin()


def attempt(client: httpx.Client, username: object, password: object) -> httpx.Response:
    return client.post(LOGIN, json={"username": username, "password": password})


def test_signing_in_tells_who_one_is_and_opens_the_api(
    client: httpx.Client, account: str
) -> None:
    answer = attempt(client, account, PASSWORD)
    assert answer.json() == {
        "success": True, "message": "Login successful",
        "data": {"username": account, "role": "admin", "must_change_password": False},
    }
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert client.get(STATUS).status_code == 200
    assert client.get(ME).json()["data"] == answer.json()["data"]


def test_the_session_id_is_new_at_each_sign_in_and_the_old_one_worthless(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    before = sign_in(client, account)
    after = sign_in(client, account)
    assert before != after
    with own_server.client(cookies={COOKIE: before}) as old:
        assert old.get(ME).status_code == 401


def test_an_id_chosen_by_somebody_else_is_not_taken_over(
    own_server: FarcopyServer, account: str
) -> None:
    planted = "b" * 32
    with own_server.client(cookies={COOKIE: planted}) as client:
        answer = attempt(client, account, PASSWORD)
    assert answer.cookies[COOKIE] != planted
    with own_server.client(cookies={COOKIE: planted}) as client:
        assert client.get(ME).status_code == 401


def test_the_database_does_not_hold_session_ids(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    session = sign_in(client, account)
    rows = own_server.query("SELECT * FROM sessions")
    assert sha256(session.encode()).hexdigest() in {row[0] for row in rows}
    assert session not in str(rows)


def test_unknown_user_wrong_password_and_disabled_account_read_the_same(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    own_server.query("UPDATE users SET is_active = 0 WHERE username = ?", account)
    answers = [
        attempt(client, "nobody here", PASSWORD),
        attempt(client, "tech", "wrong"),
        attempt(client, account, PASSWORD),
    ]
    assert [answer.status_code for answer in answers] == [401] * 3
    told = [{k: v for k, v in a.json().items() if k != "request_id"} for a in answers]
    assert told == [{
        "success": False, "error": "Wrong username or password", "code": "bad_credentials",
    }] * 3
    assert COOKIE not in client.cookies


_COUNT_HASHES = """
import json, sys
from farcopy.process import set_up
set_up("farcopy.settings.web")
from django.contrib.auth.hashers import Argon2PasswordHasher as Hasher
from django.test import Client
worked = []
for name in ("encode", "verify"):
    def counted(self, *args, _real=getattr(Hasher, name), **options):
        worked.append(1)
        return _real(self, *args, **options)
    setattr(Hasher, name, counted)
found = []
for account in json.loads(sys.argv[1]):
    worked.clear()
    body = {"username": account, "password": "wrong"}
    answer = Client().post(sys.argv[2], body, content_type="application/json")
    found.append([answer.status_code, len(worked)])
print(json.dumps(found))
"""


def test_unknown_wrong_and_disabled_cost_the_same_hashing_work(
    own_server: FarcopyServer, account: str
) -> None:
    # Counted, not timed: a clock tells as much of the machine's other work.
    own_server.query("UPDATE users SET is_active = 0 WHERE username = ?", account)
    names = json.dumps(["nobody at all", "rad", account])
    counted = json.loads(own_server.run_python(_COUNT_HASHES, names, LOGIN))
    assert counted == [[401, 1]] * 3


def test_five_wrong_passwords_lock_the_account_for_a_while(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    statuses = [attempt(client, account, f"wrong {n}").status_code for n in range(5)]
    assert statuses == [401] * 5
    locked = attempt(client, account, PASSWORD)
    assert (locked.status_code, locked.json()["code"]) == (429, "too_many_attempts")
    assert 0 < int(locked.headers["Retry-After"]) <= 900
    assert attempt(client, "boss", PASSWORD).status_code == 200
    # Sixteen minutes pass.
    own_server.query(
        "UPDATE axes_accessattempt SET attempt_time = datetime(attempt_time, '-16 minutes')"
        " WHERE username = ?", account,
    )
    assert attempt(client, account, PASSWORD).status_code == 200


def test_attempts_on_an_unknown_account_are_locked_alike(client: httpx.Client) -> None:
    statuses = [attempt(client, "ghost", "wrong").status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


def at(server: FarcopyServer, address: str) -> httpx.Client:
    """A client at another address of this machine."""
    return server.client(transport=httpx.HTTPTransport(local_address=address, verify=False))


def note_failures(server: FarcopyServer, address: str, count: int) -> None:
    """As if so many passwords had been wrong there just now, each of another name."""
    for number in range(count):
        server.query(
            "INSERT INTO axes_accessattempt (username, ip_address, user_agent, get_data,"
            " post_data, http_accept, path_info, failures_since_start, attempt_time)"
            " VALUES (?, ?, '', '', '', '', '', 1, strftime('%Y-%m-%d %H:%M:%f', 'now'))",
            f"ghost {number} {address} {time.monotonic_ns()}", address,
        )


def test_guesses_lock_an_account_everywhere_but_where_it_has_been_signed_in_to(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    sign_in(client, account)
    with at(own_server, "127.0.0.2") as one, at(own_server, "127.0.0.3") as other:
        statuses = [attempt(one, account, f"wrong {n}").status_code for n in range(3)]
        statuses += [attempt(other, account, f"wrong {n}").status_code for n in range(3)]
        assert statuses == [401] * 5 + [429]
        assert attempt(one, account, PASSWORD).status_code == 429
    assert attempt(client, account, PASSWORD).status_code == 200


def test_twenty_wrong_passwords_lock_their_address_for_every_account(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    with at(own_server, "127.0.0.4") as guesser:
        note_failures(own_server, "127.0.0.4", 19)
        assert attempt(guesser, "never heard of", "wrong").status_code == 401
        locked = attempt(guesser, account, PASSWORD)
        assert (locked.status_code, locked.json()["code"]) == (429, "too_many_attempts")
        assert 0 < int(locked.headers["Retry-After"]) <= 900
        assert attempt(client, account, PASSWORD).status_code == 200

        client.post("/api/users/unlock.php", json={"username": account})

        assert attempt(guesser, account, PASSWORD).status_code == 200


def test_an_address_where_somebody_signs_in_begins_to_count_anew(
    own_server: FarcopyServer, account: str
) -> None:
    with at(own_server, "127.0.0.5") as ward:
        for turn in range(2):
            note_failures(own_server, "127.0.0.5", 14)
            assert attempt(ward, f"typo {turn}", "x").status_code == 401
            assert attempt(ward, account, PASSWORD).status_code == 200


def test_a_sixth_sign_in_ends_the_oldest_session(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    ids = []
    for _ in range(6):
        with own_server.client() as another:
            ids.append(sign_in(another, account))
    statuses = []
    for session in ids:
        with own_server.client(cookies={COOKIE: session}) as another:
            statuses.append(another.get(ME).status_code)
    assert statuses == [401] + [200] * 5


def test_two_cookies_of_the_name_are_as_good_as_none(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    session = sign_in(client, account)
    for second in ("b" * 43, session):
        header = {"Cookie": f"{COOKIE}={session}; {COOKIE}={second}"}
        with own_server.client(headers=header) as another:
            refused = another.get(ME)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")


def test_an_altered_session_id_is_nobody(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    session = sign_in(client, account)
    altered = ("A" if session[0] != "A" else "B") + session[1:]
    with own_server.client(cookies={COOKIE: altered}) as another:
        assert another.get(ME).status_code == 401


@pytest.mark.parametrize("change", ["is_active = 0", "password = 'argon2$x'", "role = 'viewer'"])
def test_what_changes_for_an_account_counts_at_the_very_next_request(
    own_server: FarcopyServer, client: httpx.Client, account: str, change: str
) -> None:
    sign_in(client, account)
    assert client.get(STATUS).status_code == 200
    own_server.query(f"UPDATE users SET {change} WHERE username = ?", account)
    assert client.get(STATUS).status_code == (403 if "role" in change else 401)


def test_an_account_disabled_and_enabled_again_must_sign_in_anew(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    sign_in(client, account)
    with own_server.signed_in() as boss:
        for is_active in (False, True):
            boss.post("/api/users/change.php", json={"username": account, "is_active": is_active})
    assert client.get(ME).status_code == 401


def test_signing_out_ends_the_session(own_server: FarcopyServer, account: str) -> None:
    with own_server.client() as client:
        session = sign_in(client, account)
        answer = client.post("/api/auth/logout.php")
        assert answer.json() == {"success": True, "message": "Logout successful"}
        assert COOKIE not in client.cookies
    with own_server.client(cookies={COOKIE: session}) as client:
        assert client.get(ME).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {}, {"username": "boss"}, {"username": "boss", "password": ""},
        {"username": "", "password": "x"}, {"username": 1, "password": "x"},
        {"username": "boss", "password": None}, {"username": ["boss"], "password": "x"},
        {"username": "bo\x00ss", "password": "x"}, {"username": "bo\nss", "password": "x"},
        {"username": "x" * 151, "password": "x"}, {"username": "boss", "password": "x" * 5000},
        {"username": "boss", "password": "x", "role": "admin"},
    ],
    ids=repr,
)
def test_a_login_that_is_none_is_a_bad_request_with_the_field_named(
    client: httpx.Client, body: dict[str, object]
) -> None:
    answer = client.post(LOGIN, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_fields")
    assert answer.json()["fields"]


@pytest.mark.parametrize("field", ["username", "password"])
def test_half_a_surrogate_pair_is_a_bad_request(client: httpx.Client, field: str) -> None:
    body = '{"username": "boss", "password": "x"}'.replace(
        '"boss"' if field == "username" else '"x"', '"\\ud800"'
    )
    answer = client.post(LOGIN, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


def test_changing_the_password_keeps_this_session_and_ends_the_others(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    before = sign_in(client, account)
    with own_server.client() as elsewhere:
        sign_in(elsewhere, account)
        answer = client.post(
            CHANGE, json={"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        )
        assert answer.status_code == 200, answer.text
        assert client.cookies[COOKIE] != before
        assert client.get(STATUS).status_code == 200
        assert elsewhere.get(STATUS).status_code == 401
        assert attempt(elsewhere, account, PASSWORD).status_code == 401
        assert attempt(elsewhere, account, NEW_PASSWORD).status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "code"),
    [
        ("wrong", NEW_PASSWORD, "wrong_password"), (PASSWORD, "short", "weak_password"),
        (PASSWORD, "password123", "weak_password"), (PASSWORD, PASSWORD, "invalid_fields"),
        ("", NEW_PASSWORD, "invalid_fields"), (PASSWORD, None, "invalid_fields"),
    ],
)
def test_a_new_password_must_be_good_and_the_old_one_known(
    client: httpx.Client, account: str, current: object, new: object, code: str
) -> None:
    sign_in(client, account)
    answer = client.post(CHANGE, json={"current_password": current, "new_password": new})
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_stolen_session_cannot_try_passwords_without_end(
    client: httpx.Client, account: str
) -> None:
    sign_in(client, account)
    statuses = [
        client.post(CHANGE, json={"current_password": f"w{n}", "new_password": NEW_PASSWORD})
        .status_code for n in range(6)
    ]
    assert statuses == [400] * 5 + [429]


def test_a_generated_password_must_be_changed_first(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    own_server.query("UPDATE users SET must_change_password = 1 WHERE username = ?", account)
    sign_in(client, account)
    refused = client.get(STATUS)
    assert (refused.status_code, refused.json()["code"]) == (403, "password_change_required")
    answer = client.post(
        CHANGE, json={"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    )
    assert answer.json()["data"]["must_change_password"] is False
    assert client.get(STATUS).status_code == 200


def age_sessions(server: FarcopyServer, column: str, minutes: int) -> None:
    server.query(f"UPDATE sessions SET {column} = datetime({column}, '-{minutes} minutes')")


def test_an_idle_session_ends_and_polling_does_not_keep_it(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    sign_in(client, account)
    age_sessions(own_server, "last_used_at", 20)
    assert client.get(STATUS).status_code == 200  # the page polls this: it does not count
    age_sessions(own_server, "last_used_at", 11)
    assert client.get(STATUS).status_code == 401


def test_a_session_in_use_goes_on_but_not_beyond_twelve_hours(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    sign_in(client, account)
    age_sessions(own_server, "last_used_at", 20)
    assert client.get(ME).status_code == 200
    age_sessions(own_server, "last_used_at", 20)
    assert client.get(ME).status_code == 200
    age_sessions(own_server, "signed_in_at", 721)
    assert client.get(ME).status_code == 401


@pytest.mark.parametrize("column", ["signed_in_at", "last_used_at"])
def test_a_session_of_a_clock_that_was_years_ahead_is_over(
    own_server: FarcopyServer, client: httpx.Client, account: str, column: str
) -> None:
    sign_in(client, account)
    own_server.query(f"UPDATE sessions SET {column} = datetime({column}, '+4 years')")
    assert client.get(ME).status_code == 401
    sign_in(client, account)
    assert client.get(ME).status_code == 200


def test_wrong_passwords_of_a_clock_that_was_years_ahead_lock_nobody(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    assert [attempt(client, account, "wrong").status_code for _ in range(6)][-1] == 429
    own_server.query(
        "UPDATE axes_accessattempt SET attempt_time = datetime(attempt_time, '+4 years')"
        " WHERE username = ?", account,
    )
    assert attempt(client, account, PASSWORD).status_code == 200


def test_the_auth_log_tells_of_each_event_with_name_and_address(
    own_server: FarcopyServer, client: httpx.Client, account: str
) -> None:
    attempt(client, account, "CANARY-wrong-password")
    sign_in(client, account)
    client.post("/api/auth/logout.php")
    log = own_server.log_text("auth.log")
    mine = [line for line in log.splitlines() if f'"{account}"' in line]
    for event in ("login.failed", "login.succeeded", "logout"):
        assert any(f'"{event}"' in line and "127.0.0.1" in line for line in mine), event
    assert "CANARY" not in log
    assert PASSWORD not in log


def test_over_https_the_cookie_is_secure_and_for_a_viewer_elsewhere_none(
    start_server: ServerFactory,
) -> None:
    secure = start_server(
        verb="web", FARCOPY_PUBLIC_URL="https://archive.hospital.example",
        CORS_ALLOWED_ORIGINS="https://viewer.elsewhere.example",
        FARCOPY_SESSION_COOKIE="FARCOPY_SESSION",
    )
    with secure.client() as client:
        answer = client.post(
            LOGIN, json={"username": "boss", "password": PASSWORD},
            headers={"Origin": "https://archive.hospital.example"},
        )
    cookie = answer.headers["Set-Cookie"]
    assert cookie.strip().startswith("FARCOPY_SESSION=")
    assert "Secure" in cookie
    assert "SameSite=None" in cookie


def test_a_host_cookie_is_secure_for_the_root_and_no_domain_and_signs_in_and_out(
    start_server: ServerFactory,
) -> None:
    name = "__Host-FARCOPY"
    secure = start_server(
        verb="web", FARCOPY_PUBLIC_URL="https://archive.hospital.example",
        FARCOPY_SESSION_COOKIE=name,
    )
    with secure.client() as client:
        answer = client.post(LOGIN, json={"username": "boss", "password": PASSWORD})
        attributes = answer.headers["Set-Cookie"].split("; ")
        session = attributes[0].partition("=")[2]
        assert attributes[0].startswith(f"{name}=")
        assert {"Secure", "Path=/", "HttpOnly", "SameSite=Lax"} <= set(attributes)
        assert "domain" not in answer.headers["Set-Cookie"].lower()
    with secure.client(headers={"Cookie": f"{name}={session}"}) as client:
        assert client.get(ME).status_code == 200
        gone = client.post("/api/auth/logout.php")
        assert "Secure" in gone.headers["Set-Cookie"]
        assert client.get(ME).status_code == 401
