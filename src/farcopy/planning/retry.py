"""Whether a failed file is tried again in this run, and when in a later one. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from farcopy.core.errors import FarcopyError, Scope

ATTEMPTS = 3
"""The reference: automatic retry, 3 attempts."""
BACKOFF_S = (1.0, 5.0)
"""Waits before the second and third attempt; with jitter, so workers do not return as one."""
UNCOUNTED_TRIES = 5
"""Errors that use no attempt still end: a server that loses every reply is not asked for ever."""
RETRY_SOON = timedelta(minutes=5)
RETRY_LATER = timedelta(minutes=30)
"""When an automatic run takes a failed file again: after temporary errors, after refusals."""


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """again: now, in this run, after wait_s. retry_in: otherwise, for a later automatic run."""

    again: bool
    wait_s: float = 0.0
    retry_in: timedelta = timedelta(0)


def decide_retry(
    error: FarcopyError, attempts: int, tries: int, jitter: float
) -> RetryDecision:
    """attempts: used up, this one included; tries: all, counted or not; jitter: 0 to 1."""
    if error.scope is Scope.FILE and not error.is_retryable:
        return RetryDecision(False, retry_in=RETRY_LATER)
    if attempts >= ATTEMPTS or tries >= ATTEMPTS + UNCOUNTED_TRIES:
        return RetryDecision(False, retry_in=RETRY_SOON)
    step = BACKOFF_S[min(max(attempts, 1), len(BACKOFF_S)) - 1]
    return RetryDecision(True, wait_s=step * (0.5 + jitter))
