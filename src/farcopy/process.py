"""A farcopy process: set it up, serve, run once. Shared by the command line and the demo.

Imports of the lower floors stand inside the functions: `django.setup()` must
come first, and `farcopy --help` must not wait for it.
"""

import atexit
import contextlib
import gc
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from farcopy.core.errors import EngineBusy, EnvironmentInvalid, KeyUnusable, ServiceNotRunning
from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.core.state_errors import RunAlreadyOn
from farcopy.core.states import RunEnd, SyncType
from farcopy.saying import say
from farcopy.web.listening import Listening
from farcopy.wording import error_text

if TYPE_CHECKING:
    from farcopy.core.model import RunSummary
    from farcopy.service.stop import StopSignal
    from farcopy.settings.environment import Environment

    Work = Callable[[StopSignal, Callable[[], None]], None]
    """What a serving process does besides: until stopped; says when it is ready."""


STOPPERS = {
    "SIGTERM": "a signal (SIGTERM)",
    "SIGINT": "you (Ctrl-C)",
    "SIGBREAK": "you (Ctrl-Break)",  # Windows; its services get it too
}


def settle_text() -> None:
    """Before anything else: names mean the same, and output works, in every locale.

    Names are bytes, and are read as UTF-8 for ever, whatever the locale of cron, a service or
    a shell. Python decides that at its start and never again, so under another locale it is
    started once more, in its UTF-8 mode; what is printed stays in the encoding of the terminal.
    A character the terminal has not is printed as its code.
    """
    is_utf8 = sys.getfilesystemencoding().lower() == "utf-8"
    if os.name == "posix" and not is_utf8 and not sys.flags.utf8_mode and sys.executable:
        if sys.stdout is not None:
            os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606  # nosec B606
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def set_up(
    settings_module: str = "farcopy.settings.base",
    *,
    with_database: bool = True,
    is_lasting: bool = False,
    needs_key: bool = True,
    tells_home: bool = True,
) -> "Environment":
    """Django, the home, its database and logs; every verb begins with it.

    with_database: False for the one verb that mends a database no other can open.
    is_lasting: a process that serves comes up although its key or its database is in
    trouble: it says so to whoever asks, and goes on when that is well again.
    needs_key: False for the one verb that takes another key.
    tells_home: False for the demo, whose home is its own affair.
    Raises: EnvironmentInvalid, HomeUnusable, LedgerTrouble, KeyUnusable.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = settings_module
    if os.name == "posix":
        os.umask(0o077)
    from farcopy.settings.environment import home_directory
    from farcopy.store.home import prepare_home

    home = home_directory()
    is_new = prepare_home(home)
    if is_new and tells_home:
        say([f"farcopy: a new home was made in {home}; set FARCOPY_HOME if yours is elsewhere"],
            err=True)
    with _uncollected():
        import django

        zone = os.environ.get("TZ")
        django.setup()
        _restore_time_zone(zone)
        from django.conf import settings

        from farcopy.service.logs import set_up_logs
        from farcopy.store.schema import prepare_database

    if not is_lasting:
        atexit.register(_leave)
    environment: Environment = settings.ENVIRONMENT
    set_up_logs(environment.home, environment.log_keep_days)
    try:
        settings.KEYS.load()
    except KeyUnusable as error:
        if needs_key and not is_lasting:
            raise
        if is_lasting:
            say([f"farcopy: {error_text(error)}; waiting for it"], err=True)
    try:
        if with_database:
            prepare_database()
    except LedgerTrouble as trouble:
        if not is_lasting:
            raise
        say([f"farcopy: {error_text(trouble)}; waiting for it"], err=True)
    if with_database and tells_home and not is_new and not is_lasting:
        _tell_usual_home(environment)
    return environment


def _tell_usual_home(environment: "Environment") -> None:
    """A person who named no home may mean the service's, which another user runs."""
    is_named = "FARCOPY_HOME" in os.environ or "FARCOPY_HOME_FILE" in os.environ
    if is_named or not sys.stderr.isatty():
        return
    from django.utils import timezone

    from farcopy.store import lease

    with contextlib.suppress(LedgerTrouble):
        if lease.live_kind(timezone.now()) != "service":
            say([f"farcopy: this is the home {environment.home}, on which no service runs"],
                err=True)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """What is made here stays for good: the garbage collector is not to look at it meanwhile,
    which is a sixth of the time a start takes.

    Not frozen either: a connection that met a trouble would stay open with it, and keep
    SQLite's log beside the database.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _leave() -> None:
    """The end of a single command. The database is closed, or SQLite would leave its log beside
    it; nothing else needs the interpreter's last collections, which take a fifth of a second
    with Django loaded. A process that served has connections of other threads to collect."""
    from django.db import connections

    connections.close_all()
    gc.freeze()


def _restore_time_zone(zone: str | None) -> None:
    """Django makes the process's zone that of storage (UTC); people read the system's own."""
    if hasattr(time, "tzset"):
        if zone is None:
            os.environ.pop("TZ", None)
        else:
            os.environ["TZ"] = zone
        time.tzset()


def serve_until_stopped(listening: Listening, work: "Work | None" = None) -> None:
    """The web server on a thread of its own, `work` on this one, until a signal comes.

    Raises: EnvironmentInvalid, where listening so is not safe.
    """
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application

    from farcopy.store.home import name_files
    from farcopy.web.server import create_server

    listening.check()
    _check_cookie(listening)
    name_files(settings.FARCOPY_HOME, [f for f in (listening.tls_cert, listening.tls_key) if f])
    stop = stop_on_signals()
    server = create_server(listening, get_wsgi_application())
    web_thread = threading.Thread(target=server.run, name="farcopy-web", daemon=True)
    web_thread.start()
    try:
        (work or _wait)(stop, lambda: _announce(listening, server.effective_port))
    finally:
        # The web side goes last: whoever waits for a run hears how it ended.
        server.close()
        web_thread.join(5)


def _check_cookie(listening: Listening) -> None:
    """Raises: EnvironmentInvalid, where no browser would keep the session's cookie."""
    from django.conf import settings

    is_https = (
        listening.is_tls or listening.trusted_proxy
        or settings.WEB_ENVIRONMENT.public_url.startswith("https://")
    )
    if settings.COOKIE_NEEDS_HTTPS and not is_https:
        raise EnvironmentInvalid(
            f"FARCOPY_SESSION_COOKIE is {settings.SESSION_COOKIE_NAME}, which browsers keep over "
            "HTTPS only: give --tls-cert, or --trusted-proxy or FARCOPY_PUBLIC_URL where a proxy "
            "serves HTTPS, or another name"
        )


