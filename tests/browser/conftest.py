"""A real browser before a real `farcopy serve`: one browser a session, one service a module.

What a test sees on the page is left as a picture in .cache/screenshots (or where
FARCOPY_SCREENSHOTS says): to be looked at, and taken into the documents.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.api.farcopy_server import FarcopyServer
from tests.browser.site import DESK, Site
from tests.parts.chromium import launch_options
from tests.parts.fetch import REPOSITORY, why_missing
from tests.parts.fixtures import FtpServerFactory
from tests.parts.ftp_servers import FtpServer

IN_DOCUMENTS = {
    "light-overview": "overview", "overview-running": "running",
    "connection-failed": "connection", "run-failed": "run",
}
"""Pictures of docs/images: copied there by hand, when the page has changed enough."""
SCREENSHOTS = Path(os.environ.get("FARCOPY_SCREENSHOTS", REPOSITORY / ".cache" / "screenshots"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if reason := why_missing("chromium"):
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def ftp(ftp_server_factory: FtpServerFactory) -> FtpServer:
    """A real server, plain, for all modules; each site has a directory of its own on it."""
    return ftp_server_factory("vsftpd")


@pytest.fixture(scope="module")
def site(
    browser: Browser, ftp: FtpServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    server = FarcopyServer(folder / "home", FARCOPY_SETTLE_S="0")
    site = Site(server, browser, ftp, folder / "archive")
    yield site
    site.close()
    assert server.stop() == 0


@pytest.fixture
def page(site: Site) -> Iterator[Page]:
    """Signed in as an admin. A script that fails, or a policy that is broken, fails the test."""
    page = site.page()
    yield page
    site.end(page)


@pytest.fixture
def shoot() -> Callable[[Page, str], None]:
    def shoot(page: Page, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(SCREENSHOTS / f"{name}.png"), full_page=True)
        if name in IN_DOCUMENTS:
            # Smaller, and no longer than a reader looks at in a document.
            page.set_viewport_size({"width": 1040, "height": 700})
            page.wait_for_timeout(200)  # the charts draw themselves anew
            path = SCREENSHOTS / "documents" / f"{IN_DOCUMENTS[name]}.png"
            page.screenshot(path=str(path))
            page.set_viewport_size(DESK)

    return shoot
