"""PostgreSQL restarted or stopped under real processes: runs wait, answers say what is wrong."""

import contextlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.parts.postgres import Mode, PostgresServer
from tests.running import (
    SLOW_BYTES,
    SLOW_BYTES_PER_S,
    SlowFtpServer,
    arrived,
    options,
    pattern,
    read_tree,
    run_farcopy,
    running,
    serving,
    slow_ftp_server,
    temporaries,
    wait_until,
    write_tree,
)
from tests.service.trouble import PASSWORD, Api, refused, signed_in

psycopg = pytest.importorskip("psycopg", reason="the extra farcopy[postgres] is not installed")

RUNS = "SELECT status, \"end\", error_code, files_synced FROM sync_history ORDER BY id"


class Archive:
    """A home whose database is elsewhere, with an account, its data and its remote."""

    def __init__(self, folder: Path, server: SlowFtpServer, postgres: PostgresServer) -> None:
        self.home, self.data, self.remote = folder / "home", folder / "data", server.root
        self.server, self.postgres = server, postgres
        self.env = {"DATABASE_URL": postgres.create_database()}
        self.make_slow()
        self.run("configure", *options({
            "ftp_host": server.host, "ftp_port": server.port, "ftp_username": server.user,
            "hospital_data_path": self.data,
        }), env={"FARCOPY_FTP_PASSWORD": server.password})
        self.run("user", "add", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")

    def run(self, *args: str, env: dict[str, str] | None = None, stdin: str | None = None) -> str:
        done = run_farcopy(self.home, *args, env={**self.env, **(env or {})}, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def make_slow(self) -> None:
        """Files that take some seconds, and many that take none."""
        self.server.set_rate(SLOW_BYTES_PER_S)
        write_tree(self.data, {f"{n % 7}/{n}": pattern(n * 10, n) for n in range(400)})
        write_tree(self.data, {f"l{n}": pattern(SLOW_BYTES, n) for n in range(3)})

    def is_on(self) -> bool:
        return bool(temporaries(self.remote))

    def expected(self) -> dict[str, bytes]:
        return {f"hospital/{name}": content for name, content in read_tree(self.data).items()}

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.env["DATABASE_URL"]) as database:
            found: list[tuple[Any, ...]] = database.execute(statement).fetchall()
            return found

    def check_counts(self) -> None:
        """Every file is there, recorded once, and the run's counters are those of its rows."""
        assert arrived(self.remote) == self.expected()
        assert self.ask("SELECT state, count(*) FROM replicas GROUP BY state") == [("stored", 403)]
        recount = self.ask("SELECT run_id, count(*) FROM transfers WHERE outcome = 'stored'"
                           " GROUP BY run_id ORDER BY run_id")
        told = self.ask("SELECT id, files_synced FROM sync_history WHERE files_synced > 0"
                        " ORDER BY id")
        assert told == recount


@pytest.fixture
def archive(tmp_path: Path, postgres: PostgresServer) -> Iterator[Archive]:
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        yield Archive(tmp_path, server, postgres)
    if not postgres.is_alive():
        postgres.restart()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_run_goes_on_by_itself_when_postgresql_is_restarted(
    archive: Archive, mode: Mode
) -> None:
    with serving(archive.home, env=archive.env) as farcopy, signed_in(farcopy.url) as api:
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(api.sync_now)
            wait_until(archive.is_on)

            archive.postgres.restart(mode)

            answer = waiting.result(timeout=90)
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["files_synced"] == 403
        assert api.status()["current_sync"] is None
        assert farcopy.end() == 0
    assert archive.ask(RUNS) == [("success", "finished", "", 403)]
    archive.check_counts()


def test_a_sync_of_the_command_line_waits_while_postgresql_is_away(archive: Archive) -> None:
    with running(archive.home, "sync", "--json", env=archive.env) as farcopy:
        wait_until(archive.is_on)
        archive.postgres.stop("immediate")
        wait_until(lambda: "ledger.waiting" in log_of(archive))
        archive.postgres.restart()

        assert farcopy.wait() == 0, farcopy.output
    assert json.loads(farcopy.output.splitlines()[-1])["files_synced"] == 403
    archive.check_counts()


def log_of(archive: Archive) -> str:
    return (archive.home / "logs/service.log").read_text()


def test_while_postgresql_is_away_all_is_refused_and_then_the_cut_run_is_closed(
    archive: Archive,
) -> None:
    env = {**archive.env, "FARCOPY_LEDGER_PATIENCE_S": "2"}
    with serving(archive.home, env=env) as farcopy, signed_in(farcopy.url) as api:
        assert api.sync_now(wait=False).status_code == 202
        wait_until(archive.is_on)

        archive.postgres.stop("fast")

        for path in ("sync/status.php", "sync/get-config.php", "auth/me.php"):
            refused(api.client.get(f"/api/{path}"), "ledger_unreachable")
        refused(api.configure(sync_interval=99), "ledger_unreachable")
        refused(api.sync_now(), "ledger_unreachable")
        refused(api.login(), "ledger_unreachable")
        assert api.health() == (503, {"status": "unavailable", "code": "ledger_unreachable"})
        assert api.client.get("/").status_code == 200
        done = run_farcopy(archive.home, "status", env=archive.env)
        assert (done.returncode, done.stdout) == (1, "")
        assert "farcopy: the database server does not answer" in done.stderr
        wait_until(lambda: '"run.unclosed"' in (archive.home / "logs/sync.log").read_text())

        archive.postgres.restart()
        wait_until(lambda: api.health()[0] == 200)
        wait_until(lambda: archive.ask(RUNS)[0][0] != "running")

        assert archive.ask(RUNS)[0][:3] == ("failed", "crashed", "ledger_unreachable")
        last = api.wait_for_ledger("ok")["last_sync"]
        assert (last["status"], last["error_message"][:23]) == ("failed", "The run was cut off: th")
        assert archive.ask("SELECT count(*) FROM replicas WHERE state = 'uploading'") == [(0,)]
        (gap,) = archive.ask("SELECT details FROM audit_logs WHERE action = 'audit.gap'")
        assert gap[0]["calls"] >= 6
        archive.server.set_rate(0)
        assert api.sync_now().status_code == 200
        assert farcopy.end() == 0
    archive.check_counts()


def test_serve_comes_up_without_its_database_and_takes_it_up_when_it_is_there(
    archive: Archive,
) -> None:
    archive.postgres.stop()
    with (
        serving(archive.home, env=archive.env) as farcopy,
        signed_in(farcopy.url, httpx.Cookies()) as api,
    ):
        refused(api.login(), "ledger_unreachable")
        assert api.health()[0] == 503

        archive.postgres.restart()
        wait_until(lambda: api.health() == (200, {"status": "ok"}))

        assert api.login().status_code == 200
        wait_until(lambda: api.status()["service_running"])
        assert farcopy.end() == 0


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_no_setting_that_was_acknowledged_is_lost_by_a_restart(
    archive: Archive, mode: Mode
) -> None:
    with serving(archive.home, verb="web", env=archive.env) as farcopy:
        with signed_in(farcopy.url) as api:
            acknowledged, unknown = configure_on(api, lambda: archive.postgres.restart(mode))

        assert len(acknowledged) > 20
        ((held,),) = archive.ask("SELECT sync_interval FROM sync_configuration")
        assert held in (acknowledged[-1], *unknown)
        rows = archive.ask("SELECT count(*) FROM audit_logs WHERE action = 'sync.configure'"
                           " AND response_status = 200")
        gaps = archive.ask("SELECT details FROM audit_logs WHERE action = 'audit.gap'")
        missing = sum(details["calls"] for (details,) in gaps)
        # Each is in the trail, or counted as missing there.
        assert rows[0][0] + missing >= len(acknowledged)


def configure_on(api: Api, restart: Any) -> tuple[list[int], list[int]]:
    """Change a setting again and again over a restart: what was acknowledged, in order, and
    what came after it and was refused."""
    acknowledged: list[int] = []
    unknown: list[int] = []
    restarting = threading.Thread(target=restart)
    value, after = 5, 0
    while after < 20:
        value += 1
        answer = api.configure(sync_interval=value)
        if answer.status_code == 200:
            acknowledged.append(value)
            unknown.clear()
        else:
            refused(answer, "ledger_unreachable")
            unknown.append(value)
        if len(acknowledged) == 10 and restarting.ident is None:
            restarting.start()
        if restarting.ident is not None and not restarting.is_alive():
            after += answer.status_code == 200
    with contextlib.suppress(RuntimeError):
        restarting.join()
    return acknowledged, unknown
