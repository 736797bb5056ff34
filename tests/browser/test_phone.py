"""The sentence on a telephone, in every state that is no fine day: nothing overflows, all is read.

The states are put into the service's own answer: to bring each about in earnest is other
tests' work, what is looked at here is how it is shown.
"""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.site import Site, violations

Shoot = Callable[[Page, str], None]
LONG = (
    "The data connection could not be opened; a firewall may block the passive ports, or try the "
    "other value of ftp_passive. At least 1,234,567 files wait to go off-site, for 12 days at most."
)
WARNINGS = [
    "the connection is not encrypted: images and the password can be read on the way",
    "hospital_data_path is not there or is no directory this service can list",
    "/srv/a-directory-with-a-name-that-has-no-place-to-break-at-all-and-goes-on-and-on-and-on",
]
STATES = {
    "ledger": ("bad", "Nothing can be recorded, so nothing is copied", LONG),
    "frozen": ("bad", "Sync stands still until somebody decides", LONG),
    "service": ("bad", "Nothing is copied: the background service is not running", LONG),
    "failed": ("bad", "The last sync failed 12 days 23 h ago", LONG),
    "files_failed": ("warn", "1,234,567 files could not be copied", LONG),
    "emptied": ("bad", "Sync stands still until somebody decides", LONG),
    "source_gone": ("bad", "The Orthanc storage has lost most of its files", LONG),
    "cut_off": ("bad", "The sync was cut off", LONG),
    "damaged": ("bad", "1,234,567 files were found damaged or missing off-site", LONG),
    "lost": ("bad", "1,234 files are lost: gone from the source, and the copy is damaged or gone",
             LONG),
    "broke_off": ("warn", "The last sync broke off 12 days 23 h ago", LONG),
    "unknown": ("warn", "Not known: the sources were last looked at 12 days 23 h ago", LONG),
    "cut": ("warn", "The last sync was stopped with the service", LONG),
    "late": ("warn", "1,234,567 files waiting for 12 days 23 h", LONG),
    "running": ("busy", "A sync is on", LONG),
    "setup": ("idle", "Nothing is copied yet",
              "What is missing: the directories to copy and the FTP account."),
}
WIDTHS = (320, 360, 390)


@pytest.fixture(scope="module", autouse=True)
def _configured(site: Site) -> None:
    site.add_files(3, 1000)
    site.configure_all()
    assert site.sync()["success"]


def show(page: Page, site: Site, code: str) -> None:
    """The overview, as it is in this state."""
    level, title, text = STATES[code]

    def answer(route: Route) -> None:
        got = route.fetch()
        told = got.json()
        told["data"]["health"] |= {"level": level, "code": code, "title": title, "text": text}
        told["data"]["warnings"] = WARNINGS
        if code == "frozen":
            told["data"]["frozen"] = {
                "since": "2026-11-22 10:30:45", "changed_files": 412, "vanished_files": 3,
                "known_files": 2140, "emptied_sources": [],
            }
        if code == "emptied":
            told["data"]["health"]["code"] = "frozen"
            told["data"]["frozen"] = {
                "since": "2026-11-22 10:30:45", "changed_files": 0, "vanished_files": 2140,
                "known_files": 2140, "emptied_sources": ["orthanc", "hospital"],
            }
        route.fulfill(response=got, body=json.dumps(told))

    page.unroute("**/api/sync/status.php")
    page.route("**/api/sync/status.php", answer)
    site.open(page, "runs")
    page.evaluate("window.dispatchEvent(new Event('online'))")  # asks at once
    site.open(page, "")
    expect(page.locator(".hero h1")).to_have_text(title)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_every_state_nothing_overflows_and_every_button_is_whole(
    site: Site, shoot: Shoot, theme: str
) -> None:
    page = site.page(dark=theme == "dark", phone=True)
    for code in STATES:
        show(page, site, code)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 640})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (code, width)
            for box in page.locator(".hero h1, .hero p, .hero .buttons > *").all():
                found = box.bounding_box()
                assert found is not None, (code, width)
                assert found["x"] >= 16, (code, width)
                assert found["x"] + found["width"] <= width - 16, (code, width)
                cut = box.evaluate("it => it.scrollWidth > it.clientWidth + 1")
                assert not cut, (code, width, box.inner_text())
            text, buttons = page.locator(".hero p"), page.locator(".hero .buttons > *")
            if buttons.count():
                above, below = text.bounding_box(), buttons.first.bounding_box()
                assert above is not None and below is not None
                # What to do stands below what is wrong, without a hole in between.
                assert 0 <= below["y"] - above["y"] - above["height"] <= 32, (code, width)
            if width == 360:
                shoot(page, f"phone-{theme}-hero-{code}")
                assert violations(page) == [], code
    site.end(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_forms_dialogs_and_what_the_other_admin_did_fit_on_a_phone(
    site: Site, shoot: Shoot, theme: str
) -> None:
    page = site.page(dark=theme == "dark", phone=True)
    page.set_viewport_size({"width": 320, "height": 640})

    def looks_well(name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, name
        for part in page.locator(".save-bar > *, .tabs > *, .with-button > *, .rail *").all():
            box = part.bounding_box()
            # What sticks out on the left makes nothing scroll: it is only cut off.
            assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= 320), name
        shoot(page, f"phone-{theme}-{name}")
        assert violations(page) == [], name

    site.open(page, "settings")
    page.get_by_label("Hospital data directory", exact=True).fill("/srv/" + "long-name-" * 12)
    page.get_by_label("Every", exact=True).fill("50")
    site.configure(sync_interval=40, ftp_path="/" + "x" * 80)
    page.get_by_role("button", name="Save changes").click()
    page.get_by_role("heading", name="Somebody has changed").wait_for()
    looks_well("meanwhile")
    page.get_by_role("button", name="Discard").click()
    site.configure(sync_interval=120, ftp_path=site.ftp_path)

    page.get_by_label("Orthanc storage directory", exact=True).fill(str(site.archive))
    page.get_by_role("button", name="Browse … Orthanc storage directory").click()
    folder = page.get_by_role("dialog").locator("button.folder").first
    folder.wait_for()
    for button in page.get_by_role("dialog").get_by_role("button").all():
        box = button.bounding_box()
        assert box is None or box["x"] + box["width"] <= 320
    looks_well("folder-picker")
    page.keyboard.press("Escape")

    site.open(page, "setup")
    page.get_by_role("button", name="Step 1").click()
    looks_well("setup-directories")
    site.open(page, "people")
    page.locator("tbody tr").first.wait_for()
    page.get_by_label("Role", exact=True).select_option("viewer")
    looks_well("people")
    site.open(page, "")
    with site.api() as boss:
        runs = boss.get("/api/sync/runs.php").json()["data"]["runs"]
    site.open(page, f"runs/{runs[-1]['id']}?files=sent")
    page.locator("tbody tr").first.wait_for()
    looks_well("run-sent")
    site.end(page)
