"""A service with its page, a real FTP server behind it, and what tests do with them."""

import os
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page

from tests.api.farcopy_server import COOKIE, PASSWORD, FarcopyServer
from tests.parts.ftp_servers import FTP_UID, FtpServer

AXE = Path(__file__).parent / "vendor/axe-core-4.14.1/axe.min.js"
WAIT_MS = 15_000
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


class Site:
    """archive: what is copied. `boss` is the admin; pages are his unless said otherwise."""

    def __init__(
        self, server: FarcopyServer, browser: Browser, ftp: FtpServer, archive: Path
    ) -> None:
        self.server, self.ftp, self.archive = server, ftp, archive
        self._browser = browser
        self._faults: dict[Page, list[str]] = {}
        name = f"site-{uuid.uuid4().hex[:8]}"
        self.remote = ftp.home / name
        self.remote.mkdir()
        os.chown(self.remote, FTP_UID, FTP_UID)
        self.ftp_path = f"/{name}"
        archive.mkdir()

    def close(self) -> None:
        for page in list(self._faults):
            page.context.close()

    # --- pages ---

    def page(self, user: str = "boss", *, dark: bool = False, phone: bool = False) -> Page:
        """A window of its own; user "": nobody is signed in."""
        context = self._browser.new_context(
            base_url=self.server.url,
            color_scheme="dark" if dark else "light",
            viewport=PHONE if phone else DESK,  # type: ignore[arg-type]
            reduced_motion="reduce",
        )
        if user:
            session = self.server.session_of(user)
            context.add_cookies([{"name": COOKIE, "value": session, "url": self.server.url}])
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        faults = self._faults[page] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        # Refused calls are told on the console too: those are expected.
        page.on("console", lambda message: faults.append(message.text) if (
            message.type == "error" and "the server responded with a status" not in message.text
            and "net::ERR" not in message.text) else None)
        return page

    def end(self, page: Page) -> None:
        page.context.close()
        assert self._faults.pop(page) == []

    def open(self, page: Page, address: str) -> None:
        """Go there, and wait until its heading has come."""
        if page.url == f"{self.server.url}/#/{address}":
            page.reload()
        else:
            # Within the page, as a link does; what stands there now is not waited for.
            page.evaluate("document.querySelector('main h1')?.setAttribute('data-old', '')")
            page.goto(f"/#/{address}")
        page.locator("main h1:not([data-old])").wait_for()

    # --- the service behind it ---

    def api(self) -> httpx.Client:
        return self.server.signed_in()

    def configure(self, **settings: Any) -> None:
        with self.api() as client:
            answer = client.post("/api/sync/configure-sync.php", json=settings)
            assert answer.status_code == 200, answer.text

    def configure_all(self, **settings: Any) -> None:
        """Everything that a sync needs."""
        self.configure(**{
            "orthanc_storage_path": str(self.archive), "ftp_host": self.ftp.host,
            "ftp_port": self.ftp.port, "ftp_username": self.ftp.user,
            "ftp_password": self.ftp.password, "ftp_path": self.ftp_path, **settings,
        })

    def add_files(self, count: int, size_bytes: int, prefix: str = "image") -> None:
        """At rest, an hour old, two folders deep as Orthanc has them."""
        written_at = time.time() - 3600
        for number in range(count):
            folder = self.archive / f"{number % 256:02x}" / f"{number % 251:02x}"
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{prefix}-{number}"
            file.write_bytes(os.urandom(size_bytes))
            os.utime(file, (written_at, written_at))

    def sync(self) -> dict[str, Any]:
        with self.api() as client:
            answer: dict[str, Any] = client.post("/api/sync/sync-now.php").json()
            return answer


def violations(page: Page) -> list[str]:
    """What axe-core has against the page as it is: rule, and where."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found for node in rule["nodes"]
    ]


def sign_in(page: Page, user: str = "boss", password: str = PASSWORD) -> None:
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
