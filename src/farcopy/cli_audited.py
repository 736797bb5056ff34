"""Verbs that change something leave an entry in the audit trail, also when they fail.

Who: the system's user. What: the verb and the names of its options, never their
values, but for those that name an account. Wrapped around the verbs by cli.
"""

import functools
import sys
from collections.abc import Mapping
from typing import Any, Final

import click

from farcopy.core.errors import FarcopyError, SettingsInvalid

AUDITED: Final[Mapping[str, tuple[str, ...]]] = {
    "configure": (),
    "sync": (),
    "cancel": (),
    "confirm-changes": (),
    "accept-losses": (),
    "verify": (),
    "fetch": (),
    "rebuild": (),
    "audit acknowledge": (),
    "audit export": (),
    "audit prune": (),
    "key rotate": (),
    "key reset": (),
    "doctor": (),
    "user add": ("name", "role"),
    "user role": ("name", "role"),
    "user enable": ("name",),
    "user unlock": ("name",),
    "user disable": ("name",),
    "user password": ("name",),
}
"""Each verb, and the parameters whose values are told."""


def watch(group: click.Group) -> None:
    """Wrap the audited verbs of the whole command line."""
    for words, told in AUDITED.items():
        command: click.Command = group
        for word in words.split():
            assert isinstance(command, click.Group), words
            command = command.commands[word]
        _wrap(command, words, told)


def _wrap(command: click.Command, words: str, told: tuple[str, ...]) -> None:
    callback = command.callback
    assert callback is not None, words

    @functools.wraps(callback)
    def audited(*args: Any, **given: Any) -> Any:
        outcome: dict[str, object] = {"exit": 0}
        try:
            return callback(*args, **given)
        except SystemExit as end:
            outcome["exit"] = end.code if isinstance(end.code, int) else 1
            raise
        except FarcopyError as error:
            outcome |= {"exit": 1, "code": error.code}
            if isinstance(error, SettingsInvalid):
                outcome["bad_fields"] = sorted(error.problems)
            raise
        except click.exceptions.Exit as end:
            outcome["exit"] = end.exit_code
            raise
        except BaseException as error:
            outcome |= {"exit": 1, "error": type(error).__name__}
            raise
        finally:
            _note(words, told, given, outcome)

    command.callback = audited


def _note(
    words: str, told: tuple[str, ...], given: Mapping[str, Any], outcome: dict[str, object]
) -> None:
    if "django" not in sys.modules or given.get("dry_run"):
        return
    from django.apps import apps

    if not apps.ready:
        return  # it ended before there was a home: nothing was changed
    from farcopy.process import system_user
    from farcopy.service import auditing

    options = sorted(name for name, value in given.items()
                     if value not in (None, False, ()) and name not in told)
    auditing.note(
        f"cli.{words.replace(' ', '_').replace('-', '_')}",
        username=system_user(),
        address=auditing.COMMAND_LINE,
        details={**{name: str(given[name]) for name in told}, "options": options, **outcome},
    )
