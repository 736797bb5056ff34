"""`farcopy fetch`: bring files back, from the ledger's knowledge and from the remote alone."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from farcopy.core.config import SyncSettings
from farcopy.core.errors import FarcopyError, FtpNotConfigured, PathUnknown, TargetRefused
from farcopy.core.model import RootLabel
from farcopy.core.ports import Stop
from farcopy.core.states import FileState
from farcopy.engine.fetch import FINE, Fetched, Fetcher, Wanted, walk
from farcopy.engine.reading import ReadingSession
from farcopy.planning.remote_path import remote_path
from farcopy.service import wiring
from farcopy.service.landing import FolderTarget
from farcopy.service.meter import Meter
from farcopy.service.paths import scopes_of
from farcopy.settings.environment import Environment
from farcopy.store import configuration as stored
from farcopy.store.ledger import DatabaseLedger
from farcopy.store.proofs import DatabaseProofs, Scope
from farcopy.store.refusals import reason

MAX_TOLD = 100
_log = logging.getLogger("farcopy.sync")


@dataclass
class FetchResult:
    """problems: (path, what), the first hundred. error: why it ended early."""

    counts: Counter[Fetched] = field(default_factory=Counter)
    bytes_read: int = 0
    problems: list[tuple[str, Fetched]] = field(default_factory=list)
    error: FarcopyError | None = None

    @property
    def has_problems(self) -> bool:
        return any(count for what, count in self.counts.items() if what not in FINE)


def fetch(
    paths: Sequence[str],
    directory: Path,
    environment: Environment,
    stop: Stop,
    *,
    meter: Meter | None = None,
    on_file: Callable[[str, Fetched], None] = lambda _path, _what: None,
) -> FetchResult:
    """Bring files and folders back to `<directory>/<root>/<relative path>`.

    First what the ledger knows the remote holds, then what else lies there.
    Raises: PathUnknown, FtpNotConfigured, TargetRefused, KeyMismatch; OSError where
    the directory cannot be made. What ends it later stands in the result.
    """
    row = stored.load()
    if not row.settings.is_ftp_configured:
        raise FtpNotConfigured
    scopes = scopes_of(paths)
    check_target(directory, row.settings, environment.home)
    destination = stored.find_destination(row.settings)
    meter = meter or Meter()
    known = _Known(destination.pk if destination else 0, meter)
    result = FetchResult()
    target = FolderTarget(directory)
    _log.info("fetch.started")
    try:
        with wiring.reading_session(row, stop, environment.retry_scale) as session:
            fetcher = Fetcher(session, target, meter.moved)
            try:
                meter.is_growing = True
                for scope in scopes:
                    meter.expect(*known.total(scope))
                for scope in scopes:
                    _fetch_scope(scope, known, session, fetcher, result, on_file)
                    known.meter.is_growing = scope != scopes[-1]
            finally:
                result.bytes_read = fetcher.bytes_read
    except FarcopyError as error:
        result.error = error
    except OSError as error:  # the local disk's; what was fetched until then stays
        result.error = TargetRefused(reason(error, None if error.filename else directory))
    finally:
        _log.info(
            "fetch.ended",
            extra={
                **{f"files_{what.value}": count for what, count in result.counts.items()},
                "code": result.error.code if result.error else "",
            },
        )
    return result


def _fetch_scope(
    scope: Scope,
    known: "_Known",
    session: ReadingSession,
    fetcher: Fetcher,
    result: FetchResult,
    on_file: Callable[[str, Fetched], None],
) -> None:
    before = result.counts.total()

    def note(path: PurePosixPath, what: Fetched) -> None:
        result.counts[what] += 1
        if what not in FINE and len(result.problems) < MAX_TOLD:
            result.problems.append((str(path), what))
        on_file(str(path), what)

    for wanted in known.wanted(scope, session, lambda path: note(path, Fetched.UNLISTED)):
        what = fetcher.fetch(wanted)
        known.meter.settled(wanted.size_bytes or 0)
        note(wanted.path, what)
    if scope.path and result.counts.total() == before:
        raise PathUnknown(f"{scope.root}/{scope.path}")


class _Known:
    """What there is to fetch: the ledger's files, then those only the remote knows.

    meter: learns of the latter as they are found.
    """

    def __init__(self, destination_id: int, meter: Meter) -> None:
        self.meter = meter
        self._proofs = DatabaseProofs(destination_id)
        self._ledger = DatabaseLedger(destination_id)

    def total(self, scope: Scope) -> tuple[int, int]:
        """Files and bytes the ledger knows of."""
        return self._proofs.total(scope, with_due=True)

    def wanted(
        self, scope: Scope, session: ReadingSession,
        on_unlisted: Callable[[PurePosixPath], None],
    ) -> Iterator[Wanted]:
        """on_unlisted: told of each folder whose listing could not be read whole."""
        for file in self._proofs.held(scope, with_due=True):
            is_that_version = file.state in (FileState.STORED, FileState.VERIFIED)
            yield Wanted(
                remote_path(file.root, file.relative_path), file.md5,
                file.mtime_ns if is_that_version else None, file.size_bytes,
            )
        roots = [scope.root] if scope.root else list(RootLabel)
        for root in roots:
            is_folder = False
            for folder, listed in walk(session, PurePosixPath(root, scope.path)):
                is_folder = True
                if not listed.is_whole:
                    on_unlisted(folder)
                directory = "/".join(folder.parts[1:])
                entries_known = self._ledger.known(root, [directory])[directory]
                for entry in listed.entries:
                    held = entries_known.get(entry.name)
                    if not entry.is_folder and not (held and held.md5):
                        yield self._found(folder / entry.name, entry.size_bytes)
            if scope.path and not is_folder:
                yield from self._single(scope, session)

    def _single(self, scope: Scope, session: ReadingSession) -> Iterator[Wanted]:
        """A file the ledger does not know, named by itself."""
        directory, _, name = scope.path.rpartition("/")
        held = self._ledger.known(scope.root, [directory])[directory].get(name)
        path = PurePosixPath(scope.root, scope.path)
        is_held = held is not None and held.md5 != ""
        if not is_held:
            size = session.do(lambda remote: remote.size(path))
            if size is not None:
                yield self._found(path, size)

    def _found(self, path: PurePosixPath, size_bytes: int | None) -> Wanted:
        """One more than the ledger knows of."""
        self.meter.expect(1, size_bytes or 0)
        return Wanted(path, size_bytes=size_bytes)


def check_target(directory: Path, settings: SyncSettings, home: Path) -> None:
    """Nothing is ever written into the live sources, nor into farcopy's own home.

    Raises: TargetRefused.
    """
    target = directory.resolve()
    if target.exists() and not target.is_dir():
        raise TargetRefused(f"{target} is no directory")
    written = [target / label for label in RootLabel]
    for name, text in (
        ("orthanc_storage_path", settings.orthanc_storage_path),
        ("hospital_data_path", settings.hospital_data_path),
        ("FARCOPY_HOME", str(home)),
    ):
        if not text:
            continue
        live = Path(text).resolve()
        overlaps = any(_overlap(place.resolve(), live) for place in written)
        if overlaps or target.is_relative_to(live):
            raise TargetRefused(f"it would write into {name}; choose an empty directory elsewhere")


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
