"""What the one sentence is made from, gathered: ledger, looks, sources as they stand, last run.

One place, so that page, API, probes and command line say the same. Only reads;
the judgement itself is planning/health.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.conf import settings as django_settings
from django.utils import timezone

from farcopy.core.states import RunEnd
from farcopy.core.stock import RootFound
from farcopy.planning.health import judge
from farcopy.planning.situation import Facts, Health, LastRun, Look, Root, RunOn
from farcopy.service.freezing import NAMES, freeze_of
from farcopy.service.waiting import waiting_since
from farcopy.store import configuration as stored
from farcopy.store import counters, history, lease, looks
from farcopy.store.configuration import StoredConfiguration
from farcopy.store.counters import Counted
from farcopy.store.health import HEALTH
from farcopy.store.history import RunRecord
from farcopy.store.looks import LookRecord
from farcopy.store.models import Destination


def health() -> Health:
    """The sentence alone."""
    return judge(facts(stored.load(), timezone.now()))


def facts(row: StoredConfiguration, now: datetime) -> Facts:
    settings = row.settings
    trouble = HEALTH.trouble
    frozen = freeze_of(settings)
    destination = stored.find_destination(settings)
    paths = settings.source_paths
    counted = counters.counted(destination.pk, set(paths)) if destination else []
    kind = lease.live_kind(now)
    look = looks.newest(destination.pk, looks.key_of(settings), now) if destination else None
    return Facts(
        now=now,
        has_source=settings.has_source,
        is_ftp_configured=settings.is_ftp_configured,
        is_service_running=kind == "service",
        run=_run_on(now, is_alive=bool(kind)),
        trouble=trouble.text if trouble else "",
        frozen=frozen.warning if frozen else "",
        sync_enabled=settings.sync_enabled,
        interval_min=settings.sync_interval,
        last_run=_last_run(history.last_finished_at(destination.pk if destination else 0)),
        stock=counters.stock_of(counted),
        look=_look(look) if look else None,
        roots=tuple(_roots(paths, destination, counted, look)),
        waiting_since=waiting_since(),
    )


def _run_on(now: datetime, *, is_alive: bool) -> RunOn | None:
    run = history.running()
    if run is None:
        return None
    heard_at = lease.last_sign_of_life() or run.started_at
    return RunOn(
        run.counts.files_failed, max((now - heard_at).total_seconds(), 0.0),
        is_alive, run.is_total_known,
    )


def _last_run(run: RunRecord | None) -> LastRun | None:
    if run is None or run.completed_at is None:
        return None
    return LastRun(
        run.status, RunEnd(run.end or RunEnd.FINISHED), run.completed_at,
        run.error_message or "", bool(run.error_code),
    )


def _look(record: LookRecord) -> Look:
    found = record.found
    return Look(
        record.begun_at, record.ended_at, found.is_whole, found.unsent_files,
        found.unsent_bytes, found.problems, found.excluded_files,
        record.kind is looks.Kind.RUN,
    )


# --- the sources as they stand ---


def _roots(
    paths: dict[str, str], destination: Destination | None, counted: Sequence[Counted],
    look: LookRecord | None,
) -> Iterator[Root]:
    accepted = destination.accepted_roots if destination else ()
    found = {root.label: root for root in look.found.gone} if look else {}
    for label, path in paths.items():
        has_entries = peek(path)
        if has_entries is None:
            yield Root(NAMES[label], is_there=False)
            continue
        seen = found.get(label)
        known = counters.live_of(counted, label)
        if label in accepted:
            yield Root(NAMES[label])
        elif not has_entries and known:
            yield Root(NAMES[label], shows=0, known=known)
        elif seen is not None and seen.seen is not None:
            yield _as_found(seen)
        else:
            yield Root(NAMES[label])


def _as_found(seen: RootFound) -> Root:
    return Root(NAMES[seen.label], shows=seen.seen, known=seen.known)


def peek(path: str) -> bool | None:
    """Whether a directory has any entry; None: it is not there, its disk does not answer, or
    no source may lie there.

    One that this account may not list is taken to be as the last look had it: the service
    may see more than who asks.
    """
    if django_settings.FENCE.why_not(path):
        return None
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is not None
    except PermissionError:
        return True
    except (OSError, ValueError):
        return None
