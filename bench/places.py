"""Where to send: a server of our own on loopback, or an account anywhere, as the options say.

Called by transfer and round_trips.
"""

import argparse
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.contenders import Place
from tests.parts.ftp_servers import KINDS, open_folder, start_ftp_server

DESTINATION = """
Without --at a server is started on loopback (it takes root). To measure behind a line, run
this where the line is, say in the client's network namespace, and name the account.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", choices=KINDS, default="proftpd", help="to start, on loopback")
    parser.add_argument("--at", metavar="HOST:PORT", help="a server that runs already")
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--remote-root", type=Path, metavar="DIR",
                        help="where the account's / lies on this machine's disk")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="to verify the server with")
    parser.add_argument("--tls", choices=("1.2", "1.3"), default="", help="else plain FTP")


@contextlib.contextmanager
def place(options: argparse.Namespace) -> Iterator[tuple[str, Place]]:
    """What to call it, and the account."""
    if options.at:
        host, _, port = options.at.rpartition(":")
        if not (options.user and options.password and options.remote_root):
            raise SystemExit("--at needs --user, --password and --remote-root")
        if options.tls and not options.ca:
            raise SystemExit("--tls needs --ca")
        yield options.at, Place(
            host, int(port), options.user, options.password, options.remote_root,
            options.ca, options.tls,
        )
        return
    folder = open_folder()
    server = start_ftp_server(options.server, folder, tls=bool(options.tls))
    try:
        yield f"{options.server}, loopback", Place(
            server.host, server.port, server.user, server.password, server.home,
            server.ca_file, options.tls,
        )
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
