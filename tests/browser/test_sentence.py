"""The sentence above all, as a person reads it, through what can happen: each with its picture.

Held against the files on the server's disk, not against what farcopy says elsewhere.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.farcopy_server import FarcopyServer
from tests.browser.site import Site, violations
from tests.parts.ftp_servers import FtpServer

Shoot = Callable[[Page, str], None]
FILES = 40


@pytest.fixture
def site(browser: Browser, ftp: FtpServer, tmp_path: Path) -> Iterator[Site]:
    """A service of its own for each situation: what is said depends on all that was before."""
    server = FarcopyServer(tmp_path / "home", FARCOPY_SETTLE_S="0", FARCOPY_REPLY_TIMEOUT_S="2")
    made = Site(server, browser, ftp, tmp_path / "archive")
    made.add_files(FILES, 500)
    made.configure_all()
    yield made
    made.close()
    server.stop()


def colour(page: Page) -> str:
    shown = (page.locator(".hero").get_attribute("class") or "").split()
    return next(level for level in ("good", "busy", "idle", "warn", "bad") if level in shown)


def sentence(page: Page) -> str:
    return page.locator(".hero h1").inner_text()


def text(page: Page) -> str:
    return page.locator(".hero p").inner_text()


def on_server(site: Site) -> int:
    return sum(path.is_file() for path in (site.remote / "orthanc").rglob("*"))


def exit_code(site: Site) -> int:
    done = subprocess.run(
        [sys.executable, "-c", "from farcopy.cli import main; main()", "status"],
        env=site.server.environment, capture_output=True, text=True, check=False,
    )
    return done.returncode


def open_overview(site: Site, page: Page, code: str) -> None:
    """And wait until the page shows what is so by now."""
    site.open(page, "")
    with site.api() as client:
        health = client.get("/api/sync/status.php").json()["data"]["health"]
    assert health["code"] == code, health
    expect(page.locator(".hero h1")).to_have_text(health["title"])


def test_everything(site: Site, page: Page, shoot: Shoot) -> None:
    site.configure(sync_enabled=True)
    assert site.sync()["success"]
    open_overview(site, page, "good")
    assert (sentence(page), colour(page)) == ("Everything is off-site", "good")
    assert on_server(site) == FILES
    expect(page.locator(".facts")).to_contain_text(f"Off-site{FILES} files")
    assert exit_code(site) == 0
    with site.server.client() as client:
        assert client.get("/healthz?deep").status_code == 200
    shoot(page, "sentence-everything")


def test_a_source_that_is_suddenly_empty(site: Site, page: Page, shoot: Shoot) -> None:
    site.configure(sync_enabled=True)
    site.sync()
    site.archive.rename(site.archive.with_name("unmounted"))
    site.archive.mkdir()
    open_overview(site, page, "source_gone")
    assert (sentence(page), colour(page)) == ("The Orthanc storage shows no files", "bad")
    site.sync()
    open_overview(site, page, "frozen")
    assert colour(page) == "bad"
    assert exit_code(site) == 1
    assert on_server(site) == FILES
    shoot(page, "sentence-emptied")
    assert violations(page) == []
    site.archive.rmdir()
    site.archive.with_name("unmounted").rename(site.archive)
    page.get_by_role("button", name="Look again").click()
    expect(page.locator(".hero h1")).to_have_text("Everything is off-site", timeout=15_000)


def test_an_emptied_source_that_is_meant_is_confirmed_on_the_page(
    site: Site, page: Page, shoot: Shoot
) -> None:
    site.sync()
    shutil.rmtree(site.archive)
    site.archive.mkdir()
    site.sync()
    open_overview(site, page, "frozen")
    page.get_by_role("button", name="Gone on purpose").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"{FILES} of {FILES} known files")
    shoot(page, "sentence-emptied-dialog")
    page.get_by_role("button", name="They are gone on purpose", exact=True).click()
    page.get_by_role("button", name="Sync now").click()
    expect(page.locator(".hero h1")).to_contain_text("There is nothing to copy", timeout=15_000)
    assert on_server(site) == FILES


def test_a_source_that_is_not_there(site: Site, page: Page, shoot: Shoot) -> None:
    site.sync()
    site.archive.rename(site.archive.with_name("away"))
    open_overview(site, page, "source_gone")
    assert (sentence(page), colour(page)) == ("The Orthanc storage is not there", "bad")
    expect(page.locator(".facts")).to_contain_text("WaitingNot known")
    shoot(page, "sentence-not-there")


@pytest.mark.parametrize("change", ["path", "source"])
def test_another_destination_or_source_is_not_green_at_once(
    site: Site, page: Page, shoot: Shoot, change: str
) -> None:
    site.configure(sync_enabled=False)
    site.sync()
    if change == "path":
        site.configure(ftp_path=f"{site.ftp_path}/other")
    else:
        other = site.archive.with_name("other")
        other.mkdir()
        (other / "new").write_bytes(b"new")
        site.configure(hospital_data_path=str(other))
    open_overview(site, page, "new" if change == "path" else "unknown")
    assert colour(page) != "good"
    assert "verything is off-site" not in sentence(page) + text(page)
    assert exit_code(site) == (1 if change == "path" else 3)
    shoot(page, f"sentence-other-{change}")


def test_what_a_verification_found(site: Site, page: Page, shoot: Shoot) -> None:
    site.sync()
    files = sorted(path for path in (site.remote / "orthanc").rglob("*") if path.is_file())
    for number, path in enumerate(files[:6]):
        if number % 2:
            path.unlink()
        else:
            path.write_bytes(b"rotten")
    done = subprocess.run(
        [sys.executable, "-c", "from farcopy.cli import main; main()", "verify"],
        env=site.server.environment, capture_output=True, text=True, check=False,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    open_overview(site, page, "damaged")
    assert sentence(page) == "6 files were found damaged or missing off-site"
    assert colour(page) == "bad"
    assert f"{FILES - 6} of {FILES} files are off-site" in text(page)
    assert exit_code(site) == 3
    shoot(page, "sentence-damaged")
    site.sync()
    open_overview(site, page, "manual")
    assert sentence(page) == "Everything is off-site"


def test_a_lost_last_copy_is_told_until_somebody_takes_note_of_it(
    site: Site, page: Page, shoot: Shoot
) -> None:
    site.sync()
    site.configure(sync_enabled=True)
    gone = sorted(path for path in site.archive.rglob("*") if path.is_file())[0]
    (site.remote / "orthanc" / gone.relative_to(site.archive)).unlink()
    gone.unlink()
    site.sync()
    subprocess.run(
        [sys.executable, "-c", "from farcopy.cli import main; main()", "verify"],
        env=site.server.environment, capture_output=True, check=False,
    )
    open_overview(site, page, "lost")
    assert colour(page) == "bad"
    shoot(page, "sentence-lost")
    page.get_by_role("button", name="We know …").click()
    page.get_by_role("button", name="We know that they are lost").click()
    expect(page.locator(".hero h1")).to_have_text("Everything is off-site")


def test_a_server_that_ends_in_mid_run(
    site: Site, page: Page, shoot: Shoot, browser: Browser
) -> None:
    site.configure(ftp_limit_kib_s=40, ftp_connections=2)
    site.add_files(200, 4000, "more")
    total = FILES + 200
    site.open(page, "")
    page.get_by_role("button", name="Sync now").click()
    expect(page.locator(".live .numbers")).to_contain_text(re.compile(r"[1-9]\d* of"))
    site.ftp.stop()
    try:
        expect(page.locator(".live")).to_be_hidden(timeout=60_000)
        arrived = on_server(site)
        assert 0 < arrived < total
        found = re.search(r"(\d+) of (\d+) files are off-site", text(page))
        assert found, text(page)
        assert int(found[2]) == total
        # What arrived while the reply was lost is found by the next run; never the reverse.
        assert int(found[1]) <= arrived
        assert colour(page) in ("warn", "bad")
        assert exit_code(site) in (1, 3)
        shoot(page, "sentence-server-ended")
    finally:
        site.ftp.restart()


def test_an_engine_that_was_killed(
    browser: Browser, ftp: FtpServer, tmp_path: Path, shoot: Shoot
) -> None:
    """The page alone, and a `farcopy sync` that dies beside it."""
    server = FarcopyServer(tmp_path / "home", verb="web", FARCOPY_SETTLE_S="0")
    site = Site(server, browser, ftp, tmp_path / "archive")
    try:
        site.add_files(200, 4000)
        site.configure_all(ftp_limit_kib_s=40)
        page = site.page()
        site.open(page, "")
        engine = subprocess.Popen(
            [sys.executable, "-c", "from farcopy.cli import main; main()", "sync"],
            env=server.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            page.reload()
            expect(page.locator(".live .numbers")).to_contain_text(
                re.compile(r"[1-9]\d* of"), timeout=30_000
            )
        finally:
            os.kill(engine.pid, signal.SIGKILL)
            engine.wait()
        expect(page.locator(".hero h1")).to_have_text("The sync was cut off", timeout=40_000)
        assert colour(page) == "bad"
        expect(page.locator(".live")).to_be_hidden()
        expect(page.locator("main tbody tr").first).to_contain_text("Failed")
        assert exit_code(site) == 1
        with site.api() as client:
            answer = client.post("/api/sync/cancel.php")
            assert (answer.status_code, answer.json()["code"]) == (409, "run_cut_off")
        shoot(page, "sentence-cut-off")
        site.end(page)
    finally:
        site.close()
        server.stop()
