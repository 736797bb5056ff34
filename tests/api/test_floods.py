"""A flood of calls without a session: few rows, every call counted, every other has its own."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import PASSWORD, FarcopyServer
from tests.api.test_sign_in import attempt
from tests.running import run_farcopy

STATUS = "/api/sync/status.php"
CALLS = 400


def flood(server: FarcopyServer, calls: int = CALLS) -> None:
    with server.client() as client:
        for _ in range(calls):
            assert client.get(STATUS).status_code == 401


def rows(server: FarcopyServer) -> list[tuple[str, int, dict[str, object]]]:
    found = server.query("SELECT action, response_status, details FROM audit_logs ORDER BY id")
    return [(action, status, json.loads(details)) for action, status, details in found]


def test_beyond_a_hundred_a_minute_they_share_a_row_that_is_sealed_and_counts_them(
    start_server: ServerFactory,
) -> None:
    server = start_server(verb="web")
    before = len(rows(server))
    flood(server)
    with server.client() as client:
        # All else has its own row also in the middle of it.
        assert attempt(client, "nobody", "x").status_code == 401
        assert attempt(client, "boss", PASSWORD).status_code == 200
        for _ in range(5):
            assert client.get(STATUS).status_code == 200
        assert client.get("/api/nothing").status_code == 404
    assert server.stop() == 0  # the minute that was begun is written too
    found = rows(server)[before:]
    own = [row for row in found if row[:2] == ("sync.status", 401)]
    shared = [row[2] for row in found if row[0] == "audit.shared"]
    assert len(own) + sum(int(str(row["calls"])) for row in shared) == CALLS
    assert len(own) <= 200  # two minutes, if one ended meanwhile
    assert shared[0]["actions"] == {"sync.status": shared[0]["calls"]}
    assert str(shared[0]["from"]) <= str(shared[0]["to"])
    assert [row[:2] for row in found if row[1] != 401] == [
        ("auth.login", 200), *[("sync.status", 200)] * 5, ("unknown", 404)]
    assert ("auth.login", 401) in [row[:2] for row in found]
    done = run_farcopy(server.home, "audit", "verify")
    assert done.returncode == 0, done.stdout


def test_what_changes_something_under_a_flood_has_its_entry(start_server: ServerFactory) -> None:
    server = start_server(verb="web")
    end = threading.Event()

    def go_on() -> None:
        with server.client() as client:
            while not end.is_set():
                client.get("/api/sync/get-config.php")

    with ThreadPoolExecutor(8) as pool, server.signed_in() as admin:
        for _ in range(8):
            pool.submit(go_on)
        try:
            statuses = [
                admin.post("/api/users/add.php", json={"username": f"user{n}", "role": "viewer"})
                .status_code for n in range(12)
            ]
        finally:
            end.set()
    added = {name for (name,) in server.query("SELECT username FROM users WHERE username LIKE"
                                              " 'user%'")}
    told = {row[2]["account"] for row in rows(server) if row[:2] == ("users.add", 200)}
    assert added == told
    assert len(added) == statuses.count(200)
    assert set(statuses) <= {200, 503}


