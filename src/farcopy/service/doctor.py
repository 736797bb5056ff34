"""The doctor: goes the way of a sync to the server, step by step, and says what is wrong.

It writes a small file of its own to the remote and removes it. For the API and `farcopy doctor`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from farcopy.core.config import SyncSettings
from farcopy.core.errors import FtpNotConfigured, LoginKnownRefused, LoginRefused
from farcopy.core.examination import Step, StepResult
from farcopy.engine.doctor import examine
from farcopy.ftp.doctor import FtpExamination
from farcopy.planning.diagnosis import TITLES, Diagnosis, caution, diagnose
from farcopy.planning.words import count
from farcopy.service import wiring
from farcopy.service.connection import files_held
from farcopy.store import configuration as stored

WITHIN_S = 60.0
"""All steps together: somebody waits."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A step as it is told. diagnosis: of one that failed, or that went well with a caution."""

    result: StepResult
    title: str
    diagnosis: Diagnosis | None

    @property
    def status(self) -> str:
        if self.result.error is not None:
            return "failed"
        return "ok" if self.diagnosis is None else "caution"


def check_configured(*, skips_refused: bool = False) -> None:
    """Before anything is connected.

    skips_refused: a login that is known to be wrong is not tried again; hosts ban who does.
    Raises: FtpNotConfigured, KeyMismatch, LoginKnownRefused.
    """
    row = stored.load()
    if not row.settings.is_ftp_configured:
        raise FtpNotConfigured
    if skips_refused and row.login_refused_at is not None:
        raise LoginKnownRefused(row.login_refused_at)


def findings() -> Iterator[Finding]:
    """Each step as soon as it is over. Raises: FtpNotConfigured, KeyMismatch."""
    check_configured()
    row = stored.load()
    examination = FtpExamination(
        wiring.session_settings(row), row.home_id, row.settings.ftp_connections, WITHIN_S
    )
    is_tls = False
    for result in examine(examination, wiring.SystemClock()):
        error = result.error
        if result.step is Step.LOGIN and (error is None or isinstance(error, LoginRefused)):
            stored.note_login(row, is_refused=error is not None)
        if result.step is Step.DIRECTORY and error is None:
            result = _with_held(result, row.settings)
        if error is not None:
            diagnosis: Diagnosis | None = diagnose(result.step, error, result.sign)
        else:
            diagnosis = caution(result.step, result.seen)
            is_tls = is_tls or (result.step is Step.TLS and diagnosis is None)
            if result.step is Step.LOGIN:
                wiring.note_let_in(row, is_tls=is_tls)
        yield Finding(result, TITLES[result.step], diagnosis)


def _with_held(result: StepResult, settings: SyncSettings) -> StepResult:
    """The files directly in the directory are few, or none: farcopy's own lie below it."""
    held = files_held(settings)
    return replace(result, seen=(*result.seen, ("held by farcopy below it", count(held, "file"))))


def as_data(found: list[Finding]) -> dict[str, object]:
    """What doctor.php and `farcopy doctor --json` answer: every step, those not reached too."""
    steps: list[dict[str, object]] = [_step(finding) for finding in found]
    reached = {finding.result.step for finding in found}
    steps += [
        {"step": step.value, "title": TITLES[step], "status": "not_reached", "took_ms": None,
         "seen": [], "code": "", "cause": "", "action": ""}
        for step in Step if step not in reached
    ]
    is_well = all(finding.result.error is None for finding in found)
    return {
        "is_well": is_well,
        "took_ms": sum(round(finding.result.took_s * 1000) for finding in found),
        "steps": steps,
    }


def _step(finding: Finding) -> dict[str, object]:
    result, diagnosis = finding.result, finding.diagnosis
    return {
        "step": result.step.value,
        "title": finding.title,
        "status": finding.status,
        "took_ms": round(result.took_s * 1000),
        "seen": [{"name": name, "value": value} for name, value in result.seen],
        "code": result.error.code if result.error else "",
        "cause": diagnosis.cause if diagnosis else "",
        "action": diagnosis.action if diagnosis else "",
    }
