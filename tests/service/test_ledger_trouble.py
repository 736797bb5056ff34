"""SQLite in trouble under real processes: full, read-only, locked, damaged, gone."""

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.running import (
    SLOW_BYTES,
    SLOW_BYTES_PER_S,
    SlowFtpServer,
    arrived,
    pattern,
    rows,
    run_farcopy,
    running,
    runs,
    serving,
    slow_ftp_server,
    states,
    sync,
    temporaries,
    wait_until,
    write_tree,
)
from tests.service.trouble import (
    WITHOUT_POWERS,
    Archive,
    fill,
    gaps,
    make_archive,
    refused,
    signed_in,
    small_disk,
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SlowFtpServer]:
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        yield server


@pytest.fixture
def archive(tmp_path: Path, server: SlowFtpServer) -> Archive:
    return make_archive(tmp_path / "home", tmp_path, server)


@pytest.fixture
def on_small_disk(tmp_path: Path, server: SlowFtpServer) -> Iterator[Archive]:
    with small_disk(tmp_path / "disk", 6000) as disk:
        yield make_archive(disk / "home", tmp_path, server)


def setting(home: Path, name: str) -> object:
    return rows(home, f"SELECT {name} FROM sync_configuration")[0][0]


# --- full ---


def test_on_a_full_disk_reads_answer_writes_are_refused_and_it_mends_itself(
    on_small_disk: Archive,
) -> None:
    home = on_small_disk.home
    with serving(home) as farcopy, signed_in(farcopy.url) as api:
        assert api.configure(sync_interval=77).status_code == 200
        assert api.status()["ledger"] == "ok"
        filler = fill(home.parent)

        status = api.wait_for_ledger("ledger_full")

        assert any("disk of the database is full" in line for line in status["warnings"])
        assert api.client.get("/api/sync/get-config.php").status_code == 200
        assert api.client.get("/api/auth/me.php").status_code == 200
        assert api.health() == (200, {"status": "degraded", "code": "ledger_full"})
        assert api.client.get("/").status_code == 200
        refused(api.configure(sync_interval=99), "ledger_full")
        refused(api.sync_now(), "ledger_full")
        refused(api.client.post("/api/sync/enable-auto.php"), "ledger_full")
        refused(api.client.post("/api/auth/logout.php"), "ledger_full")
        refused(api.login(), "ledger_full")
        assert api.client.get("/api/auth/me.php").status_code == 200  # still signed in
        done = run_farcopy(home, "configure", "--sync-interval", "98")
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "disk of the database is full" in done.stderr
        seen = run_farcopy(home, "status")
        assert "warning: nothing can be recorded" in seen.stdout, seen.stderr

        filler.unlink()
        status = api.wait_for_ledger("ok")

        assert not [line for line in status["warnings"] if "database" in line]
        assert setting(home, "sync_interval") == 77
        assert api.configure(sync_interval=88).status_code == 200
        assert setting(home, "sync_interval") == 88
        assert sum(gap["calls"] for gap in gaps(home)) >= 8
        answer = api.sync_now()
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["files_synced"] == 30
        assert farcopy.end() == 0
    assert arrived(on_small_disk.remote) == on_small_disk.expected()


def test_a_run_whose_disk_fills_ends_and_is_closed_when_there_is_room_again(
    on_small_disk: Archive,
) -> None:
    home = on_small_disk.home
    on_small_disk.server.set_rate(SLOW_BYTES_PER_S)
    names = {f"large{n}": pattern(SLOW_BYTES, n) for n in range(8)}
    write_tree(on_small_disk.data, names)
    with serving(home, verb="service"), running(home, "sync", "--json") as asking:
        wait_until(lambda: len(temporaries(on_small_disk.remote)) > 1)
        filler = fill(home.parent)

        # Whoever waits is told, at the latest when the service's lease cannot be renewed.
        assert asking.wait() in (1, 3)
        assert "disk of the database is full" in asking.output

        filler.unlink()
        ended = wait_until(lambda: [run for run in runs(home) if run[1] != "running"])

        assert ended[0][1] in ("failed", "partial")
        ((code, message),) = rows(home, "SELECT error_code, error_message FROM sync_history")
        assert code == "ledger_full"
        assert "disk of the database is full" in message
        assert "uploading" not in states(home).values()
        on_small_disk.server.set_rate(0)
        assert sync(home)["exit"] == 0
    assert arrived(on_small_disk.remote) == on_small_disk.expected()
    assert temporaries(on_small_disk.remote) == []
    assert set(states(home).values()) == {"stored"}


