"""The verbs of `farcopy user`: accounts for the API and the page. Thin, as those of cli.

Imports of the lower floors stand inside the verbs, for the reasons cli gives.
"""

import sys
from collections.abc import Callable

import click

from farcopy.process import set_up

EXIT_FAILED = 1
_ROLES = "admin, radiologist, technician or viewer; only admin may steer farcopy."


@click.group()
def user() -> None:
    """Accounts for the API and the page."""


@user.command("add")
@click.argument("name")
@click.option("--role", default="admin", show_default=True, help=_ROLES)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def add(name: str, role: str, password_stdin: bool) -> None:
    """Add an account. Without a password one is generated and shown once."""
    set_up()
    from farcopy.store import users

    password, is_generated = _new_password(password_stdin)
    _change(lambda: users.add(name, role, password, must_change=is_generated))
    click.echo(f"Added {name} ({role})")
    if is_generated:
        click.echo(f"Password: {password}")


@user.command("list")
def list_accounts() -> None:
    """Every account with its role."""
    set_up()
    from farcopy.store import users

    for account in users.accounts():
        state = "active" if account.is_active else "disabled"
        locked = "\tlocked" if account.is_locked_out else ""
        click.echo(f"{account.username}\t{account.role}\t{state}{locked}")


@user.command("role")
@click.argument("name")
@click.argument("role")
def change_role(name: str, role: str) -> None:
    """Give an account another role; counts at its very next request."""
    set_up()
    from farcopy.store import users

    _change(lambda: users.change(name, role=role, may_be_last_admin=True))
    click.echo(f"{name} is {role}")
    _warn_without_admin()


@user.command("disable")
@click.argument("name")
def disable(name: str) -> None:
    """Shut an account out, at its very next request."""
    set_up()
    from farcopy.store import users

    _change(lambda: users.change(name, is_active=False, may_be_last_admin=True))
    click.echo(f"Disabled {name}")
    _warn_without_admin()


@user.command("enable")
@click.argument("name")
def enable(name: str) -> None:
    """Let a disabled account in again; it signs in anew."""
    set_up()
    from farcopy.store import users

    _change(lambda: users.change(name, is_active=True))
    click.echo(f"Enabled {name}")


@user.command("unlock")
@click.argument("name")
def unlock(name: str) -> None:
    """Forget the wrong passwords that locked an account."""
    set_up()
    from farcopy.store import users

    _change(lambda: users.unlock(name))
    click.echo(f"Unlocked {name}")


@user.command("password")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def password(name: str, password_stdin: bool) -> None:
    """Set a new password; the account's sessions end."""
    set_up()
    from farcopy.store import users

    password, is_generated = _new_password(password_stdin)
    _change(lambda: users.set_password(name, password, must_change=is_generated))
    click.echo(f"Changed the password of {name}")
    if is_generated:
        click.echo(f"Password: {password}")


def _new_password(from_stdin: bool) -> tuple[str, bool]:
    """(password, whether we made it up)"""
    from farcopy.store.users import generate_password

    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if sys.stdin.isatty():
        given = click.prompt("Password (empty: generate one)", hide_input=True, default="",
                             show_default=False)
        if given:
            click.prompt("Again", hide_input=True, value_proc=_same_as(given))
            return given, False
    return generate_password(), True


def _same_as(expected: str) -> Callable[[str], str]:
    def check(given: str) -> str:
        if given != expected:
            raise click.UsageError("the two passwords differ")
        return given

    return check


def _change(change: Callable[[], None]) -> None:
    from farcopy.store.users import UserProblem

    try:
        change()
    except UserProblem as problem:
        click.echo(f"farcopy: {problem}", err=True)
        sys.exit(EXIT_FAILED)


def _warn_without_admin() -> None:
    from farcopy.store import users

    if not users.has_admin():
        click.echo("warning: no admin is left: farcopy user add NAME --role admin", err=True)


VERBS = (user,)
