"""The `warnings`: what an admin should know beside the sentence, in whole sentences.

A quiet problem is told here until it is mended: with its count and one example.
Only reads.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings as django_settings

from farcopy.core.config import SOURCE_SETTINGS, standing_warnings
from farcopy.core.model import Reason
from farcopy.core.states import FileState
from farcopy.planning.verdict import SKIP_WORDS, growing_warning, skipped_warning
from farcopy.planning.words import duration
from farcopy.service import auditing, judging
from farcopy.service.freezing import freeze_of
from farcopy.store import configuration as stored
from farcopy.store import counters, history, run_details
from farcopy.store.configuration import StoredConfiguration
from farcopy.store.health import HEALTH
from farcopy.store.models import Destination

NOT_SEEN_FOR: Final = timedelta(hours=26)
"""A day, and what the daily look at the server may be late."""


def warnings_of(row: StoredConfiguration, now: datetime) -> Iterator[str]:
    trouble = HEALTH.trouble
    if trouble is not None:
        yield f"nothing can be recorded and no sync begins: {trouble.text}"
    freeze = freeze_of(row.settings)
    if freeze is not None:
        yield freeze.warning
    yield from standing_warnings(row.settings, seen_tls=row.has_seen_tls)
    if row.is_password_untried and row.settings.ftp_password is not None:
        yield (
            "password not tried yet: no server has taken it since it was changed; "
            "test-connection or the next sync tries it"
        )
    if row.login_refused_at is not None:
        ago = duration(now - row.login_refused_at)
        yield (
            f"the FTP server refused the login {ago} ago, and none has worked since; check "
            "ftp_username and ftp_password"
        )
    last = history.last_finished()
    if last is not None and last.counts.files_growing:
        yield growing_warning(last.counts.files_growing)
    paths = row.settings.source_paths
    for label, path in paths.items():
        if why_not := django_settings.FENCE.why_not(path):
            yield f"{SOURCE_SETTINGS[label]} {why_not}; nothing is sent from there"
        elif judging.peek(path) is None:
            yield f"{SOURCE_SETTINGS[label]} is not there or is no directory this service can list"
    destination = stored.find_destination(row.settings)
    if destination is not None:
        yield from _of_the_ledger(destination, set(paths))
        yield from _of_the_server(destination, now)
    yield from auditing.warnings()


def _of_the_ledger(destination: Destination, roots: set[str]) -> Iterator[str]:
    rows = counters.counted(destination.pk, roots)
    stock = counters.stock_of(rows)
    if stock.wrong:
        were = "file was" if stock.wrong == 1 else "files were"
        yield (
            f"{stock.wrong:,} {were} found damaged or missing on the remote by a verification and "
            "not sent again yet"
        )
    if stock.lost:
        are = "file is" if stock.lost == 1 else "files are"
        yield f"{stock.lost:,} {are} gone from the source and damaged or missing on the remote"
    skipped: dict[str, int] = {}
    for row in rows:
        if row.state == FileState.SKIPPED and row.reason != Reason.EXCLUDED:
            skipped[row.reason] = skipped.get(row.reason, 0) + row.files
    for reason, number in sorted(skipped.items()):
        example = run_details.example_of_skipped(destination.pk, reason, roots)
        yield skipped_warning(number, SKIP_WORDS.get(reason, reason), example)


def _of_the_server(destination: Destination, now: datetime) -> Iterator[str]:
    seen_at = destination.last_seen_at
    if seen_at is not None and now - seen_at > NOT_SEEN_FOR:
        yield f"the FTP server was last reached {duration(now - seen_at)} ago"
