"""The second factor: set up, asked for, guessed, lost, demanded; and under another master key."""

import base64
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import PASSWORD, FarcopyServer, sign_in

LOGIN, ME, CONFIRM = (f"/api/auth/{verb}.php" for verb in ("login", "me", "confirm"))
OTP, BEGIN, ENABLE, DISABLE = (
    f"/api/auth/{verb}.php" for verb in ("otp", "otp-begin", "otp-enable", "otp-disable")
)
STATUS = "/api/sync/status.php"
FARCOPY = "import sys; sys.argv[0] = 'farcopy'; from farcopy.cli import main; main()"


@pytest.fixture(scope="module")
def own_server(start_server: ServerFactory) -> FarcopyServer:
    return start_server(verb="web")


@pytest.fixture
def person(own_server: FarcopyServer) -> str:
    return own_server.add_admin()


@pytest.fixture
def client(own_server: FarcopyServer, person: str) -> Iterator[httpx.Client]:
    """Signed in as the person."""
    with own_server.client() as made:
        sign_in(made, person)
        yield made


class App:
    """An authenticator app: shows the code of a moment. Each call takes the next step."""

    def __init__(self, server: FarcopyServer, person: str, secret: str) -> None:
        self._server, self._person = server, person
        self._totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)

    def code(self, steps: int = 0) -> str:
        return self._totp.generate(int(time.time()) + 30 * steps).decode()

    def begin_step(self) -> None:
        """What follows is not to fall on the change from one code to the next."""
        left_s = 30 - time.time() % 30
        if left_s < 10:
            time.sleep(left_s)

    def fresh(self) -> str:
        """A code that was not used, without waiting half a minute for it."""
        self._server.query(
            "UPDATE second_factors SET last_step = 0 WHERE user_id ="
            " (SELECT id FROM users WHERE username = ?)", self._person,
        )
        return self.code()


@pytest.fixture
def app(own_server: FarcopyServer, person: str, client: httpx.Client) -> App:
    """Of the person's second factor, which is on."""
    return set_up(own_server, person, client)[0]


def set_up(server: FarcopyServer, person: str, client: httpx.Client) -> tuple[App, list[str]]:
    begun = client.post(BEGIN)
    assert begun.status_code == 200, begun.text
    made = App(server, person, begun.json()["data"]["secret"])
    answer = client.post(ENABLE, json={"otp": made.code()})
    assert answer.status_code == 200, answer.text
    return made, answer.json()["data"]["recovery_codes"]


def login(server: FarcopyServer, person: str, otp: object = None,
          password: str = PASSWORD) -> tuple[int, str]:
    body = {"username": person, "password": password, **({} if otp is None else {"otp": otp})}
    with server.client() as client:
        answer = client.post(LOGIN, json=body)
    return answer.status_code, answer.json().get("code", "")


def test_what_is_begun_counts_only_once_a_code_was_given(
    own_server: FarcopyServer, person: str, client: httpx.Client
) -> None:
    begun = client.post(BEGIN).json()["data"]
    assert begun["uri"] == (
        f"otpauth://totp/farcopy%3A{person}?secret={begun['secret']}&issuer=farcopy")
    assert len(begun["qr"]) == len(begun["qr"][0]) >= 29
    assert set("".join(begun["qr"])) == {"0", "1"}
    assert login(own_server, person) == (200, "")
    wrong = client.post(ENABLE, json={"otp": "000000"})
    assert (wrong.status_code, set(wrong.json()["fields"])) == (400, {"otp"})
    assert client.get(OTP).json()["data"] == {
        "is_on": False, "is_required": False, "since": None, "recovery_codes_left": 0}


