"""Settings, people and the audit trail; a session that ends, and a line that is lost."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.site import Site, sign_in, violations
from tests.running import run_farcopy

Shoot = Callable[[Page, str], None]


@pytest.fixture(scope="module", autouse=True)
def _configured(site: Site) -> None:
    site.add_files(3, 1000)
    site.configure_all()
    assert site.sync()["success"]
    site.configure(sync_enabled=True)


def test_settings_are_saved_together_and_errors_stand_at_their_fields(
    site: Site, page: Page, shoot: Shoot
) -> None:
    site.open(page, "settings")
    save = page.get_by_role("button", name="Save changes")
    expect(save).to_be_hidden()
    page.get_by_label("Port").fill("70000")
    page.get_by_label("Orthanc storage directory", exact=True).fill("somewhere/else")
    page.get_by_label("Look every").fill("0")
    expect(page.get_by_text("3 changes not saved yet")).to_be_visible()
    save.click()
    expect(page.locator("#ftp_port-error")).to_have_text("Must be between 1 and 65535.")
    expect(page.locator("#orthanc_storage_path-error")).to_have_text("Must be an absolute path.")
    expect(page.locator("#monitoring_interval-error")).to_contain_text("between 1 and 1440")
    expect(page.get_by_label("Orthanc storage directory", exact=True)).to_be_focused()
    shoot(page, "settings-errors")
    assert violations(page) == []
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_label("Port")).to_have_value(str(site.ftp.port))

    page.get_by_label("Every", exact=True).fill("60")
    save.click()
    page.get_by_text("Saved.").wait_for()
    expect(save).to_be_hidden()
    with site.api() as boss:
        stored = boss.get("/api/sync/get-config.php").json()["data"]["configuration"]
    assert (stored["sync_interval"], stored["ftp_port"]) == (60, site.ftp.port)


def test_patterns_are_written_one_a_line_and_a_bad_one_is_named_at_the_field(
    site: Site, page: Page, shoot: Shoot
) -> None:
    site.open(page, "settings")
    field, save = page.get_by_label("Leave out"), page.get_by_role("button", name="Save changes")
    field.fill("*.tmp\n[z-a]")
    save.click()
    expect(page.locator("#exclude-error")).to_contain_text("Entry 2 is no pattern")
    expect(field).to_be_focused()
    shoot(page, "settings-exclude")
    assert violations(page) == []

    field.fill("*.tmp\n\n/a,b/\n")
    save.click()
    page.get_by_text("Saved.").wait_for()
    expect(field).to_have_value("*.tmp\n/a,b/")
    expect(save).to_be_hidden()
    with site.api() as boss:
        stored = boss.get("/api/sync/get-config.php").json()["data"]["configuration"]
    assert stored["exclude"] == ["*.tmp", "/a,b/"]

    field.fill("*.tmp\n/a\nb/")
    page.get_by_text("1 change not saved yet").wait_for()
    field.fill("")
    save.click()
    page.get_by_text("Saved.").first.wait_for()
    expect(save).to_be_hidden()
    with site.api() as boss:
        stored = boss.get("/api/sync/get-config.php").json()["data"]["configuration"]
    assert stored["exclude"] == []


def test_the_password_is_never_shown_and_asked_for_when_the_server_changes(
    site: Site, page: Page
) -> None:
    site.open(page, "settings")
    expect(page.get_by_label("Password")).to_have_value("")
    assert site.ftp.password not in page.content()
    page.get_by_label("Server", exact=True).fill("elsewhere.example")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("#ftp_password-error")).to_contain_text("Must be given again")
    expect(page.get_by_label("Password")).to_be_focused()


def test_a_fingerprint_of_the_doctor_comes_into_its_field_but_is_not_saved(
    site: Site, page: Page
) -> None:
    site.open(page, f"settings?fingerprint={'AB:' * 31}AB")
    expect(page.get_by_label("Pinned certificate")).to_have_value("AB:" * 31 + "AB")
    page.get_by_text("1 change not saved yet").wait_for()
    page.get_by_text("Compare this fingerprint").wait_for()


def test_people_are_added_changed_and_shut_out(site: Site, page: Page, shoot: Shoot) -> None:
    site.open(page, "people")
    page.get_by_label("User name").fill("maria")
    role = page.get_by_label("Role", exact=True)
    expect(role).to_have_value("admin")
    expect(page.locator("#role-hint")).to_contain_text("Sees and steers everything")
    role.select_option("viewer")
    expect(page.locator("#role-hint")).to_contain_text("no status, no settings, no sync")
    role.select_option("admin")
    page.get_by_role("button", name="Add").click()
    secret = page.locator(".secret").inner_text()
    shoot(page, "people")
    assert violations(page) == []

    maria = site.page(user="")
    maria.goto("/")
    sign_in(maria, "maria", secret)
    maria.get_by_role("heading", name="Choose a new password").wait_for()

    row = page.locator("tbody tr").filter(has_text="maria")
    row.get_by_role("combobox").select_option("viewer")
    page.get_by_text("maria is changed").wait_for()
    row.get_by_role("button", name="New password").click()
    page.get_by_role("button", name="Make one up").click()
    expect(page.locator(".secret")).not_to_have_text(secret)
    row.get_by_role("button", name="Disable").click()
    shoot(page, "people-disable")
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(row).to_contain_text("Disabled")
    row.get_by_role("button", name="Enable").click()
    expect(row).to_contain_text("Active")
    page.get_by_label("User name").fill("maria")
    page.get_by_role("button", name="Add").click()
    told = page.locator("#username-error, #notice")
    expect(told.filter(has_text=re.compile("name")).first).to_be_visible()
    site.end(maria)


def test_the_audit_trail_is_filtered_paged_and_taken_away(
    site: Site, page: Page, shoot: Shoot
) -> None:
    with site.api() as boss:
        for _ in range(110):
            boss.get("/api/sync/sources.php", params={"no": "such"})
    site.open(page, "audit")
    shoot(page, "audit")
    assert violations(page) == []
    assert page.locator("tbody tr").count() == 50
    page.get_by_role("button", name="Older entries").click()
    expect(page.locator("tbody tr")).to_have_count(100)
    page.get_by_label("Action").fill("sync.sources")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**/#/audit?action=sync.sources")
    expect(page.locator("tbody tr").first).to_contain_text("400 invalid_fields")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.path().read_text().count("sync.sources") >= 60


def test_a_trail_that_was_changed_says_so_and_calls_that_share_an_entry_are_counted(
    site: Site, page: Page, shoot: Shoot
) -> None:
    site.server.query(
        "INSERT INTO audit_logs (username, action, created_at, ip_address, user_agent, details,"
        " response_status) VALUES ('', 'audit.shared', datetime('now'), '2001:db8:1:2::/64', '',"
        """ '{"calls": 5231, "actions": {"sync.status": 5231},"""
        """ "from": "2026-11-27T12:00:00+00:00", "to": "2026-11-27T12:00:59+00:00"}', 401)"""
    )
    assert run_farcopy(site.server.home, "audit", "verify").returncode == 3
    site.open(page, "audit")
    notice = page.locator(".notice.bad")
    expect(notice).to_contain_text("This trail was changed")
    expect(notice).to_contain_text("farcopy audit acknowledge")
    expect(page.locator("tbody")).to_contain_text("calls 5231")
    shoot(page, "audit-changed")
    assert violations(page) == []
    words = ("audit", "acknowledge", "--reason", "it was this test", "--yes")
    assert run_farcopy(site.server.home, *words).returncode == 0
    page.reload()
    expect(page.locator(".notice.good")).to_contain_text("nobody has changed this trail")
    shoot(page, "audit-acknowledged")


