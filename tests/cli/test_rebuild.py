"""`farcopy rebuild`: a lost or damaged ledger, made anew without sending anything again."""

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_verify import flip
from tests.running import (
    PASSWORD,
    SlowFtpServer,
    arrived,
    configure,
    pattern,
    read_tree,
    rows,
    run_farcopy,
    serving,
    states,
    sync,
    write_tree,
)

FILES = {"a": b"a" * 1000, "deep/b": b"b" * 2000, "deep/er/c": b""}


@pytest.fixture
def home(tmp_path: Path, server: SlowFtpServer) -> Path:
    """Three files stored."""
    write_tree(tmp_path / "data", FILES)
    configure(tmp_path / "home", server, "/backup", hospital_data_path=tmp_path / "data")
    assert sync(tmp_path / "home")["files_synced"] == 3
    return tmp_path / "home"


@pytest.fixture
def other_home(tmp_path: Path, home: Path, server: SlowFtpServer) -> Path:
    """The ledger is lost: the same settings in a new home."""
    configure(tmp_path / "other", server, "/backup", hospital_data_path=tmp_path / "data")
    return tmp_path / "other"


def rebuild(home: Path, *args: str) -> dict[str, Any]:
    done = run_farcopy(home, "rebuild", "--json", *args)
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return {**answer, "exit": done.returncode, "stderr": done.stderr}


def damage(home: Path, table: str) -> None:
    """Overwrite the pages of a table, as a bad disk does. The log was folded in before."""
    file = home / "farcopy.sqlite3"
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = database.execute("PRAGMA page_size").fetchone()
        (root,) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", [table]
        ).fetchone()
    database.close()
    with file.open("r+b") as raw:
        raw.seek((root - 1) * size)
        raw.write(os.urandom(size))


def test_what_is_there_is_adopted_and_not_sent_again(other_home: Path) -> None:
    answer = rebuild(other_home)

    assert (answer["exit"], answer["stored"], answer["verified"]) == (0, 3, 0)
    assert set(states(other_home).values()) == {"stored"}
    again = sync(other_home)
    assert (again["files_synced"], again["message"]) == (0, "No new files to sync")
    done = run_farcopy(other_home, "verify")
    assert (done.returncode, "3 verified" in done.stdout) == (0, True)


def test_it_says_that_a_size_is_no_proof(other_home: Path) -> None:
    done = run_farcopy(other_home, "rebuild")
    assert done.returncode == 0
    assert done.stdout == (
        "3 are on the remote, stored: by their size, which is no proof of their content. "
        "farcopy verify gives one\n"
    )


def test_reading_back_verifies_and_finds_another_content(
    other_home: Path, tmp_path: Path
) -> None:
    flip(tmp_path / "remote/backup/hospital/a")

    answer = rebuild(other_home, "--read-back")

    assert (answer["exit"], answer["verified"], answer["differs"]) == (3, 2, 1)
    assert rows(other_home, "SELECT count(*) FROM replicas WHERE verified_at IS NULL") == [(0,)]
    assert sync(other_home)["files_synced"] == 1
    assert arrived(tmp_path / "remote/backup") == {
        f"hospital/{name}": content for name, content in FILES.items()
    }


def test_what_is_absent_or_of_another_size_is_due_and_what_has_no_source_is_counted(
    other_home: Path, tmp_path: Path
) -> None:
    remote = tmp_path / "remote/backup/hospital"
    (remote / "a").write_bytes(b"short")
    (remote / "deep/b").unlink()
    write_tree(remote, {"gone/deep/x": b"1", "gone/y": b"2", "deep/z": b"3"})
    before = read_tree(remote)

    answer = rebuild(other_home)

    assert (answer["exit"], answer["stored"], answer["absent"]) == (3, 1, 2)
    assert answer["remote_only"] == 3
    assert read_tree(remote) == before
    assert sync(other_home)["files_synced"] == 2


