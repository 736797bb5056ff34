"""Who one is on the page: the password again, one's sessions, roles, tokens, a second factor."""

import base64
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Browser, Page, expect

from tests.api.farcopy_server import PASSWORD, FarcopyServer
from tests.browser.site import PHONE, Site, sign_in, violations

Shoot = Callable[[Page, str], None]


@pytest.fixture(scope="module", autouse=True)
def _configured(site: Site) -> None:
    site.add_files(3, 1000)
    site.configure_all()
    assert site.sync()["success"]


def age(site: Site) -> None:
    """As if every password had been given six minutes ago."""
    site.server.query("UPDATE sessions SET confirmed_at = datetime('now', '-6 minutes')")


def test_an_account_is_added_after_the_password_was_given_again(
    site: Site, page: Page, shoot: Shoot
) -> None:
    site.open(page, "people")
    age(site)
    page.get_by_label("User name").fill("maria")
    page.get_by_role("button", name="Add").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Password")).to_be_focused()
    dialog.get_by_role("button", name="Leave it").click()
    page.get_by_text("Nothing was changed: your password was not given").wait_for()
    expect(page.locator("tbody tr").filter(has_text="maria")).to_have_count(0)

    page.get_by_role("button", name="Add").click()
    dialog.get_by_label("Password").fill("not it")
    dialog.get_by_role("button", name="Go on").click()
    dialog.get_by_text("That is not your password").wait_for()
    shoot(page, "step-up")
    assert violations(page) == []
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Go on").click()
    expect(page.locator("tbody tr").filter(has_text="maria")).to_have_count(1)
    expect(dialog).to_have_count(0)


def test_the_page_moves_the_destination_with_the_password_only(site: Site, page: Page) -> None:
    site.open(page, "settings")
    age(site)
    save = page.get_by_role("button", name="Save changes")
    page.get_by_label("Connections at most").fill("4")
    save.click()
    page.get_by_text("Saved.").wait_for()  # moves nothing
    page.get_by_label("Directory on the server").fill("/elsewhere")
    save.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog).to_have_count(0)
    expect(save).to_be_hidden()
    with site.api() as boss:
        stored = boss.get("/api/sync/get-config.php").json()["data"]["configuration"]
    assert stored["ftp_path"] == "/elsewhere"
    assert site.server.query("SELECT count(*) FROM unconfirmed_changes") == [(0,)]
    site.configure_all()


def test_what_a_session_alone_has_moved_is_told_on_the_overview(
    site: Site, page: Page, shoot: Shoot
) -> None:
    age(site)
    site.configure(hospital_data_path="/srv/hospital")
    site.open(page, "")
    warning = page.get_by_text("“Hospital data directory” was changed on")
    expect(warning).to_contain_text("by boss from 127.0.0.1, without the password again")
    shoot(page, "unconfirmed-change")
    assert violations(page) == []
    site.server.query("DELETE FROM unconfirmed_changes")
    site.configure(hospital_data_path=None)


def test_a_form_grown_old_sends_no_password_to_a_server_that_somebody_else_has_set(
    site: Site, page: Page, shoot: Shoot
) -> None:
    site.open(page, "settings")
    page.get_by_label("Password").fill("the-real-one")
    site.configure(ftp_host="127.0.0.2", ftp_username="x", ftp_password="theirs", ftp_port=21)
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.post_data or "") if (
        "configure-sync" in asked.url) else None)
    page.get_by_role("button", name="Save changes").click()
    page.get_by_role("heading", name="Somebody has changed the settings meanwhile").wait_for()
    expect(page.get_by_text("127.0.0.2 now")).to_be_visible()
    assert f'"ftp_host":"{site.ftp.host}"' in sent[0]
    assert '"ftp_port"' in sent[0]
    expect(page.get_by_label("Password")).to_have_value("")
    expect(page.locator("#ftp_password-error")).to_contain_text("type it again")
    shoot(page, "settings-old-form")
    assert violations(page) == []
    site.configure_all()


def test_ones_sessions_are_listed_and_ended(site: Site, shoot: Shoot) -> None:
    name = site.server.add_admin()
    page, other = site.page(user=""), site.page(user="")
    for one in (page, other):
        one.goto("/#/account")
        sign_in(one, name)
        one.get_by_role("heading", name="My account").wait_for()
    page.reload()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="(this one)")).to_have_count(1)
    expect(rows.first).to_contain_text("Chrome on Linux")
    shoot(page, "account-sessions")
    assert violations(page) == []
    page.get_by_role("button", name="End all others").click()
    expect(rows).to_have_count(1)
    other.get_by_role("link", name="Runs").click()
    other.get_by_role("heading", name="Sign in").wait_for()
    page.get_by_role("button", name="End all").click()
    page.get_by_role("dialog").get_by_role("button", name="End all").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    site.end(page)
    site.end(other)


