"""A server's hash is its word for what it was sent; what it gives back may be something else."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pyftpdlib.handlers import FTPHandler

from tests.cli.test_verify import flip, verify
from tests.contract import pyftp
from tests.contract.pyftp import PyFtpServer
from tests.running import (
    configure,
    pattern,
    rows,
    run_farcopy,
    serving,
    sync,
    wait_until,
    write_tree,
)

FILES = {f"f{n:02}": pattern(1000, n) for n in range(10)}
SENT: dict[str, str] = {}


class _TellsWhatItWasSent(FTPHandler):  # type: ignore[misc]
    """Its XMD5 is of the bytes that came in, whatever became of them on its disk."""

    proto_cmds: ClassVar = {**FTPHandler.proto_cmds, "XMD5": FTPHandler.proto_cmds["SIZE"]}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._extra_feats.append("XMD5")

    def on_file_received(self, file: str) -> None:
        content = Path(file).read_bytes()
        SENT[file] = hashlib.md5(content, usedforsecurity=False).hexdigest()

    def ftp_RNTO(self, path: str) -> object:
        SENT[path] = SENT.get(str(self._rnfr), "")
        return super().ftp_RNTO(path)

    def ftp_XMD5(self, path: str) -> None:
        self.respond(f"250 {SENT[path]}" if SENT.get(path) else "550 No such file.")


class Account:
    user, password = pyftp.USER, pyftp.PASSWORD

    def __init__(self, server: PyFtpServer) -> None:
        self.host, self.port = str(server.host), int(server.port)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Ten files stored, each proven by the server's hash."""
    write_tree(tmp_path / "data", FILES)
    (tmp_path / "remote").mkdir()
    server = PyFtpServer(tmp_path / "remote", handler=_TellsWhatItWasSent)
    configure(
        tmp_path / "home", Account(server), "/backup", hospital_data_path=tmp_path / "data",
        sync_enabled=True,
    )
    assert sync(tmp_path / "home")["files_synced"] == 10
    yield tmp_path / "home"
    server.stop()


def counts(home: Path) -> dict[str, int]:
    """As everybody is told, once it agrees with what the rows themselves say."""
    files = json.loads(run_farcopy(home, "status", "--json").stdout)["health"]["files"]
    shown = {name: files[name] for name in ("read_back", "hashed", "sized")}
    recounted = dict.fromkeys(shown, 0)
    for state, at in rows(home, "SELECT state, read_back_at FROM replicas"):
        if state == "verified":
            recounted["hashed" if at is None else "read_back"] += 1
        recounted["sized"] += state == "stored"
    assert shown == recounted
    return shown


def test_only_reading_back_finds_what_such_a_server_lost(home: Path, tmp_path: Path) -> None:
    assert counts(home) == {"read_back": 0, "hashed": 10, "sized": 0}
    flip(tmp_path / "remote/backup/hospital/f03")
    believing = verify(home)
    assert (believing["exit"], believing["files_verified"], believing["bytes_read"]) == (0, 10, 0)
    assert believing["files_read_back"] == 0
    reading = verify(home, "--read-back")
    assert (reading["exit"], reading["files_verified"], reading["files_read_back"]) == (3, 9, 9)
    assert [wrong["path"] for wrong in reading["differing"]] == ["hospital/f03"]
    assert counts(home) == {"read_back": 9, "hashed": 0, "sized": 0}
    assert sync(home)["files_synced"] == 1
    assert counts(home) == {"read_back": 9, "hashed": 1, "sized": 0}
    said = run_farcopy(home, "status").stdout
    assert (
        "of 10 files off-site 9 were read back, 1 proven by the server's own hash, 0 by their "
        "size only" in said
    )


def test_a_version_that_was_not_read_back_is_not_said_to_be(home: Path, tmp_path: Path) -> None:
    verify(home, "--read-back")
    write_tree(tmp_path / "data", {"f00": b"another version"})
    assert sync(home)["files_synced"] == 1
    assert counts(home) == {"read_back": 9, "hashed": 1, "sized": 0}


def test_without_a_hash_a_file_is_proven_by_its_size_only(tmp_path: Path, home: Path) -> None:
    write_tree(tmp_path / "data", {"more": b"more"})
    assert sync(home, env={"FARCOPY_SERVER_HASHES": "false"})["files_synced"] == 1
    assert counts(home) == {"read_back": 0, "hashed": 10, "sized": 1}


def test_size_only_and_read_back_exclude_each_other(home: Path) -> None:
    assert run_farcopy(home, "verify", "--size-only", "--read-back").returncode == 2


def test_a_share_of_each_scrub_reads_back_and_all_have_their_turn(home: Path) -> None:
    seen: list[set[str]] = []
    for day in range(1, 6):
        rows(home, "UPDATE sync_history SET completed_at = '2026-01-01 00:00:00'")
        rows(home, "UPDATE verifications SET started_at = '2026-01-01 00:00:00',"
                   " completed_at = '2026-01-01 00:00:00' WHERE completed_at IS NOT NULL")
        with serving(home, verb="service", env={"FARCOPY_SCRUB_PERCENT": "100"}):
            wait_until(lambda day=day: len(done(home)) == day)
        seen.append({
            name for (name,) in rows(
                home, "SELECT name FROM source_files f JOIN replicas r ON r.source_file_id = f.id"
                      " WHERE read_back_at IS NOT NULL")
        })
    # Two of ten a day: none twice before each had its turn.
    assert [len(names) for names in seen] == [2, 4, 6, 8, 10]
    assert {tuple(scrub) for scrub in done(home)} == {(10, 10, 2)}
    assert counts(home) == {"read_back": 10, "hashed": 0, "sized": 0}


def done(home: Path) -> list[tuple[Any, ...]]:
    return rows(home, "SELECT files_checked, files_verified, files_read_back FROM verifications"
                      " WHERE completed_at IS NOT NULL AND kind = 'scrub'")
