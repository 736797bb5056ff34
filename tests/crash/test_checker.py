"""The checker itself: a sound scene passes, and each violation, made by hand, is reported."""

import contextlib
import ftplib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.checker import DATABASE, Checker, Scene, not_closed_as_crashed, not_restored
from tests.crash.history import MARK, History
from tests.crash.naive import insert
from tests.running import PASSWORD, new_home, rows, slow_ftp_server

NOW = "2026-01-01 00:00:00"
NAME = "hospital/deep/a"
CONTENT = MARK + b"of the first file"
ANSWER = {"status": "success", "exit": 0, "files_synced": 1, "errors": [], "run_id": 1}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A file that was stored by a run, as farcopy leaves it."""
    home = new_home(tmp_path / "home")
    sources = {root: tmp_path / root for root in ("orthanc", "hospital")}
    history = History()
    history.note(NAME, CONTENT)
    for folder in (*sources.values(), tmp_path / "remote"):
        folder.mkdir()
    (home / "logs").mkdir(exist_ok=True)
    for file in (sources["hospital"] / "deep/a", tmp_path / "remote" / NAME):
        file.parent.mkdir(parents=True)
        file.write_bytes(CONTENT)
    scene = Scene(home, tmp_path / "remote", sources, history, PASSWORD, (MARK.decode().strip(),))
    md5, size = Checker(scene).source_versions()[NAME]
    with contextlib.closing(sqlite3.connect(home / DATABASE)) as database:
        insert(database, "destinations", id=1, host="h", profile="{}", created_at=NOW)
        insert(database, "source_files", id=1, root="hospital", directory="deep", name="a")
        insert(
            database, "replicas", id=1, source_file_id=1, destination_id=1, state="stored",
            size_bytes=size, md5=md5, claim=1, changed_at=NOW,
        )
        insert(
            database, "sync_history", id=1, sync_type="manual", status="success", end="finished",
            started_at=NOW, completed_at=NOW, files_synced=1, total_size_bytes=size, problems="[]",
        )
        insert(
            database, "transfers", id=1, run_id=1, replica_id=1, outcome="stored", bytes=size,
            md5=md5, at=NOW,
        )
        database.commit()
    return scene


def sql(statement: str) -> Callable[[Scene], object]:
    return lambda scene: rows(scene.home, statement)


def kinds(scene: Scene, checker: Checker | None = None) -> set[str]:
    checker = checker or Checker(scene)
    return {f"{found.invariant} {found.kind}" for found in checker.at_the_end()}


def test_a_sound_scene_has_no_violation_and_was_looked_at(scene: Scene) -> None:
    checker = Checker(scene)

    assert kinds(scene, checker) == set()
    assert checker.is_truthful(ANSWER) == []
    assert (checker.tally.stored_rows, checker.tally.finals) == (1, 1)


def cut(scene: Scene) -> None:
    (scene.remote / NAME).write_bytes(CONTENT[:9])


def foreign(scene: Scene) -> None:
    (scene.remote / "hospital/other").write_bytes(b"x")


def new_version(scene: Scene) -> None:
    scene.history.note(NAME, b"new")
    (scene.sources["hospital"] / "deep/a").write_bytes(b"new")


def temporary(scene: Scene) -> None:
    (scene.remote / "farcopy-tmp-1").mkdir()
    (scene.remote / "farcopy-tmp-1/new-1-1").write_bytes(b"x")


def damage(scene: Scene) -> None:
    rows(scene.home, "CREATE INDEX i ON transfers (at)")
    rows(scene.home, "PRAGMA writable_schema = ON")
    (page,) = rows(scene.home, "SELECT rootpage FROM sqlite_master WHERE name = 'i'")[0]
    rows(scene.home, "PRAGMA wal_checkpoint(TRUNCATE)")
    database = scene.home / DATABASE
    content = bytearray(database.read_bytes())
    content[(page - 1) * 4096:(page - 1) * 4096 + 8] = b"\x0a\0\0\0\0\x10\0\0"
    database.write_bytes(content)


def leave_batch(scene: Scene) -> None:
    with contextlib.closing(sqlite3.connect(scene.home / DATABASE)) as database:
        insert(database, "batches", run_id=1)
        database.commit()


def log_of(text: str) -> Callable[[Scene], object]:
    return lambda scene: (scene.home / "logs/sync.log").write_text(text)


REPLICA = "UPDATE replicas SET "
RUN = "UPDATE sync_history SET "


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda scene: (scene.remote / NAME).unlink(), {"I1 claimed-but-absent"}),
        (cut, {"I1 claimed-but-different", "I2 corrupt"}),
        (sql(f"{REPLICA} md5 = 'another'"), {"I1 claimed-but-different", "I3 lost"}),
        (sql(f"{REPLICA} size_bytes = 1"), {"I1 claimed-but-different", "I3 lost"}),
        (foreign, {"I2 foreign"}),
        (new_version, {"I3 lost"}),
        (sql("DELETE FROM replicas"), {"I3 lost"}),
        (sql(f"{REPLICA} state = 'pending'"), {"I3 lost"}),
        (temporary, {"I4 temporary-left"}),
        (damage, {"I5 database-damaged"}),
        (sql(f"{REPLICA} state = 'uploading'"), {"I5 in-nobody's-hand", "I3 lost"}),
        (leave_batch, {"I5 batch-left"}),
        (sql(f"{REPLICA} attempts = 4"), {"I6 too-many-attempts"}),
        (sql(f"{RUN} files_synced = 2"), {"I7 counters"}),
        (sql(f"{RUN} total_size_bytes = 2"), {"I7 counters"}),
        (sql("UPDATE transfers SET outcome = 'failed', bytes = 0"), {"I7 counters"}),
        (sql(f"{RUN} status = 'running', \"end\" = ''"), {"I7 run-without-an-end"}),
        (log_of(f"login with {PASSWORD}"), {"I9 told-in-a-log"}),
        (log_of(CONTENT.decode()), {"I9 told-in-a-log"}),
        (sql(f"{RUN} error_message = '{PASSWORD}'"), {"I9 password-in-the-database"}),
    ],
)
def test_each_violation_is_reported(
    scene: Scene, spoil: Callable[[Scene], object], told: set[str]
) -> None:
    spoil(scene)

    assert kinds(scene) == told


def test_a_remote_copy_that_was_there_and_is_gone_is_reported(scene: Scene) -> None:
    checker = Checker(scene)
    assert checker.at_any_moment() == []
    rows(scene.home, f"{REPLICA} state = 'vanished'")
    (scene.sources["hospital"] / "deep/a").unlink()
    assert kinds(scene, checker) == set()  # to delete a source is no fault

    (scene.remote / NAME).unlink()

    assert kinds(scene, checker) == {"I8 removed"}


def test_a_password_in_an_answer_is_reported(scene: Scene) -> None:
    assert [v.invariant for v in Checker(scene).at_the_end(["{}", f'{{"p": "{PASSWORD}"}}'])] == [
        "I9"
    ]


@pytest.mark.parametrize(
    ("commands", "told"),
    [
        ([["STOR /farcopy-tmp-1/new-1-1"], ["STOR /farcopy-tmp-1/new-1-2"]], []),
        ([["STOR /farcopy-tmp-1/new-1-1", "STOR /farcopy-tmp-1/new-1-1"]], []),
        ([["STOR /farcopy-tmp-1/new-1-1"], ["STOR /farcopy-tmp-1/new-1-1"]], ["stored-twice"]),
        ([["STOR /x/hospital/a"]], ["stored-to-a-final-name"]),
        ([["APPE /farcopy-tmp-1/new-1-1"]], ["stored-to-a-final-name"]),
    ],
)
def test_what_is_said_to_the_server_is_judged(
    scene: Scene, commands: list[list[str]], told: list[str]
) -> None:
    assert [v.kind for v in Checker(scene).at_the_end((), commands)] == told


@pytest.mark.parametrize(
    ("spoil", "answer", "told"),
    [
        (new_version, {}, ["false-success"]),
        (log_of(""), {"exit": 3}, ["exit-code"]),
        (log_of(""), {"files_synced": 2}, ["count"]),
        (log_of(""), {"status": "failed", "exit": 1}, ["no-reason"]),
        (sql(f"{REPLICA} state = 'failed'"), {}, ["failure-not-named"]),
    ],
)
def test_a_run_that_tells_an_untruth_is_reported(
    scene: Scene, spoil: Callable[[Scene], object], answer: dict[str, object], told: list[str]
) -> None:
    spoil(scene)

    assert [v.kind for v in Checker(scene).is_truthful({**ANSWER, **answer})] == told


def test_statistics_that_do_not_agree_with_the_rows_are_reported(scene: Scene) -> None:
    truth = {
        "total_syncs": 1, "total_files_synced": 1, "total_size_synced": len(CONTENT),
        "successful_syncs": 1, "failed_syncs": 0, "partial_syncs": 0,
    }
    checker = Checker(scene)

    assert checker.status_agrees({"statistics": truth}) == []
    for name in truth:
        wrong = {**truth, name: truth[name] + 1}
        assert [v.invariant for v in checker.status_agrees({"statistics": wrong})] == ["I7"]


def test_a_killed_run_that_is_not_told_as_crashed_is_reported(scene: Scene) -> None:
    assert [v.kind for v in not_closed_as_crashed(scene.home, [1])] == ["killed-but-not-crashed"]
    rows(scene.home, f"{RUN} status = 'failed', \"end\" = 'crashed'")
    assert list(not_closed_as_crashed(scene.home, [1])) == []


def test_what_does_not_come_back_over_ftp_is_reported(scene: Scene) -> None:
    with slow_ftp_server(scene.remote, 0) as server, ftplib.FTP() as ftp:
        ftp.connect(server.host, server.port, timeout=10)
        ftp.login(server.user, server.password)
        checker = Checker(scene)
        assert list(not_restored(checker, ftp, "")) == []

        (scene.remote / NAME).write_bytes(CONTENT + b"more")
        assert [v.kind for v in not_restored(checker, ftp, "")] == ["restored-differs"]
        (scene.remote / NAME).unlink()
        assert [v.kind for v in not_restored(checker, ftp, "")] == ["not-restored"]


def test_a_corruption_no_client_can_see_is_told_but_expected_of_a_lying_server(
    scene: Scene,
) -> None:
    scene.server_lies = True
    cut(scene)
    assert {v.is_expected for v in Checker(scene).at_any_moment()} == {True}

    rows(scene.home, f"{REPLICA} state = 'verified'")  # this word is never given for a lie

    assert [v.is_expected for v in Checker(scene).at_any_moment() if v.invariant == "I1"] == [False]
