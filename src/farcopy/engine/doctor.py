"""Examine a server step by step, timed, until one fails. Decides nothing about causes.

What a failure means and what to do is planning/diagnosis's matter; the FTP work is
behind the Examination port. Called by the service.
"""

from collections.abc import Iterator

from farcopy.core.errors import FarcopyError
from farcopy.core.examination import Step, StepResult
from farcopy.core.ports import Clock, Examination


def examine(examination: Examination, clock: Clock) -> Iterator[StepResult]:
    """Yields each step as soon as it is over; the last one has failed, or all went well."""
    try:
        for step in Step:
            began_s = clock.monotonic_s()
            try:
                seen = tuple(examination.perform(step))
            except FarcopyError as error:
                took_s = clock.monotonic_s() - began_s
                seen = tuple(examination.seen_despite(error))
                yield StepResult(step, took_s, seen, error, examination.sign_of(error))
                return
            yield StepResult(step, clock.monotonic_s() - began_s, seen)
    finally:
        examination.close()
