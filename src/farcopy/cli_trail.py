"""The verbs of the audit trail (verify, acknowledge, list, …) and of the key (rotate, reset).

Thin, as those of cli. Imports of the lower floors stand inside the verbs, for
the reasons cli gives.
"""

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from farcopy.process import set_up
from farcopy.saying import say
from farcopy.wording import error_text

if TYPE_CHECKING:
    from farcopy.service.trail_check import Verified

EXIT_FAILED = 1
EXIT_BROKEN = 3


@click.group("audit")
def trail() -> None:
    """The audit trail: who did what, and whether anybody changed that."""


@trail.command("verify")
@click.option("--remote", "with_remote", is_flag=True,
              help="Compare with the marks on the FTP server too: they tell an older copy of the "
              "whole home.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def audit_verify(with_remote: bool, as_json: bool) -> None:
    """Find out whether the audit trail is as it was written.

    Every entry is sealed together with those before it. Found is one that was edited, deleted,
    put in or moved, and a tail that was cut off.

    Exit code 0: as it was written, 3: somebody changed it, 1: not done.
    """
    set_up()
    from farcopy.service import trail_check

    result = trail_check.verify(with_remote=with_remote)
    say([json.dumps(_verify_data(result))] if as_json else _verify_lines(result))
    if not result.checked.is_whole:
        sys.exit(EXIT_BROKEN)
    sys.exit(EXIT_FAILED if result.remote_error else 0)


def _verify_lines(result: "Verified") -> list[str]:
    checked = result.checked
    lines = [f"{checked.entries} entries checked"]
    if checked.earlier:
        lines[0] += f", and {checked.earlier} older than the chain"
    lines += [f"CHANGED: {problem.line}" for problem in checked.problems]
    more = checked.problem_count - len(checked.problems)
    if more:
        lines.append(f"and {more} more")
    if checked.is_whole:
        lines.append("The audit trail is as it was written")
    if result.remote_error:
        lines.append(f"Not compared with the remote: {error_text(result.remote_error)}")
    elif result.has_remote:
        lines.append("Compared with the marks on the remote")
    if not checked.is_whole:
        lines.append("Told at every check, until: farcopy audit acknowledge")
    return lines


def _verify_data(result: "Verified") -> dict[str, object]:
    checked = result.checked
    return {
        "status": "ok" if checked.is_whole else "broken",
        "entries": checked.entries,
        "earlier_entries": checked.earlier,
        "problem_count": checked.problem_count,
        "problems": [
            {"kind": problem.kind.value, "entry": problem.entry, "text": problem.text}
            for problem in checked.problems
        ],
        "local_mark": result.has_local,
        "remote_mark": result.has_remote,
        "code": result.remote_error.code if result.remote_error else "",
    }


@trail.command("name")
def audit_name() -> None:
    """Print what stands in the trail for a name that is no account's.

    What is typed as a name at a failed sign-in is often a password: of a name without an
    account only a keyed hash is kept. This reads a name, unseen, and prints its hash: one line
    for each master key there was, the present one first.
    """
    set_up()
    from farcopy.store import typed_names

    name = click.prompt("Name", hide_input=True, err=True) if sys.stdin.isatty() else (
        sys.stdin.readline().rstrip("\r\n")
    )
    for label in typed_names.labels(name).values():
        click.echo(label)


@trail.command("acknowledge")
@click.option("--reason", required=True, metavar="TEXT",
              help="Why, for the entry that tells of it: a restored backup, an inquiry that is "
              "over.")
@click.option("--remote/--no-remote", "with_remote", default=True, show_default=True,
              help="Ask the FTP server for its marks, and acknowledge these too.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
def audit_acknowledge(reason: str, with_remote: bool, yes: bool) -> None:
    """Take note of what verify finds, so that it finds only what comes after.

    After a backup was put back, or when it is known who changed the trail. The trail goes on
    from what there is; an entry says who acknowledged what, and why. Export it before: if
    entries were changed, from then on all that are there are proven together only.

    Exit code 0: acknowledged, or nothing to acknowledge; 1: not done.
    """
    set_up()
    from farcopy.process import system_user
    from farcopy.service import trail_check
    from farcopy.store import configuration

    with_remote = with_remote and configuration.load().settings.is_ftp_configured
    found = trail_check.verify(with_remote=with_remote)
    say(_verify_lines(found))
    if found.checked.is_whole:
        return
    if not yes:
        click.confirm("Take the trail as it is now for the right one?", abort=True)
    trail_check.acknowledge(reason, system_user(), with_remote=with_remote)
    click.echo("Acknowledged; an entry of the trail tells of it")


_DAY = click.DateTime(["%Y-%m-%d"])


@trail.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500),
              help="At most so many entries.")