def test_what_the_ledger_knows_it_knows_better(home: Path) -> None:
    rows(home, "UPDATE replicas SET state = 'pending', md5 = '', reason = 'remote_differs'"
               " WHERE size_bytes = 1000")
    answer = rebuild(home)
    assert (answer["exit"], answer["known"], answer["stored"]) == (0, 3, 0)
    assert sorted(states(home).values()) == ["pending", "stored", "stored"]


def test_it_needs_the_engine(home: Path) -> None:
    with serving(home, verb="service"):
        done = run_farcopy(home, "rebuild")
    assert done.returncode == 1
    assert "another farcopy engine works on this home" in done.stderr


def test_a_source_that_is_not_there_is_told(other_home: Path, tmp_path: Path) -> None:
    (tmp_path / "data").rename(tmp_path / "unmounted")
    answer = rebuild(other_home)
    assert (answer["exit"], answer["missing_roots"], answer["stored"]) == (3, 1, 0)


@pytest.mark.parametrize("table", ["replicas", "source_files", "transfers"])
def test_a_damaged_file_is_moved_aside_and_settings_and_accounts_are_taken_over(
    home: Path, table: str
) -> None:
    run_farcopy(home, "user", "add", "ada", "--role", "admin", "--password-stdin",
                stdin="correct horse battery\n")
    ((home_id,),) = rows(home, "SELECT home_id FROM sync_configuration")
    rows(home, "UPDATE sync_configuration SET exclude = ?", '["*.tmp"]')
    damage(home, table)

    answer = rebuild(home)

    assert (answer["exit"], answer["stored"]) == (0, 3)
    assert "The database is damaged. It now lies at " in answer["stderr"]
    assert "LOST" not in answer["stderr"]
    aside = Path(answer["moved_to"])
    assert aside.is_file()
    assert aside.name.startswith("farcopy.sqlite3.damaged-")
    assert rows(home, "SELECT home_id, exclude FROM sync_configuration") == [
        (home_id, '["*.tmp"]')]
    assert run_farcopy(home, "user", "list").stdout == "ada\tadmin\tactive\n"
    assert rows(home, "SELECT status, files_synced FROM sync_history") == [("success", 3)]
    assert sync(home)["message"] == "No new files to sync"  # the password is the old one
    assert rows(home, "SELECT min(id) > 1000000000 FROM replicas") == [(1,)]


def test_a_damaged_file_of_a_version_without_a_setting_gets_its_default(home: Path) -> None:
    rows(home, "ALTER TABLE sync_configuration DROP COLUMN exclude")
    rows(home, "ALTER TABLE sync_history DROP COLUMN files_excluded")
    damage(home, "replicas")

    assert rebuild(home)["exit"] == 0

    assert json.loads(run_farcopy(home, "configure", "--json").stdout)["exclude"] == []
    assert rows(home, "SELECT files_synced, files_excluded FROM sync_history") == [(3, 0)]


def test_second_factors_and_tokens_are_taken_over_where_the_damaged_file_knew_them(
    home: Path,
) -> None:
    run_farcopy(home, "user", "add", "ada", "--role", "admin", "--password-stdin",
                stdin="correct horse battery\n")
    assert run_farcopy(home, "token", "add", "report", "--user", "ada").returncode == 0
    rows(home, "INSERT INTO second_factors (user_id, secret_encrypted, is_on, last_step,"
         " recovery_hashes) SELECT id, 'x', 1, 7, '[]' FROM users")
    before = rows(home, "SELECT * FROM second_factors"), rows(home, "SELECT * FROM api_tokens")
    damage(home, "replicas")

    assert rebuild(home)["exit"] == 0

    assert before == (
        rows(home, "SELECT * FROM second_factors"), rows(home, "SELECT * FROM api_tokens"))


def test_a_damaged_file_of_a_version_without_a_table_has_lost_nothing_of_it(home: Path) -> None:
    rows(home, "DROP TABLE second_factors")
    damage(home, "replicas")
    answer = rebuild(home)
    assert answer["exit"] == 0
    assert "second_factors" not in answer["salvaged"]
    assert "LOST" not in answer["stderr"]


