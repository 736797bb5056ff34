"""The command line. Each verb is thin: it sets the process up, calls the service floor, prints.

Imports of that floor stand inside the verbs: `django.setup()` must come first,
and `farcopy --help` must not wait for it.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from farcopy import (
    __version__,
    cli_accounts,
    cli_audited,
    cli_connection,
    cli_proof,
    cli_tokens,
    cli_trail,
    wording,
)
from farcopy.cli_audited import changing
from farcopy.core.config import FIELDS, Field
from farcopy.core.errors import FarcopyError, SettingsInvalid
from farcopy.core.model import ActionKind, Reason
from farcopy.core.state_errors import RunAlreadyOn
from farcopy.core.states import RunState
from farcopy.planning.situation import OffSite
from farcopy.process import (
    background_service,
    run_and_show,
    serve_until_stopped,
    set_up,
    settle_text,
    stop_on_signals,
)
from farcopy.saying import say
from farcopy.web.listening import Listening

EXIT_FAILED = 1
EXIT_PARTIAL = 3
EXIT_ANOTHER_RUN = 11
EXIT_OF = {RunState.SUCCESS: 0, RunState.PARTIAL: EXIT_PARTIAL, RunState.FAILED: EXIT_FAILED}
EXIT_OF_OFF_SITE = {OffSite.ALL: 0, OffSite.NOT_ALL: EXIT_PARTIAL, OffSite.NOTHING: EXIT_FAILED}
DEFAULT_PORT = 8480


def main() -> None:
    """Entry point. Errors of ours become one line and an exit code, never a traceback."""
    settle_text()
    try:
        cli(standalone_mode=True)
    except SettingsInvalid as error:
        say(wording.problem_lines(error), err=True)
        sys.exit(EXIT_FAILED)
    except FarcopyError as error:
        say([f"farcopy: {wording.error_text(error)}"], err=True)
        sys.exit(EXIT_ANOTHER_RUN if isinstance(error, RunAlreadyOn) else EXIT_FAILED)
    except Exception as error:
        line = wording.foreign_text(error)
        if line is None:
            raise
        say([f"farcopy: {line}"], err=True)
        sys.exit(EXIT_FAILED)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="farcopy")
def cli() -> None:
    """Carry a hospital's DICOM archive to a second place by FTP, and prove what arrived."""


# --- serving ---