@click.option("--before", type=click.IntRange(1), metavar="ID",
              help="Only entries older than this one.")
@click.option("--username", help="Of this account only.")
@click.option("--action", help="Of this kind only, as in auth.login.")
@click.option("--status", type=click.IntRange(100, 599), help="Answered with this status only.")
@click.option("--since", type=_DAY, help="From this day on.")
@click.option("--until", type=_DAY, help="Before this day.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def audit_list(
    limit: int, before: int | None, since: datetime | None, until: datetime | None,
    as_json: bool, **wanted: Any,
) -> None:
    """Show the newest entries of the audit trail: who did what, when, and with what answer."""
    set_up()
    from farcopy.service import answers, auditing
    from farcopy.service.times import shown
    from farcopy.store import trail as stored

    which = stored.Wanted(since=_moment(since), until=_moment(until), **wanted)
    found = stored.latest(which, limit + 1, before)
    if as_json:
        click.echo(json.dumps(answers.trail(found, limit, auditing.last_check())))
        return
    for entry in found[:limit]:
        # Who was refused chose his name himself. Some entries stand for many calls.
        calls = entry.details.get("calls")
        say([
            f"{entry.id:>6}  {shown(entry.created_at)}  {entry.username or '-':16}  "
            f"{entry.action:24}  {entry.response_status or '-':>3}  {entry.ip_address}"
            + (f"  ({calls} calls)" if calls else "")
        ])


def _moment(day: datetime | None) -> datetime | None:
    from farcopy.service.times import moment_of

    return moment_of(day.isoformat()) if day else None


@trail.command("export")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv",
              show_default=True, help="The form of the file.")
@click.option("--since", type=_DAY, help="From this day on.")
@click.option("--until", type=_DAY, help="Before this day.")
def audit_export(form: str, since: datetime | None, until: datetime | None) -> None:
    """Print the audit trail, one line an entry, the oldest first. Times are UTC."""
    set_up()
    from farcopy.store import trail as stored
    from farcopy.web import trail_export

    wanted = stored.Wanted(since=_moment(since), until=_moment(until))
    for piece in trail_export.pieces(stored.every(wanted), form):
        click.echo(piece, nl=False)


@trail.command("prune")
@click.option("--before", type=_DAY, help="Remove what is older than this day.")
@click.option("--older-than", "older_than", type=click.IntRange(1), metavar="DAYS",
              help="Remove what is older than so many days.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def audit_prune(before: datetime | None, older_than: int | None, as_json: bool) -> None:
    """Remove old entries; the rest can still be verified. Nothing is removed by itself.

    Without an option: what is older than FARCOPY_AUDIT_KEEP_DAYS, six years unless set. Nothing
    younger is removed in any case. Export it before.
    """
    if before and older_than:
        raise click.UsageError("--before and --older-than exclude each other")
    environment = set_up()
    from datetime import timedelta

    from django.utils import timezone

    from farcopy.service import trail_check

    moment = _moment(before)
    if older_than:
        moment = timezone.now() - timedelta(days=older_than)
    removed = trail_check.prune(moment, keep_days=environment.audit_keep_days)
    click.echo(json.dumps({"removed": removed}) if as_json else f"Removed {removed} entries")


@click.group()
def key() -> None:
    """The master key, which encrypts the FTP password and seals the audit trail."""


@key.command("rotate")
def key_rotate() -> None:
    """Replace the master key by a new one; everything is encrypted anew.

    Cut off at any point, nothing is lost: call it again. A service that runs goes on. Back up
    the new key afterwards. A key that was given in the environment is replaced there: the new
    one as FARCOPY_KEY, the old one as FARCOPY_OLD_KEY, then this, then without the old one.
    """
    set_up()
    from farcopy.store import rotation

    rotated = rotation.rotate()
    how = "The key was replaced" if rotated.is_new else "The replacement of the key is finished"
    click.echo(f"{how}: {rotated.old_id} -> {rotated.new_id}")


@key.command("reset")
@click.option("--yes", is_flag=True, help="Do it without asking.")
def key_reset(yes: bool) -> None:
    """The key is lost for good: go on with another.

    The FTP password must be given again. The audit trail's entries stay, but can no longer be
    proven one by one. Does nothing while the key fits.
    """
    if not yes:
        click.confirm("Forget the stored FTP password, and begin the audit chain anew?",
                      abort=True)
    set_up(needs_key=False)
    from farcopy.store import rotation

    click.echo(f"The key {rotation.reset()} is in force. Give the password again: "
               "farcopy configure --ftp-password-stdin")


VERBS = (trail, key)
