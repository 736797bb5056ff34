"""Which web server holds what: `python -m bench.web_servers [--tls] [--only ATTACK] [SERVER ...]`.

Each serves the same small WSGI site with the limits and deadlines it has, in processes of its
own with 1,024 descriptors, and is attacked by all of `web_attacks`. `serve` is the whole of
`farcopy serve`, engine and database too, and `farcopy` its web server alone; they need nothing
more. The others are installed by who asks: granian, hypercorn, cheroot. Decision 0044 holds what
came out.
"""

import argparse
import contextlib
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from bench.web_attacks import ATTACKS, Target

SERVERS: Final = ("serve", "farcopy", "uvicorn", "hypercorn", "granian", "cheroot")
LARGE: Final = bytes(512 * 1024)
LARGEST: Final = "/static/farcopy/vendor/uplot-1.6.32/uPlot.iife.min.js"
START_S: Final = 20.0


def site(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """`/healthz`, `/large` (512 KiB), or how long the body was; 413 above 64 KiB."""
    status, answer = "200 OK", b"ok"
    if environ["PATH_INFO"] == "/large":
        answer = LARGE
    elif environ["PATH_INFO"] != "/healthz":
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > 65536:
            status = "413 Too Large"
        else:
            answer = b"%d" % len(environ["wsgi.input"].read(65536 + 1))
    start_response(status, [("Content-Length", str(len(answer)))])
    return [answer]


def serve(name: str, port: int, certificate: str | None) -> None:
    """Runs in a process of its own, until that is ended."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    _RUN[name](port, certificate)


def _farcopy(port: int, certificate: str | None) -> None:
    from farcopy.web.listening import Listening
    from farcopy.web.server import create_server

    create_server(
        Listening(port=port, tls_cert=Path(certificate) if certificate else None), site).run()


def _serve(port: int, certificate: str | None) -> None:
    from farcopy.cli import main as farcopy

    with tempfile.TemporaryDirectory() as home:
        os.environ["FARCOPY_HOME"] = home
        tls = ["--tls-cert", certificate] if certificate else []
        sys.argv = ["farcopy", "serve", "--port", str(port), *tls]
        farcopy()


def _uvicorn(port: int, certificate: str | None) -> None:
    import uvicorn
    from a2wsgi import WSGIMiddleware

    uvicorn.run(
        WSGIMiddleware(site, workers=32), port=port, log_level="critical", access_log=False,
        ssl_certfile=certificate, limit_concurrency=900, h11_max_incomplete_event_size=16384)


def _hypercorn(port: int, certificate: str | None) -> None:
    import asyncio

    from hypercorn.asyncio import serve as run
    from hypercorn.config import Config

    config = Config()
    config.bind, config.certfile, config.keyfile = [f"127.0.0.1:{port}"], certificate, certificate
    config.keep_alive_timeout, config.read_timeout, config.ssl_handshake_timeout = 15, 15, 15
    config.wsgi_max_body_size, config.alpn_protocols = 65536, ["http/1.1"]
    config.errorlog = None
    asyncio.run(run(site, config, mode="wsgi"))


def _granian(port: int, certificate: str | None) -> None:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings

    Granian(
        "bench.web_servers:site", port=port, interface=Interfaces.WSGI, http=HTTPModes.http1,
        blocking_threads=32, log_enabled=False,
        http1_settings=HTTP1Settings(header_read_timeout=15_000, max_buffer_size=16_384),
        ssl_cert=Path(certificate) if certificate else None,
        ssl_key=Path(certificate) if certificate else None).serve()


def _cheroot(port: int, certificate: str | None) -> None:
    from cheroot.ssl.builtin import BuiltinSSLAdapter
    from cheroot.wsgi import Server

    server = Server(
        ("127.0.0.1", port), site, numthreads=32, timeout=15, max=64, request_queue_size=128)
    server.max_request_body_size, server.max_request_header_size = 16 * 1024**2, 16384
    if certificate:
        server.ssl_adapter = BuiltinSSLAdapter(certificate, certificate)
    server.start()


_RUN: Final[dict[str, Callable[[int, str | None], None]]] = {
    "serve": _serve, "farcopy": _farcopy, "uvicorn": _uvicorn, "hypercorn": _hypercorn,
    "granian": _granian, "cheroot": _cheroot,
}


@contextlib.contextmanager
def running(name: str, *, is_tls: bool) -> Iterator[Target]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        certificate = ""
        if is_tls:
            import trustme

            certificate = str(Path(folder) / "both.pem")
            issued = trustme.CA().issue_cert("127.0.0.1")
            issued.private_key_and_cert_chain_pem.write_to_path(certificate)
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.web_servers", "--serve", name, str(port), certificate],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            large = LARGEST if name == "serve" else "/large"
            yield Target(port, _family(process.pid, port), large, is_tls=is_tls)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _family(pid: int, port: int) -> tuple[int, ...]:
    """The process and its children, once the port answers."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            break
        time.sleep(0.1)
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return pid, *map(int, children)


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], int(sys.argv[3]), sys.argv[4] or None)
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", default=SERVERS)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--only", action="append")
    options = parser.parse_args()
    for name in options.servers:
        for attack in ATTACKS:
            if options.only and attack.__name__ not in options.only:
                continue
            with running(name, is_tls=options.tls) as target:
                try:
                    holds, told = attack(target)
                except Exception as error:  # noqa: BLE001  # the server may have gone
                    holds, told = False, repr(error)[:60]
            print(f"{name:10} {attack.__name__:22} {'holds' if holds else 'FAILS':6} {told}",
                  flush=True)


if __name__ == "__main__":
    main()