def background_service(environment: "Environment") -> "Work":
    """The `work` of a process that carries out runs. Raises: EngineBusy, when called."""
    from farcopy.service.background import BackgroundService

    return lambda stop, on_ready: BackgroundService(environment, stop).run(on_ready)


def _wait(stop: "StopSignal", on_ready: Callable[[], None]) -> None:
    on_ready()
    while not stop.wait(1.0):
        pass


def _announce(listening: Listening, port: int) -> None:
    scheme = "https" if listening.is_tls else "http"
    host = f"[{listening.host}]" if ":" in listening.host else listening.host
    click.echo(f"Listening on {scheme}://{host}:{port}")
    from farcopy.store.users import accounts

    with contextlib.suppress(LedgerTrouble):
        if not accounts():
            click.echo("There is no user yet: farcopy user add NAME --role admin")
    if listening.is_exposed:
        click.echo("Warning: this address is open to others and not encrypted: they can read "
                   "passwords and sessions along", err=True)
    sys.stdout.flush()


def stop_on_signals() -> "StopSignal":
    from farcopy.service.stop import StopSignal

    stop = StopSignal()

    def ask(number: int, _frame: object) -> None:
        stop.by = stop.by or STOPPERS[signal.Signals(number).name]
        stop.hasten()

    for name in STOPPERS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), ask)
    return stop


def run_and_show(environment: "Environment") -> "RunSummary":
    """A run with its progress bar: by the service if one lives, else here.

    Raises: RunAlreadyOn, and what forbids a run (see service.runs).
    """
    from farcopy.service import runs
    from farcopy.service.background import Engine
    from farcopy.service.execution import carry_out

    runs.check_configured()
    stop = stop_on_signals()
    try:
        with Engine(environment, "command", stop):
            summary = _in_background(
                lambda: carry_out(SyncType.MANUAL, account_name(), environment, stop)
            )
            _tell_stop(stop, summary)
            return summary
    except EngineBusy:
        pass
    try:
        request_id = runs.request_sync(account_name())
    except ServiceNotRunning as error:
        # The lock is held, but nobody takes requests: a command that begins or ends just now.
        raise RunAlreadyOn from error
    return _in_background(lambda: runs.wait_for_summary(request_id, stop.is_set))


def _tell_stop(stop: "StopSignal", summary: "RunSummary") -> None:
    if stop.by and summary.end is RunEnd.STOPPED:
        counts = summary.counts
        click.echo(f"Stopped by {stop.by} after {counts.files_synced} of {counts.files_due} files "
                   "found so far; what was sent stays, the rest is due", err=True)


def _in_background(work: "Callable[[], RunSummary]") -> "RunSummary":
    """Do the work on a thread while this one draws the bar (and takes signals)."""
    from concurrent.futures import ThreadPoolExecutor
    from concurrent.futures import wait as wait_for

    from farcopy.terminal import ProgressBar

    bar = ProgressBar()
    with ThreadPoolExecutor(1, thread_name_prefix="farcopy-run") as pool:
        future = pool.submit(_closing_connection(work))
        bar.follow(lambda within_s: bool(wait_for([future], within_s).done))
        summary = future.result()
    bar.close(summary)
    return summary


def _closing_connection(work: "Callable[[], RunSummary]") -> "Callable[[], RunSummary]":
    def with_close() -> "RunSummary":
        from django.db import connection

        try:
            return work()
        finally:
            connection.close()

    return with_close


def account_name() -> str:
    """Who is at the keyboard, for the history."""
    user = system_user()
    return f"{user} (command line)" if user else "command line"


def system_user() -> str:
    """As the operating system knows him; "" when it does not."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
