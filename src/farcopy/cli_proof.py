"""The verbs that prove and bring back: verify, fetch, rebuild. Thin, as those of cli.

Imports of the service floor stand inside the verbs, for the reasons cli gives.
"""

import json
import sys
from typing import TYPE_CHECKING

import click

from farcopy.process import set_up, stop_on_signals

if TYPE_CHECKING:
    from farcopy.core.model import Check
    from farcopy.service.verification import VerifyResult

EXIT_FAILED = 1
EXIT_WRONG = 3


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--sample", default=100.0, metavar="PERCENT",
              type=click.FloatRange(0, 100, min_open=True),
              help="Check so many percent of the files, chosen at random.")
@click.option("--size-only", is_flag=True,
              help="Compare sizes only: quick, and no proof of the content.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(paths: tuple[str, ...], sample: float, size_only: bool, as_json: bool) -> None:
    """Compare what the remote holds with what was sent, by content.

    PATH is a file or folder as in orthanc/ab/cd or hospital/reports; without one, everything.
    The server's own MD5 is used where it has one, else files are read back. What differs or is
    missing becomes due, and the next sync sends it again. Works beside a running sync.

    Exit code 0: all as it should be, 3: something differed or was missing, 1: not done.
    """
    environment = set_up()
    from farcopy.service import verification
    from farcopy.terminal import FileBar

    bar = FileBar("verifying")

    def tell(check: "Check") -> None:
        bar.advance()
        if check.finding in verification.WRONG and not as_json:
            bar.say(_wrong_line(check))

    result = verification.verify(
        paths, environment, stop_on_signals(), sample_percent=sample,
        reads_content=not size_only, on_total=bar.begin, on_check=tell,
    )
    bar.close()
    if as_json:
        click.echo(json.dumps(_verify_data(result)))
    else:
        click.echo("\n".join(_verify_lines(result)))
    sys.exit(_verify_exit(result))


def _verify_exit(result: "VerifyResult") -> int:
    if result.has_wrong:
        return EXIT_WRONG
    return EXIT_FAILED if result.error or result.counts.files_unreadable else 0


def _wrong_line(check: "Check") -> str:
    from farcopy.service.verification import is_last_copy_lost

    line = f"{check.finding.value:10} {check.file.root}/{check.file.relative_path}"
    if is_last_copy_lost(check):
        line += "  (gone from the source too: the last copy is damaged or lost)"
    return line


def _verify_lines(result: "VerifyResult") -> list[str]:
    from farcopy.terminal import size_text

    counts = result.counts
    if not counts.files_checked and result.error is None:
        return ["Nothing to verify: nothing is stored there"]
    parts = [f"{counts.files_verified} verified"]
    if counts.files_sized:
        parts = [f"{counts.files_sized} of the right size (no proof of their content)"]
    for number, word in (
        (counts.files_differing, "different"), (counts.files_missing, "missing"),
        (counts.files_unreadable, "unreadable"),
    ):
        if number:
            parts.append(f"{number} {word}")
    lines = [f"{counts.files_checked} files checked: {', '.join(parts)}; "
             f"{size_text(counts.bytes_read)} read back"]
    again = counts.files_differing + counts.files_missing - result.last_copies_lost
    if again:
        lines.append(f"{again} files are pending again: the next sync sends them")
    if result.last_copies_lost:
        lines.append(f"{result.last_copies_lost} files are gone from the source and not intact on "
                     "the remote: their last copy is damaged or lost")
    if counts.files_unreadable:
        lines.append("The server would not let some files be read: nothing is said of those")
    if result.error:
        lines.append(f"Not finished: {result.error.text}")
    return lines


def _verify_data(result: "VerifyResult") -> dict[str, object]:
    from dataclasses import asdict

    from farcopy.service.verification import is_last_copy_lost

    return {
        **asdict(result.counts),
        "last_copies_lost": result.last_copies_lost,
        "differing": [
            {
                "path": f"{check.file.root}/{check.file.relative_path}",
                "finding": check.finding.value,
                "last_copy_lost": is_last_copy_lost(check),
            }
            for check in result.wrong
        ],
        "finished": result.error is None,
        "code": result.error.code if result.error else "",
    }


VERBS = (verify,)
