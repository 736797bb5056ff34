"""A server for all tests that leave it as it was, and a factory for those that do not."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.api.farcopy_server import FarcopyServer, reset_settings
from tests.api.small_site import SmallSite
from tests.contract.pyftp import PyFtpServer

ServerFactory = Callable[..., FarcopyServer]
Start = Callable[..., SmallSite]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarcopyServer]:
    """`farcopy serve`; tests may configure it but not change accounts."""
    running = FarcopyServer(tmp_path_factory.mktemp("shared") / "home")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerFactory]:
    """Start further servers, each in a fresh home; they end with the module."""
    started: list[FarcopyServer] = []

    def start(
        *, verb: str = "serve", arguments: tuple[str, ...] = (), **environment: str
    ) -> FarcopyServer:
        home = tmp_path_factory.mktemp("own") / "home"
        started.append(FarcopyServer(home, verb=verb, arguments=arguments, **environment))
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def admin(server: FarcopyServer) -> Iterator[httpx.Client]:
    with server.signed_in() as client:
        yield client


@pytest.fixture
def anonymous(server: FarcopyServer) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def fresh_settings(server: FarcopyServer) -> None:
    """Every setting as on the first day."""
    reset_settings(server)


@pytest.fixture(scope="module")
def ftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyFtpServer]:
    """A real FTP server, plain, with an empty directory."""
    running = PyFtpServer(tmp_path_factory.mktemp("ftp"))
    yield running
    running.stop()


@pytest.fixture
def start() -> Iterator[Start]:
    """The web server with a small site, in this process; several end with the test."""
    started: list[SmallSite] = []

    def begin(**options: object) -> SmallSite:
        started.append(SmallSite(**options))  # type: ignore[arg-type]
        return started[-1]

    yield begin
    for small in started:
        small.stop()
