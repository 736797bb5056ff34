"""A house to run in: a real directory, a real ledger, and the remote that passes the contract.

Shared by the engine's test modules; the fixture `house` stands in conftest.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.contract.databases import set_up_django

set_up_django()

from django.db import connection  # noqa: E402

from farcopy.core.states import RunEnd, RunState, SyncType  # noqa: E402
from farcopy.engine import preflight  # noqa: E402
from farcopy.engine.control import Pace, RunControl, SessionGate  # noqa: E402
from farcopy.engine.run import Run, RunRules  # noqa: E402
from farcopy.engine.transfer import TransferWorker  # noqa: E402
from farcopy.planning.tripwire import Tripwire  # noqa: E402
from farcopy.planning.tuning import ConnectionTuning  # noqa: E402
from farcopy.service.dispatch.threads import ThreadDispatcher  # noqa: E402
from farcopy.service.stop import StopSignal  # noqa: E402
from farcopy.sources.folder import FolderSource  # noqa: E402
from farcopy.store import configuration, history  # noqa: E402
from farcopy.store.ledger import DatabaseLedger  # noqa: E402
from farcopy.store.models import Replica  # noqa: E402
from tests.contract.fakes import FakeRemote, FakeServer  # noqa: E402


class Clock:
    """Wall time that tests move; monotonic time is the real one."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return time.monotonic()


@dataclass
class Log:
    """The RunLog port: keeps what it is told. sent: over all tries; on_line: without those that
    were for nothing."""

    run_id: int = 0
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    unchanged_files: int = 0
    skipped_files: int = 0
    sent: int = 0
    on_line: int = 0
    growing_files: int = 0
    excluded_files: int = 0

    def phase(self, name: str) -> None:
        history.note_phase(self.run_id, name)

    def passed_over(self, unchanged_files: int, skipped_files: int) -> None:
        self.unchanged_files += unchanged_files
        self.skipped_files += skipped_files

    def excluded(self, files: int) -> None:
        self.excluded_files += files

    def problem(self, root: str, path: str, code: str) -> None:
        self.problems.append((root, path, code))

    def growing(self, files: int) -> None:
        self.growing_files = files

    def total_is_known(self) -> None:
        history.note_total_known(self.run_id)

    def sent_bytes(self, count: int) -> None:
        self.sent += max(count, 0)
        self.on_line += count


class Worker(TransferWorker):
    def close(self) -> None:
        super().close()
        connection.close()


class House:
    """A source folder, a server and a ledger; `run()` is one run over them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "source"
        self.root.mkdir()
        self.server = FakeServer()
        self.clock = Clock()
        self.stop = StopSignal()
        self.retry_scale = 0.001
        self.settle_s = 0.0
        self.tripwire = Tripwire()
        self.crashes: list[BaseException] = []
        self.make_remote: Callable[[], FakeRemote] = lambda: FakeRemote(self.server)
        configuration.change({"ftp_host": "h", "ftp_username": "u"})
        self.destination = configuration.destination_for(configuration.load().settings)
        self.ledger = DatabaseLedger(self.destination.pk)
        self.source: FolderSource = FolderSource("hospital", self.root)

    def write(
        self, path: str, content: bytes = b"content", *, age_s: float | None = None
    ) -> None:
        """age_s: by the house's clock; None leaves the modification time as it comes."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if age_s is not None:
            at = self.clock.at.timestamp() - age_s
            os.utime(target, (at, at))

    def run(
        self, *, is_manual: bool = True, connections: int = 2
    ) -> tuple[history.RunRecord, Log, RunControl]:
        run_id = history.begin(SyncType.MANUAL, self.destination, "h", "", self.clock.now())
        log = Log(run_id)
        control = RunControl(self.stop)
        pace = Pace()
        left_over: dict[int, str] = {}
        gate = SessionGate(
            lambda remote: preflight.prepare(run_id, remote, self.ledger, left_over)
        )
        Run(
            run_id, rules=RunRules(is_manual, self.settle_s, self.tripwire),
            sources=[self.source], ledger=self.ledger,
            dispatcher=ThreadDispatcher(
                ConnectionTuning(connections), lambda: pace.seen(gate.open_sessions),
                self.stop, self.crashes.append,
            ),
            make_worker=lambda: Worker(
                run_id, ledger=self.ledger, sources={"hospital": self.source},
                make_remote=self.make_remote, gate=gate, control=control, log=log,
                clock=self.clock, pace=pace, retry_scale=self.retry_scale, left_over=left_over,
            ),
            connections=connections, control=control, log=log, clock=self.clock, pace=pace,
        ).execute()
        assert not self.crashes
        record = history.get(run_id)
        history.finish(run_id, RunState.SUCCESS, RunEnd.FINISHED, self.clock.now(), 0.0, "", None)
        return record, log, control

    def states(self) -> dict[str, str]:
        rows = Replica.objects.values_list("source_file__directory", "source_file__name", "state")
        return {f"{d}/{n}".lstrip("/"): state for d, n, state in rows}
