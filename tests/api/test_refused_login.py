"""A login the server refused is remembered: who asks for it does not try it again."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.farcopy_server import FarcopyServer
from tests.contract.pyftp import PASSWORD, USER, PyFtpServer

CONFIGURE, DOCTOR = "/api/sync/configure-sync.php", "/api/sync/doctor.php"
TEST = "/api/sync/test-connection.php"
pytestmark = pytest.mark.usefixtures("fresh_settings")


@pytest.fixture
def admin(server: FarcopyServer) -> Iterator[httpx.Client]:
    """An admin of his own: six tests a minute are each one's."""
    name = server.add_admin()
    with server.signed_in(name) as client:
        yield client


def configure(admin: httpx.Client, **settings: object) -> None:
    assert admin.post(CONFIGURE, json=settings).status_code == 200


def wrongly(admin: httpx.Client, ftp: PyFtpServer) -> None:
    configure(admin, ftp_host=ftp.host, ftp_port=ftp.port, ftp_username=USER,
              ftp_password="wrong")


def examine(admin: httpx.Client, **body: object) -> httpx.Response:
    return admin.post(DOCTOR, json=body)


def failed(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [s["step"] for s in answer.json()["data"]["steps"] if s["status"] == "failed"]


def is_skipped(answer: httpx.Response) -> bool:
    return answer.status_code == 409 and answer.json()["code"] == "login_known_refused"


def test_it_is_tried_once_by_who_does_not_want_it_twice(
    admin: httpx.Client, tmp_path: Path
) -> None:
    ftp = PyFtpServer(tmp_path)
    wrongly(admin, ftp)
    assert failed(examine(admin, skip_refused_login=True)) == ["login"]
    ftp.stop()  # nothing is asked of it any more: nobody would answer
    answer = examine(admin, skip_refused_login=True)
    assert is_skipped(answer)
    assert answer.json()["refused_at"][:2] == "20"
    # Who asks without that goes there all the same, as the reference's test does.
    assert failed(examine(admin)) == ["connection"]


def test_a_test_and_a_run_are_remembered_as_the_doctor_is(
    admin: httpx.Client, ftp: PyFtpServer, tmp_path: Path
) -> None:
    wrongly(admin, ftp)
    assert admin.post(TEST).json()["cause"] == "login"
    assert is_skipped(examine(admin, skip_refused_login=True))

    (tmp_path / "image").write_bytes(b"pixels")
    configure(admin, ftp_password="wrong too", orthanc_storage_path=str(tmp_path))
    answer = admin.post("/api/sync/sync-now.php")
    assert answer.json()["code"] == "login_refused"
    assert is_skipped(examine(admin, skip_refused_login=True))


def test_another_password_is_tried_and_the_same_one_again_is_not(
    admin: httpx.Client, ftp: PyFtpServer
) -> None:
    wrongly(admin, ftp)
    examine(admin)
    configure(admin, ftp_password="wrong", ftp_path="/sub")
    assert is_skipped(examine(admin, skip_refused_login=True))
    configure(admin, ftp_password=PASSWORD)
    assert failed(examine(admin, skip_refused_login=True)) == []


def test_a_login_that_works_after_all_is_forgiven(
    admin: httpx.Client, ftp: PyFtpServer, server: FarcopyServer
) -> None:
    configure(admin, ftp_host=ftp.host, ftp_port=ftp.port, ftp_username=USER,
              ftp_password=PASSWORD)
    server.query("UPDATE sync_configuration SET login_refused_at = '2026-01-01 00:00:00'")
    assert is_skipped(examine(admin, skip_refused_login=True))
    assert admin.post(TEST).status_code == 200
    assert failed(examine(admin, skip_refused_login=True)) == []


def test_a_run_that_gets_in_forgives_too(
    admin: httpx.Client, ftp: PyFtpServer, server: FarcopyServer, tmp_path: Path
) -> None:
    (tmp_path / "image").write_bytes(b"pixels")
    configure(admin, ftp_host=ftp.host, ftp_port=ftp.port, ftp_username=USER,
              ftp_password=PASSWORD, orthanc_storage_path=str(tmp_path))
    os.utime(tmp_path / "image", (1, 1))  # at rest
    server.query("UPDATE sync_configuration SET login_refused_at = '2026-01-01 00:00:00'")
    assert admin.post("/api/sync/sync-now.php").json()["data"]["files_synced"] == 1
    assert not is_skipped(examine(admin, skip_refused_login=True))


def test_the_wish_is_a_flag_and_nothing_else(admin: httpx.Client) -> None:
    answer = examine(admin, skip_refused_login="yes")
    assert list(answer.json()["fields"]) == ["skip_refused_login"]
