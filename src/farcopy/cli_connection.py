"""The verbs that try the connection out: test-connection, doctor. Thin, as those of cli.

Imports of the service floor stand inside the verbs, for the reasons cli gives.
"""

import json
import sys
from typing import Final

import click

from farcopy.core.errors import FarcopyError, RemotePathMissing
from farcopy.planning.words import count
from farcopy.process import set_up
from farcopy.saying import say
from farcopy.wording import in_shell

EXIT_FAILED: Final = 1


@click.command("test-connection")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def test_connection(as_json: bool) -> None:
    """Log in to the FTP server and list the directory; uploads nothing."""
    set_up()
    from farcopy.service import answers, overview
    from farcopy.service.connection import test_connection as test

    try:
        result = test()
    except FarcopyError as error:
        if not error.cause_word:
            raise
        say([f"Failed to connect to FTP server: {error.cause_word}", in_shell(error.text)],
            err=True)
        if isinstance(error, RemotePathMissing):
            click.echo("A sync makes the directory if it is not there; this test makes nothing.",
                       err=True)
        sys.exit(EXIT_FAILED)
    if as_json:
        click.echo(json.dumps(answers.probe(overview.configuration().settings, result)))
        return
    how = "encrypted" if result.is_tls else "NOT encrypted"
    say([f"FTP connection successful ({how}); "
         f"{count(result.files_in_directory, 'file')} directly in {result.ftp_path}, "
         f"and {result.files_held:,} that farcopy holds below it"])


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """Go the way of a sync to the server step by step, and say what is wrong.

    Writes a small file under a temporary name and removes it. Exit code 0: all is well, 1: not.
    """
    set_up()
    from farcopy.service.doctor import as_data, findings
    from farcopy.terminal import finding_lines

    found = []
    for finding in findings():
        found.append(finding)
        if not as_json:
            say(in_shell("\n".join(finding_lines(finding))))
    data = as_data(found)
    if as_json:
        click.echo(json.dumps(data))
    sys.exit(0 if data["is_well"] else EXIT_FAILED)


VERBS: Final = (test_connection, doctor)
