"""The verbs of `farcopy token`: API tokens for programs. Thin, as those of cli.

Imports of the lower floors stand inside the verbs, for the reasons cli gives.
"""

import json
import sys
from typing import NoReturn

import click

from farcopy.cli_audited import changing
from farcopy.core.tokens import DEFAULT_DAYS, MAX_DAYS, SCOPES
from farcopy.process import set_up
from farcopy.saying import say

EXIT_FAILED = 1
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def token() -> None:
    """API tokens, for programs that call the API."""


@token.command("add")
@click.argument("name")
@click.option("--user", "username", required=True, help="The admin whose token it is to be.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), default=("read",),
              show_default=True,
              help="What it may be used for; one an option. read: status, settings, history; "
              "sync: start, cancel, test; configure: change settings.")
@click.option("--days", default=DEFAULT_DAYS, show_default=True, type=click.IntRange(1, MAX_DAYS),
              help="How long it is good for.")
@_AS_JSON
def add(name: str, username: str, scopes: tuple[str, ...], days: int, as_json: bool) -> None:
    """Make a token. It is shown this once; farcopy keeps a hash of it only."""
    set_up()
    from farcopy.service import answers
    from farcopy.service.times import shown
    from farcopy.store import tokens
    from farcopy.store.users import UserProblem

    try:
        with changing():
            made, text = tokens.add(username, name, scopes, days)
    except UserProblem as problem:
        _fail(problem)
    if as_json:
        click.echo(json.dumps(answers.token(made, text)))
        return
    say([f"Made token {made.id} ({', '.join(made.scopes)}), good until {shown(made.expires_at)}"])
    click.echo(f"Token: {text}")


@token.command("list")
@_AS_JSON
def list_tokens(as_json: bool) -> None:
    """Every token with what it may do and when it was last used, the newest first."""
    set_up()
    from farcopy.service import answers
    from farcopy.service.times import shown
    from farcopy.store import tokens

    found = tokens.every()
    if as_json:
        click.echo(json.dumps(answers.tokens(found)))
        return
    for one in found:
        used = f"used {shown(one.last_used_at)} from {one.last_used_address or '-'}"
        say([f"{one.id:>4}  {one.hint}…  {one.username:12}  {','.join(one.scopes):20}  "
             f"{'OVER since' if one.is_over else 'until'} {shown(one.expires_at)}  "
             f"{used if one.last_used_at else 'never used'}  {one.name}"])


@token.command("revoke")
@click.argument("token_id", type=click.IntRange(1), metavar="ID")
@_AS_JSON
def revoke(token_id: int, as_json: bool) -> None:
    """End a token, at its very next call."""
    set_up()
    from farcopy.service import answers
    from farcopy.store import tokens
    from farcopy.store.users import UserProblem

    try:
        with changing():
            gone = tokens.revoke(token_id)
    except UserProblem as problem:
        _fail(problem)
    if as_json:
        click.echo(json.dumps(answers.token(gone)))
        return
    say([f"Revoked token {gone.id} ({gone.name})"])


def _fail(problem: Exception) -> NoReturn:
    say([f"farcopy: {problem}"], err=True)
    sys.exit(EXIT_FAILED)


VERBS = (token,)