def _listening(function: Callable[..., None]) -> Callable[..., None]:
    file = click.Path(path_type=Path, dir_okay=False)
    options = (
        click.option("--host", default="127.0.0.1", show_default=True,
                     help="Address to listen on."),
        click.option("--port", default=DEFAULT_PORT, show_default=True,
                     type=click.IntRange(0, 65535),
                     help="Port to listen on; 0 takes a free one."),
        click.option("--tls-cert", default=None, type=file,
                     help="Serve HTTPS with this certificate (PEM, with its chain)."),
        click.option("--tls-key", default=None, type=file,
                     help="Its private key (PEM), where it is not in the same file."),
        click.option("--trusted-proxy", default=None,
                     help="Address of a reverse proxy whose X-Forwarded headers count."),
        click.option("--allow-insecure", is_flag=True,
                     help="Listen beyond this machine without encryption: everybody on the way "
                     "can read passwords. Or FARCOPY_ALLOW_INSECURE=true."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _listening_of(allow_insecure: bool, **options: Any) -> Listening:
    from django.conf import settings

    is_allowed = allow_insecure or settings.WEB_ENVIRONMENT.allow_insecure
    return Listening(**options, may_be_exposed=is_allowed)


@cli.command()
@_listening
def serve(**options: Any) -> None:
    """API, page and background service in one process."""
    environment = set_up("farcopy.settings.web", is_lasting=True)
    serve_until_stopped(_listening_of(**options), background_service(environment))


@cli.command()
@_listening
def web(**options: Any) -> None:
    """The API and the page alone; needs a `farcopy service` beside it."""
    set_up("farcopy.settings.web", is_lasting=True)
    serve_until_stopped(_listening_of(**options))


@cli.command()
def service() -> None:
    """The background service alone."""
    environment = set_up(is_lasting=True)
    work = background_service(environment)
    work(stop_on_signals(), lambda: click.echo("The background service is running"))


# --- settings ---


def _field_options(function: Callable[..., None]) -> Callable[..., None]:
    for field in reversed(FIELDS):
        if field.name == "ftp_password":
            continue  # never an argument: the process list shows those
        option = f"--{field.name.replace('_', '-')}"
        function = _option_of(field, option)(function)
    return function


def _option_of(field: Field, option: str) -> Any:
    match field.type:
        case "boolean":
            # --sync-enabled, --sync-enabled false and --no-sync-enabled all work.
            no = click.option(option.replace("--", "--no-", 1), f"no_{field.name}", is_flag=True,
                              hidden=True)
            yes = click.option(option, field.name, type=click.BOOL, is_flag=False,
                               flag_value=True, default=None, help=field.description)
            return lambda function: yes(no(function))
        case "integer":
            return click.option(option, field.name, type=int, default=None,
                                help=f"{field.description} ({field.minimum}-{field.maximum})")
        case "list":
            return click.option(option, field.name, multiple=True,
                                help=f"{field.description} One an option; all are set anew.")
        case _:
            return click.option(option, field.name, default=None, help=field.description)


@cli.command()
@_field_options
@click.option("--ftp-password-stdin", is_flag=True,
              help="Read the FTP password from standard input, one line. "
              "Or give it in FARCOPY_FTP_PASSWORD or FARCOPY_FTP_PASSWORD_FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print the settings as JSON.")
def configure(ftp_password_stdin: bool, as_json: bool, **options: Any) -> None:
    """Change settings; those not named stay. An empty string unsets one."""
    set_up()
    from farcopy.service import overview
    from farcopy.settings.environment import ftp_password_given
    from farcopy.store import configuration
    from farcopy.store.authors import Author

    changes: dict[str, object] = {}
    for field in FIELDS:
        if options.get(f"no_{field.name}"):
            changes[field.name] = False
        elif field.type == "list":
            if given := options[field.name]:
                changes[field.name] = [text for text in given if text]
        elif options.get(field.name) is not None:
            changes[field.name] = options[field.name]
    # Before the password is waited for: it goes where these settings say, or nowhere.
    author = Author(configuration.load().settings_version, is_confirmed=True)
    password = _line_of_stdin() if ftp_password_stdin else ftp_password_given()
    if password is not None:
        changes["ftp_password"] = password
    try:
        view = overview.change_configuration(changes, author=author, within=changing())
    except SettingsInvalid as error:
        wording.name_values(error, changes)
        raise
    if as_json:
        from farcopy.service import answers

        click.echo(json.dumps(answers.configuration(view)))
        return
    values = view.settings.shown()
    width = max(map(len, values))
    for name, value in values.items():
        click.echo(f"{name:<{width}}  {'-' if value is None else json.dumps(value)}")
    for warning in view.warnings:
        say([f"warning: {wording.in_shell(warning)}"], err=True)


# --- runs ---


@cli.command()
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object.")
def sync(dry_run: bool, as_json: bool) -> None:
    """Send everything new now.

    Exit code 0: success, 1: failed, 3: partial, 11: another run is on.
    """
    environment = set_up()
    if dry_run:
        _dry_run(as_json)
        return
    summary = run_and_show(environment)
    from farcopy.service import answers
    from farcopy.terminal import summary_lines

    if as_json:
        click.echo(json.dumps(answers.sync(summary)))
    else:
        say(wording.in_shell("\n".join(summary_lines(summary))))
    sys.exit(EXIT_OF[summary.state])


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cancel(as_json: bool) -> None:
    """End the run that is on, also in the middle of a file; the rest stays due."""
    set_up()
    from farcopy.service import answers, runs

    with changing():
        run_id = runs.cancel()
    click.echo(json.dumps(answers.cancel(run_id)) if as_json else f"Asked run {run_id} to end")


@cli.command("confirm-changes")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def confirm_changes(as_json: bool) -> None:
    """Let changes through that froze the sync; the next one sends them."""
    set_up()
    from farcopy.process import account_name
    from farcopy.service import answers, freezing

    with changing():
        changed, vanished = freezing.confirm_changes(account_name())
    if as_json:
        click.echo(json.dumps(answers.confirm(changed, vanished)))
        return
    click.echo(f"Confirmed: {changed} changed files will be sent, {vanished} have vanished "
               "(their copies stay)")


@cli.command("accept-losses")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def accept_losses(as_json: bool) -> None:
    """Take note of files that are lost: gone from the source, and damaged or gone off-site.

    They are no longer told. Look for them in another backup first; put back, they are sent.
    """
    set_up()
    from farcopy.process import account_name
    from farcopy.service import answers, freezing

    with changing():
        files = freezing.accept_losses(account_name())
    click.echo(json.dumps(answers.accepted(files)) if as_json
               else f"Taken note of: {files} lost {'file' if files == 1 else 'files'}")


def _dry_run(as_json: bool) -> None:
    from django.utils import timezone

    from farcopy.service import monitor
    from farcopy.store import configuration as stored

    counts = dict.fromkeys([*map(str, ActionKind), "excluded"], 0)
    due_bytes = 0
    for action in monitor.planned_actions(stored.load(), timezone.now(), is_manual=True):
        is_excluded = action.reason is Reason.EXCLUDED
        counts["excluded" if is_excluded else action.kind.value] += 1
        due_bytes += action.file.size_bytes
        if not as_json:
            file = action.file
            say([f"{action.kind.value:5} {action.reason.value:12} "
                 f"{file.size_bytes:>12} {file.root}/{file.relative_path}"])
    if as_json:
        click.echo(json.dumps({**counts, "bytes": due_bytes}))
    else:
        parts = [f"{counts['send']} to send", f"{counts['check']} to check"]
        parts += [f"{counts['wait']} not at rest yet"] if counts["wait"] else []
        parts += [f"{counts['hold']} held back"] if counts["hold"] else []
        parts += [f"{counts['skip']} skipped"]
        parts += [f"{counts['excluded']} excluded"] if counts["excluded"] else []
        click.echo(f"{', '.join(parts)}; {due_bytes} bytes")


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(as_json: bool) -> None:
    """Is everything off-site? Then the last runs, the schedule, and what is moving now.

    Exit code 0: everything is off-site, 3: not all of it is, or it is not known, 1: nothing is
    copied, or there is trouble.
    """
    environment = set_up()
    from django.utils import timezone

    from farcopy.service import answers, overview
    from farcopy.terminal import status_lines

    overview.try_writing()
    view = overview.status()
    if as_json:
        click.echo(json.dumps(answers.status(view, timezone.now())))
    else:
        say(wording.in_shell("\n".join(status_lines(view))))
        if not view.is_service_running:
            say([f"Home:       {environment.home} (no service runs on it)"])
    sys.exit(EXIT_OF_OFF_SITE[view.health.off_site])


def _line_of_stdin() -> str:
    return sys.stdin.readline().rstrip("\r\n")


for _verb in (
    *cli_proof.VERBS, *cli_connection.VERBS, *cli_accounts.VERBS, *cli_tokens.VERBS,
    *cli_trail.VERBS
):
    cli.add_command(_verb)


@cli.command()
@click.option("--once", is_flag=True, help="End after the run, with exit code 0.")
@click.option("--port", default=0, type=click.IntRange(0, 65535),
              help="Port of the page and API; 0 takes a free one.")
def demo(once: bool, port: int) -> None:
    """The main job on sample studies, with an FTP server of its own."""
    from farcopy.demo import run_demo

    run_demo(once=once, port=port)


cli_audited.watch(cli)