def test_on_a_disk_that_was_full_before_the_start_reads_answer_too(
    on_small_disk: Archive,
) -> None:
    home = on_small_disk.home
    with serving(home) as farcopy, signed_in(farcopy.url) as api:
        cookies = api.client.cookies
    filler = fill(home.parent)
    serve = serving(home, is_well=False)
    with serve as farcopy, signed_in(farcopy.url, cookies) as api:
        api.wait_for_ledger("ledger_full")
        refused(api.configure(sync_interval=99), "ledger_full")
        assert run_farcopy(home, "status").returncode == 1  # it is told, and is trouble
        done = run_farcopy(home, "sync")
        assert (done.returncode, "disk of the database is full" in done.stderr) == (1, True)

        filler.unlink()
        api.wait_for_ledger("ok")
        wait_until(lambda: api.status()["service_running"])
        assert api.configure(sync_interval=88).status_code == 200


# --- read-only ---


def test_a_home_that_may_not_be_written_to_is_read_and_says_so_until_it_may(
    archive: Archive,
) -> None:
    home = archive.home
    with serving(home, before=WITHOUT_POWERS) as farcopy, signed_in(farcopy.url) as api:
        cookies = api.client.cookies
    closed = [home, home / "logs", *home.glob("farcopy.sqlite3*"), *(home / "logs").iterdir()]
    modes = {path: path.stat().st_mode & 0o777 for path in closed}
    for path in closed:
        path.chmod(0o555 if path.is_dir() else 0o444)

    serve = serving(home, before=WITHOUT_POWERS, is_well=False)
    with serve as farcopy, signed_in(farcopy.url, cookies) as api:
        status = api.wait_for_ledger("ledger_read_only")

        assert any("may not be written to" in line for line in status["warnings"])
        assert api.client.get("/api/sync/get-config.php").status_code == 200
        refused(api.configure(sync_interval=99), "ledger_read_only")
        refused(api.sync_now(), "ledger_read_only")
        refused(api.login(), "ledger_read_only")
        for verb in (["configure", "--sync-interval", "98"], ["sync"]):
            done = run_farcopy(home, *verb, before=WITHOUT_POWERS)
            assert (done.returncode, done.stdout) == (1, "")
            assert "farcopy: the database may not be written to" in done.stderr
            assert "Traceback" not in done.stderr
        seen = run_farcopy(home, "status", before=WITHOUT_POWERS)
        assert (seen.returncode, "may not be written to" in seen.stdout) == (1, True)

        for path, mode in modes.items():
            path.chmod(mode)
        api.wait_for_ledger("ok")

        wait_until(lambda: api.status()["service_running"])
        assert api.configure(sync_interval=88).status_code == 200
        assert api.sync_now().json()["data"]["files_synced"] == 30
        assert gaps(home)
        assert farcopy.end() == 0


# --- locked ---


@contextlib.contextmanager
def locked(home: Path) -> Iterator[None]:
    """Another program holds the write lock."""
    file = home / "farcopy.sqlite3"
    with contextlib.closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_lock_held_long_refuses_writes_within_seconds_and_no_read_waits_for_it(
    archive: Archive,
) -> None:
    with serving(archive.home) as farcopy, signed_in(farcopy.url) as api:
        with locked(archive.home):
            began_s = time.monotonic()
            refused(api.configure(sync_interval=99), "ledger_locked")
            assert 4 < time.monotonic() - began_s < 15

            for _ in range(3):
                began_s = time.monotonic()
                assert api.status()["ledger"] == "ledger_locked"
                assert time.monotonic() - began_s < 2
        assert api.configure(sync_interval=88).status_code == 200
        assert [gap["calls"] for gap in gaps(archive.home)] == [4]
        assert setting(archive.home, "sync_interval") == 88


def test_a_lock_held_for_a_moment_makes_everybody_wait_and_nobody_fail(archive: Archive) -> None:
    archive.server.set_rate(SLOW_BYTES_PER_S)
    write_tree(archive.data, {"large": pattern(SLOW_BYTES, "large")})
    with serving(archive.home) as farcopy, signed_in(farcopy.url) as api:
        assert api.sync_now(wait=False).status_code == 202
        wait_until(lambda: temporaries(archive.remote))
        with locked(archive.home):
            # All of it is there, and its renaming waits: the intent is written first.
            wait_until(lambda: is_all_there(archive))
        wait_until(lambda: api.status()["current_sync"] is None)
    assert runs(archive.home) == [("manual", "success", 31)]


