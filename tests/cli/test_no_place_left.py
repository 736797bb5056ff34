"""A server all of whose places are taken, by dead sessions mostly: the run ends, and says so."""

from pathlib import Path

import pytest

from tests.contract.hostile import Mumbler
from tests.running import configure, sync, write_tree


class _Full(Mumbler):
    user, password = "farcopy", "far-secret"


@pytest.mark.parametrize(
    ("greeting", "answers"),
    [
        (b"421 Too many connections (8) from this IP\r\n", {}),
        (b"220 Hello.\r\n", {"USER": b"421 Too many connections.\r\n"}),
        (b"220 Hello.\r\n", {
            "USER": b"331 Password?\r\n", "PASS": b"421 Too many users logged in. Try later.\r\n",
        }),
        (b"220 Hello.\r\n", {
            "USER": b"331 Password?\r\n", "PASS": b"530 Sorry, maximum users reached.\r\n",
        }),
    ],
    ids=["greeting", "user", "pass-421", "pass-530"],
)
def test_a_full_server_ends_the_run_within_a_few_tries(
    tmp_path: Path, greeting: bytes, answers: dict[str, bytes]
) -> None:
    write_tree(tmp_path / "data", {f"f{n}": b"x" for n in range(20)})
    server = _Full(greeting, answers)
    try:
        configure(
            tmp_path / "home", server, "/backup", hospital_data_path=tmp_path / "data",
            ftp_tls="off",
        )
        done = sync(tmp_path / "home")
    finally:
        server.stop()
    assert (done["exit"], done["status"]) == (1, "failed")
    assert "allows no more connections" in str(done["errors"])
    assert server.connections <= 40  # of eight workers a few tries each, and no storm
