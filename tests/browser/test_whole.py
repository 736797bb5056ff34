"""The page as a whole: judged by axe-core in both themes, by keyboard, on a phone; light and quick.

With a history of 100,000 runs, as after years of a sync every half hour.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, Response, expect

from tests.api.years import RUNS, fill_years, stamp
from tests.browser.site import Site, violations

Shoot = Callable[[Page, str], None]
VIEWS = {
    "overview": "", "runs": "runs", "run": f"runs/{RUNS}", "settings": "settings",
    "connection": "connection", "people": "people", "audit": "audit", "setup": "setup",
    "password": "password", "not-found": "nothing",
}
MAX_BYTES = 150_000


@pytest.fixture(scope="module", autouse=True)
def _years(site: Site) -> None:
    fill_years(site.server)
    # Not before: with nothing done yet a sync would be due at once.
    site.configure_all(sync_enabled=True, monitoring_enabled=False)
    site.add_files(2140, 200)
    assert site.sync()["success"]


def wait_until_filled(page: Page, view: str) -> None:
    """An empty view has nothing that could be wrong."""
    if view == "overview":
        page.locator(".chart canvas").nth(1).wait_for()
    if view in ("runs", "people", "audit"):
        page.locator("tbody tr").first.wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_view(site: Site, shoot: Shoot, theme: str) -> None:
    page = site.page(dark=theme == "dark")
    for name, address in VIEWS.items():
        site.open(page, address)
        wait_until_filled(page, name)
        shoot(page, f"{theme}-{name}")
        assert violations(page) == [], name
    site.end(page)


def test_a_phone_shows_everything_without_scrolling_sideways(site: Site, shoot: Shoot) -> None:
    page = site.page(phone=True)
    for name, address in VIEWS.items():
        site.open(page, address)
        wait_until_filled(page, name)
        shoot(page, f"phone-{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    assert violations(page) == []
    site.end(page)


def test_everything_is_reached_by_keyboard(site: Site, page: Page) -> None:
    site.open(page, "")
    page.get_by_role("button", name="Sync now").wait_for()
    page.locator("#skip").focus()
    reached = ["Skip to content"]
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert reached[:8] == [
        "Skip to content", "farcopy", "Overview", "Runs", "Settings", "Connection", "People",
        "Audit",
    ]
    assert "Sync now" in reached
    page.keyboard.press("Shift+Tab")
    page.get_by_role("link", name="Settings").focus()
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name="Settings")
    expect(heading).to_be_focused()  # a screen reader goes on there
    page.get_by_label("Every", exact=True).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Every", exact=True)).to_be_focused()
    expect(page.locator("#sync_interval-error")).to_contain_text("Must be between 1 and 1440")


def test_a_dialog_keeps_the_keyboard_and_gives_it_back(site: Site, page: Page) -> None:
    site.open(page, "people")
    row = page.locator("tbody tr").filter(has_text="view").first
    row.get_by_role("button", name="Disable").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Leave it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(row).to_contain_text("Active")


def test_the_first_load_is_light_and_asks_nobody_else(site: Site) -> None:
    page = site.page()
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto("/")
    page.locator(".chart canvas").nth(1).wait_for()
    files = [answer for answer in answers if "/api/" not in answer.url]
    assert {re.match(r"http://[^/]+", answer.url)[0] for answer in answers} == {  # type: ignore[index]
        site.server.url
    }
    weight = sum(len(answer.body()) for answer in files)
    assert weight < MAX_BYTES, f"{weight} bytes in {len(files)} files"
    site.end(page)


def test_a_hundred_thousand_runs_are_paged_through(site: Site, page: Page) -> None:
    site.open(page, "runs")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Older runs").click()
    expect(rows).to_have_count(100)


def test_a_chart_is_hovered_and_zoomed(site: Site, page: Page) -> None:
    site.open(page, "")
    chart = page.locator(".charts .panel").first
    chart.locator("canvas").wait_for()
    over = chart.locator(".u-over")
    box = over.bounding_box()
    assert box is not None
    legend = chart.locator(".legend")
    expect(legend).to_contain_text("runs:")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    expect(legend).to_contain_text("success")
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 60, box["y"] + 20)
    page.mouse.up()
    page.get_by_role("button", name="30 days").click()
    expect(legend).to_contain_text("runs:")
    page.get_by_role("button", name="24 h").click()
    expect(legend).to_contain_text(re.compile(r"^4\d runs"))


def test_a_frozen_sync_is_explained_and_asks_twice(site: Site, page: Page, shoot: Shoot) -> None:
    destination = "SELECT id FROM destinations ORDER BY id DESC LIMIT 1"
    site.add_files(1, 10)
    site.sync()
    site.server.query(
        "UPDATE destinations SET frozen_at = ?, frozen_changed = 412, frozen_vanished = 3,"
        f" frozen_known = 2140 WHERE id = ({destination})", stamp(datetime.now(UTC)),
    )
    site.open(page, "")
    page.get_by_role("heading", name="Sync stands still").wait_for()
    expect(page.locator(".hero")).to_contain_text("412 of 2140 known files changed")
    shoot(page, "overview-frozen")
    assert violations(page) == []
    page.get_by_role("button", name="The changes are meant").click()
    shoot(page, "overview-frozen-dialog")
    page.get_by_role("button", name="They are meant: send them").click()
    page.get_by_text("Changes confirmed").wait_for()
    expect(page.get_by_role("heading", name="Sync stands still")).to_have_count(0)
