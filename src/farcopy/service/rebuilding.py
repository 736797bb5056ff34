"""`farcopy rebuild`: a damaged or lost ledger, made anew from the sources and the remote."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection

from farcopy.core.config import SyncSettings
from farcopy.core.errors import FarcopyError, FtpNotConfigured, SourcesNotConfigured
from farcopy.core.model import SourceFile
from farcopy.engine.rebuild import Proof, RebuildCounts, Rebuilder, Rebuilt
from farcopy.service import wiring
from farcopy.service.background import Engine
from farcopy.service.meter import Meter
from farcopy.service.stop import StopSignal
from farcopy.settings.environment import Environment
from farcopy.store import configuration as stored
from farcopy.store import salvage, seals
from farcopy.store.lease import EngineLock
from farcopy.store.ledger import DatabaseLedger
from farcopy.store.proofs import DatabaseProofs
from farcopy.store.salvage import Salvaged
from farcopy.store.schema import prepare_database

_log = logging.getLogger("farcopy.sync")


@dataclass(frozen=True, slots=True)
class Mended:
    """moved_to: where the damaged file lies now. tables: what was taken over from it."""

    moved_to: Path
    tables: tuple[Salvaged, ...]

    @property
    def has_settings(self) -> bool:
        return any(t.table == "sync_configuration" and t.rows for t in self.tables)


@dataclass
class RebuildResult:
    """error: why it ended early."""

    counts: RebuildCounts = field(default_factory=RebuildCounts)
    error: FarcopyError | None = None

    @property
    def has_due(self) -> bool:
        counts = self.counts
        return bool(
            counts.absent or counts.differs or counts.unreadable or counts.unreadable_folders
            or counts.unlisted_folders or counts.missing_roots
        )


def mend_database(environment: Environment) -> Mended | None:
    """Make sure there is a database that works; None: there was one, or none at all.

    A damaged SQLite file is moved aside. Raises: EngineBusy while a service or sync lives.
    """
    if connection.vendor != "sqlite":
        prepare_database()
        return None
    file = Path(str(connection.settings_dict["NAME"]))
    lock = EngineLock(environment.home)
    lock.acquire()
    try:
        if not salvage.is_damaged(file):
            prepare_database()
            return None
        connection.close()
        aside = salvage.move_aside(file, wiring.SystemClock().now())
        marks = seals.read()
        prepare_database()
        tables = salvage.salvage(aside)
        stored.ensure_row()
        if marks.exists:
            # The trail goes on with its old head: not with that of the new, empty database.
            seals.write(marks)
    finally:
        lock.release()
    _log.warning(
        "ledger.replaced",
        extra={table.table: table.rows for table in tables},
    )
    return Mended(aside, tuple(tables))


def rebuild(
    environment: Environment,
    stop: StopSignal,
    *,
    reads_back: bool = False,
    meter: Meter | None = None,
) -> RebuildResult:
    """Adopt what the remote holds and the ledger does not know.

    meter: what the sources hold is counted beside the work, where somebody sees it.
    Raises: FtpNotConfigured, SourcesNotConfigured, KeyMismatch, EngineBusy; what ends it
    later stands in the result.
    """
    row = stored.load()
    if not row.settings.is_ftp_configured:
        raise FtpNotConfigured
    if not row.settings.has_source:
        raise SourcesNotConfigured
    result = RebuildResult()
    meter = meter or Meter()
    with Engine(environment, "command", stop):
        destination = stored.destination_for(row.settings)
        held = DatabaseProofs(destination.pk)

        def adopt(files: Sequence[tuple[SourceFile, str]], proof: Proof) -> None:
            held.adopt(
                files, is_verified=proof is not Proof.SIZE,
                is_read_back=proof is Proof.READ_BACK,
            )

        def note(file: SourceFile, _what: Rebuilt) -> None:
            meter.settled(file.size_bytes)

        _log.info("rebuild.started")
        try:
            with (
                _counting(row.settings, meter),
                wiring.reading_session(row, stop, environment.retry_scale) as session,
            ):
                rebuilder = Rebuilder(
                    session, DatabaseLedger(destination.pk), adopt, wiring.SystemClock(),
                    reads_back=reads_back, on_file=note, on_bytes=meter.moved,
                )
                result.counts = rebuilder.counts
                for source in wiring.sources_of(row.settings):
                    rebuilder.rebuild(source)
        except FarcopyError as error:
            result.error = error
        finally:
            _log.info(
                "rebuild.ended",
                extra={
                    "files_stored": result.counts.stored,
                    "files_verified": result.counts.verified,
                    "files_due": result.counts.absent + result.counts.differs,
                    "code": result.error.code if result.error else "",
                },
            )
    return result


@contextmanager
def _counting(settings: SyncSettings, meter: Meter) -> Iterator[None]:
    """Count what the sources hold, on a thread of its own, as long as the work goes on.

    Before the work it would double the time until the first file.
    """
    if not meter.is_shown:
        yield
        return
    is_over = threading.Event()

    def count() -> None:
        for source in wiring.sources_of(settings):
            with suppress(FarcopyError):  # a missing root: the work will tell
                for directory in source.scan():
                    if is_over.is_set():
                        return
                    sizes = [file.size_bytes for file in directory.files]
                    meter.expect(len(sizes), sum(sizes))
        meter.is_growing = False

    meter.is_growing = True
    thread = threading.Thread(target=count, name="farcopy-count", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
