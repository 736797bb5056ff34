"""`farcopy service`: requests, the schedule, monitoring, and every way it may end."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.running import (
    SLOW_BYTES,
    SLOW_BYTES_PER_S,
    FinalNamesWatch,
    SlowFtpServer,
    arrived,
    configure,
    ended_sync,
    pattern,
    relay,
    rows,
    run_farcopy,
    running,
    runs,
    sent_in_run,
    serving,
    slow_ftp_server,
    states,
    sync,
    temporaries,
    wait_until,
    write_tree,
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SlowFtpServer]:
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, server: SlowFtpServer) -> Path:
    write_tree(tmp_path / "data", {"a": b"a" * 1000, "deep/b": b"b" * 2000})
    configure(tmp_path / "home", server, hospital_data_path=tmp_path / "data")
    return tmp_path / "home"


def change(home: Path, *args: str) -> None:
    done = run_farcopy(home, "configure", *args)
    assert done.returncode == 0, done.stderr


def set_at_rest(home: Path, **settings: int) -> None:
    """Before any process runs on the home."""
    for name, value in settings.items():
        rows(home, f"UPDATE sync_configuration SET {name} = ?", value)


def ended_runs(home: Path) -> list[tuple[str, str, int]]:
    return [run for run in runs(home) if run[1] != "running"]


def wait_for_runs(home: Path, count: int, within_s: float = 60) -> list[tuple[str, str, int]]:
    wait_until(lambda: len(ended_runs(home)) >= count, within_s=within_s,
               what=f"{count} runs; there are {runs(home)}")
    return ended_runs(home)


def set_last_run_back(home: Path, minutes: int) -> None:
    """Move the clock, from the schedule's point of view."""
    moment = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=minutes)
    rows(home, "UPDATE sync_history SET completed_at = ?", moment.isoformat(" "))


def set_last_look_back(home: Path, minutes: int) -> None:
    moment = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=minutes)
    rows(home, "UPDATE looks SET looked_at = ? WHERE kind = 'monitor'", moment.isoformat(" "))


def newest_look(home: Path) -> list[tuple[int, int]]:
    """(files, bytes) that monitoring found waiting the last time."""
    return rows(home, "SELECT files, bytes FROM looks WHERE kind = 'monitor'"
                      " ORDER BY looked_at DESC, id DESC LIMIT 1")


def looked_at(home: Path) -> str | None:
    found = rows(home, "SELECT looked_at FROM looks WHERE kind = 'monitor'")
    return found[0][0] if found else None


# --- requests ---


def test_a_request_is_taken_within_a_second_and_carried_out(home: Path) -> None:
    with serving(home, verb="service"):
        rows(
            home,
            "INSERT INTO run_requests (sync_type, requested_by, requested_at, is_open, refusal)"
            " VALUES ('manual', 'test', ?, 1, '')",
            datetime.now(UTC).replace(tzinfo=None).isoformat(" "),
        )
        wait_for_runs(home, 1)

    ((asked, started, is_open, by),) = rows(
        home,
        "SELECT q.requested_at, h.started_at, q.is_open, h.requested_by"
        " FROM run_requests q JOIN sync_history h ON h.id = q.run_id",
    )
    waited = datetime.fromisoformat(started) - datetime.fromisoformat(asked)
    assert waited < timedelta(seconds=1)
    assert (is_open, by) == (0, "test")
    assert runs(home) == [("manual", "success", 2)]


def test_farcopy_sync_beside_a_service_goes_through_it(home: Path, tmp_path: Path) -> None:
    with serving(home, verb="service"):
        answer = sync(home)

        assert (answer["exit"], answer["files_synced"]) == (0, 2)
        assert rows(home, "SELECT is_open, run_id FROM run_requests") == [(0, answer["run_id"])]
        assert set(arrived(tmp_path / "remote")) == {"hospital/a", "hospital/deep/b"}

        (tmp_path / "data/a").rename(tmp_path / "data/c")
        change(home, "--orthanc-storage-path", str(tmp_path / "missing"))
        assert sync(home)["exit"] == 3
        assert sync(home)["exit"] == 1