def test_a_session_that_ends_leads_to_sign_in_and_back(
    site: Site, shoot: Shoot
) -> None:
    page = site.page(user="")
    page.goto("/#/runs?status=success")
    sign_in(page)
    page.get_by_role("heading", name="Runs").wait_for()
    page.context.clear_cookies()  # as if it were over
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    shoot(page, "session-ended")
    sign_in(page)
    page.get_by_role("heading", name="Settings").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    site.end(page)


def test_a_lost_line_is_told_and_the_page_goes_on_by_itself(
    site: Site, page: Page, shoot: Shoot
) -> None:
    site.open(page, "")
    page.get_by_role("heading", name="Everything is off-site").wait_for()

    def cut(route: Route) -> None:
        route.abort()

    page.route("**/api/**", cut)
    page.evaluate("window.dispatchEvent(new Event('online'))")  # asks at once, not in ten seconds
    page.get_by_text("farcopy has not answered for").wait_for()
    expect(page.locator("body.stale")).to_be_visible()
    page.get_by_role("button", name="Sync now").click()
    page.get_by_text("farcopy cannot be reached; nothing was changed").wait_for()
    shoot(page, "line-lost")
    assert violations(page) == []
    page.unroute("**/api/**", cut)
    expect(page.get_by_text("farcopy has not answered for")).to_be_hidden()
    expect(page.locator("body.stale")).to_have_count(0)


# --- what was typed, and who was quicker ---


def stored(site: Site, name: str) -> object:
    with site.api() as boss:
        return boss.get("/api/sync/get-config.php").json()["data"]["configuration"][name]


