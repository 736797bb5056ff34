"""The independent checker: what farcopy says, against what lies on the server's disk.

It imports nothing of farcopy: it reads the home's database (a copy, so that its look
mends nothing), the server's disk, and the sources' history as the test's own writer
recorded it. Each finding names its invariant; docs/reference/reliability lists them.
"""

import contextlib
import ftplib
import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.history import History, Version

DATABASE = "farcopy.sqlite3"
STORED = ("stored", "verified")
MAX_ATTEMPTS = 3
REASONED = ("pending", "failed", "skipped", "uploading")
"""States that say openly: not stored."""


@dataclass(frozen=True)
class Violation:
    """is_expected: a server that lies about content can cause it, and no one can see it."""

    invariant: str
    kind: str
    detail: str
    is_expected: bool = False

    def __str__(self) -> str:
        return f"{self.invariant} {self.kind}: {self.detail}"


@dataclass
class Scene:
    """What is looked at. remote: ftp_path on the server's disk; sources: by root label.

    refuses_to_replace: the server does not rename over a file, so that an old version may
    stand aside, in our folder, until its successor has its place; no longer than a recovery.
    """

    home: Path
    remote: Path
    sources: Mapping[str, Path]
    history: History
    password: str
    canaries: Sequence[str] = ()
    server_lies: bool = False
    refuses_to_replace: bool = False


@dataclass(frozen=True)
class Row:
    """A replica with its file."""

    id: int
    name: str
    state: str
    size: int
    md5: str
    claim: int
    attempts: int
    reason: str


@dataclass
class Tally:
    """How much was looked at: a checker that looked at nothing has found nothing."""

    looks: int = 0
    stored_rows: int = 0
    finals: int = 0