def test_who_goes_away_while_waiting_does_not_stop_the_run(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    make_slow(tmp_path, server)
    with serving(home, verb="service"):
        with running(home, "sync") as client:
            wait_until(lambda: temporaries(tmp_path / "remote"))
            client.kill()

        assert wait_for_runs(home, 1) == [("manual", "success", 3)]


def test_a_second_request_during_a_run_is_refused_with_11(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    make_slow(tmp_path, server, 10 * SLOW_BYTES)
    with serving(home, verb="service"), running(home, "sync", "--json") as first:
        wait_until(lambda: temporaries(tmp_path / "remote"))

        assert run_farcopy(home, "sync").returncode == 11
        server.set_rate(0)

        assert first.wait() == 0
    assert runs(home) == [("manual", "success", 3)]


# --- the schedule ---


def test_auto_sync_switched_on_starts_at_once_and_goes_on_without_a_restart(
    home: Path, tmp_path: Path
) -> None:
    with serving(home, verb="service"):
        change(home, "--sync-enabled", "--sync-interval", "5", "--monitoring-enabled")
        assert wait_for_runs(home, 1, within_s=10) == [("scheduled", "success", 2)]

        set_last_run_back(home, 4)
        wait_for_a_look(home)
        assert len(runs(home)) == 1  # not due yet

        set_last_run_back(home, 5)
        assert wait_for_runs(home, 2)[1] == ("scheduled", "success", 0)

        change(home, "--no-sync-enabled")
        write_tree(tmp_path / "data", {"new": b"new"})
        set_last_run_back(home, 600)
        wait_for_a_look(home)
        assert len(runs(home)) == 2
        assert sync(home)["files_synced"] == 1  # by hand it still works


def wait_for_a_look(home: Path) -> None:
    """The service came round: in each round the schedule is asked first, then monitoring looks."""
    before = wait_until(lambda: looked_at(home)) or ""
    set_last_look_back(home, 31)
    wait_until(lambda: (looked_at(home) or "") > before)


def test_something_new_found_by_monitoring_starts_a_run_of_its_own(
    home: Path, tmp_path: Path
) -> None:
    set_at_rest(home, sync_enabled=True, sync_interval=1440, monitoring_enabled=True)
    with serving(home, verb="service"):
        assert wait_for_runs(home, 1) == [("scheduled", "success", 2)]
        wait_for_a_look(home)
        assert len(runs(home)) == 1  # nothing new, no run

        write_tree(tmp_path / "data", {"new": b"new"})
        set_last_look_back(home, 31)
        assert wait_for_runs(home, 2)[1] == ("monitoring", "success", 1)

    assert "hospital/new" in arrived(tmp_path / "remote")


def test_monitoring_without_auto_sync_only_keeps_the_backlog(home: Path) -> None:
    set_at_rest(home, monitoring_enabled=True)
    with serving(home, verb="service"):
        wait_until(lambda: looked_at(home))

        assert newest_look(home) == [(2, 3000)]
        sync(home)
        set_last_look_back(home, 31)
        wait_until(lambda: newest_look(home) == [(0, 0)])
    assert [kind for kind, _, _ in runs(home)] == ["manual"]


def test_after_a_refused_login_automatic_runs_wait_until_the_settings_change(
    home: Path, server: SlowFtpServer
) -> None:
    with relay(server) as between:
        configure(home, between, ftp_password="wrong", sync_enabled=True, sync_interval=1,
                  monitoring_enabled=True, monitoring_interval=1)
        with serving(home, verb="service"):
            assert wait_for_runs(home, 1) == [("scheduled", "failed", 0)]
            set_last_run_back(home, 59)
            wait_for_a_look(home)  # and there is something new to be seen
            assert len(runs(home)) == 1
            assert between.commands.count("PASS") == 1  # a host would ban us for more

            configure(home, between)
            assert wait_for_runs(home, 2)[1] == ("scheduled", "success", 2)


# --- its ends ---


def make_slow(tmp_path: Path, server: SlowFtpServer, size_bytes: int = SLOW_BYTES) -> None:
    server.set_rate(SLOW_BYTES_PER_S)
    write_tree(tmp_path / "data", {"large": pattern(size_bytes, "large")})


def test_a_second_service_on_the_same_home_refuses(home: Path) -> None:
    with serving(home, verb="service") as first:
        second = run_farcopy(home, "service")

        assert second.returncode == 1
        assert "another farcopy engine works on this home" in second.stderr
        assert "Traceback" not in second.stderr
        assert first.process.poll() is None
        assert sync(home)["exit"] == 0


def test_an_idle_service_ends_at_once_on_sigterm(home: Path) -> None:
    with serving(home, verb="service") as service:
        assert service.end() == 0

    assert rows(home, "SELECT owner, kind FROM engine_lease") == [("", "")]
    events = [
        json.loads(line)["event"]
        for line in (home / "logs/service.log").read_text().splitlines()
    ]
    assert events[0] == "service.started"
    assert events[-1] == "service.stopped"


def test_sigterm_lets_the_file_in_hand_finish_and_a_restart_resumes(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    set_at_rest(home, sync_enabled=True, sync_interval=1440, ftp_connections=1)
    make_slow(tmp_path, server)
    # Folders come after what they lie in: due, but not in hand when the signal comes.
    write_tree(tmp_path / "data", {"z/later": b"later"})
    with serving(home, verb="service") as service:
        wait_until(lambda: is_large_on_the_line(tmp_path))
        assert service.end() == 0

    remote = tmp_path / "remote"
    assert "hospital/large" in arrived(remote)  # it had seconds to go, and the grace is 20
    assert "hospital/z/later" not in arrived(remote)
    assert temporaries(remote) == []
    ((kind, status, count),) = runs(home)
    assert (kind, status, count) == ("scheduled", "partial", len(arrived(remote)))
    assert rows(home, "SELECT end, error_message FROM sync_history") == [
        ("stopped", "The run was stopped because the service was stopped")
    ]

    with serving(home, verb="service"):  # the interval is a day: only resuming explains a run
        assert wait_for_runs(home, 2, within_s=30)[1] == ("scheduled", "success", 4 - count)
    assert set(arrived(remote)) == {
        f"hospital/{n}" for n in ("a", "deep/b", "large", "z/later")
    }


def is_large_on_the_line(tmp_path: Path) -> bool:
    files = list((tmp_path / "remote").glob("farcopy-tmp-*/*"))
    return any(file.stat().st_size > 10_000 for file in files if file.exists())


def test_a_service_killed_in_mid_run_recovers_at_once_when_started_again(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    set_at_rest(home, sync_enabled=True, sync_interval=1440)
    make_slow(tmp_path, server)
    remote = tmp_path / "remote"
    expected = {
        "hospital/a": b"a" * 1000, "hospital/deep/b": b"b" * 2000,
        "hospital/large": pattern(SLOW_BYTES, "large"),
    }
    with FinalNamesWatch(remote, expected) as watch:
        with serving(home, verb="service") as service:
            wait_until(lambda: is_large_on_the_line(tmp_path))
            service.kill()
        assert runs(home)[0][1] == "running"  # nobody was left to say otherwise
        server.set_rate(0)

        with serving(home, verb="service"):
            # No wait for a stale heartbeat: the lock file fell with its process.
            found = wait_for_runs(home, 2, within_s=14)

    assert watch.wrong == []
    assert [status for _, status, _ in found] == ["failed", "success"]
    assert rows(home, "SELECT end, error_code FROM sync_history ORDER BY id") == [
        ("crashed", "crashed"), ("finished", "")
    ]
    assert arrived(remote) == expected
    assert temporaries(remote) == []
    assert set(states(home).values()) == {"stored"}


def test_the_client_of_a_service_that_is_killed_is_told(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    make_slow(tmp_path, server, 2_000_000)
    with serving(home, verb="service") as service, running(home, "sync") as client:
        wait_until(lambda: is_large_on_the_line(tmp_path))
        service.kill()
        # The lease it left is stale after 15 s; sent back here, not waited for.
        rows(home, "UPDATE engine_lease SET heartbeat_at = '2020-01-01 00:00:00'")

        assert client.wait() == 1
    assert "The background service is not running" in client.output

    # And the next farcopy sync takes over by itself.
    server.set_rate(0)
    assert sync(home)["exit"] == 0
    assert [status for _, status, _ in runs(home)] == ["failed", "success"]


# --- a service and a sync command are one engine ---


def test_a_service_started_during_a_sync_command_refuses_and_the_run_goes_on(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    make_slow(tmp_path, server)
    with running(home, "sync", "--json") as command:
        wait_until(lambda: temporaries(tmp_path / "remote"))

        service = run_farcopy(home, "service")

        assert service.returncode == 1
        assert command.wait() == 0
    assert sent_in_run(home, 1) == ["hospital/a", "hospital/deep/b", "hospital/large"]


def test_a_sync_command_after_a_killed_service_needs_no_service(home: Path) -> None:
    with serving(home, verb="service") as service:
        service.kill()

    assert ended_sync(run_farcopy(home, "sync", "--json"))["exit"] == 0


def test_an_idle_service_asks_a_server_that_nobody_needed_for_a_day(home: Path) -> None:
    assert run_farcopy(home, "sync").returncode == 0
    ago = (datetime.now(UTC).replace(tzinfo=None) - timedelta(days=2)).isoformat(" ")
    rows(home, "UPDATE destinations SET last_seen_at = ?", ago)
    set_at_rest(home, monitoring_enabled=1, monitoring_interval=1440)
    told = json.loads(run_farcopy(home, "status", "--json").stdout)["warnings"]
    assert any("last reached 2 days" in warning for warning in told)

    with serving(home, verb="service"):
        wait_until(lambda: rows(home, "SELECT last_seen_at FROM destinations")[0][0] > ago,
                   what="a login")

    told = json.loads(run_farcopy(home, "status", "--json").stdout)["warnings"]
    assert not any("last reached" in warning for warning in told)


def test_a_server_that_does_not_answer_the_daily_login_is_asked_once(home: Path) -> None:
    assert run_farcopy(home, "sync").returncode == 0
    ago = (datetime.now(UTC).replace(tzinfo=None) - timedelta(days=2)).isoformat(" ")
    rows(home, "UPDATE destinations SET last_seen_at = ?", ago)
    set_at_rest(home, monitoring_enabled=1, monitoring_interval=1440, ftp_port=1)
    rows(home, "UPDATE destinations SET port = 1")  # nobody is there

    with serving(home, verb="service"):
        wait_until(lambda: "server.not_reached" in (home / "logs/service.log").read_text(),
                   what="a login in vain")
        asked = rows(home, "SELECT last_asked_at FROM destinations WHERE port = 1")

    with serving(home, verb="service"):  # a restart does not ask again
        wait_until(lambda: (home / "logs/service.log").read_text().count("service.started") == 2,
                   what="the second start")
    assert rows(home, "SELECT last_asked_at FROM destinations WHERE port = 1") == asked
    assert (home / "logs/service.log").read_text().count("server.not_reached") == 1


def test_a_password_nobody_has_tried_is_told_until_it_works(home: Path) -> None:
    def untried() -> bool:
        told = json.loads(run_farcopy(home, "status", "--json").stdout)["warnings"]
        return any("password not tried yet" in warning for warning in told)

    assert untried()
    assert run_farcopy(home, "test-connection").returncode == 0
    assert not untried()
