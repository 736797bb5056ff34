"""schemathesis finds nothing: its short form; `make soak ARGS="--only openapi"` is the long one."""

from pathlib import Path

from farcopy.web.routes import ROUTES
from tests.api.conftest import ServerFactory
from tests.api.openapi_attack import RUNNING, Effort, attack, configure_for_runs
from tests.contract.pyftp import PyFtpServer

SHORT = Effort(examples=6, seed=20261123)


def test_made_up_calls_are_answered_as_the_document_says(
    start_server: ServerFactory, tmp_path: Path
) -> None:
    found = attack(start_server(verb="web"), tmp_path, SHORT, runs=False)
    assert found.returncode == 0, found.stdout + found.stderr
    # All there are, but the document's own route.
    assert f"{len(ROUTES) - 1 - len(RUNNING)} selected" in found.stdout


def test_made_up_calls_of_what_carries_out_runs_are_answered_so_too(
    start_server: ServerFactory, tmp_path: Path, ftp: PyFtpServer
) -> None:
    server = start_server()
    configure_for_runs(server, ftp, tmp_path / "data")
    found = attack(server, tmp_path, SHORT, runs=True)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "5 selected" in found.stdout
