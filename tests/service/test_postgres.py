"""The same on a real PostgreSQL: `DATABASE_URL`, nothing else, is what changes."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.parts.postgres import PostgresServer
from tests.running import (
    SLOW_BYTES,
    SLOW_BYTES_PER_S,
    SlowFtpServer,
    age,
    arrived,
    options,
    pattern,
    read_tree,
    run_farcopy,
    running,
    serving,
    slow_ftp_server,
    sync,
    temporaries,
    wait_until,
    write_tree,
)

psycopg = pytest.importorskip("psycopg", reason="the extra farcopy[postgres] is not installed")


class Archive:
    """A home whose database is elsewhere, its data and its remote."""

    def __init__(self, folder: Path, server: SlowFtpServer, url: str) -> None:
        self.home, self.data, self.remote = folder / "home", folder / "data", server.root
        self.server = server
        self.env = {"DATABASE_URL": url}
        write_tree(self.data, {f"{n % 7}/{n}": pattern(n * 10, n) for n in range(50)})
        self.configure(
            ftp_host=server.host, ftp_port=server.port, ftp_username=server.user,
            hospital_data_path=self.data,
        )

    def configure(self, **settings: object) -> None:
        done = run_farcopy(
            self.home, "configure", *options(settings),
            env={**self.env, "FARCOPY_FTP_PASSWORD": self.server.password},
        )
        assert done.returncode == 0, done.stderr

    def sync(self) -> dict[str, Any]:
        return sync(self.home, env=self.env)

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(
            run_farcopy(self.home, "status", "--json", env=self.env).stdout
        )
        return answer

    def expected(self) -> dict[str, bytes]:
        return {f"hospital/{name}": content for name, content in read_tree(self.data).items()}

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.env["DATABASE_URL"]) as database:
            found: list[tuple[Any, ...]] = database.execute(statement).fetchall()
            return found


@pytest.fixture
def archive(tmp_path: Path, postgres: PostgresServer) -> Iterator[Archive]:
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        yield Archive(tmp_path, server, postgres.create_database())


def test_a_sync_on_postgresql_sends_checks_and_skips_as_on_sqlite(archive: Archive) -> None:
    first = archive.sync()

    assert (first["exit"], first["files_synced"]) == (0, 50)
    assert arrived(archive.remote) == archive.expected()
    assert not (archive.home / "farcopy.sqlite3").exists()

    age(archive.data / "1/1", by_s=60)
    (archive.data / "2/2").write_bytes(b"changed")
    write_tree(archive.data, {"new": b"new"})
    shutil.rmtree(archive.data / "0")
    (archive.data / "link").symlink_to("new")
    second = archive.sync()

    assert (second["exit"], second["files_synced"]) == (0, 2)
    assert set(archive.expected()) - {"hospital/link"} <= set(arrived(archive.remote))
    assert dict(archive.ask("SELECT state, count(*) FROM replicas GROUP BY state")) == {
        "stored": 43, "vanished": 8, "skipped": 1,
    }
    assert archive.sync()["message"] == "No new files to sync"
    assert archive.status()["statistics"]["total_files_synced"] == 52


def test_a_service_on_postgresql_takes_requests_and_keeps_the_schedule(archive: Archive) -> None:
    with serving(archive.home, verb="service", env=archive.env):
        wait_until(lambda: archive.status()["service_running"])
        assert archive.sync()["files_synced"] == 50
        write_tree(archive.data, {"new": b"new"})
        with psycopg.connect(archive.env["DATABASE_URL"]) as database:
            database.execute("UPDATE sync_history SET completed_at = now() - interval '1 day'")

        archive.configure(sync_enabled=True)

        ended = "SELECT sync_type, status FROM sync_history WHERE status <> 'running' ORDER BY id"
        wait_until(lambda: len(archive.ask(ended)) == 2)
    assert archive.ask(ended) == [("manual", "success"), ("scheduled", "success")]
    assert "hospital/new" in arrived(archive.remote)


def test_a_run_cut_off_by_sigkill_on_postgresql_is_closed_and_completed(archive: Archive) -> None:
    archive.server.set_rate(SLOW_BYTES_PER_S)
    write_tree(archive.data, {"large": pattern(SLOW_BYTES, "large")})
    with running(archive.home, "sync", env=archive.env) as farcopy:
        wait_until(lambda: is_large_on_the_line(archive.remote))
        farcopy.kill()
    archive.server.set_rate(0)

    assert archive.sync()["exit"] == 0

    assert arrived(archive.remote) == archive.expected()
    assert temporaries(archive.remote) == []
    assert archive.ask("SELECT status, error_code FROM sync_history ORDER BY id") == [
        ("failed", "crashed"), ("success", ""),
    ]


def is_large_on_the_line(remote: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return any(file.stat().st_size > 10_000 for file in remote.glob("farcopy-tmp-*/*"))
    return False


def test_two_homes_on_one_database_do_not_work_at_the_same_time(
    archive: Archive, tmp_path: Path
) -> None:
    archive.server.set_rate(SLOW_BYTES_PER_S)
    write_tree(archive.data, {"large": pattern(4 * SLOW_BYTES, "large")})
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(archive.home / "farcopy.key", other)  # the same key, another lock file
    (other / "farcopy.key").chmod(0o600)
    with running(archive.home, "sync", env=archive.env) as first:
        wait_until(lambda: is_large_on_the_line(archive.remote))

        second = run_farcopy(other, "sync", env=archive.env)

        assert second.returncode == 11, second.stderr + second.stdout
        assert first.wait() == 0, first.output


def test_a_database_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    done = run_farcopy(
        tmp_path, "status", env={"DATABASE_URL": "postgresql://x:Geheimes@127.0.0.1:1/x"}
    )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Geheimes" not in done.stdout + done.stderr
