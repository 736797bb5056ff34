"""Two admins who change the settings: the second is told, if he says what he has seen."""

import threading

import httpx
import pytest

CONFIGURE, READ = "/api/sync/configure-sync.php", "/api/sync/get-config.php"
ENABLE, DISABLE = "/api/sync/enable-auto.php", "/api/sync/disable-auto.php"
pytestmark = pytest.mark.usefixtures("fresh_settings")


def version(admin: httpx.Client) -> str:
    tag: str = admin.get(READ).headers["ETag"]
    assert tag.startswith('"')  # a strong one
    assert tag.endswith('"')
    return tag


def change(admin: httpx.Client, minutes: int, if_match: str | None) -> httpx.Response:
    headers = {} if if_match is None else {"If-Match": if_match}
    return admin.post(CONFIGURE, json={"sync_interval": minutes}, headers=headers)


def interval(admin: httpx.Client) -> int:
    minutes: int = admin.get(READ).json()["data"]["configuration"]["sync_interval"]
    return minutes


def test_who_has_seen_the_settings_as_they_are_changes_them(admin: httpx.Client) -> None:
    seen = version(admin)
    answer = change(admin, 60, seen)
    assert answer.status_code == 200
    assert answer.headers["ETag"] == version(admin) != seen


def test_the_second_of_two_is_told_and_nothing_of_his_is_stored(admin: httpx.Client) -> None:
    seen = version(admin)
    assert change(admin, 60, seen).status_code == 200
    answer = change(admin, 30, seen)
    assert (answer.status_code, answer.json()["code"]) == (412, "changed_meanwhile")
    assert answer.json()["success"] is False
    assert interval(admin) == 60


def test_it_is_told_before_what_is_wrong_with_his_fields(admin: httpx.Client) -> None:
    assert change(admin, 0, '"old"').status_code == 412


def test_without_the_header_the_last_one_wins_as_the_reference_has_it(
    admin: httpx.Client,
) -> None:
    assert change(admin, 60, None).status_code == 200
    assert change(admin, 30, None).status_code == 200
    assert interval(admin) == 30


@pytest.mark.parametrize(("template", "status"), [
    ("*", 200), ('"other", {tag}', 200), ("W/{tag}", 412), ("nonsense", 412), ("", 412),
])
def test_the_header_is_read_as_http_has_it(
    admin: httpx.Client, template: str, status: int
) -> None:
    assert change(admin, 45, template.format(tag=version(admin))).status_code == status


def test_a_change_of_nothing_and_a_look_leave_the_version(admin: httpx.Client) -> None:
    seen = version(admin)
    assert admin.post(CONFIGURE, json={}).headers["ETag"] == seen
    assert version(admin) == seen


def test_another_password_is_another_version_though_it_looks_the_same(
    admin: httpx.Client,
) -> None:
    ftp = {"ftp_host": "ftp.example.org", "ftp_username": "u"}
    admin.post(CONFIGURE, json={**ftp, "ftp_password": "one"})
    seen = version(admin)
    admin.post(CONFIGURE, json={"ftp_password": "two"})
    assert version(admin) != seen


def test_enabling_and_disabling_heed_the_header_too(admin: httpx.Client) -> None:
    admin.post(CONFIGURE, json={"ftp_host": "ftp.example.org", "ftp_username": "u"})
    for path, is_on in ((ENABLE, True), (DISABLE, False)):
        stale = {"If-Match": '"old"'}
        assert admin.post(path, headers=stale).json()["code"] == "changed_meanwhile"
        answer = admin.post(path, headers={"If-Match": version(admin)})
        assert answer.status_code == 200
        assert answer.headers["ETag"] == version(admin)
        stored = admin.get(READ).json()["data"]["configuration"]
        assert stored["sync_enabled"] is is_on


def test_of_many_who_save_at_once_having_seen_the_same_one_wins(admin: httpx.Client) -> None:
    seen = version(admin)
    answers: list[int] = []
    saving = [
        threading.Thread(target=lambda n=n: answers.append(change(admin, 10 + n, seen).status_code))
        for n in range(8)
    ]
    for one in saving:
        one.start()
    for one in saving:
        one.join()
    assert sorted(answers) == [200] + [412] * 7
