"""Errors, warnings and advice in the words of the shell: options, their values, the next command.

Texts name settings by their key (`ftp_path`), as the API does; a person at a shell knows
them as options (`--ftp-path`). Called by the verbs and by process; changes nothing.
"""

import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from farcopy.core.config import FIELDS_BY_NAME
from farcopy.core.errors import FarcopyError, PasswordRequired, SettingsInvalid
from farcopy.core.ledger_errors import LedgerReadOnly, LedgerTrouble
from farcopy.saying import printable
from farcopy.store.refusals import reason, why_read_only

_KEY: Final = re.compile(rf"(?<![\w/\\.-])({'|'.join(FIELDS_BY_NAME)})(?![\w/\\-]|\.\w)")
_TOLD: Final = frozenset({
    "orthanc_storage_path", "hospital_data_path", "ftp_host", "ftp_port", "ftp_username",
    "ftp_path", "ftp_tls_ca", "ftp_connections",
})
"""Settings whose value helps beside their name; a text that is about the others names it."""
_NEXT: Final[Mapping[str, str]] = {
    "ftp_not_configured": "farcopy configure --ftp-host HOST --ftp-username USER "
                          "--ftp-password-stdin",
    "sources_not_configured": "farcopy configure --orthanc-storage-path DIR, or "
                              "--hospital-data-path DIR, or both",
    "key_mismatch": "put the key it was stored with back, or go on with another: "
                    "farcopy key reset",
    "sync_already_running": "farcopy status shows it, farcopy cancel ends it",
    "service_not_running": "start it: farcopy serve, or the system's service",
    "stopped_waiting": "farcopy status shows it, farcopy cancel ends it",
    "engine_busy": "farcopy serve, service or sync; end that first",
}
"""What to type or do next, by the error's code."""
_OF_A_HOME: Final = frozenset({
    "ftp_not_configured", "sources_not_configured", "engine_busy", "no_sync_running",
    "not_frozen", "nothing_lost", "service_not_running",
})
"""Said of the wrong home, these mislead: they name theirs."""

_SAID: Final[Mapping[str, str]] = {
    "ConnectionRefusedError": "it was refused",
    "TimeoutError": "no answer in time",
    "gaierror": "no such name",
    "OSError": "",
}
"""Details that are names of Python's classes, for who has never heard of it."""


def in_shell(text: str) -> str:
    """The text with the keys of settings as options; each with its value, where that helps."""
    values: Mapping[str, object] | None = None
    told: set[str] = set()

    def option(found: re.Match[str]) -> str:
        nonlocal values
        name = found[1]
        if values is None:
            values = _values()
        value = values.get(name) if name in _TOLD - told else None
        told.add(name)
        return option_of(name) + ("" if value is None else f" (now {_shown(value)})")

    return _KEY.sub(option, text)


def option_of(name: str) -> str:
    if name == "ftp_password":
        return "--ftp-password-stdin"  # never an argument: the process list shows those
    return f"--{name.replace('_', '-')}" if name in FIELDS_BY_NAME else name


def error_text(error: FarcopyError) -> str:
    """What was wrong, what exactly, and what to do: one line."""
    parts = [_SAID.get(error.detail, error.detail)]
    if error.code in _OF_A_HOME:
        parts.append(_home())
    if isinstance(error, LedgerTrouble):
        parts.append(_database(error))
    about = "; ".join(part for part in parts if part)
    text = in_shell(error.text) + (f" ({in_shell(about)})" if about else "")
    following = _NEXT.get(error.code)
    return printable(f"{text}: {following}" if following else text)


def problem_lines(error: SettingsInvalid) -> list[str]:
    """Each bad setting by its option."""
    return [printable(f"{option_of(name)}: {_KEY.sub(lambda found: option_of(found[1]), what)}")
            for name, what in error.problems.items()]


def name_values(error: SettingsInvalid, given: Mapping[str, object]) -> None:
    """Put what was given beside what is wrong with it; never a password."""
    if isinstance(error, PasswordRequired):
        return
    for name in error.problems.keys() & given.keys() - {"ftp_password"}:
        error.problems[name] += f" (given: {_shown(given[name])})"


def foreign_text(error: Exception) -> str | None:
    """One line for what an admin can mend of others' errors: a file, a driver; else None."""
    if isinstance(error, OSError):
        return reason(error)
    if "django" in sys.modules:
        from django.core.exceptions import ImproperlyConfigured

        if isinstance(error, ImproperlyConfigured):
            if "psycopg" in str(error):
                return ("DATABASE_URL asks for PostgreSQL, and its driver is not installed: "
                        "pip install 'farcopy[postgres]'")
            return str(error)
    return None


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else shlex.quote(str(value))


def _values() -> Mapping[str, object]:
    """The settings as they are; none where nobody can tell just now."""
    if not _is_ready():
        return {}
    from farcopy.store import configuration

    try:
        return configuration.load().settings.shown()
    except FarcopyError:
        return {}


def _home() -> str:
    if not _is_ready():
        return ""
    from django.conf import settings

    return f"the home is {settings.FARCOPY_HOME}"


def _database(error: LedgerTrouble) -> str:
    """Which one is in trouble; never its password."""
    if not _is_ready():
        return ""
    from django.conf import settings

    found = settings.DATABASES["default"]
    if settings.ENVIRONMENT.database_url:
        port = f":{found['PORT']}" if found.get("PORT") else ""
        return f"{found['USER']}@{found['HOST']}{port}/{found['NAME']}"
    path = Path(str(found["NAME"]))
    about = why_read_only(path) if isinstance(error, LedgerReadOnly) else ""
    return f"{path}; {about}" if about else str(path)


def _is_ready() -> bool:
    if "django" not in sys.modules:
        return False
    from django.apps import apps

    return apps.ready
