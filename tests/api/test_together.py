"""What a call or a verb changes is committed with its entry of the audit trail, or not at all."""

from collections.abc import Callable

import httpx
import pytest

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import PASSWORD, FarcopyServer
from tests.api.test_sign_in import NEW_PASSWORD
from tests.running import run_farcopy

BOOKKEEPING = {"audit_head", "audit_logs_gone", "sessions", "sqlite_sequence", "engine_lease"}
"""The trail itself; and when a session was last used, of which no entry is owed."""


@pytest.fixture(scope="module")
def own_server(start_server: ServerFactory) -> FarcopyServer:
    return start_server(verb="web")


def state_of(server: FarcopyServer) -> dict[str, object]:
    """Every table there is, but for the trail's own and the uses of sessions."""
    tables = [name for (name,) in server.query(
        "SELECT name FROM sqlite_master WHERE type = 'table'") if name not in BOOKKEEPING]
    found: dict[str, object] = {t: server.query(f'SELECT * FROM "{t}"') for t in tables}
    found["sessions"] = server.query("SELECT id_hash FROM sessions ORDER BY 1")
    return found


@pytest.fixture
def without_a_trail(own_server: FarcopyServer) -> Callable[[], None]:
    def put_back() -> None:
        own_server.query("ALTER TABLE audit_logs_gone RENAME TO audit_logs")

    own_server.session_of("boss")
    own_server.query("ALTER TABLE audit_logs RENAME TO audit_logs_gone")
    return put_back


CALLS = [
    ("sync/configure-sync.php", {"sync_interval": 77}),
    ("sync/disable-auto.php", {}),
    ("auth/login.php", {"username": "view", "password": PASSWORD}),
    ("auth/logout.php", {}),
    ("auth/password.php", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
    ("users/add.php", {"username": "anna", "role": "viewer"}),
    ("users/change.php", {"username": "rad", "role": "viewer"}),
    ("users/change.php", {"username": "rad", "is_active": False}),
    ("users/reset-password.php", {"username": "rad"}),
    ("users/unlock.php", {"username": "rad"}),
]


@pytest.mark.parametrize(("path", "body"), CALLS, ids=str)
def test_a_call_whose_entry_cannot_be_written_changes_nothing_and_says_503(
    own_server: FarcopyServer, without_a_trail: Callable[[], None], path: str,
    body: dict[str, object],
) -> None:
    before = state_of(own_server)
    try:
        with own_server.signed_in() as client:
            answer = client.post(f"/api/{path}", json=body)
        after = state_of(own_server)
    finally:
        without_a_trail()
    assert (answer.status_code, answer.json()["code"]) == (503, "ledger_trouble")
    assert "set-cookie" not in answer.headers
    assert after == before


@pytest.mark.parametrize(("path", "body"), CALLS, ids=str)
def test_a_call_that_changes_something_has_one_entry(
    own_server: FarcopyServer, path: str, body: dict[str, object]
) -> None:
    name = own_server.add_admin()
    if "username" in body and path != "users/add.php":
        body = {**body, "username": own_server.add_admin()}
    with own_server.client() as client:
        sign_in = {"username": name, "password": PASSWORD}
        assert client.post("/api/auth/login.php", json=sign_in).status_code == 200
        (before,) = own_server.query("SELECT max(id) FROM audit_logs")[0]
        answer = client.post(f"/api/{path}", json=body)
    assert answer.status_code == 200, answer.text
    entries = own_server.query(
        "SELECT response_status, username, action, json_extract(details, '$.request_id')"
        " FROM audit_logs WHERE id > ?", before)
    who = body["username"] if path == "auth/login.php" else name
    action = path.removesuffix(".php").replace("/", ".").replace("-", "_")
    action = {"sync.configure_sync": "sync.configure"}.get(action, action)
    assert entries == [(200, who, action, answer.headers["X-Request-ID"])]


VERBS = [
    ("configure", "--sync-interval", "78"),
    ("user", "add", "bert", "--role", "viewer"),
    ("user", "role", "tech", "viewer"),
    ("user", "disable", "tech"),
    ("user", "enable", "tech"),
    ("user", "unlock", "tech"),
    ("user", "password", "tech"),
]


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_a_verb_whose_entry_cannot_be_written_changes_nothing(
    own_server: FarcopyServer, without_a_trail: Callable[[], None], words: tuple[str, ...]
) -> None:
    before = state_of(own_server)
    try:
        done = run_farcopy(own_server.home, *words)
        after = state_of(own_server)
    finally:
        without_a_trail()
    assert done.returncode == 1, done.stdout
    assert after == before


def test_a_call_that_is_refused_changes_nothing_and_has_its_entry(
    own_server: FarcopyServer,
) -> None:
    with own_server.signed_in() as client:
        answer: httpx.Response = client.post(
            "/api/users/add.php", json={"username": "boss", "role": "viewer"})
    assert answer.status_code == 409
    row = own_server.last_audit()
    assert (row["action"], row["response_status"], row["details"]["code"]) == (
        "users.add", 409, "user_exists")