def test_signing_in_needs_a_code_and_only_who_has_the_password_learns_that(
    own_server: FarcopyServer, person: str, app: App
) -> None:
    assert login(own_server, person, password="wrong") == (401, "bad_credentials")
    assert login(own_server, person, "123456", "wrong") == (401, "bad_credentials")
    assert login(own_server, person) == (401, "otp_required")
    assert login(own_server, person, "") == (401, "otp_required")
    assert login(own_server, person, 123456)[0] == 400
    assert login(own_server, person, "12345x") == (401, "bad_otp")
    assert login(own_server, person, app.fresh()) == (200, "")


def test_a_code_counts_once_also_those_of_before_and_a_clock_may_be_half_a_minute_off(
    own_server: FarcopyServer, person: str, app: App
) -> None:
    used = app.code()
    assert login(own_server, person, used) == (401, "bad_otp")  # it switched the factor on
    app.fresh()
    app.begin_step()
    late = app.code(steps=-1)
    assert login(own_server, person, f"{late[:3]} {late[3:]}") == (200, "")
    assert login(own_server, person, late) == (401, "bad_otp")
    assert login(own_server, person, app.code(steps=1)) == (200, "")
    assert login(own_server, person, app.code()) == (401, "bad_otp")
    assert login(own_server, person, app.code(steps=3)) == (401, "bad_otp")


def test_wrong_codes_lock_as_wrong_passwords_do(
    own_server: FarcopyServer, person: str, app: App
) -> None:
    for _ in range(5):
        assert login(own_server, person, "000000") == (401, "bad_otp")
    assert login(own_server, person, app.fresh()) == (429, "too_many_attempts")
    own_server.run_python(FARCOPY, "user", "unlock", person)
    assert login(own_server, person, app.fresh()) == (200, "")


def test_of_many_at_once_one_signs_in_with_a_code_and_guesses_meet_the_lock(
    own_server: FarcopyServer, person: str, app: App
) -> None:
    app.fresh()
    app.begin_step()
    right = app.code()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: login(own_server, person, right), range(5)))
        assert sorted(status for status, _ in answers) == [200, 401, 401, 401, 401]
        own_server.run_python(FARCOPY, "user", "unlock", person)
        guesses = list(pool.map(lambda n: login(own_server, person, f"{n:06}"), range(12)))
    assert Counter(guesses) == {(401, "bad_otp"): 5, (429, "too_many_attempts"): 7}
    own_server.run_python(FARCOPY, "user", "unlock", person)


def test_a_recovery_code_signs_in_once(
    own_server: FarcopyServer, person: str, client: httpx.Client
) -> None:
    _, codes = set_up(own_server, person, client)
    assert len(set(codes)) == 10
    assert login(own_server, person, codes[0].upper().replace("-", " ")) == (200, "")
    assert login(own_server, person, codes[0]) == (401, "bad_otp")
    assert login(own_server, person, codes[1]) == (200, "")
    assert client.get(OTP).json()["data"]["recovery_codes_left"] == 8


def test_neither_secret_nor_codes_lie_in_the_database_or_a_log(
    own_server: FarcopyServer, person: str, client: httpx.Client
) -> None:
    secret = client.post(BEGIN).json()["data"]["secret"]
    app = App(own_server, person, secret)
    codes = client.post(ENABLE, json={"otp": app.code()}).json()["data"]["recovery_codes"]
    stored = str(own_server.query("SELECT * FROM second_factors"))
    told = stored + str(own_server.query("SELECT * FROM audit_logs")) + "".join(
        own_server.log_text(name) for name in ("auth.log", "service.log"))
    for text in (secret, base64.b32decode(secret).hex(), *codes, codes[0].replace("-", "")):
        assert text not in told
    assert "v2$" in stored