def test_an_auditor_sees_everything_and_finds_no_button_that_changes_it(
    site: Site, shoot: Shoot
) -> None:
    site.server.query("UPDATE users SET role = 'auditor' WHERE username = 'view'")
    page = site.page(user="view")
    page.goto("/")
    page.get_by_role("heading", name="Everything is off-site").wait_for()
    navigation = page.get_by_role("navigation", name="Main")
    expect(navigation.get_by_role("link")).to_have_text(
        ["Overview", "Runs", "Settings", "People", "Audit"]
    )
    for name in ("Sync now", "Switch it on", "Cancel this sync"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    shoot(page, "auditor-overview")
    assert violations(page) == []
    site.open(page, "settings")
    expect(page.get_by_text("stored, never shown")).to_be_visible()
    expect(page.locator("main input, main button, main select")).to_have_count(0)
    shoot(page, "auditor-settings")
    assert violations(page) == []
    site.open(page, "runs/1")
    expect(page.get_by_role("button", name="Try")).to_have_count(0)
    site.open(page, "people")
    page.get_by_role("heading", name="API tokens").wait_for()
    expect(page.locator("main button, main select")).to_have_count(0)
    site.open(page, "audit")
    page.locator("tbody tr").first.wait_for()
    for name in ("setup", "connection"):
        site.open(page, name)
        expect(page.get_by_role("heading", name="There is nothing at this address")).to_be_visible()
    site.end(page)


def test_a_token_is_made_shown_once_and_revoked(site: Site, page: Page, shoot: Shoot) -> None:
    site.open(page, "people")
    site.server.query("UPDATE sessions SET confirmed_at = datetime('now')")
    page.get_by_label("What it is for").fill("nightly report")
    page.get_by_label("Read", exact=True).uncheck()
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator("#read-error")).to_contain_text("One of these is needed")
    page.get_by_label("Read", exact=True).check()
    page.get_by_role("button", name="Make a token").click()
    secret = page.locator(".secret")
    expect(secret).to_contain_text("farcopy_")
    text = secret.inner_text()
    with site.server.client(headers={"Authorization": f"Bearer {text}"}) as program:
        assert program.get("/api/sync/status.php").status_code == 200
        shoot(page, "tokens")
        assert violations(page) == []
        page.reload()
        row = page.locator("tbody tr").filter(has_text="nightly report")
        expect(row).to_contain_text("from 127.0.0.1")
        expect(page.get_by_text(text)).to_have_count(0)
        row.get_by_role("button", name="Revoke").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(row).to_have_count(0)
        assert program.get("/api/sync/status.php").status_code == 401


def test_a_second_factor_is_set_up_asked_for_and_taken_away(site: Site, shoot: Shoot) -> None:
    name = site.server.add_admin()
    page = site.page(user="")
    page.goto("/#/account")
    sign_in(page, name)
    page.get_by_role("button", name="Set it up").click()
    secret = page.locator(".secret").inner_text().replace(" ", "")
    expect(page.get_by_role("img", name="QR code of the key")).to_be_visible()
    shoot(page, "second-factor-begun")
    assert violations(page) == []
    code = page.get_by_label("Code", exact=True)
    expect(code).to_be_focused()
    code.fill("000000")
    page.get_by_role("button", name="Switch it on").click()
    expect(page.locator("#otp-error")).to_contain_text("Is wrong, or was used before")
    totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
    code.fill(totp.generate(int(time.time())).decode())
    page.get_by_role("button", name="Switch it on").click()
    expect(page.locator(".codes li")).to_have_count(10)
    recovery = page.locator(".codes li").all_inner_texts()
    shoot(page, "second-factor-codes")
    assert violations(page) == []
    page.get_by_role("button", name="I have kept them").click()
    page.get_by_text("10 recovery codes left").wait_for()

    page.get_by_role("button", name="Sign out").click()
    sign_in(page, name)
    expect(page.get_by_label("Code")).to_be_focused()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("The code is wrong, or was used before").wait_for()
    shoot(page, "sign-in-code")
    assert violations(page) == []
    page.get_by_label("Code").fill(recovery[0])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("9 recovery codes left").wait_for()

    age(site)
    page.get_by_role("button", name="Switch it off").click()
    page.get_by_role("dialog").get_by_role("button", name="Switch it off").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Go on").click()
    dialog.get_by_label("Code").fill(recovery[1])
    shoot(page, "step-up-code")
    dialog.get_by_role("button", name="Go on").click()
    page.get_by_text("The second factor is off").wait_for()
    site.end(page)


def test_an_admin_takes_a_lost_second_factor_away(site: Site, page: Page) -> None:
    name = site.server.add_admin()
    site.server.query(
        "INSERT INTO second_factors (user_id, secret_encrypted, is_on, last_step, recovery_hashes)"
        " SELECT id, '', 1, 0, '[]' FROM users WHERE username = ?", name,
    )
    site.open(page, "people")
    site.server.query("UPDATE sessions SET confirmed_at = datetime('now')")
    row = page.locator("tbody tr").filter(has=page.get_by_text(name, exact=True))
    expect(row).to_contain_text("with a second factor")
    row.get_by_role("button", name="Take second factor away").click()
    page.get_by_role("dialog").get_by_role("button", name="Take it away").click()
    page.get_by_text("signs in with the password alone").wait_for()
    expect(row).not_to_contain_text("with a second factor")


def test_where_it_is_demanded_an_admin_is_led_to_set_it_up_and_then_goes_on(
    browser: Browser, tmp_path: Path, shoot: Shoot
) -> None:
    server = FarcopyServer(tmp_path / "home", verb="web", FARCOPY_REQUIRE_OTP="admin")
    context = browser.new_context(base_url=server.url, viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/")
    sign_in(page)
    page.get_by_text("Admins need one here: set it up to go on").wait_for()
    assert page.get_by_text("farcopy has not answered").count() == 0
    shoot(page, "phone-second-factor-demanded")
    assert violations(page) == []
    page.get_by_role("button", name="Set it up").click()
    secret = page.locator(".secret").inner_text().replace(" ", "")
    totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
    page.get_by_label("Code", exact=True).fill(totp.generate(int(time.time())).decode())
    page.get_by_role("button", name="Switch it on").click()
    page.get_by_role("button", name="I have kept them").click()
    page.get_by_role("link", name="People").click()
    page.get_by_role("heading", name="API tokens").wait_for()
    shoot(page, "phone-people")
    assert violations(page) == []
    context.close()
    assert server.stop() == 0
