"""From an empty installation to the first sync, as an admin meets it; an account's first day."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.api.farcopy_server import PASSWORD
from tests.browser.site import Site, sign_in, violations

Shoot = Callable[[Page, str], None]


def test_an_empty_installation_is_led_to_its_first_sync(site: Site, shoot: Shoot) -> None:
    site.add_files(40, 20_000)
    page = site.page(user="")
    page.goto("/")
    shoot(page, "sign-in")
    assert violations(page) == []
    sign_in(page)
    page.get_by_role("heading", name="Nothing is copied yet").wait_for()
    shoot(page, "overview-empty")
    page.get_by_role("link", name="Set it up").click()

    page.get_by_role("button", name="Save and count").click()
    expect(page.locator(".error").first).to_have_text("Is needed to go on.")
    page.get_by_label("Orthanc storage directory", exact=True).fill(str(site.archive))
    shoot(page, "setup-1-directories")
    assert violations(page) == []
    page.get_by_role("button", name="Save and count").click()
    found = page.get_by_text(re.compile(r"40 files, 7\d\d KiB in the Orthanc storage"))
    found.wait_for()
    shoot(page, "setup-2-counted")
    page.get_by_role("button", name="Go on", exact=True).click()

    page.get_by_label("Server", exact=True).fill(site.ftp.host)
    page.get_by_label("Port").fill(str(site.ftp.port))
    page.get_by_label("User name").fill(site.ftp.user)
    page.get_by_label("Password").fill(site.ftp.password)
    page.get_by_label("Directory on the server").fill(site.ftp_path)
    shoot(page, "setup-3-account")
    page.get_by_role("button", name="Save and examine").click()

    page.get_by_role("button", name="Go on to the first sync").wait_for()
    assert page.locator(".step.ok, .step.caution").count() == 8
    shoot(page, "setup-4-connection")
    assert violations(page) == []
    page.get_by_role("button", name="Go on to the first sync").click()

    page.get_by_role("button", name="Start the first sync").click()
    page.get_by_text("Done: 40 files").wait_for()
    assert sum(file.is_file() for file in site.remote.rglob("image-*")) == 40
    shoot(page, "setup-5-first-sync")
    page.get_by_role("button", name="Go on: it works by itself").click()

    expect(page.get_by_label("Sync automatically")).to_be_checked()
    shoot(page, "setup-6-schedule")
    page.get_by_role("button", name="Finish").click()
    page.get_by_role("heading", name="Everything is off-site").wait_for()
    expect(page.get_by_text("every 2 h")).to_be_visible()
    site.end(page)


def test_half_done_it_goes_on_where_one_left(site: Site, page: Page) -> None:
    site.configure(sync_enabled=False, ftp_host=None, ftp_username=None, ftp_password=None)
    site.open(page, "setup")
    page.get_by_role("heading", name="Where do the copies go?").wait_for()


def test_a_made_up_password_has_to_be_changed_before_anything_else(
    site: Site, shoot: Shoot
) -> None:
    with site.api() as boss:
        made = boss.post("/api/users/add.php", json={"username": "erika", "role": "admin"})
    page = site.page(user="")
    page.goto("/#/runs")
    sign_in(page, "erika", made.json()["data"]["password"])
    page.get_by_role("heading", name="Choose a new password").wait_for()
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    shoot(page, "password-forced")
    page.get_by_label("Current password").fill(made.json()["data"]["password"])
    page.get_by_label("New password").fill("short")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("#new_password-error")).to_contain_text("too short")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    page.get_by_role("heading", name="Runs").wait_for()  # where erika wanted to be
    site.end(page)


def test_another_role_is_told_so_and_sees_nothing(site: Site, shoot: Shoot) -> None:
    page = site.page("view")
    page.goto("/")
    page.get_by_role("heading", name="Only admins may see").wait_for()
    shoot(page, "no-access")
    assert violations(page) == []
    site.end(page)


def test_a_wrong_password_is_told_at_the_form(site: Site, shoot: Shoot) -> None:
    page = site.page(user="")
    page.goto("/")
    sign_in(page, "boss", "wrong")
    expect(page.get_by_role("alert").filter(has_text="Wrong")).to_have_text(
        "Wrong username or password."
    )
    expect(page.get_by_label("Password")).to_be_focused()
    shoot(page, "sign-in-wrong")
    site.end(page)