def test_what_was_typed_is_there_after_another_view_and_a_reload_but_for_the_password(
    site: Site, page: Page, shoot: Shoot
) -> None:
    site.open(page, "settings")
    page.get_by_label("Every", exact=True).fill("75")
    page.get_by_label("Password").fill("typed-secret")
    page.get_by_role("link", name="Runs").click()
    page.get_by_role("heading", name="Runs", exact=True).wait_for()
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_label("Every", exact=True)).to_have_value("75")
    expect(page.get_by_label("Password")).to_have_value("")
    page.get_by_text("What you had typed is still here").wait_for()
    page.get_by_text("A password is not kept").wait_for()
    page.get_by_text("1 change not saved yet").wait_for()
    assert "typed-secret" not in page.evaluate("JSON.stringify({...sessionStorage})")
    shoot(page, "settings-draft")
    assert violations(page) == []
    page.reload()
    expect(page.get_by_label("Every", exact=True)).to_have_value("75")
    page.get_by_role("button", name="Discard").click()
    page.reload()
    expect(page.get_by_label("Every", exact=True)).not_to_have_value("75")
    assert page.get_by_text("What you had typed").count() == 0


def test_what_was_typed_outlives_the_session_and_is_nobody_elses(
    site: Site, shoot: Shoot
) -> None:
    page = site.page(user="")
    page.goto("/#/settings")
    sign_in(page)
    page.get_by_label("Every", exact=True).fill("76")
    page.context.clear_cookies()
    page.get_by_role("button", name="Save changes").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.get_by_text("What you had typed is kept").wait_for()
    shoot(page, "session-ended-draft")
    assert violations(page) == []
    sign_in(page)
    expect(page.get_by_label("Every", exact=True)).to_have_value("76")
    page.get_by_role("button", name="Save changes").click()
    page.get_by_text("Saved.").wait_for()
    assert stored(site, "sync_interval") == 76

    page.get_by_label("Every", exact=True).fill("74")
    page.context.clear_cookies()
    page.reload()
    sign_in(page, site.server.add_admin())
    page.get_by_role("heading", name="Settings").wait_for()
    expect(page.get_by_label("Every", exact=True)).to_have_value("76")

    page.get_by_label("Every", exact=True).fill("73")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.get_by_text("What you had typed").count() == 0
    assert page.evaluate("sessionStorage.length") == 0
    site.end(page)


def test_the_second_of_two_admins_is_told_what_the_first_has_changed(
    site: Site, page: Page, shoot: Shoot
) -> None:
    site.configure(sync_interval=120, monitoring_interval=30, ftp_tls="auto")
    site.open(page, "settings")
    page.get_by_label("Every", exact=True).fill("60")
    page.get_by_label("Bandwidth limit").fill("500")
    site.configure(sync_interval=90, monitoring_interval=15)  # the other one
    save = page.get_by_role("button", name="Save changes")
    save.click()
    told = page.get_by_role("alert").filter(has_text="Somebody has changed the settings")
    expect(told.locator("li")).to_have_count(2)
    expect(told).to_contain_text("Sync automatically every: 90 now, 120 before; yours: 60")
    expect(told).to_contain_text("Look every: 15 now, 30 before")
    shoot(page, "settings-meanwhile")
    assert violations(page) == []
    assert (stored(site, "sync_interval"), stored(site, "ftp_limit_kib_s")) == (90, 0)
    expect(page.get_by_label("Look every")).to_have_value("15")
    expect(page.get_by_label("Every", exact=True)).to_have_value("60")

    told.get_by_role("button", name="Take theirs").click()
    expect(page.get_by_label("Every", exact=True)).to_have_value("90")
    save.click()
    page.get_by_text("Saved.").wait_for()
    expect(told).to_have_count(0)
    assert (stored(site, "sync_interval"), stored(site, "monitoring_interval")) == (90, 15)
    assert stored(site, "ftp_limit_kib_s") == 500
    site.configure(ftp_limit_kib_s=0)


def test_what_was_typed_before_somebody_else_saved_says_so_when_it_is_taken_up(
    site: Site, page: Page
) -> None:
    site.configure(monitoring_interval=30)
    site.open(page, "settings")
    page.get_by_label("Every", exact=True).fill("61")
    page.get_by_role("link", name="Runs").click()
    site.configure(monitoring_interval=25)
    page.get_by_role("link", name="Settings").click()
    expect(page.locator(".meanwhile")).to_contain_text("Look every: 25 now, 30 before")
    expect(page.get_by_label("Every", exact=True)).to_have_value("61")
    page.get_by_role("button", name="Discard").click()


def test_on_the_page_a_setting_has_its_label_not_its_key(site: Site, page: Page) -> None:
    site.open(page, "settings")
    page.get_by_label("Hospital data directory", exact=True).fill(f"{site.archive}/below")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("#hospital_data_path-error")).to_have_text(
        "Must not lie inside “Orthanc storage directory”, or around it."
    )
    page.get_by_role("button", name="Discard").click()


def test_before_sign_in_nothing_is_asked_that_is_refused(site: Site) -> None:
    page = site.page(user="")
    answers: list[int] = []
    page.on("response", lambda answer: answers.append(answer.status))
    page.goto("/")
    page.get_by_role("heading", name="Sign in").wait_for()
    assert set(answers) == {200}
    sign_in(page)
    page.get_by_role("link", name="Settings").wait_for()
    page.reload()
    page.get_by_role("link", name="Settings").wait_for()
    site.end(page)
