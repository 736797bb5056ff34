"""The verbs of `farcopy user`: accounts for the API and the page. Thin, as those of cli.

Imports of the lower floors stand inside the verbs, for the reasons cli gives.
"""

import json
import shlex
import sys
from collections.abc import Callable

import click

from farcopy.cli_audited import changing
from farcopy.process import set_up
from farcopy.saying import printable, say

EXIT_FAILED = 1
_ROLES = ("admin, auditor, radiologist, technician or viewer; only admin may steer farcopy, "
          "auditor reads.")
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def user() -> None:
    """Accounts for the API and the page."""


@user.command("add")
@click.argument("name")
@click.option("--role", default="admin", show_default=True, help=_ROLES)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@_AS_JSON
def add(name: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Add an account. Without a password one is generated and shown once."""
    set_up()
    from farcopy.store import users

    password, is_generated = _new_password(password_stdin)
    _change(
        lambda: users.add(name, role, password, must_change=is_generated),
        username=name, role=role,
    )
    _tell(name, f"Added {name} ({role})", as_json, password if is_generated else "")


@user.command("list")
@_AS_JSON
def list_accounts(as_json: bool) -> None:
    """Every account with its role."""
    set_up()
    from farcopy.service import answers
    from farcopy.store import second_factor, users

    with_otp = second_factor.names()
    if as_json:
        click.echo(json.dumps(answers.people(users.accounts(), with_otp)))
        return
    for account in users.accounts():
        state = "active" if account.is_active else "disabled"
        locked = "\tlocked" if account.is_locked_out else ""
        otp = "\tsecond factor" if account.username in with_otp else ""
        click.echo(f"{printable(account.username)}\t{account.role}\t{state}{locked}{otp}")


@user.command("role")
@click.argument("name")
@click.argument("role")
@_AS_JSON
def change_role(name: str, role: str, as_json: bool) -> None:
    """Give an account another role; counts at its very next request."""
    set_up()
    from farcopy.store import users

    _change(lambda: users.change(name, role=role, may_be_last_admin=True),
            username=name, role=role)
    _tell(name, f"{name} is {role}", as_json)
    _warn_without_admin()


@user.command("disable")
@click.argument("name")
@_AS_JSON
def disable(name: str, as_json: bool) -> None:
    """Shut an account out, at its very next request."""
    set_up()
    from farcopy.store import users

    _change(lambda: users.change(name, is_active=False, may_be_last_admin=True), username=name)
    _tell(name, f"Disabled {name}", as_json)
    _warn_without_admin()


@user.command("enable")
@click.argument("name")
@_AS_JSON
def enable(name: str, as_json: bool) -> None:
    """Let a disabled account in again; it signs in anew."""
    set_up()
    from farcopy.store import users

    _change(lambda: users.change(name, is_active=True), username=name)
    _tell(name, f"Enabled {name}", as_json)


@user.command("unlock")
@click.argument("name")
@_AS_JSON
def unlock(name: str, as_json: bool) -> None:
    """Forget the wrong passwords that locked an account."""
    set_up()
    from farcopy.store import users

    _change(lambda: users.unlock(name), username=name)
    _tell(name, f"Unlocked {name}", as_json)


@user.command("password")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@_AS_JSON
def password(name: str, password_stdin: bool, as_json: bool) -> None:
    """Set a new password; the account's sessions end."""
    set_up()
    from farcopy.store import users

    password, is_generated = _new_password(password_stdin)
    _change(lambda: users.set_password(name, password, must_change=is_generated), username=name)
    _tell(name, f"Changed the password of {name}", as_json, password if is_generated else "")


@user.command("sessions")
@click.argument("name")
@_AS_JSON
def sessions(name: str, as_json: bool) -> None:
    """Where an account is signed in, the last used first."""
    set_up()
    from farcopy.service import answers
    from farcopy.service.times import shown
    from farcopy.store import sign_ins

    found: list[sign_ins.SignIn] = []
    _carry_out(lambda: found.extend(sign_ins.of_account(name)), username=name)
    if as_json:
        click.echo(json.dumps(answers.sessions(found)))
        return
    for one in found:
        say([f"{one.handle}  since {shown(one.signed_in_at)}, last used "
             f"{shown(one.last_used_at)}  {one.ip_address or '-':15}  {one.browser or '-'}"])


@user.command("sign-out")
@click.argument("name")
@click.option("--session", default="", help="Only this one, as `farcopy user sessions` names it.")
@_AS_JSON
def sign_out(name: str, session: str, as_json: bool) -> None:
    """End an account's sessions, at once."""
    set_up()
    from farcopy.store import sign_ins

    ended = 1

    def work() -> None:
        nonlocal ended
        if session:
            sign_ins.end(name, session)
        else:
            ended = sign_ins.end_all(name)

    _change(work, username=name, session=session)
    if as_json:
        click.echo(json.dumps({"sessions": ended}))
        return
    click.echo(f"Ended {ended} {'session' if ended == 1 else 'sessions'} of {name}")


@user.command("otp-reset")
@click.argument("name")
@_AS_JSON
def otp_reset(name: str, as_json: bool) -> None:
    """Take an account's second factor away: telephone and recovery codes are lost."""
    set_up()
    from farcopy.store import second_factor

    _change(lambda: second_factor.remove(name), username=name)
    _tell(name, f"{name} signs in with the password alone", as_json)


def _tell(name: str, line: str, as_json: bool, generated: str = "") -> None:
    """generated: a password made up just now, told this once."""
    if as_json:
        from farcopy.service import answers
        from farcopy.store import users

        click.echo(json.dumps(answers.person(users.account(name), generated)))
        return
    click.echo(line)
    if generated:
        click.echo(f"Password: {generated}")


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


def _change(change: Callable[[], None], **given: str) -> None:
    """With its entry of the audit trail. given: as `_carry_out`."""

    def both() -> None:
        with changing():
            change()

    _carry_out(both, **given)


def _carry_out(work: Callable[[], None], **given: str) -> None:
    """given: what may be named beside a problem of its field; so no password."""
    from farcopy.store.users import UserProblem, UserUnknown

    try:
        work()
    except UserProblem as problem:
        value = given.get(problem.field)
        named = f" (given: {shlex.quote(value)})" if value is not None else ""
        following = ": farcopy user list shows them" if isinstance(problem, UserUnknown) else ""
        say([f"farcopy: {problem}{named}{following}"], err=True)
        sys.exit(EXIT_FAILED)


def _warn_without_admin() -> None:
    from farcopy.store import users

    if not users.has_admin():
        click.echo("warning: no admin is left: farcopy user add NAME --role admin", err=True)


VERBS = (user,)
