"""Round trips a file on one connection, and what goes over the control connection when.

usage: python -m bench.round_trips --rtt 100 --at HOST:PORT --user U --password P --remote-root DIR

Sends 30 files over one session of the engine's own Remote and divides the time from the
second file to the last by the line's round trip; the first file pays for the session. Then
the commands of one file, as they were sent, and the replies as they came. On loopback
there is no round trip to count: the trace alone says how many waits there are.
"""

import argparse
import contextlib
import hashlib
import itertools
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from unittest import mock

from bench import corpora, places
from bench.contenders import Place
from farcopy.core.model import Upload
from farcopy.ftp import tls
from farcopy.ftp.data import DataConnection
from farcopy.ftp.remote import FtpRemote
from farcopy.ftp.settings import SessionSettings
from farcopy.ftp.wire import Wire
from farcopy.planning.remote_path import temporary_name
from farcopy.sources.orthanc import orthanc_source

FILES = 30
SIZES = (12 * 1024, 32 * 1024)
HOME_ID = "bench"


class Trace:
    """What was sent and read, with its time."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, str]] = []

    def note(self, text: str) -> None:
        self.lines.append((time.perf_counter(), text))

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        put, read, finish = Wire.put_lines, Wire.read_reply, DataConnection.finish

        def put_lines(wire: Wire, lines: Sequence[str]) -> None:
            self.note("> " + "  ".join(line.partition(" ")[0] for line in lines))
            put(wire, lines)

        def read_reply(wire: Wire, wait_s: float | None = None) -> Any:
            reply = read(wire, wait_s)
            self.note(f"< {reply.code}")
            return reply

        def finish_data(data: DataConnection) -> None:
            self.note("= all data given to the system")
            finish(data)

        with (
            mock.patch.object(Wire, "put_lines", put_lines),
            mock.patch.object(Wire, "read_reply", read_reply),
            mock.patch.object(DataConnection, "finish", finish_data),
        ):
            yield


def settings(place: Place) -> SessionSettings:
    return SessionSettings(
        host=place.host, port=place.port, user=place.user, password=place.password,
        path="/", tls="required" if place.tls else "off",
        ca_file=str(place.ca_file) if place.tls else None,
    )


@contextlib.contextmanager
def only_tls(version: str) -> Iterator[None]:
    make_context = tls.make_context

    def make(settings: SessionSettings, *, is_p256_only: bool) -> ssl.SSLContext:
        context = make_context(settings, is_p256_only=is_p256_only)
        if version:
            context.maximum_version = ssl.TLSVersion[f"TLSv{version.replace('.', '_')}"]
        return context

    with mock.patch.object(tls, "make_context", make):
        yield


def uploads(root: Path, trace: Trace) -> Iterator[Upload]:
    source = orthanc_source(root)
    files = [file for listing in source.scan() for file in listing.files]
    for number, file in enumerate(files):
        trace.note("file")
        yield Upload(
            replica_id=number + 1,
            size_bytes=file.size_bytes,
            temporary_name=temporary_name(number + 1, 1),
            final_path=PurePosixPath("trips", file.relative_path),
            open_source=lambda file=file: source.open(file),
            may_publish=lambda _md5: True,
            withdraw=lambda: None,
            on_bytes=lambda _count: None,
        )


def measure(place: Place, root: Path) -> Trace:
    trace = Trace()
    remote = FtpRemote(settings(place), HOME_ID)
    with trace.listening(), only_tls(place.tls):
        remote.open()
        remote.prepare()
        for result in remote.store(uploads(root, trace)):
            if result.error is not None:
                raise result.error
    for path in sorted(root.iterdir()):
        there = place.root / "trips" / path.name
        if hashlib.sha256(there.read_bytes()).digest() != hashlib.sha256(
            path.read_bytes()
        ).digest():
            raise RuntimeError("not the same")
    remote.close()
    for path in (place.root / "trips").iterdir():
        path.unlink()
    (place.root / "trips").rmdir()
    (place.root / f"farcopy-tmp-{HOME_ID}").rmdir()
    return trace


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.round_trips", description=__doc__, epilog=places.DESTINATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    places.add_options(parser)
    parser.add_argument("--rtt", type=float, default=0, metavar="MS", help="of the line")
    options = parser.parse_args()
    with places.place(options) as (label, place), tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            root = Path(folder) / str(size)
            corpora.fill(root, f"trips-{size}", FILES, size)
            trace = measure(place, root)
            begins = [index for index, (_, text) in enumerate(trace.lines) if text == "file"]
            times = [trace.lines[index][0] for index in begins]
            gaps = [later - earlier for earlier, later in itertools.pairwise(times[1:])]
            mean_ms, median_ms = statistics.mean(gaps) * 1e3, statistics.median(gaps) * 1e3
            speech = f"TLS {place.tls}" if place.tls else "plain"
            print(f"{label}, {speech}, {size // 1024} KiB: {mean_ms:.1f} ms a file", end="")
            if options.rtt:
                print(f" = {mean_ms / options.rtt:.2f} round trips"
                      f" (median {median_ms / options.rtt:.2f})", end="")
            print()
            middle = len(begins) // 2
            began_s = times[middle]
            for at_s, text in trace.lines[begins[middle] + 1 : begins[middle + 1]]:
                print(f"  {(at_s - began_s) * 1e3:7.1f} ms  {text}")


if __name__ == "__main__":
    sys.exit(main())
