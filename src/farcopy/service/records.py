"""Past runs as the API and the page show them: pages, details, charts, files tried again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from farcopy.planning.backlog import Sample, thinned
from farcopy.planning.verdict import SKIP_WORDS
from farcopy.service.runs import text_of_code
from farcopy.store import backlog, run_details
from farcopy.store.history import RunRecord
from farcopy.store.run_details import FileLine, RunPoint

CHART_POINTS: Final = 500
"""More than a screen has columns for; and the answer stays below 100 ms."""


LISTS: Final = {
    "unsent": run_details.unsent, "sent": run_details.sent, "skipped": run_details.skipped,
}
SENT_WORDS: Final = {
    "stored": "stored, and the size agrees",
    "verified": "stored, and its content was checked on the server",
}


@dataclass(frozen=True, slots=True)
class RunDetails:
    """A run, and a page of its files. outcomes: how many ended how."""

    run: RunRecord
    outcomes: dict[str, int]
    files: Sequence[FileLine]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Chart:
    """runs: in the order of time; backlog: the worst sample of each stretch of time."""

    runs: Sequence[RunPoint]
    backlog: Sequence[Sample]


def details(run_id: int, files: str, after: int, limit: int) -> RunDetails | None:
    """files: which list, of LISTS. None: there is no such run."""
    run = run_details.find(run_id)
    if run is None:
        return None
    found = LISTS[files](run_id, after, limit + 1)
    page = found[:limit]
    return RunDetails(
        run, run_details.outcomes(run_id), page, page[-1].position if len(found) > limit else None
    )


def chart(since: datetime, until: datetime) -> Chart:
    return Chart(
        run_details.finished_since(since, CHART_POINTS),
        thinned(backlog.since(since), since, until, CHART_POINTS),
    )


def words_of(line: FileLine) -> str:
    """What became of the file, or why it did not go, for people."""
    if line.outcome in SENT_WORDS:
        return SENT_WORDS[line.outcome]
    if line.outcome == "vanished":
        return "gone from the source; a copy on the remote is kept"
    return SKIP_WORDS.get(line.reason) or text_of_code(line.reason)
