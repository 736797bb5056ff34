"""A new password goes only where its giver has seen it go, or says himself that it goes."""

from collections.abc import Iterator

import httpx
import pytest

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import FarcopyServer, reset_settings, sign_in

CONFIGURE, READ = "/api/sync/configure-sync.php", "/api/sync/get-config.php"
FTP: dict[str, object] = {
    "ftp_host": "ftp.example.org", "ftp_username": "u", "ftp_password": "s3cret",
}
EVIL: dict[str, object] = {**FTP, "ftp_host": "evil.example", "ftp_password": "theirs"}


@pytest.fixture(scope="module")
def server(start_server: ServerFactory) -> FarcopyServer:
    return start_server(verb="web")


@pytest.fixture(scope="module")
def other_name(server: FarcopyServer) -> str:
    return server.add_admin()


@pytest.fixture
def admin(server: FarcopyServer) -> Iterator[httpx.Client]:
    reset_settings(server)
    with server.signed_in() as client:
        yield client


@pytest.fixture
def other(server: FarcopyServer, other_name: str) -> Iterator[httpx.Client]:
    """Another session of an admin; it has read the settings lately."""
    with server.signed_in(other_name) as client:
        yield client


def post(client: httpx.Client, changes: dict[str, object]) -> httpx.Response:
    return client.post(CONFIGURE, json=changes)


def change_after_a_look(client: httpx.Client, changes: dict[str, object]) -> None:
    read(client)
    answer = post(client, changes)
    assert answer.status_code == 200, answer.text


def encrypted(server: FarcopyServer) -> list[tuple[object, ...]]:
    return server.query("SELECT ftp_password_encrypted FROM sync_configuration")


def read(client: httpx.Client) -> dict[str, object]:
    found: dict[str, object] = client.get(READ).json()["data"]["configuration"]
    return found


@pytest.mark.parametrize("theirs", [
    {"ftp_host": "evil.example"}, {"ftp_port": 2121}, {"ftp_username": "x"}, {"ftp_tls": "off"},
    {"ftp_tls_ca": "/evil.pem"}, {"ftp_tls_fingerprint": "ab" * 32},
], ids=lambda change: next(iter(change)))
def test_a_password_alone_is_refused_where_another_session_has_moved_what_it_goes_to(
    server: FarcopyServer, admin: httpx.Client, other: httpx.Client, theirs: dict[str, object]
) -> None:
    assert post(admin, FTP).status_code == 200
    read(admin)
    change_after_a_look(other, {**theirs, "ftp_password": "theirs"})
    before = encrypted(server)

    answer = post(admin, {"ftp_password": "the-real-one"})

    envelope = answer.json()
    assert (answer.status_code, envelope["code"]) == (409, "changed_meanwhile")
    assert set(envelope["fields"]) == set(theirs)
    assert encrypted(server) == before


def test_who_reads_again_or_names_all_of_it_may_give_the_password(
    admin: httpx.Client, other: httpx.Client
) -> None:
    post(admin, FTP)
    change_after_a_look(other, EVIL)
    assert post(admin, {"ftp_password": "new"}).status_code == 409
    whole = {"ftp_host": "ftp.example.org", "ftp_port": 21, "ftp_username": "u"}
    assert post(admin, {**whole, "ftp_password": "new"}).status_code == 200
    change_after_a_look(other, {**EVIL, "ftp_port": 2121})
    assert post(admin, {**FTP, "ftp_password": "new"}).status_code == 409  # the port is theirs
    read(admin)
    assert post(admin, {"ftp_password": "new"}).status_code == 200


def test_a_change_of_ones_own_or_one_that_moves_nothing_is_no_hindrance(
    admin: httpx.Client, other: httpx.Client
) -> None:
    post(admin, FTP)
    assert post(admin, {"ftp_password": "new"}).status_code == 200
    harmless = {"sync_interval": 7, "ftp_path": "/elsewhere", "ftp_tls": "required"}
    change_after_a_look(other, harmless)
    assert post(admin, {"ftp_password": "newer"}).status_code == 200


def test_what_was_set_before_a_session_began_is_no_change_meanwhile(
    server: FarcopyServer, admin: httpx.Client
) -> None:
    """A script that signs in and posts, as the reference's examples do, needs no reading."""
    post(admin, {**FTP, "ftp_port": 2121})
    with server.client() as script:
        sign_in(script, "boss")
        assert post(script, {"ftp_password": "new"}).status_code == 200
        assert post(script, {**FTP, "sync_interval": 120}).status_code == 200
        change_after_a_look(admin, EVIL)
        assert post(script, {"ftp_password": "new"}).status_code == 409


def test_the_mask_and_the_end_of_a_password_send_nothing_and_pass(
    admin: httpx.Client, other: httpx.Client
) -> None:
    post(admin, FTP)
    change_after_a_look(other, EVIL)
    assert post(admin, {"ftp_password": "********", "sync_interval": 9}).status_code == 200
    change_after_a_look(other, {"ftp_host": "evil2.example", "ftp_password": "theirs"})
    assert post(admin, {"ftp_password": None}).status_code == 200


def test_an_answer_that_shows_no_server_is_no_look_at_it(
    admin: httpx.Client, other: httpx.Client
) -> None:
    post(admin, FTP)
    change_after_a_look(other, EVIL)
    assert admin.post("/api/sync/disable-auto.php").status_code == 200
    admin.get("/api/sync/status.php")
    assert post(admin, {"ftp_password": "new"}).status_code == 409
