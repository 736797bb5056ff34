"""The first run, tried again: back and forth, wrong paths and passwords, directories picked."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.site import Site, violations

Shoot = Callable[[Page, str], None]


@pytest.fixture(autouse=True)
def _nothing_set(site: Site) -> None:
    site.configure(
        orthanc_storage_path=None, hospital_data_path=None, ftp_host=None, ftp_username=None,
        ftp_password=None, ftp_port=21, ftp_path="/", sync_enabled=False,
    )


def name_account(page: Page, site: Site, password: str) -> None:
    page.get_by_label("Server", exact=True).fill(site.ftp.host)
    page.get_by_label("Port").fill(str(site.ftp.port))
    page.get_by_label("User name").fill(site.ftp.user)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Directory on the server").fill(site.ftp_path)


def examine(page: Page) -> None:
    page.get_by_role("button", name="Save and examine").click()


def test_a_path_that_is_not_there_is_told_at_its_field_before_anything_is_counted(
    site: Site, page: Page, shoot: Shoot
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    site.open(page, "setup")
    page.get_by_label("Orthanc storage directory", exact=True).fill(str(site.archive))
    page.get_by_label("Hospital data directory", exact=True).fill(f"{site.archive}-nowhere")
    page.get_by_role("button", name="Save and count").click()
    expect(page.locator("#hospital_data_path-error")).to_have_text(
        f"“{site.archive}-nowhere” is not there."
    )
    expect(page.locator("#orthanc_storage_path-error")).to_have_text("")
    expect(page.get_by_label("Hospital data directory", exact=True)).to_be_focused()
    assert not [url for url in asked if "sources.php" in url]
    shoot(page, "setup-wrong-path")
    assert violations(page) == []
    page.get_by_role("button", name="Go on all the same").click()
    page.get_by_text("-nowhere is not there").wait_for()
    page.get_by_role("button", name="Go on", exact=True).click()
    page.get_by_role("heading", name="Where do the copies go?").wait_for()


def test_one_goes_back_from_every_step_and_finds_what_one_had_typed(
    site: Site, page: Page, shoot: Shoot
) -> None:
    site.configure_all()
    site.open(page, "setup")
    page.get_by_role("button", name="Go on to the first sync").click()
    page.get_by_role("button", name="Go on: it works by itself").click()
    page.get_by_role("heading", name="And from now on?").wait_for()
    page.get_by_label("Every", exact=True).fill("77")
    page.get_by_role("button", name="Back").click()
    page.get_by_role("heading", name="The first sync").wait_for()
    page.get_by_role("button", name="Back").click()
    page.get_by_role("heading", name="Does the way there work?").wait_for()
    page.get_by_role("button", name="Change the account").click()
    page.get_by_label("Directory on the server").fill("/typed")
    page.get_by_role("button", name="Back").click()
    page.get_by_role("heading", name="What is to be copied?").wait_for()
    assert violations(page) == []
    shoot(page, "setup-back")
    page.get_by_role("button", name="Step 2: FTP account").click()
    expect(page.get_by_label("Directory on the server")).to_have_value("/typed")
    page.get_by_role("button", name="Step 5: Schedule").click()
    expect(page.get_by_label("Every", exact=True)).to_have_value("77")
    with site.api() as boss:  # nothing of it is stored
        stored = boss.get("/api/sync/get-config.php").json()["data"]["configuration"]
    assert (stored["ftp_path"], stored["sync_interval"]) == (site.ftp_path, 120)


def test_a_password_known_to_be_wrong_is_not_tried_again(
    site: Site, page: Page, shoot: Shoot
) -> None:
    tried: list[Request] = []
    page.on("request", lambda one: tried.append(one) if "doctor.php" in one.url else None)
    site.configure(orthanc_storage_path=str(site.archive))
    site.open(page, "setup")
    name_account(page, site, "wrong")
    examine(page)
    page.get_by_role("button", name="Try this login all the same").wait_for()
    shoot(page, "setup-login-refused")
    assert violations(page) == []
    assert len(tried) == 1

    page.get_by_role("button", name="Change the account").click()
    expect(page.locator("#ftp_password-error")).to_contain_text(
        "The server refused this user and password"
    )
    examine(page)  # as it is: nothing is asked at all
    expect(page.get_by_label("Password")).to_be_focused()
    assert len(tried) == 1

    page.get_by_label("Password").fill("wrong")  # the same again: farcopy knows it
    examine(page)
    page.get_by_text("They were not tried again").wait_for()
    shoot(page, "setup-login-known-refused")
    assert violations(page) == []

    page.reload()  # also after a while, and by somebody else
    page.get_by_text("They were not tried again").wait_for()
    page.get_by_role("button", name="Change the account").click()
    page.get_by_label("Password").fill(site.ftp.password)
    examine(page)
    page.get_by_role("button", name="Go on to the first sync").wait_for()


def test_a_directory_is_picked_by_mouse_and_by_keyboard(
    site: Site, page: Page, shoot: Shoot
) -> None:
    root = site.archive.parent / "picked"
    for name in ("alpha", "beta/inner", "gamma"):
        (root / name).mkdir(parents=True, exist_ok=True)
    site.open(page, "setup")
    field = page.get_by_label("Orthanc storage directory", exact=True)
    field.fill(str(root))
    page.get_by_role("button", name="Browse … Orthanc storage directory").click()
    dialog = page.get_by_role("dialog", name="Choose: Orthanc storage directory")
    expect(dialog.locator(".where")).to_have_text(str(root))
    expect(dialog.get_by_role("button", name="alpha")).to_be_focused()
    shoot(page, "folder-picker")
    assert violations(page) == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="inner")).to_be_focused()
    dialog.get_by_role("button", name="Use this directory").click()
    expect(field).to_have_value(str(root / "beta"))
    expect(field).to_be_focused()

    page.get_by_role("button", name="Browse … Hospital data directory").click()
    dialog = page.get_by_role("dialog", name="Choose: Hospital data directory")
    expect(dialog.locator(".where")).to_have_text("/")
    expect(dialog.get_by_role("button", name="Up")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Hospital data directory", exact=True)).to_have_value("")

    field.fill(str(site.server.home))
    page.get_by_role("button", name="Browse … Orthanc storage directory").click()
    expect(page.get_by_role("dialog").locator(".error")).to_contain_text("farcopy's own")
    page.get_by_role("button", name="Up").wait_for(state="hidden")
