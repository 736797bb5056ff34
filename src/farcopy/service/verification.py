"""`farcopy verify`: check what is held, beside whatever else goes on; needs no engine lease."""

import logging
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from farcopy.core.errors import FarcopyError, FtpNotConfigured, PathUnknown
from farcopy.core.model import Check, CheckCounts, Finding, HeldFile
from farcopy.core.ports import Stop
from farcopy.core.states import FileState
from farcopy.engine.verify import Verifier
from farcopy.service import wiring
from farcopy.service.meter import Meter
from farcopy.service.paths import scopes_of
from farcopy.settings.environment import Environment
from farcopy.store import configuration as stored
from farcopy.store import proofs
from farcopy.store.proofs import DatabaseProofs, Kind, Scope

MAX_TOLD = 100
WRONG = (Finding.DIFFERS, Finding.MISSING, Finding.UNREADABLE)
_log = logging.getLogger("farcopy.sync")


@dataclass
class VerifyResult:
    """wrong: the first of what was not as it should be. error: why it ended early."""

    counts: CheckCounts = field(default_factory=CheckCounts)
    wrong: list[Check] = field(default_factory=list)
    last_copies_lost: int = 0
    error: FarcopyError | None = None

    @property
    def has_wrong(self) -> bool:
        return bool(self.counts.files_differing or self.counts.files_missing)


def verify(
    paths: Sequence[str],
    environment: Environment,
    stop: Stop,
    *,
    sample_percent: float = 100.0,
    reads_content: bool = True,
    reads_back: bool = False,
    meter: Meter | None = None,
    on_check: Callable[[Check], None] = lambda _check: None,
) -> VerifyResult:
    """Check files by content (or size only); what is wrong becomes due again.

    reads_back: do not ask the server for its hashes. meter: of bytes only where contents are
    compared.
    Raises: PathUnknown, FtpNotConfigured, KeyMismatch; what ends it later stands in the result.
    """
    row = stored.load()
    if not row.settings.is_ftp_configured:
        raise FtpNotConfigured
    scopes = scopes_of(paths)
    destination = stored.find_destination(row.settings)
    held = DatabaseProofs(destination.pk if destination else 0)
    for scope in scopes:
        # A root of which nothing was sent yet is known all the same.
        if scope.path and not held.is_known(scope):
            raise PathUnknown(f"{scope.root}/{scope.path}")
    result = VerifyResult()
    meter = meter or Meter()
    totals = [held.total(scope) for scope in scopes]
    files, size_bytes = (sum(column) for column in zip(*totals, strict=True))
    if not files or destination is None:
        return result
    share = sample_percent / 100
    meter.expect(max(1, round(files * share)), round(size_bytes * share) * reads_content)
    clock = wiring.SystemClock()
    verification = proofs.begin(Kind.COMMAND, destination.pk, clock.now())
    _log.info("verify.started", extra={"verification": verification, "kind": "command"})

    def note(check: Check) -> None:
        tell_wrong(verification, check)
        if check.finding in WRONG and len(result.wrong) < MAX_TOLD:
            result.wrong.append(check)
        if is_last_copy_lost(check):
            result.last_copies_lost += 1
        meter.settled(check.file.size_bytes * reads_content)
        on_check(check)

    counts = CheckCounts()
    try:
        with wiring.reading_session(row, stop, environment.retry_scale) as session:
            verifier = Verifier(
                session, held, clock, reads_content=reads_content, reads_back=reads_back,
                on_check=note,
                on_bytes=meter.moved,
            )
            try:
                verifier.check_all(_sample(_files(held, scopes), sample_percent))
            finally:
                counts = verifier.counts
    except FarcopyError as error:
        result.error = error
    finally:
        result.counts = counts
        proofs.add(verification, counts)
        code = result.error.code if result.error else ""
        proofs.finish(verification, clock.now(), code)
        tell_end(verification, counts, code)
    return result


def is_last_copy_lost(check: Check) -> bool:
    """Gone from the source, and now found wrong on the remote."""
    is_wrong = check.finding in (Finding.DIFFERS, Finding.MISSING)
    return is_wrong and check.file.state == FileState.VANISHED


def tell_wrong(verification: int, check: Check) -> None:
    """The log gets entry ids, never names."""
    if check.finding in WRONG:
        _log.warning(
            "verify.differs",
            extra={
                "verification": verification, "entry": check.file.replica_id,
                "finding": check.finding.value,
                "source_gone": check.file.state == FileState.VANISHED,
            },
        )


def tell_end(verification: int, counts: CheckCounts, code: str) -> None:
    _log.info(
        "verify.ended",
        extra={
            "verification": verification, "files_checked": counts.files_checked,
            "files_verified": counts.files_verified, "files_differing": counts.files_differing,
            "files_missing": counts.files_missing,
            "files_unreadable": counts.files_unreadable,
            "bytes_read": counts.bytes_read, "code": code,
        },
    )


def _files(held: DatabaseProofs, scopes: Sequence[Scope]) -> Iterator[HeldFile]:
    for scope in scopes:
        yield from held.held(scope)


def _sample(files: Iterable[HeldFile], percent: float) -> Iterator[HeldFile]:
    """Every so many files, from a random start: each as likely as any other; at least one."""
    share = percent / 100
    taken = random.random()  # noqa: S311
    last: HeldFile | None = None
    has_one = False
    for file in files:
        taken += share
        last = file
        if taken >= 1:
            taken -= 1
            has_one = True
            yield file
    if last is not None and not has_one:
        yield last