@dataclass
class Checker:
    """Remembers what it has seen: a final name that was there must stay there."""

    scene: Scene
    tally: Tally = field(default_factory=Tally)
    _seen: dict[str, Version] = field(default_factory=dict)
    _digests: dict[tuple[int, int, int], Version] = field(default_factory=dict)

    # --- at any moment ---

    def at_any_moment(self, *, is_engine_alive: bool = False) -> list[Violation]:
        """I1, I2, I6, I8: hold even while an engine works and the server still receives."""
        self.tally.looks += 1
        with self._database(is_engine_alive) as database:
            found = [*self._stored(database), *self._attempts(database)]
        return [*found, *self._finals(may_stand_aside=self.scene.refuses_to_replace)]

    def _stored(self, database: sqlite3.Connection) -> Iterator[Violation]:
        for row in _rows(database):
            if row.state not in STORED:
                continue
            self.tally.stored_rows += 1
            there = self.version_of(self.scene.remote / row.name)
            if there == (row.md5, row.size):
                continue
            if _row(database, row.id) != row:
                continue  # an engine works on it just now: it is looked at next time
            kind = "claimed-but-absent" if there is None else "claimed-but-different"
            lied = self.scene.server_lies and row.state != "verified"
            yield Violation("I1", kind, f"{row} but {there} is there", lied)

    def _attempts(self, database: sqlite3.Connection) -> Iterator[Violation]:
        for row in _rows(database):
            if row.attempts > MAX_ATTEMPTS:
                yield Violation("I6", "too-many-attempts", str(row))

    def _finals(self, *, may_stand_aside: bool = False) -> Iterator[Violation]:
        aside = (
            {self.version_of(path) for path in self.scene.remote.glob("farcopy-tmp-*/old-*")}
            if may_stand_aside else set()
        )
        present = {name: self.scene.remote / name for name in self.final_names()}
        for name, path in present.items():
            self.tally.finals += 1
            version = self.version_of(path)
            if version is None:
                continue  # below: it was there a moment ago
            if not self.scene.history.knows(name):
                yield Violation("I2", "foreign", name, False)
            elif not self.scene.history.had(name, version):
                yield Violation("I2", "corrupt", f"{name} is {version}", self.scene.server_lies)
            self._seen[name] = version
        for name, version in self._seen.items():
            if version in aside:
                continue
            if name not in present and self.version_of(self.scene.remote / name) is None:
                yield Violation("I8", "removed", f"{name}, once {version}")

    # --- when no engine lives ---

    def at_rest(self, *, is_recovered: bool = True) -> list[Violation]:
        """Besides: I5 and I7. is_recovered: an engine has begun since the last kill."""
        found = self.at_any_moment()
        with self._database(False) as database:
            (sound,) = database.execute("PRAGMA integrity_check").fetchone()
            if sound != "ok":
                found.append(Violation("I5", "database-damaged", sound))
            if is_recovered:
                found += _left_in_hand(database)
                found += _counters(database)
        return found

    # --- at the end: sources at rest, everything recovered, one more run that was idle ---

    def at_the_end(
        self, answers: Iterable[str] = (), commands: Iterable[Sequence[str]] = ()
    ) -> list[Violation]:
        """Besides: I3, I4, I9, I10. commands: the lines of each FTP session, in order."""
        found = self.at_rest()
        if self.scene.refuses_to_replace:
            found += self._finals()  # now nothing may stand aside any more
        with self._database(False) as database:
            states = {row.name: row for row in _rows(database)}
        for name, version in self.source_versions().items():
            row = states.get(name)
            if row is None or row.state not in STORED or (row.md5, row.size) != version:
                found.append(Violation("I3", "lost", f"{name} {version}: {row}"))
        for path in sorted(self.scene.remote.glob("farcopy-tmp-*/*")):
            if path.name.startswith(MARK):
                continue
            found.append(Violation("I4", "temporary-left", path.name))
        return [*found, *self._secrets(answers), *double_stores(commands)]

    def status_agrees(self, status: Mapping[str, Any]) -> list[Violation]:
        """I7: the statistics that `status --json` and the API tell, recounted from rows."""
        with self._database(False) as database:
            told = [row[0] for row in database.execute("SELECT status FROM sync_history")]
            files, size = database.execute(
                "SELECT count(*), coalesce(sum(bytes), 0) FROM transfers"
                " WHERE outcome IN ('stored', 'verified')"
            ).fetchone()
        recount = {
            "total_syncs": len(told),
            "total_files_synced": files,
            "total_size_synced": size,
            "successful_syncs": told.count("success"),
            "failed_syncs": told.count("failed"),
            "partial_syncs": told.count("partial"),
        }
        said = {name: status["statistics"][name] for name in recount}
        return [] if said == recount else [
            Violation("I7", "statistics", f"{said} told, {recount} counted")
        ]

    def is_truthful(self, answer: Mapping[str, Any]) -> list[Violation]:
        """What a run said of itself: `success` only if all is there, and failures by name."""
        found = []
        lacking = [
            name for name, version in self.source_versions().items()
            if self.version_of(self.scene.remote / name) != version
        ]
        status, code = answer["status"], answer["exit"]
        if code != {"success": 0, "partial": 3, "failed": 1}.get(status):
            found.append(Violation("truth", "exit-code", f"{code} for {status}"))
        if status == "success" and lacking:
            found.append(
                Violation("truth", "false-success", f"lacks {lacking}", self.scene.server_lies)
            )
        errors = answer.get("errors") or []
        with self._database(False) as database:
            failed = [row.name for row in _rows(database) if row.state == "failed"]
            message, synced = database.execute(
                "SELECT error_message, files_synced FROM sync_history WHERE id = ?",
                [answer["run_id"]],
            ).fetchone()
        for name in failed:
            if not any(name.partition("/")[2] in line for line in errors):
                found.append(Violation("truth", "failure-not-named", name))
        if status != "success" and not message:
            found.append(Violation("truth", "no-reason", str(answer)))
        if answer["files_synced"] != synced:
            found.append(Violation("truth", "count", f"{answer['files_synced']} for {synced}"))
        return found

    def _secrets(self, answers: Iterable[str]) -> Iterator[Violation]:
        logs = sorted((self.scene.home / "logs").glob("*"))
        for text in (*self.scene.canaries, self.scene.password):
            for log in logs:
                if text.encode() in log.read_bytes():
                    yield Violation("I9", "told-in-a-log", f"{log.name} holds {text!r}")
        for file in self.scene.home.glob(f"{DATABASE}*"):
            if self.scene.password.encode() in file.read_bytes():
                yield Violation("I9", "password-in-the-database", file.name)
        for answer in answers:
            if self.scene.password in answer:
                yield Violation("I9", "password-in-an-answer", answer[:80])

    # --- what is where ---

    def final_names(self) -> list[str]:
        return sorted(
            path.relative_to(self.scene.remote).as_posix()
            for root in self.scene.sources
            for path in (self.scene.remote / root).rglob("*")
            if path.is_file()
        )

    def source_versions(self) -> dict[str, Version]:
        found = {}
        for root, folder in self.scene.sources.items():
            for path in folder.rglob("*"):
                if path.is_file() and (version := self.version_of(path)):
                    found[f"{root}/{path.relative_to(folder).as_posix()}"] = version
        return found

    def version_of(self, path: Path) -> Version | None:
        """(md5, size) of a file, None if it is not there; read once for each change of it."""
        try:
            with path.open("rb") as file:
                seen = os.fstat(file.fileno())
                # ctime: the server may still write to it within one tick of the clock.
                key = (seen.st_ino, seen.st_ctime_ns, seen.st_size)
                if key not in self._digests:
                    content = file.read()
                    self._digests[key] = (
                        hashlib.md5(content, usedforsecurity=False).hexdigest(), len(content)
                    )
                return self._digests[key]
        except (FileNotFoundError, NotADirectoryError):
            return None

    @contextlib.contextmanager
    def _database(self, is_engine_alive: bool) -> Iterator[sqlite3.Connection]:
        home = self.scene.home
        if is_engine_alive:
            address = f"file:{home / DATABASE}?mode=ro"
            with contextlib.closing(sqlite3.connect(address, uri=True, timeout=30)) as database:
                yield database
            return
        # To open a database is to repair it: that is farcopy's to do, so look at a copy.
        with tempfile.TemporaryDirectory(prefix="farcopy-look-") as folder:
            for file in home.glob(f"{DATABASE}*"):
                if not file.name.endswith("-shm"):
                    shutil.copy(file, folder)
            copy = sqlite3.connect(Path(folder) / DATABASE)
            with contextlib.closing(copy) as database:
                yield database


