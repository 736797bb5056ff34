"""A server all of whose places are taken, by whatever: the run ends and says so."""

from pathlib import Path

import pytest

from tests.contract.hostile import Mumbler
from tests.running import configure, run_farcopy, write_tree

FULL = [
    ("USER", b"421 Too many connections\r\n"),
    ("PASS", b"421 Too many users logged in for this account. Try again later.\r\n"),
    ("PASS", b"530 Sorry, maximum users reached.\r\n"),
]


@pytest.mark.parametrize(("verb", "reply"), FULL)
def test_a_run_that_gets_no_place_ends_as_too_many_connections(
    tmp_path: Path, verb: str, reply: bytes
) -> None:
    answers = {"USER": b"331 Password, please\r\n", "QUIT": b"221 Bye\r\n", verb: reply}
    full = Mumbler(b"220 Hello\r\n", answers)
    write_tree(tmp_path / "data", {f"{n}/a": b"a" for n in range(40)})

    class Account:
        host, port, user, password = "127.0.0.1", full.port, "u", "p"

    try:
        configure(tmp_path / "home", Account(), "/b", hospital_data_path=tmp_path / "data")
        done = run_farcopy(tmp_path / "home", "sync", "--json")
        assert done.returncode == 1
        assert "allows no more connections" in done.stdout
        assert full.connections < 60  # it does not knock without end
    finally:
        full.stop()
