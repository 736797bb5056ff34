"""A look at the sources without sending: what a run would do, and the backlog it finds."""

from collections.abc import Iterator
from datetime import UTC, datetime

from farcopy.core.errors import SourceMissing
from farcopy.core.model import Action, Backlog
from farcopy.engine.survey import backlog_of, excluded_actions, survey
from farcopy.planning.plan import Occasion
from farcopy.service import waiting, wiring
from farcopy.store import configuration as stored
from farcopy.store import looks
from farcopy.store.configuration import StoredConfiguration
from farcopy.store.ledger import DatabaseLedger

UNKNOWN_DESTINATION = 0
"""No row has this id: the ledger then knows of nothing stored, and no row is made by looking."""


def planned_actions(
    row: StoredConfiguration, now: datetime, *, is_manual: bool
) -> Iterator[Action]:
    """What a run started now would do, `farcopy sync --dry-run`. A missing root has no actions."""
    destination = stored.find_destination(row.settings)
    ledger = DatabaseLedger(destination.pk if destination else UNKNOWN_DESTINATION)
    occasion = Occasion.of(now, wiring.settle_s(), is_manual=is_manual)
    for source in wiring.sources_of(row.settings):
        try:
            for stretch in survey(source, ledger, occasion):
                for plan, _ in stretch.plans:
                    yield from plan.actions
                yield from excluded_actions(stretch)
        except SourceMissing:
            continue


def look(row: StoredConfiguration, now: datetime) -> bool:
    """Note the backlog. Returns whether a run would find something to do."""
    backlog, has_new = backlog_of(planned_actions(row, now, is_manual=False))
    looks.note(backlog, now, _as_time(backlog))
    waiting.note_look(backlog, now)
    return has_new


def _as_time(backlog: Backlog) -> datetime | None:
    if backlog.oldest_mtime_ns is None:
        return None
    try:
        return datetime.fromtimestamp(backlog.oldest_mtime_ns / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return None  # a modification time beyond the calendar