def test_switching_it_on_ends_the_other_sessions_and_off_needs_the_code_lately(
    own_server: FarcopyServer, person: str, client: httpx.Client
) -> None:
    with own_server.client() as other:
        sign_in(other, person)
        app, _ = set_up(own_server, person, client)
        assert other.get(ME).status_code == 401
    own_server.query("UPDATE sessions SET confirmed_at = datetime('now', '-6 minutes')")
    assert client.post(DISABLE).json()["code"] == "confirm_password"
    without = client.post(CONFIRM, json={"password": PASSWORD})
    assert (without.status_code, without.json()["code"]) == (401, "otp_required")
    assert client.post(DISABLE).status_code == 403
    both = {"password": PASSWORD, "otp": app.fresh()}
    assert client.post(CONFIRM, json=both).status_code == 200
    assert client.post(BEGIN).json()["code"] == "otp_state"
    assert client.post(DISABLE).json()["data"]["is_on"] is False
    assert login(own_server, person) == (200, "")


def test_a_new_password_confirms_nothing_where_a_code_is_needed(
    own_server: FarcopyServer, person: str, client: httpx.Client, app: App
) -> None:
    own_server.query("UPDATE sessions SET confirmed_at = datetime('now', '-6 minutes')")
    changed = client.post("/api/auth/password.php", json={
        "current_password": PASSWORD, "new_password": "another sentence of mine 7"})
    assert changed.status_code == 200
    assert client.post(DISABLE).json()["code"] == "confirm_password"


def test_an_admin_or_the_command_line_takes_a_lost_one_away(
    own_server: FarcopyServer, person: str, client: httpx.Client
) -> None:
    set_up(own_server, person, client)
    with own_server.client() as boss:
        sign_in(boss, "boss")
        assert person in boss.get("/api/users/list.php").json()["data"]["with_otp"]
        answer = boss.post("/api/users/reset-otp.php", json={"username": person})
        assert answer.status_code == 200
        assert login(own_server, person) == (200, "")
        set_up(own_server, person, client)
        assert login(own_server, person) == (401, "otp_required")
        assert "second factor" in own_server.run_python(FARCOPY, "user", "list")
        own_server.run_python(FARCOPY, "user", "otp-reset", person)
        assert login(own_server, person) == (200, "")
        assert person not in boss.get("/api/users/list.php").json()["data"]["with_otp"]


def test_a_new_master_key_keeps_it_and_a_lost_one_takes_it_away(
    start_server: ServerFactory,
) -> None:
    server = start_server(verb="web")
    with server.client() as client:
        sign_in(client, "boss")
        app, _ = set_up(server, "boss", client)
    before = server.query("SELECT secret_encrypted FROM second_factors")
    server.run_python(FARCOPY, "key", "rotate")
    assert server.query("SELECT secret_encrypted FROM second_factors") != before
    assert login(server, "boss", app.fresh()) == (200, "")

    (server.home / "farcopy.key").write_text("7b" * 31 + "01")
    assert login(server, "boss", app.fresh()) == (503, "key_mismatch")
    server.run_python(FARCOPY, "key", "reset", "--yes")
    assert server.query("SELECT * FROM second_factors") == []
    assert login(server, "boss") == (200, "")


def test_where_it_is_demanded_an_admin_without_it_may_set_it_up_and_nothing_else(
    start_server: ServerFactory,
) -> None:
    server = start_server(verb="web", FARCOPY_REQUIRE_OTP="admin")
    with server.client() as client, server.client() as viewer:
        sign_in(client, "boss")
        sign_in(viewer, "view")
        for path in (STATUS, "/api/users/list.php", "/api/read/status.php"):
            refused = client.get(path)
            assert (refused.status_code, refused.json()["code"]) == (403, "otp_setup_required")
        assert client.get(OTP).json()["data"]["is_required"] is True
        assert viewer.get(OTP).json()["data"]["is_required"] is False
        set_up(server, "boss", client)
        assert client.get(STATUS).status_code == 200
        made = client.post("/api/tokens/add.php", json={"name": "a", "scopes": ["read"]}).json()
        server.query("UPDATE second_factors SET is_on = 0")
        assert client.get(STATUS).json()["code"] == "otp_setup_required"
        bearer = {"Authorization": f"Bearer {made['data']['token']}"}
        with server.client(headers=bearer) as program:
            assert program.get(STATUS).json()["code"] == "otp_setup_required"
