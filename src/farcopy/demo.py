"""`farcopy demo`: the main job in a minute, on sample studies and an FTP server of its own.

Everything lies in one temporary folder, removed at the end. Nothing of the
product is replaced: the same settings, ledger, engine and FTP as in earnest.
"""

import os
import random
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from farcopy.core.states import RunState
from farcopy.saying import say
from farcopy.web.listening import Listening

_OLD_S = 24 * 3600
"""Samples are a day old, so that nothing waits to settle."""
FTP_USER = "offsite"


def run_demo(*, once: bool, port: int) -> None:
    """Exits with 1 when what arrived is not byte for byte what was sent."""
    try:
        import pydicom  # noqa: F401
        import pyftpdlib  # noqa: F401
    except ImportError:
        click.echo("The demo needs its extra parts: pip install 'farcopy[demo]'", err=True)
        sys.exit(1)
    folder = Path(tempfile.mkdtemp(prefix="farcopy-demo-"))
    try:
        with _ftp_server(folder / "offsite") as (ftp_port, ftp_password):
            _demonstrate(folder, ftp_port, ftp_password, once=once, port=port)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _demonstrate(
    folder: Path, ftp_port: int, ftp_password: str, *, once: bool, port: int
) -> None:
    # The demo leaves an installation beside it alone: a home of its own, no other database.
    os.environ["FARCOPY_HOME"] = str(folder / "home")
    for name in ("DATABASE_URL", "DATABASE_URL_FILE", "FARCOPY_SOURCE_ROOTS"):
        os.environ.pop(name, None)
    from farcopy.process import (
        background_service,
        run_and_show,
        serve_until_stopped,
        set_up,
    )

    environment = set_up("farcopy.settings.web", tells_home=False)
    from farcopy.service import overview
    from farcopy.store import users
    from farcopy.terminal import summary_lines

    orthanc, hospital = folder / "orthanc", folder / "hospital"
    files = _lay_out_studies(orthanc) + _write_hospital_data(hospital)
    click.echo(f"1. Sample data: {files} files, laid out as Orthanc keeps them, in {folder}")
    click.echo(f"2. FTP server:  127.0.0.1:{ftp_port}, an empty account")
    overview.change_configuration(
        {
            "orthanc_storage_path": str(orthanc), "hospital_data_path": str(hospital),
            "ftp_host": "127.0.0.1", "ftp_port": ftp_port, "ftp_username": FTP_USER,
            "ftp_password": ftp_password, "ftp_path": "/backup",
        }
    )
    click.echo("3. Sync:")
    summary = run_and_show(environment)
    say(f"   {line}" for line in summary_lines(summary))
    is_equal = _compare(folder)
    if summary.state is not RunState.SUCCESS or not is_equal:
        sys.exit(1)
    if once:
        return
    # As it is meant to stand: by the schedule, and with an eye on the directories.
    overview.change_configuration({"sync_enabled": True, "monitoring_enabled": True})
    password = users.generate_password()
    users.add("admin", "admin", password)
    click.echo(f"5. The service stays up. Sign in as admin with {password} (Ctrl-C ends it).")
    serve_until_stopped(Listening(port=port), background_service(environment))


def _lay_out_studies(storage: Path) -> int:
    """pydicom's sample files as `ab/cd/<uuid>`, the way Orthanc stores attachments."""
    import pydicom

    numbers = random.Random("farcopy demo")  # noqa: S311  # the same names each time
    # The wheel's own files, by path: pydicom's finder would download those it does not ship.
    shipped = Path(pydicom.__file__).parent / "data" / "test_files"
    count = 0
    for sample in sorted(shipped.glob("*.dcm")):
        name = str(uuid.UUID(int=numbers.getrandbits(128), version=4))
        _write_old(storage / name[:2] / name[2:4] / name, sample.read_bytes())
        count += 1
    # A live index lies beside the images; it must not be sent.
    _write_old(storage / "index", b"SQLite format 3\0 (not sent)")
    return count


def _write_hospital_data(folder: Path) -> int:
    for number in range(1, 6):
        text = f"Report {number}\nNo findings. Sample data, no patient.\n"
        _write_old(folder / "reports" / f"2026-{number:02}" / "report.txt", text.encode())
    return 5


def _write_old(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - _OLD_S,) * 2)


def _compare(folder: Path) -> bool:
    """Every source file but the index is on the server, byte for byte, and nothing else is,
    but for the mark of the audit trail."""
    arrived_at = folder / "offsite" / "backup"
    sent = {
        f"{root}/{path.relative_to(folder / root).as_posix()}": path
        for root in ("orthanc", "hospital")
        for path in (folder / root).rglob("*")
        if path.is_file() and path != folder / "orthanc" / "index"
    }
    arrived = {
        path.relative_to(arrived_at).as_posix(): path
        for path in arrived_at.rglob("*")
        if path.is_file() and path.parent.name != "farcopy"
    }
    equal = sum(
        name in arrived and path.read_bytes() == arrived[name].read_bytes()
        for name, path in sent.items()
    )
    click.echo(f"4. Arrived: {len(arrived)} files; {equal} of {len(sent)} are byte for byte equal")
    for name in sorted(arrived)[:3]:
        click.echo(f"   /backup/{name}")
    if len(arrived) > 3:
        click.echo(f"   … and {len(arrived) - 3} more")
    is_equal = equal == len(sent) == len(arrived)
    if not is_equal:
        click.echo("What arrived is not what was sent", err=True)
    return is_equal


@contextmanager
def _ftp_server(home: Path) -> Iterator[tuple[int, str]]:
    """An FTP server on loopback with one empty account; yields (port, password)."""
    import logging

    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

    # With a handler in place pyftpdlib does not add its own, which prints every command.
    server_log = logging.getLogger("pyftpdlib")
    server_log.addHandler(logging.NullHandler())
    server_log.propagate = False
    home.mkdir(parents=True)
    password = uuid.uuid4().hex
    authorizer = DummyAuthorizer()
    authorizer.add_user(FTP_USER, password, str(home), perm="elradfmwMT")
    handler = type("DemoHandler", (FTPHandler,), {"authorizer": authorizer, "use_sendfile": False})
    server = FTPServer(("127.0.0.1", 0), handler)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            server.serve_forever(timeout=0.1, blocking=False, handle_exit=False)

    thread = threading.Thread(target=serve, name="demo-ftp", daemon=True)
    thread.start()
    try:
        yield server.socket.getsockname()[1], password
    finally:
        ended.set()
        thread.join(5)
        server.close_all()
