"""Runs on the page: watched to their end, cancelled, failed and explained, tried again."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import Site, violations
from tests.running import wait_until

Shoot = Callable[[Page, str], None]
EVIL = "<img src=x onerror=alert(1)>.dcm"


def until_beyond(page: Page, share: float) -> None:
    # Not wait_for_function: it asks by eval, which the page's policy forbids.
    bar = page.locator("progress")
    wait_until(lambda: float(bar.evaluate("bar => bar.value")) > share, what=f"{share} of a run")


@pytest.fixture(scope="module", autouse=True)
def _configured(site: Site) -> None:
    site.configure_all()
    assert site.sync()["success"]
    site.configure(sync_enabled=True)


def test_a_live_run_is_watched_to_its_end(site: Site, page: Page, shoot: Shoot) -> None:
    site.add_files(30, 40_000)
    site.configure(ftp_limit_kib_s=120)  # ten seconds for 1.2 MB: axe takes some of them
    site.open(page, "")
    page.get_by_role("button", name="Sync now").click()
    page.get_by_role("heading", name="A sync is on").wait_for()
    until_beyond(page, 0.3)
    expect(page.locator(".live")).to_contain_text(re.compile(r"\d+ of 30"))
    expect(page.locator(".live")).to_contain_text(re.compile(r"\d KiB/s"))
    shoot(page, "overview-running")
    assert violations(page) == []
    until_beyond(page, 0.6)
    page.get_by_text("The sync is done: 30 files").wait_for()
    page.get_by_role("heading", name="Everything is off-site").wait_for()
    expect(page.locator(".live")).to_be_hidden()
    expect(page.locator("tbody tr").first).to_contain_text("Success")
    page.locator(".chart canvas").nth(1).wait_for()
    shoot(page, "overview")


def test_a_run_is_cancelled_in_the_middle(site: Site, page: Page, shoot: Shoot) -> None:
    site.add_files(20, 100_000, prefix="large")
    site.configure(ftp_limit_kib_s=100)
    site.open(page, "")
    page.get_by_role("button", name="Sync now").click()
    until_beyond(page, 0.05)
    cancel = page.get_by_role("button", name="Cancel this sync")
    cancel.click()
    expect(page.get_by_role("dialog", name="End this sync?")).to_be_visible()
    page.keyboard.press("Escape")  # asked, and not meant
    expect(cancel).to_be_enabled()
    cancel.click()
    shoot(page, "overview-cancel-asked")
    page.get_by_role("button", name="End it").click()
    page.get_by_role("heading", name="The last sync was cancelled").wait_for()
    shoot(page, "overview-cancelled")
    expect(page.locator("tbody tr").first).to_contain_text("Cancelled")
    site.configure(ftp_limit_kib_s=0)
    page.get_by_role("button", name="Sync now").click()
    page.get_by_role("heading", name="Everything is off-site").wait_for()


def test_a_failing_server_is_explained_with_what_to_do(
    site: Site, page: Page, shoot: Shoot
) -> None:
    site.add_files(3, 1000, prefix="due")
    site.configure(ftp_port=1, ftp_password=site.ftp.password)
    site.open(page, "")
    page.get_by_role("button", name="Sync now").click()
    page.get_by_role("heading", name="The last sync failed").wait_for()
    expect(page.locator(".hero")).to_contain_text("check “Server”, “Port” and firewalls")
    shoot(page, "overview-failed")
    assert violations(page) == []
    page.get_by_role("link", name="Examine the connection").click()
    page.get_by_role("button", name="Examine the connection").click()
    failed = page.locator(".step.failed")
    expect(failed).to_contain_text("Nothing answers there")
    expect(failed).to_contain_text("Check “Port” (usually 21)")
    assert page.locator(".step.not_reached").count() == 6
    shoot(page, "connection-failed")
    assert violations(page) == []
    site.configure(ftp_port=site.ftp.port, ftp_password=site.ftp.password)
    assert site.sync()["success"]


def test_a_file_that_did_not_go_is_shown_and_tried_again(
    site: Site, page: Page, shoot: Shoot
) -> None:
    folder = site.archive / "evil"
    folder.mkdir()
    (folder / EVIL).write_bytes(b"pixels")
    (site.archive / "<b>link").symlink_to(folder)
    in_the_way = site.remote / "orthanc" / "evil"
    in_the_way.write_bytes(b"")
    site.sync()
    site.open(page, "")
    page.get_by_role("heading", name=re.compile("1 file could not be copied|last sync failed")
                     ).wait_for()
    shoot(page, "overview-files-failed")
    page.get_by_role("link", name="Show the run").click()
    row = page.locator("tbody tr").filter(has_text=EVIL)
    expect(row).to_contain_text("The server")
    shoot(page, "run-failed")
    assert violations(page) == []
    row.get_by_role("button", name="Try").click()
    expect(row).to_contain_text("Due")
    in_the_way.unlink()
    page.get_by_role("button", name="Sync now").click()
    page.get_by_role("heading", name="Everything is off-site").wait_for()
    assert (site.remote / "orthanc/evil" / EVIL).read_bytes() == b"pixels"
    # A name is text and nothing else, wherever it stands.
    page.goto("/#/runs")
    page.get_by_role("link", name="Today").first.click()
    page.get_by_text("Every file that was due went.").wait_for()
    page.get_by_role("link", name="What was copied").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text(f"orthanc/evil/{EVIL}")
    expect(page.locator("tbody tr")).to_contain_text("6 bytes, today")
    shoot(page, "run-sent")
    assert violations(page) == []
    page.get_by_role("link", name="Skipped by rule").click()
    expect(page.locator("tbody")).to_contain_text("orthanc/<b>link")
    assert page.locator("main img, main b").count() == 0


def test_the_history_is_filtered_by_its_address(site: Site, page: Page, shoot: Shoot) -> None:
    site.open(page, "runs")
    shoot(page, "runs")
    assert violations(page) == []
    page.get_by_label("Status").select_option("failed")
    page.wait_for_url("**/#/runs?status=failed")
    expect(page.locator("tbody tr").first).to_contain_text("Failed")
    page.reload()  # bookmarked
    expect(page.get_by_label("Status")).to_have_value("failed")
    page.get_by_role("link", name="Show all").click()
    page.wait_for_url("**/#/runs")


def test_that_every_file_went_is_said_only_where_it_is_so(
    site: Site, page: Page, shoot: Shoot
) -> None:
    went = page.get_by_text("Every file that was due went.")

    def end_of(**settings: object) -> None:
        """The run as the page shows it when it has ended like this."""
        columns = ", ".join(f'"{name}" = ?' for name in settings)
        site.server.query(
            f"UPDATE sync_history SET {columns} WHERE id = ?", *settings.values(), run_id
        )
        site.open(page, f"runs/{run_id}")

    site.configure(sync_enabled=False)  # a run that failed would be tried again by the schedule
    site.add_files(2, 1000, prefix="whole")
    run_id = site.sync()["data"]["run_id"]
    well = {"status": "success", "end": "finished", "error_code": "", "problem_count": 0}
    end_of(**well)
    went.wait_for()
    for otherwise in (
        {"status": "partial", "end": "cancelled"}, {"status": "partial", "end": "stopped"},
        {"status": "failed", "end": "crashed"}, {"status": "partial", "problem_count": 1},
        {"status": "failed", "error_code": "sync_frozen"},
    ):
        end_of(**{**well, **otherwise})
        page.get_by_text("the run did not do all it was to do").wait_for()
        expect(went).to_have_count(0)
    shoot(page, "run-not-whole")
    end_of(**well)
    site.configure(sync_enabled=True)


def test_a_run_that_is_on_does_not_say_that_every_file_went(site: Site, page: Page) -> None:
    site.add_files(20, 100_000, prefix="slow")
    site.configure(ftp_limit_kib_s=100)
    with site.api() as boss:
        started = boss.post("/api/sync/sync-now.php", headers={"Prefer": "respond-async"})
        run_id = started.json()["data"]["run_id"]
        site.open(page, f"runs/{run_id}")
        page.get_by_text("No file has failed so far").wait_for()
        boss.post("/api/sync/cancel.php")
    wait_until(lambda: not site.server.query(
        "SELECT 1 FROM sync_history WHERE status = 'running'"), what="the end of the run")
    site.configure(ftp_limit_kib_s=0)
    assert site.sync()["success"]
