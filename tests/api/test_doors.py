"""The sign-in's door under a crowd: who waits, whom a lock keeps out, what is kept of a name."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import PASSWORD, FarcopyServer
from tests.api.test_sign_in import at, attempt, note_failures
from tests.running import run_farcopy

CANARY = "Sommer2026!geheim"
CROWD = 40


@pytest.fixture(scope="module")
def own_server(start_server: ServerFactory) -> FarcopyServer:
    return start_server(verb="web")


def test_a_crowd_from_a_locked_address_keeps_nobody_else_out(own_server: FarcopyServer) -> None:
    note_failures(own_server, "127.0.0.6", 20)
    with at(own_server, "127.0.0.6") as locked, own_server.client() as client:
        with ThreadPoolExecutor(CROWD) as pool:
            crowd = [pool.submit(attempt, locked, f"name {n}", "x") for n in range(CROWD)]
            own = [attempt(client, "boss", PASSWORD).status_code for _ in range(3)]
        assert {answer.result().status_code for answer in crowd} == {429}
    assert own == [200] * 3


def test_a_crowd_from_one_address_leaves_room_to_others(own_server: FarcopyServer) -> None:
    with at(own_server, "127.0.0.7") as crowded, at(own_server, "127.0.0.8") as other:
        with ThreadPoolExecutor(CROWD) as pool:
            crowd = [pool.submit(attempt, crowded, f"name {n}", "x") for n in range(CROWD)]
            own = attempt(other, "boss", PASSWORD)
        assert {answer.result().status_code for answer in crowd} == {401, 429}
    assert own.status_code == 200


def test_twenty_wrong_names_behind_one_proxy_do_not_keep_out_who_is_known_there(
    own_server: FarcopyServer,
) -> None:
    with at(own_server, "127.0.0.9") as proxy:
        assert attempt(proxy, "boss", PASSWORD).status_code == 200
        note_failures(own_server, "127.0.0.9", 20)
        assert attempt(proxy, "boss", PASSWORD).status_code == 200
        note_failures(own_server, "127.0.0.9", 20)
        assert attempt(proxy, "view", PASSWORD).status_code == 429  # not known there
        statuses = [attempt(proxy, "boss", "wrong").status_code for _ in range(6)]
        assert statuses == [401] * 5 + [429]  # nor may one guess there without end


def test_a_name_of_no_account_is_nowhere_kept_and_can_be_compared(
    own_server: FarcopyServer,
) -> None:
    with own_server.client() as client:
        for _ in range(2):
            assert attempt(client, CANARY, "x").status_code == 401
        assert attempt(client, "tech", "x").status_code == 401
    rows = own_server.query("SELECT username FROM audit_logs ORDER BY id DESC LIMIT 3")
    assert rows[0] == ("tech",)
    assert rows[1] == rows[2]
    (kept,) = rows[1]
    assert kept.startswith("unknown#")
    assert (kept,) in own_server.query("SELECT username FROM axes_accessattempt")
    everything = json.dumps(own_server.query("SELECT username, details FROM audit_logs"))
    everything += json.dumps(own_server.query("SELECT * FROM axes_accessattempt"))
    everything += "".join(own_server.log_text(name) for name in ("auth.log", "service.log"))
    assert CANARY not in everything
    assert kept in everything
    done = run_farcopy(own_server.home, "audit", "name", stdin=f"{CANARY}\n")
    assert (done.returncode, done.stdout) == (0, f"{kept}\n")


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("192.0.2.7:4711", "192.0.2.7"), ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"), ("2001:db8::7", "2001:db8::7"),
        ("unknown", "unknown"),
    ],
)
def test_the_address_a_proxy_tells_is_kept_in_each_form_there_is(
    behind_proxy: FarcopyServer, told: str, kept: str
) -> None:
    with behind_proxy.client() as client:
        answer = client.get("/api/auth/me.php", headers={"X-Forwarded-For": told})
        assert answer.status_code == 401
        assert behind_proxy.last_audit()["ip_address"] == kept
        attempt = client.post(
            "/api/auth/login.php", json={"username": "boss", "password": "x"},
            headers={"X-Forwarded-For": told, "Host": "localhost"},
        )
        assert attempt.status_code in {401, 429}  # never an error of the server


@pytest.fixture(scope="module")
def behind_proxy(start_server: ServerFactory) -> FarcopyServer:
    return start_server(verb="web", arguments=("--trusted-proxy", "127.0.0.1"))


def test_neighbours_of_one_ipv6_network_are_one_sender(behind_proxy: FarcopyServer) -> None:
    statuses = []
    for number in range(6):
        headers = {"X-Forwarded-For": f"2001:db8:1:2::{number + 1}", "Host": "localhost"}
        with behind_proxy.client(headers=headers) as client:
            statuses.append(attempt(client, "one name", "x").status_code)
    assert statuses == [401] * 5 + [429]
    kept = behind_proxy.query("SELECT DISTINCT ip_address FROM axes_accessattempt"
                              " WHERE ip_address LIKE '2001:db8:1%'")
    assert kept == [("2001:db8:1:2::",)]
