"""The audit trail as an admin reads it: pages, filters, and the file of all of it."""

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import FarcopyServer

LIST = "/api/audit/list.php"
EXPORT = "/api/audit/export.php"
ROWS = 120_000
FORMULA = '=HYPERLINK("http://evil.example","x")'
NASTY = "a\nb\u2028c\x1b[31m"


@pytest.fixture(scope="module")
def old(start_server: ServerFactory) -> FarcopyServer:
    """A server whose trail is long: every minute of some months somebody asked for the status."""
    server = start_server(verb="web")
    with closing(sqlite3.connect(server.home / "farcopy.sqlite3")) as database:
        database.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO audit_logs (username, action, created_at, ip_address, user_agent,"
            " details, response_status) SELECT 'anna', 'sync.status',"
            " datetime('2026-01-01', i || ' minutes'), '10.0.0.1', 'viewer/1.0', '{}', 200 FROM n",
            (ROWS,),
        )
        database.execute(
            "INSERT INTO audit_logs (username, action, created_at, ip_address, user_agent,"
            " details, response_status) VALUES (?, 'auth.login', '2026-09-01 12:00:00', '10.0.0.2',"
            " ?, ?, 401)",
            (FORMULA, NASTY, json.dumps({"path": NASTY})),
        )
        database.commit()
    return server


@pytest.fixture(scope="module")
def reader(old: FarcopyServer) -> Iterator[httpx.Client]:
    with old.signed_in() as client:
        yield client


def listed(client: httpx.Client, **query: object) -> dict[str, Any]:
    answer = client.get(LIST, params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def test_a_call_is_in_the_trail_as_soon_as_it_was_answered(
    admin: httpx.Client, anonymous: httpx.Client
) -> None:
    refused = anonymous.get("/api/sync/status.php", headers={"User-Agent": "curl/8"})
    entry = listed(admin, limit=1)["entries"][0]
    assert (entry["action"], entry["response_status"]) == ("sync.status", 401)
    assert entry["username"] == ""
    assert (entry["ip_address"], entry["user_agent"]) == ("127.0.0.1", "curl/8")
    assert entry["details"]["request_id"] == refused.headers["X-Request-ID"]


def test_pages_follow_each_other_without_a_gap_while_others_write(reader: httpx.Client) -> None:
    page = listed(reader, limit=7, username="anna")
    ids = [entry["id"] for entry in page["entries"]]
    for _ in range(2):
        reader.get("/api/auth/me.php")
        page = listed(reader, limit=7, username="anna", before=page["next_before"])
        ids += [entry["id"] for entry in page["entries"]]
    assert ids == list(range(ids[0], ids[0] - 21, -1))


def test_the_last_page_says_that_nothing_follows(reader: httpx.Client) -> None:
    assert listed(reader, action="auth.login", status=401)["next_before"] is None


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"username": FORMULA}, 1),
        ({"username": "ANNA"}, 0),
        ({"action": "auth.login", "status": 401}, 1),
        ({"username": "anna", "status": 401}, 0),
        ({"username": "anna", "since": "2026-01-02", "until": "2026-01-02 00:05:00"}, 5),
        ({"username": "anna", "since": "2026-01-02T01:00:00+01:00",
          "until": "2026-01-02T00:05:00Z"}, 5),
        ({"username": "anna", "since": "0000-01-01T00:00:00Z", "until": "2026-01-01"}, 0),
        ({"username": "anna", "until": "0001-01-01T00:00:00+23:59"}, 0),
        ({"username": "anna", "since": "9999-12-31T23:59:59-23:59"}, 0),
        ({"username": "x' OR '1'='1"}, 0),
    ],
    ids=str,
)
def test_a_filter_lets_through_what_it_says_and_nothing_else(
    reader: httpx.Client, query: dict[str, object], count: int
) -> None:
    assert len(listed(reader, **query)["entries"]) == count


@pytest.mark.parametrize(
    ("query", "bad"),
    [
        ("limit=0", {"limit"}), ("limit=501", {"limit"}), ("limit=5.0", {"limit"}),
        ("limit=%2B5", {"limit"}), ("limit=1_0", {"limit"}), ("limit=%D9%A5", {"limit"}),
        ("limit=", {"limit"}), ("before=0", {"before"}), ("before=9223372036854775808", {"before"}),
        ("limit=5&limit=6", {"limit"}), ("status=99", {"status"}), ("status=abc", {"status"}),
        ("since=yesterday", {"since"}), ("until=2026-13-01", {"until"}),
        ("username=", {"username"}), ("username=a%00b", {"username"}),
        ("action=" + "x" * 81, {"action"}), ("polls=no", {"polls"}),
        ("colour=red&status=0&since=x", {"colour", "status", "since"}), ("format=csv", {"format"}),
    ],
)
def test_a_bad_query_is_refused_and_every_bad_parameter_named(
    admin: httpx.Client, query: str, bad: set[str]
) -> None:
    answer = admin.get(f"{LIST}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_fields")
    assert set(answer.json()["fields"]) == bad


def test_the_whole_trail_comes_as_a_file_without_lying_in_memory(
    old: FarcopyServer, reader: httpx.Client
) -> None:
    listed(reader)  # whatever the first page needs is there
    before = old.peak_memory_bytes()
    with reader.stream("GET", EXPORT, params={"format": "jsonl", "username": "anna"}) as answer:
        assert answer.status_code == 200
        assert "attachment" in answer.headers["Content-Disposition"]
        assert answer.headers["Cache-Control"] == "no-store"
        ids = [json.loads(line)["id"] for line in answer.iter_lines()]
    assert len(ids) == ROWS
    assert ids == sorted(set(ids))
    # 120,000 entries would be some 100 MB as objects.
    assert old.peak_memory_bytes() - before < 20 * 1024 * 1024


def test_an_export_in_csv_is_one_line_an_entry_and_no_cell_is_a_formula(
    reader: httpx.Client,
) -> None:
    text = reader.get(EXPORT, params={"status": 401, "action": "auth.login"}).text
    assert len(text.splitlines()) == 2
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["username"] == "'" + FORMULA
    assert row["user_agent"] == "a�b�c�[31m"
    assert json.loads(row["details"])["path"] == NASTY
    assert row["created_at"] == "2026-09-01T12:00:00.000000+00:00"


def test_an_export_in_json_lines_is_exact_and_one_line_an_entry(reader: httpx.Client) -> None:
    text = reader.get(
        EXPORT, params={"format": "jsonl", "status": 401, "action": "auth.login"}
    ).text
    assert len(text.splitlines()) == 1
    assert json.loads(text)["username"] == FORMULA
    assert json.loads(text)["user_agent"] == NASTY


def test_what_a_page_asks_by_itself_can_be_left_out(admin: httpx.Client) -> None:
    for _ in range(3):
        admin.get("/api/sync/status.php")
    with_polls = [entry["action"] for entry in listed(admin, limit=5, polls="true")["entries"]]
    without = [entry["action"] for entry in listed(admin, limit=5, polls="false")["entries"]]
    assert with_polls.count("sync.status") >= 3
    assert "sync.status" not in without
    assert "audit.list" in without


def test_looking_at_the_trail_and_taking_it_away_stand_in_it_too(admin: httpx.Client) -> None:
    admin.get(EXPORT, params={"limit": 5})
    admin.get(EXPORT, params={"username": "nobody"})
    entries = listed(admin, limit=2)["entries"]
    assert [(e["action"], e["response_status"]) for e in entries] == [
        ("audit.export", 200), ("audit.export", 400)]
