"""The audit trail's lines: in order, none left out, none forged, whatever happens between."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from farcopy.core.syslog import SyslogTarget, message, read_target  # noqa: E402
from farcopy.service.sinks import FileSink, Sink, SyslogSink  # noqa: E402
from farcopy.service.trail_lines import Places, ship  # noqa: E402
from farcopy.store import audit, audit_prune  # noqa: E402
from farcopy.store.audit_models import AuditHead, AuditLog  # noqa: E402
from tests.contract.test_audit_attacks import copy_of_the_database  # noqa: E402
from tests.contract.test_audit_chain import (  # noqa: E402
    ENTRIES,
    append,
    database,  # noqa: F401  # a fixture
    row,
    trail,  # noqa: F401  # a fixture
)

pytestmark = pytest.mark.usefixtures("trail")
BEGIN = (0, "")


class Place:
    """A file, what was read of it, and how far the sink is."""

    def __init__(self, folder: Path) -> None:
        self.path, self.state = folder / "audit.jsonl", folder / "audit-lines.json"
        self.restart()

    def restart(self) -> None:
        self.sink: Sink = FileSink(self.path)
        self.places = Places(self.state)

    def ship(self) -> None:
        ship(self.sink, self.places, BEGIN)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text("ascii").splitlines()]

    def numbers(self) -> list[int]:
        return [line["sequence"] for line in self.lines() if line["sequence"] is not None]

    def notes(self) -> list[str]:
        return [line["action"] for line in self.lines() if line["sequence"] is None]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_each_entry_is_a_line_in_order_with_its_number_and_seal(place: Place) -> None:
    place.ship()
    append(3)
    place.ship()
    place.ship()
    assert place.numbers() == list(range(1, ENTRIES + 4))
    assert place.lines()[1]["mac"] == row(1).get().mac
    assert place.notes() == ["audit.lines_begun"]
    if os.name == "posix":
        assert place.path.stat().st_mode & 0o777 == 0o600


def test_a_new_sink_begins_with_what_comes_now(place: Place) -> None:
    ship(place.sink, place.places)
    append(1)
    ship(place.sink, place.places)
    assert place.lines()[0] == {
        "sequence": None, "action": "audit.lines_begun", "after": ENTRIES}
    assert place.numbers() == [ENTRIES + 1]


@pytest.mark.parametrize("kept", ["nothing", "all but the last batch", "half a line"])
def test_after_a_crash_it_goes_on_where_it_stopped(place: Place, kept: str) -> None:
    place.ship()
    append(3)
    before = place.state.read_bytes()
    place.ship()
    if kept == "nothing":
        place.state.unlink()
    elif kept == "all but the last batch":
        place.state.write_bytes(before)
    else:
        place.state.write_bytes(before)
        whole = place.path.read_bytes()
        place.path.write_bytes(whole[:-20])
        torn = place.path.read_bytes().splitlines()[-1]
    place.restart()
    append(2)
    place.ship()
    if kept == "half a line":
        lines = place.path.read_bytes().splitlines()
        assert lines.count(torn) == 1  # ended, and left as it was
        lines.remove(torn)
        place.path.write_bytes(b"\n".join(lines) + b"\n")
    assert place.numbers() == list(range(1, ENTRIES + 6))


def test_the_file_may_be_moved_away_at_any_time(place: Place) -> None:
    place.ship()
    place.path.rename(place.path.with_suffix(".1"))
    append(2)
    place.ship()
    assert place.numbers() == [ENTRIES + 1, ENTRIES + 2]


def test_a_gap_is_told(place: Place) -> None:
    row(5).delete()
    place.ship()
    assert place.notes() == ["audit.lines_begun", "audit.lines_gap"]
    assert {"sequence": None, "action": "audit.lines_gap", "first": 5, "last": 5} in place.lines()


def test_an_older_copy_of_the_database_is_told_and_nothing_after_it_left_out(
    place: Place,
) -> None:
    place.ship()
    put_back = copy_of_the_database()
    append(4)
    place.ship()
    put_back()
    append(2)  # others than those of these numbers before
    place.restart()
    place.ship()
    assert place.notes() == ["audit.lines_begun", "audit.lines_went_back"]
    assert place.lines()[-3] == {
        "sequence": None, "action": "audit.lines_went_back", "last": ENTRIES + 4, "after": ENTRIES}
    assert place.numbers()[-2:] == [ENTRIES + 1, ENTRIES + 2]
    assert place.lines()[-1]["mac"] == row(ENTRIES + 2).get().mac


def test_what_was_removed_before_it_was_a_line_is_told(place: Place) -> None:
    place.ship()
    append(4)
    newest = AuditLog.objects.order_by("-pk")[0]
    audit_prune.prune(newest.created_at)
    place.ship()
    assert place.notes()[-1] == "audit.lines_removed"
    assert place.numbers()[-1] == ENTRIES + 4


def test_no_text_of_anybody_s_makes_a_line_of_its_own(place: Place) -> None:
    evil = 'x"\r\n{"sequence": 99, "mac": "y"}\u2028\u0085\x1b[2J'
    audit.record(action="x", username=evil, user_agent=evil, details={evil: evil})
    place.ship()
    assert place.numbers() == list(range(1, ENTRIES + 2))
    assert place.path.read_text("ascii").isascii()


@pytest.mark.skipif(os.name != "posix", reason="named pipes are POSIX's")
def test_what_is_no_file_is_an_error_and_hangs_nobody(place: Place) -> None:
    os.mkfifo(place.path)
    with pytest.raises(OSError, match="no file"):
        place.ship()


# --- syslog ---


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(10)
        yield made


def test_by_udp_each_entry_is_a_message(place: Place, receiver: socket.socket) -> None:
    sink = SyslogSink(SyslogTarget("udp", "127.0.0.1", receiver.getsockname()[1]))
    ship(sink, place.places, BEGIN)
    got = [receiver.recv(65536) for _ in range(ENTRIES + 1)]
    sink.close()
    assert all(text.startswith(b"<86>1 20") and b" farcopy " in text for text in got)
    bodies = [json.loads(text[text.index(b"{"):]) for text in got]
    assert [body["sequence"] for body in bodies] == [None, *range(1, ENTRIES + 1)]


def test_by_tcp_what_could_not_be_sent_follows(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sink = SyslogSink(SyslogTarget("tcp", "127.0.0.1", server.getsockname()[1]))
        port = server.getsockname()[1]
    with pytest.raises(OSError):  # whichever the system has for it
        ship(sink, place.places, BEGIN)
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(10)
        ship(sink, place.places, BEGIN)
        peer, _ = server.accept()
        sink.close()
        with peer, peer.makefile("rb") as stream:
            text = stream.read()
    numbers = []
    while text:
        length, _, text = text.partition(b" ")
        one, text = text[: int(length)], text[int(length):]
        numbers.append(json.loads(one[one.index(b"{"):])["sequence"])
    assert numbers == [None, *range(1, ENTRIES + 1)]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no local syslog")
def test_by_the_local_socket(place: Place, tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(path)
        made.settimeout(10)
        append(1)
        sink = SyslogSink(read_target(path))
        # A socket's queue is short: as many as fit go, and the rest is tried again.
        ship(sink, place.places, (ENTRIES, row(ENTRIES).get().mac))
        made.recv(65536)
        assert made.recv(65536).startswith(b"<86>farcopy[")
        sink.close()


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("log.example", SyslogTarget("udp", "log.example", 514)),
        ("log.example:1514", SyslogTarget("udp", "log.example", 1514)),
        ("tcp://[2001:db8::1]:601", SyslogTarget("tcp", "2001:db8::1", 601)),
        ("udp://192.0.2.1", SyslogTarget("udp", "192.0.2.1", 514)),
        ("/dev/log", SyslogTarget("local", "/dev/log")),
    ],
)
def test_a_syslog_is_named_in_these_ways(text: str, target: SyslogTarget) -> None:
    assert read_target(text) == target


@pytest.mark.parametrize(
    "text", ["http://x", "x y", "u@x", "x:70000", "x:y", "tcp://", "x/y", "x?y", "://"]
)
def test_what_is_no_syslog_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # one error for all
        read_target(text)


def test_a_host_name_cannot_add_fields_to_a_message() -> None:
    at = AuditLog.objects.order_by("pk")[0].created_at
    target = SyslogTarget("udp", "x")
    text = message(target, "{}", at, "my host\n<1>", 7).decode()
    assert text.split(" ")[2:] == ["myhost<1>", "farcopy", "7", "audit", "-", "{}"]
    assert AuditHead.objects.count() == 1