def is_all_there(archive: Archive) -> bool:
    found = archive.remote.glob("farcopy-tmp-*/*")
    return any(file.stat().st_size == SLOW_BYTES for file in found)


# --- damaged, gone ---


def damage(file: Path) -> bytes:
    """What a disk may do: pages in the middle are no longer what they were."""
    content = bytearray(file.read_bytes())
    for page in range(len(content) // 4096 // 2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    file.write_bytes(content)
    return bytes(content)


def killed(archive: Archive) -> Path:
    """A home whose service ended without notice, after a run; a sound copy of its file."""
    with serving(archive.home, verb="service") as farcopy:
        assert sync(archive.home)["exit"] == 0
        # All of it in the one file, so that the test can damage and copy that.
        rows(archive.home, "PRAGMA wal_checkpoint(TRUNCATE)")
        farcopy.kill()
    rows(archive.home, "PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(shutil.copy(archive.home / "farcopy.sqlite3", archive.home.parent / "sound"))


@pytest.mark.parametrize("kind", ["damaged", "garbage"])
def test_a_database_damaged_by_a_crash_is_kept_told_and_no_sync_begins(
    archive: Archive, kind: str
) -> None:
    home, file = archive.home, archive.home / "farcopy.sqlite3"
    sound = killed(archive)
    if kind == "damaged":
        content = damage(file)
    else:
        content = b"garbage " * 5000
        file.write_bytes(content)
    write_tree(archive.data, {"new": b"new"})

    with serving(home, is_well=False) as farcopy, signed_in(farcopy.url, httpx.Cookies()) as api:
        # Whoever comes while the service comes up may hear first that he is nobody.
        wait_until(lambda: api.client.get("/api/sync/status.php").status_code == 503)
        for path in ("sync/status.php", "auth/me.php", "nothing"):
            refused(api.client.get(f"/api/{path}"), "ledger_corrupt")
        refused(api.login(), "ledger_corrupt")
        assert api.health() == (503, {"status": "unavailable", "code": "ledger_corrupt"})
        assert api.client.get("/").status_code == 200
        done = run_farcopy(home, "sync")
        assert done.returncode == 1
        assert file.read_bytes() == content
        log = (home / "logs/service.log").read_text()
        assert log.count('"service.trouble"') == 1

        sound.replace(file)
        wait_until(lambda: api.health()[0] == 200)

        assert api.login().status_code == 200
        wait_until(lambda: api.status()["service_running"])
        assert api.sync_now().json()["data"]["files_synced"] == 1


def test_a_verb_alone_on_a_damaged_database_names_the_next_step(archive: Archive) -> None:
    killed(archive)
    content = damage(archive.home / "farcopy.sqlite3")

    done = run_farcopy(archive.home, "sync")

    assert (done.returncode, done.stdout) == (1, "")
    assert "the database is damaged; keep the file" in done.stderr
    assert "farcopy rebuild" in done.stderr
    assert "Traceback" not in done.stderr
    assert (archive.home / "farcopy.sqlite3").read_bytes() == content


def test_a_database_that_is_removed_under_a_service_is_told_and_taken_up_again(
    archive: Archive,
) -> None:
    home, file = archive.home, archive.home / "farcopy.sqlite3"
    with serving(home) as farcopy, signed_in(farcopy.url) as api:
        assert api.configure(sync_interval=88).status_code == 200
        rows(home, "PRAGMA wal_checkpoint(TRUNCATE)")
        away = file.rename(home / "away")
        for log in home.glob("farcopy.sqlite3-*"):
            log.rename(home / log.name.replace("farcopy.sqlite3", "away"))

        refused(api.client.get("/api/sync/status.php"), "ledger_missing")
        refused(api.configure(sync_interval=99), "ledger_missing")
        assert api.health() == (503, {"status": "unavailable", "code": "ledger_missing"})
        assert not file.exists()

        for log in home.glob("away-*"):
            log.rename(home / log.name.replace("away", "farcopy.sqlite3"))
        away.rename(file)
        wait_until(lambda: api.health() == (200, {"status": "ok"}))
        assert setting(home, "sync_interval") == 88
        assert api.sync_now().json()["data"]["files_synced"] == 30