def _rows(database: sqlite3.Connection, where: str = "", *values: object) -> list[Row]:
    found = database.execute(
        "SELECT r.id, f.root, f.directory, f.name, r.state, r.size_bytes, r.md5, r.claim,"
        " r.attempts, r.reason FROM replicas r JOIN source_files f ON f.id = r.source_file_id"
        f" {where} ORDER BY r.id",
        values,
    ).fetchall()
    return [
        Row(row[0], "/".join(part for part in row[1:4] if part), *row[4:]) for row in found
    ]


def _row(database: sqlite3.Connection, replica_id: int) -> Row:
    return _rows(database, "WHERE r.id = ?", replica_id)[0]


def _left_in_hand(database: sqlite3.Connection) -> Iterator[Violation]:
    for row in _rows(database, "WHERE r.state = 'uploading'"):
        yield Violation("I5", "in-nobody's-hand", str(row))
    for (batch,) in database.execute("SELECT id FROM batches"):
        yield Violation("I5", "batch-left", str(batch))


def _counters(database: sqlite3.Connection) -> Iterator[Violation]:
    runs = database.execute(
        "SELECT id, status, end, completed_at, files_synced, total_size_bytes, files_failed"
        " FROM sync_history"
    ).fetchall()
    for run, status, end, completed_at, files, size, failed in runs:
        if status == "running" or not end or completed_at is None:
            yield Violation("I7", "run-without-an-end", f"run {run}: {status}, {end!r}")
        recount = database.execute(
            "SELECT coalesce(sum(outcome IN ('stored', 'verified')), 0),"
            " coalesce(sum((outcome IN ('stored', 'verified')) * bytes), 0),"
            " coalesce(sum(outcome = 'failed'), 0) FROM transfers WHERE run_id = ?",
            [run],
        ).fetchone()
        if recount != (files, size, failed):
            yield Violation(
                "I7", "counters", f"run {run}: {(files, size, failed)} told, {recount} counted"
            )


def not_closed_as_crashed(home: Path, killed_runs: Iterable[int]) -> Iterator[Violation]:
    """I7: the runs that were on when their process was killed, as the history tells them."""
    with contextlib.closing(sqlite3.connect(home / DATABASE, timeout=30)) as database:
        for run in killed_runs:
            status, end = database.execute(
                "SELECT status, end FROM sync_history WHERE id = ?", [run]
            ).fetchone()
            if (status, end) != ("failed", "crashed"):
                yield Violation("I7", "killed-but-not-crashed", f"run {run}: {status}, {end!r}")


def not_restored(checker: Checker, ftp: ftplib.FTP, ftp_path: str) -> Iterator[Violation]:
    """I12: from the remote alone, over FTP, every source file comes back byte for byte."""
    for name, version in checker.source_versions().items():
        content = bytearray()
        try:
            ftp.retrbinary(f"RETR {ftp_path}/{name}", content.extend)
        except ftplib.Error as error:
            yield Violation("I12", "not-restored", f"{name}: {error}")
            continue
        found = hashlib.md5(content, usedforsecurity=False).hexdigest(), len(content)
        if found != version:
            yield Violation("I12", "restored-differs", f"{name}: {found} for {version}")


MARK = "audit-mark-"
MARKS_WAY = "/new-0-0"
"""The temporary of the trail's mark: always the same; a later one replaces it whole."""
"""The audit trail's own small file: sealed, no copy of anything, and the next one takes the
place of a temporary that was left."""


def double_stores(commands: Iterable[Sequence[str]]) -> Iterator[Violation]:
    """I10: a final name is never written to, nor a temporary name by two sessions.

    One session's commands come in order. Another's, thought lost, may still come late, and
    would cut off what was sent to the same name since.
    """
    stored_by: dict[str, int] = {}
    for number, session in enumerate(commands):
        for line in session:
            verb, _, path = line.partition(" ")
            if verb.upper() not in ("STOR", "APPE", "STOU") or path.endswith(MARKS_WAY):
                continue
            if verb.upper() != "STOR" or "farcopy-tmp-" not in path:
                yield Violation("I10", "stored-to-a-final-name", line)
            if stored_by.setdefault(path, number) != number:
                yield Violation("I10", "stored-twice", line)
