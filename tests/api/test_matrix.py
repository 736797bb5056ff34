"""Every route × caller × method, from the table of routes: only documented cells succeed.

A new route is in here by itself. Its view is reached by those who may call it, with a body
that changes nothing.
"""

import itertools
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256

import httpx
import pytest

from farcopy.web.routes import ROUTES, Access, Route
from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import COOKIE, FarcopyServer

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
NOBODY = ("nobody", "forged", "expired", "disabled")
OTHER_ROLES = ("auditor", "radiologist", "technician", "viewer")
CALLERS = (*NOBODY, *OTHER_ROLES, "admin", "admin with a generated password")
UNKNOWN = ("/api/sync/nothing.php", "/api/users/nothing.php", "/api/nothing")
PATHS = [*ROUTES, *UNKNOWN]
PAST_THE_GATE = {200, 202, 400, 404, 409}
"""What a view itself may answer to an empty object; 404 of an account that is not there."""


def expected(path: str, caller: str, method: str) -> set[int]:
    """What the documented order makes of a request with nothing else wrong."""
    if method == "OPTIONS":
        return {204}
    route = ROUTES.get(path)
    access = route.access if route else Access.ADMIN
    if access is not Access.OPEN:
        if caller in NOBODY:
            return {401}
        if access is Access.ADMIN and caller != "admin":
            return {403}
        if access is Access.READ and caller not in ("admin", "auditor"):
            return {403}
    if route is None:
        return {404}
    return PAST_THE_GATE if method == route.method else {405}


def session_like(server: FarcopyServer, account: str, aged: str = "") -> str:
    """A session of the account in the database, its times changed so."""
    session = secrets.token_urlsafe(32)
    server.query(
        "INSERT INTO sessions (id_hash, user_id, password_mark, signed_in_at, last_used_at,"
        " confirmed_at)"
        " SELECT ?, user_id, password_mark, datetime('now', ?), datetime('now', ?), datetime('now')"
        " FROM sessions JOIN users ON users.id = user_id WHERE username = ? LIMIT 1",
        sha256(session.encode()).hexdigest(), aged or "+0 seconds", aged or "+0 seconds", account,
    )
    return session


class Callers:
    """A client for each; one that signs out is signed in again."""

    def __init__(self, server: FarcopyServer) -> None:
        self._server = server
        self._accounts = {
            "auditor": "audi", "radiologist": "rad", "technician": "tech", "viewer": "view",
            "admin": "boss", "expired": "boss", "disabled": "gone",
            "admin with a generated password": "new",
        }
        for account in ("gone", "new"):
            server.query(
                "INSERT INTO users (password, username, role, is_active, must_change_password,"
                " created_at) SELECT password, ?, 'admin', 1, 0, created_at FROM users"
                " WHERE username = 'boss'", account,
            )
        server.query(
            "INSERT INTO users (password, username, role, is_active, must_change_password,"
            " created_at) SELECT password, 'audi', 'auditor', 1, 0, created_at FROM users"
            " WHERE username = 'boss'"
        )
        for account in set(self._accounts.values()):
            server.session_of(account)
        server.query("UPDATE users SET is_active = 0 WHERE username = 'gone'")
        server.query("UPDATE users SET must_change_password = 1 WHERE username = 'new'")

    def client(self, caller: str) -> httpx.Client:
        if caller == "nobody":
            return self._server.client()
        if caller == "forged":
            return self._server.client(cookies={COOKIE: secrets.token_urlsafe(32)})
        aged = "-13 hours" if caller == "expired" else ""
        session = session_like(self._server, self._accounts[caller], aged)
        return self._server.client(cookies={COOKIE: session})


@pytest.fixture(scope="module")
def own_server(start_server: ServerFactory) -> FarcopyServer:
    return start_server(verb="web")


@pytest.fixture(scope="module")
def callers(own_server: FarcopyServer) -> Callers:
    return Callers(own_server)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("path", PATHS)
def test_only_documented_cells_of_route_caller_and_method_succeed(
    callers: Callers, path: str, caller: str
) -> None:
    with callers.client(caller) as client:
        for method in METHODS:
            # An empty object: what needs fields refuses it, what takes none goes on.
            body = {} if method in ("POST", "PUT", "PATCH") else None
            answer = client.request(method, path, json=body)
            assert answer.status_code in expected(path, caller, method), f"{method} {answer.text}"
            check_shape(answer, method, ROUTES.get(path))
            if answer.status_code == 200 and path == "/api/auth/logout.php":
                return  # signed out: what follows is nobody's


def check_shape(answer: httpx.Response, method: str, route: Route | None) -> None:
    if method in ("HEAD", "OPTIONS"):
        assert answer.content == b""
    elif answer.status_code >= 400:
        envelope = answer.json()
        assert envelope["success"] is False
        assert envelope["error"]
        assert envelope["code"]
        assert envelope["request_id"] == answer.headers["X-Request-ID"]
    if answer.status_code in (204, 405):
        assert "OPTIONS" in answer.headers["Allow"]
        assert route is None or answer.headers["Allow"] == f"{route.method}, OPTIONS"


def test_no_session_an_expired_and_a_forged_one_are_told_the_same(callers: Callers) -> None:
    told = []
    for caller in NOBODY:
        with callers.client(caller) as client:
            envelope = client.get("/api/sync/status.php").json()
        told.append({name: text for name, text in envelope.items() if name != "request_id"})
    assert all(one == told[0] for one in told)
    assert told[0]["code"] == "unauthorized"


@pytest.fixture
def client(own_server: FarcopyServer, callers: Callers) -> Iterator[httpx.Client]:
    with callers.client("admin") as made:
        yield made


def test_reading_changes_nothing_but_the_audit_trail(
    own_server: FarcopyServer, client: httpx.Client
) -> None:
    before = dump(own_server)
    for path, method in itertools.product([*PATHS, "/", "/healthz"], ("GET", "HEAD", "OPTIONS")):
        client.request(method, path)
    assert dump(own_server) == before


def dump(server: FarcopyServer) -> list[str]:
    with closing(sqlite3.connect(server.home / "farcopy.sqlite3", timeout=20)) as database:
        return [line for line in database.iterdump() if "audit_" not in line]
