"""The one composition root: adapters meet the engine here and nowhere else."""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings as django_settings

from farcopy.core.config import SyncSettings
from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.core.model import RootLabel
from farcopy.core.ports import Remote, Source, Stop
from farcopy.engine.reading import ReadingSession
from farcopy.ftp.folders import KnownFolders
from farcopy.ftp.host import HostProfile
from farcopy.ftp.remote import FtpRemote
from farcopy.ftp.settings import Deadlines, SessionSettings
from farcopy.planning.tripwire import Tripwire
from farcopy.sources.orthanc import hospital_source, orthanc_source
from farcopy.store import configuration as stored
from farcopy.store.configuration import StoredConfiguration, note_profile, note_tls
from farcopy.store.models import Destination

_LOOK_S = 0.2
"""How soon a stop is passed on to a session that waits for its server."""


class SystemClock:
    """The Clock port."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()


def sources_of(settings: SyncSettings) -> Sequence[Source]:
    """Both roots, or the one that is set, as they lie now. What is farcopy's own is never read."""
    fence = django_settings.FENCE
    guarded = fence.guarded()
    makers = {RootLabel.ORTHANC: orthanc_source, RootLabel.HOSPITAL: hospital_source}
    return [
        makers[RootLabel(label)](
            Path(path), guarded.paths, guarded.identities, settings.exclude,
            is_allowed=not fence.why_not(path),
        )
        for label, path in settings.source_paths.items()
    ]


def deadlines() -> Deadlines:
    env = django_settings.ENVIRONMENT
    return Deadlines(connect_s=env.connect_s, reply_s=env.reply_s, stall_s=env.stall_s)


def settle_s() -> float:
    return float(django_settings.ENVIRONMENT.settle_s)


def tripwire() -> Tripwire:
    env = django_settings.ENVIRONMENT
    return Tripwire(env.tripwire_percent, env.tripwire_files)


def session_settings(configuration: StoredConfiguration) -> SessionSettings:
    return SessionSettings.of(
        configuration.settings,
        is_tls_known=configuration.has_seen_tls,
        asks_hashes=django_settings.ENVIRONMENT.asks_hashes,
        deadlines=deadlines(),
    )


def make_remote(
    configuration: StoredConfiguration, folders: KnownFolders, host: HostProfile | None = None
) -> Remote:
    """folders, host: what the sessions of one run share."""
    return FtpRemote(session_settings(configuration), configuration.home_id, folders, host)


def host_profile(destination: Destination) -> HostProfile:
    """What earlier runs learnt of the host."""
    return HostProfile.from_stored(destination.profile, SystemClock().now())


def keep_profile(host: HostProfile | None, destination: Destination) -> None:
    """What this run learnt, for the next one; None: forget all there was."""
    profile = {} if host is None else host.to_store(destination.profile, SystemClock().now())
    if profile != destination.profile:
        note_profile(destination, profile)


@contextlib.contextmanager
def reading_session(
    configuration: StoredConfiguration, stop: Stop, retry_scale: float
) -> Iterator[ReadingSession]:
    """A session for reading that a stop ends at once, also when the server says nothing."""
    remote = make_remote(configuration, KnownFolders())
    session = ReadingSession(
        remote, stop, retry_scale, lambda: note_what_was_learnt(remote, configuration)
    )
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            if stop.wait(_LOOK_S):
                remote.abort()
                return

    watcher = threading.Thread(target=watch, name="farcopy-watch", daemon=True)
    watcher.start()
    try:
        yield session
    finally:
        is_over.set()
        watcher.join()
        session.close()


def learn_names(remote: Remote) -> None:
    """What the server does to names, before the first file goes there."""
    if isinstance(remote, FtpRemote):
        remote.learn_names()


def note_what_was_learnt(remote: Remote, configuration: StoredConfiguration) -> None:
    """Of a remote that has let us in."""
    note_let_in(configuration, is_tls=isinstance(remote, FtpRemote) and remote.is_tls)


def note_let_in(configuration: StoredConfiguration, *, is_tls: bool) -> None:
    """When it did, and that the password is right. A host once seen with TLS is refused without
    it from then on."""
    if is_tls and not configuration.has_seen_tls:
        note_tls(configuration.settings)
    stored.note_login(configuration, is_refused=False)
    with contextlib.suppress(LedgerTrouble):  # for the eye; others tell of the trouble
        stored.note_let_in(
            configuration.settings_changed_at, stored.destination_for(configuration.settings),
            SystemClock().now(),
        )
