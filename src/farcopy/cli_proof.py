"""The verbs that prove and bring back: verify, fetch, rebuild. Thin, as those of cli.

Imports of the service floor stand inside the verbs, for the reasons cli gives.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farcopy.core.errors import Interrupted
from farcopy.process import set_up, stop_on_signals
from farcopy.saying import say
from farcopy.wording import error_text

if TYPE_CHECKING:
    from farcopy.core.errors import FarcopyError
    from farcopy.core.model import Check
    from farcopy.engine.fetch import Fetched
    from farcopy.service.fetching import FetchResult
    from farcopy.service.meter import Meter
    from farcopy.service.rebuilding import Mended, RebuildResult
    from farcopy.service.stop import StopSignal
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
@click.option("--read-back", is_flag=True,
              help="Read every file back, also where the server tells hashes: it may tell that of "
              "what it was sent, and have something else.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(
    paths: tuple[str, ...], sample: float, size_only: bool, read_back: bool, as_json: bool
) -> None:
    """Compare what the remote holds with what was sent, by content.

    PATH is a file or folder as in orthanc/ab/cd or hospital/reports; without one, everything.
    The server's own MD5 is used where it has one, else files are read back. What differs or is
    missing becomes due, and the next sync sends it again. Works beside a running sync.

    Exit code 0: all as it should be, 3: something differed or was missing, 1: not done.
    """
    if size_only and read_back:
        raise click.UsageError("--size-only reads nothing, --read-back everything: take one")
    environment = set_up()
    from farcopy.service import verification
    from farcopy.terminal import WorkBar

    bar, stop = WorkBar("verifying"), stop_on_signals()

    def tell(check: "Check") -> None:
        if check.finding in verification.WRONG and not as_json:
            bar.say(_wrong_line(check))

    result = verification.verify(
        paths, environment, stop, sample_percent=sample,
        reads_content=not size_only, reads_back=read_back, meter=bar, on_check=tell,
    )
    bar.close()
    if as_json:
        click.echo(json.dumps(_verify_data(result)))
    else:
        ended = _ended_line(result.error, stop, bar, "what was found is written down")
        say(_verify_lines(result, ended))
    sys.exit(_verify_exit(result))


def _ended_line(
    error: "FarcopyError | None", stop: "StopSignal", meter: "Meter", kept: str
) -> str:
    """Why it ended early, and what is kept; "" when it did not."""
    if error is None:
        return ""
    if stop.by and isinstance(error, Interrupted):
        return f"Stopped by {stop.by} after {meter.words()}; {kept}"
    return f"Not finished: {error_text(error)}"


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


def _verify_lines(result: "VerifyResult", ended: str) -> list[str]:
    from farcopy.terminal import size_text

    counts = result.counts
    if not counts.files_checked and result.error is None:
        return ["Nothing to verify: nothing is stored there"]
    parts = [f"{counts.files_verified} verified"]
    if counts.files_verified:
        hashed = counts.files_verified - counts.files_read_back
        parts = [f"{parts[0]} ({counts.files_read_back} read back, {hashed} by the server's own "
                 "hash)"]
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
    return [*lines, ended] if ended else lines


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


# --- fetch ---


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--to", "directory", required=True, metavar="DIR",
              type=click.Path(file_okay=False, path_type=Path),
              help="Where to put the files: DIR/orthanc/…, DIR/hospital/…. Made when missing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def fetch(paths: tuple[str, ...], directory: Path, as_json: bool) -> None:
    """Bring files back from the remote, under their original names.

    PATH is a file or folder as in orthanc/ab/cd or hospital/reports; orthanc is all of it.
    Each file is compared with the ledger's MD5, or the server's, before it gets its name.
    Without a ledger (a new home with the same FTP account and path) the remote is listed, and
    files nobody has a hash of are said to be unproven. Existing files are never touched.

    Exit code 0: everything is there, 3: some files are not, 1: not done.
    """
    environment = set_up()
    from farcopy.engine.fetch import FINE
    from farcopy.service import fetching
    from farcopy.terminal import WorkBar

    bar, stop = WorkBar("fetching"), stop_on_signals()

    def tell(path: str, what: "Fetched") -> None:
        if what not in FINE and not as_json:
            bar.say(f"{what.value:10} {path}")

    result = fetching.fetch(paths, directory, environment, stop, meter=bar, on_file=tell)
    bar.close()
    if as_json:
        click.echo(json.dumps(_fetch_data(result)))
    else:
        ended = _ended_line(result.error, stop, bar, "what was fetched stays; "
                            "call it again to go on")
        say(_fetch_lines(result, ended))
    sys.exit(_fetch_exit(result))


def _fetch_exit(result: "FetchResult") -> int:
    if result.error:
        return EXIT_FAILED
    return EXIT_WRONG if result.has_problems else 0


FETCHED_TEXTS = {
    "proven": "fetched and proven by their MD5",
    "unproven": "fetched, unproven: only their size was compared, nobody has a hash of them",
    "present": "were there already",
    "occupied": "not fetched: another file has the name, and was left alone",
    "differs": "not kept: the content on the remote is not what was sent",
    "missing": "missing on the remote",
    "unreadable": "not fetched: the server would not let them be read",
    "unlisted": "folders whose listing could not be read whole: what more lies there is unknown",
    "local_name": "not fetched: this system cannot have files of that name",
}


def _fetch_lines(result: "FetchResult", ended: str) -> list[str]:
    from farcopy.terminal import size_text

    counts = {what.value: count for what, count in result.counts.items() if count}
    lines = [f"{counts[word]} {text}" for word, text in FETCHED_TEXTS.items() if word in counts]
    if not counts and result.error is None:
        return ["Nothing to fetch: nothing lies there"]
    if result.bytes_read:
        lines.append(f"{size_text(result.bytes_read)} received")
    return [*lines, ended] if ended else lines


def _fetch_data(result: "FetchResult") -> dict[str, object]:
    counts = {what.value: count for what, count in result.counts.items()}
    return {
        **{f"files_{word}": counts.get(word, 0) for word in FETCHED_TEXTS},
        "bytes_read": result.bytes_read,
        "problems": [{"path": path, "finding": what.value} for path, what in result.problems],
        "finished": result.error is None,
        "code": result.error.code if result.error else "",
    }


# --- rebuild ---


@click.command()
@click.option("--read-back", is_flag=True,
              help="Compare contents too: read every file back.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rebuild(read_back: bool, as_json: bool) -> None:
    """Make a damaged or lost ledger anew, from the sources and the remote.

    Nothing is sent again that is there already: a source file whose final name holds as many
    bytes is noted as stored. A size is no proof; --read-back or farcopy verify gives one.
    A damaged SQLite file is moved aside, and its settings, accounts, history and audit trail
    are taken over as far as they can be read. Stop farcopy serve, service and web before.

    Exit code 0: all files are held, 3: some are due, 1: not done.
    """
    environment = set_up(with_database=False)
    from farcopy.service import rebuilding
    from farcopy.terminal import WorkBar

    stop = stop_on_signals()
    mended = rebuilding.mend_database(environment)
    if mended:
        say(_mended_lines(mended), err=True)
    bar = WorkBar("rebuilding")
    result = rebuilding.rebuild(environment, stop, reads_back=read_back, meter=bar)
    bar.close()
    if as_json:
        click.echo(json.dumps(_rebuild_data(result, mended)))
    else:
        ended = _ended_line(result.error, stop, bar, "what was found stays")
        say(_rebuild_lines(result, ended))
    if result.error:
        sys.exit(EXIT_FAILED)
    sys.exit(EXIT_WRONG if result.has_due else 0)


SALVAGED_WORDS = {
    "destinations": "destinations", "sync_configuration": "settings", "users": "accounts",
    "sync_history": "runs of the history", "audit_logs": "lines of the audit trail",
    "second_factors": "second factors", "api_tokens": "API tokens",
    "key_history": "keys known by name", "audit_head": "head of the audit trail",
}


def _mended_lines(mended: "Mended") -> list[str]:
    lines = [f"The database is damaged. It now lies at {mended.moved_to}: keep it."]
    for table in mended.tables:
        word = SALVAGED_WORDS[table.table]
        line = f"  {word}: {table.rows} taken over"
        if not table.is_whole or table.lost_rows:
            line += "; THE REST IS LOST"
        lines.append(line)
    if not mended.has_settings:
        lines.append("THE SETTINGS ARE LOST: give them again (farcopy configure), then call "
                     "farcopy rebuild again")
    return lines


def _rebuild_lines(result: "RebuildResult", ended: str) -> list[str]:
    counts = result.counts
    texts = (
        (counts.known, "were known to the ledger"),
        (counts.verified, "are on the remote, verified by their content"),
        (counts.stored, "are on the remote, stored: by their size, which is no proof of their "
                        "content. farcopy verify gives one"),
        (counts.absent, "are not there, or of another size: due"),
        (counts.differs, "have another content there: due"),
        (counts.unreadable, "could not be read or changed meanwhile: due"),
        (counts.unreadable_folders, "folders of a source could not be listed"),
        (counts.unlisted_folders, "folders of the remote have a listing that could not be read "
                                  "whole: what more lies there is unknown"),
        (counts.missing_roots, "source directories are not there"),
        (counts.remote_only, "lie on the remote only, without a source; they stay there"),
    )
    lines = [f"{number} {text}" for number, text in texts if number]
    if ended:
        lines.append(f"{ended}. Call it again to go on")
    return lines or ["Nothing to rebuild: the sources hold no files"]


def _rebuild_data(result: "RebuildResult", mended: "Mended | None") -> dict[str, object]:
    from dataclasses import asdict

    return {
        **asdict(result.counts),
        "moved_to": str(mended.moved_to) if mended else None,
        "salvaged": {
            table.table: {"rows": table.rows, "whole": table.is_whole and not table.lost_rows}
            for table in (mended.tables if mended else ())
        },
        "finished": result.error is None,
        "code": result.error.code if result.error else "",
    }


VERBS = (verify, fetch, rebuild)