def test_a_copy_of_what_is_excluded_has_a_source_and_is_left_alone(other_home: Path) -> None:
    assert run_farcopy(other_home, "configure", "--exclude", "*").returncode == 0
    answer = rebuild(other_home)
    assert (answer["exit"], answer["stored"], answer["remote_only"]) == (0, 0, 0)


def test_what_cannot_be_read_is_said_to_be_lost(home: Path) -> None:
    damage(home, "users")
    answer = rebuild(home)
    assert answer["exit"] == 0
    assert "accounts: 0 taken over; THE REST IS LOST" in answer["stderr"]
    assert answer["salvaged"]["users"] == {"rows": 0, "whole": False}
    assert answer["salvaged"]["sync_configuration"] == {"rows": 1, "whole": True}


def test_a_file_that_is_no_database_leaves_the_settings_to_be_given_again(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    (home / "farcopy.sqlite3").write_bytes(os.urandom(100_000))

    done = run_farcopy(home, "rebuild")

    assert done.returncode == 1
    assert "THE SETTINGS ARE LOST" in done.stderr
    assert "Traceback" not in done.stderr
    assert "FTP not configured" in done.stderr
    configured = run_farcopy(
        home, "configure", "--ftp-host", server.host, "--ftp-port", str(server.port),
        "--ftp-username", server.user, "--ftp-path", "/backup", "--hospital-data-path",
        str(tmp_path / "data"), "--ftp-password-stdin", stdin=f"{PASSWORD}\n",
    )
    assert configured.returncode == 0
    assert rebuild(home)["stored"] == 3


def test_half_a_history_is_better_than_none(home: Path) -> None:
    with sqlite3.connect(home / "farcopy.sqlite3") as database:
        database.executemany(
            "INSERT INTO audit_logs (username, action, created_at, ip_address, user_agent, details)"
            " VALUES ('ada', ?, datetime('now'), '', ?, '{}')",
            [(f"a{n}", pattern(500, n).hex()) for n in range(200)],
        )
        # A leaf in the middle of the table.
        pages = database.execute(
            "SELECT pageno FROM dbstat WHERE name = 'audit_logs' AND pagetype = 'leaf'"
            " ORDER BY path"
        ).fetchall() if _has_dbstat(database) else []
    database.close()
    if not pages:
        pytest.skip("this SQLite has no dbstat")
    with sqlite3.connect(home / "farcopy.sqlite3") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    with (home / "farcopy.sqlite3").open("r+b") as raw:
        raw.seek((pages[len(pages) // 2][0] - 1) * 4096)
        raw.write(bytes(4096))

    answer = rebuild(home)

    assert answer["exit"] == 0
    kept = answer["salvaged"]["audit_logs"]
    assert kept["whole"] is False
    assert 150 < kept["rows"] < 200


def test_an_audit_trail_that_is_whole_in_a_damaged_file_stays_so(home: Path) -> None:
    assert run_farcopy(home, "audit", "verify").returncode == 0
    with sqlite3.connect(home / "farcopy.sqlite3") as database:
        if not _has_dbstat(database):
            pytest.skip("this SQLite has no dbstat")
        (page,) = database.execute(
            "SELECT min(pageno) FROM dbstat WHERE name = 'auth_permission'").fetchone()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    with (home / "farcopy.sqlite3").open("r+b") as raw:
        raw.seek((page - 1) * 4096)
        raw.write(bytes(4096))
    assert rebuild(home)["salvaged"]["audit_logs"]["whole"] is True
    done = run_farcopy(home, "audit", "verify")
    assert done.returncode == 0, done.stdout


def _has_dbstat(database: sqlite3.Connection) -> bool:
    try:
        database.execute("SELECT 1 FROM dbstat LIMIT 1")
    except sqlite3.OperationalError:
        return False
    return True
