"""Verbs that change something leave an entry in the audit trail, also when they fail.

What is changed in one transaction is committed with its entry (`changing`), or not at all.

Who: the system's user. What: the verb and the names of its options, never their
values, but for those that name an account. Wrapped around the verbs by cli.
"""

import contextlib
import functools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
    "user sign-out": ("name",),
    "user otp-reset": ("name",),
    "token add": ("name", "username"),
    "token revoke": ("token_id",),
}
"""Each verb, and the parameters whose values are told."""
_DONE: Final[Mapping[str, object]] = {"exit": 0}
_ENTRY: Final = "farcopy.entry"


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
        entry = _Entry(words, told, given)
        click.get_current_context().meta[_ENTRY] = entry
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
            if not (entry.is_written and outcome == _DONE):
                _note(entry, outcome)

    command.callback = audited


@contextlib.contextmanager
def changing() -> Iterator[None]:
    """What the verb changes in here is committed with its entry, or not at all.

    Raises: LedgerTrouble, KeyMismatch, KeyUnusable.
    """
    from django.db import transaction

    from farcopy.service import auditing

    entry: _Entry = click.get_current_context().meta[_ENTRY]
    with transaction.atomic():
        yield
        auditing.record(**entry.as_told(_DONE))
    entry.is_written = True


@dataclass
class _Entry:
    """Of the verb that is carried out: its words, what may be told, and what was given."""

    words: str
    told: tuple[str, ...]
    given: Mapping[str, Any]
    is_written: bool = False

    def as_told(self, outcome: Mapping[str, object]) -> dict[str, Any]:
        from farcopy.process import system_user
        from farcopy.service import auditing

        options = sorted(name for name, value in self.given.items()
                         if value not in (None, False, ()) and name not in self.told)
        told = {name: str(self.given[name]) for name in self.told}
        return {
            "action": f"cli.{self.words.replace(' ', '_').replace('-', '_')}",
            "username": system_user(), "address": auditing.COMMAND_LINE,
            "details": {**told, "options": options, **outcome},
        }


def _note(entry: _Entry, outcome: Mapping[str, object]) -> None:
    if "django" not in sys.modules or entry.given.get("dry_run"):
        return
    from django.apps import apps

    if not apps.ready:
        return  # it ended before there was a home: nothing was changed
    from farcopy.service import auditing

    auditing.note(**entry.as_told(outcome))
