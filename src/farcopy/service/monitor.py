"""A look at the sources without sending: what a run would do, and the backlog it finds."""

from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone

from farcopy.core.errors import SourceMissing
from farcopy.core.model import Action
from farcopy.engine.survey import excluded_actions, look_through, survey
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
    ledger = DatabaseLedger(_destination_id(row))
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
    """Note what waits. Returns whether a run would find something to do."""
    destination_id = _destination_id(row)
    occasion = Occasion.of(now, wiring.settle_s(), is_manual=False)
    sources = wiring.sources_of(row.settings)
    found = look_through(sources, DatabaseLedger(destination_id), occasion)
    looks.end(
        looks.Kind.MONITOR, destination_id, looks.key_of(row.settings), now,
        timezone.now(), found.seen(),
    )
    waiting.note_look(found.seen(), now)
    return found.has_new


def _destination_id(row: StoredConfiguration) -> int:
    destination = stored.find_destination(row.settings)
    return destination.pk if destination else UNKNOWN_DESTINATION
