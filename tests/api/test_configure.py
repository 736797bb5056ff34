"""configure-sync and get-config: every rule of the configuration, seen from outside."""

import json

import httpx
import pytest

from farcopy.core.config import FIELDS, Field
from tests.api.farcopy_server import FarcopyServer

pytestmark = pytest.mark.usefixtures("fresh_settings")
CONFIGURE = "/api/sync/configure-sync.php"
FTP: dict[str, object] = {
    "ftp_host": "ftp.example.org", "ftp_username": "u", "ftp_password": "s3cret",
}
UNSETTABLE = [field.name for field in FIELDS if field.type == "string" and field.is_nullable]


def stored(admin: httpx.Client) -> dict[str, object]:
    answer = admin.get("/api/sync/get-config.php")
    assert answer.status_code == 200, answer.text
    configuration: dict[str, object] = answer.json()["data"]["configuration"]
    return configuration


def post_ascii(admin: httpx.Client, changes: dict[str, object]) -> httpx.Response:
    """httpx's own encoder cannot write half a surrogate pair; as \\ud800 it is plain JSON."""
    return admin.post(
        CONFIGURE, content=json.dumps(changes), headers={"Content-Type": "application/json"}
    )


def refused(admin: httpx.Client, changes: dict[str, object]) -> dict[str, str]:
    """The bad fields of a refusal that stored nothing."""
    before = stored(admin)
    answer = post_ascii(admin, changes)
    assert answer.status_code == 400, answer.text
    envelope = answer.json()
    assert envelope["success"] is False
    assert all(name in envelope["error"] for name in envelope["fields"])
    assert stored(admin) == before
    fields: dict[str, str] = envelope["fields"]
    return fields


def accepted(admin: httpx.Client, changes: dict[str, object]) -> dict[str, object]:
    answer = admin.post(CONFIGURE, json=changes)
    assert answer.status_code == 200, answer.text
    assert answer.json()["message"] == "Sync configuration updated successfully"
    data: dict[str, object] = answer.json()["data"]
    assert data == stored(admin)
    return data


def test_a_fresh_configuration_is_that_of_the_design(admin: httpx.Client) -> None:
    assert stored(admin) == {
        "id": 1, "orthanc_storage_path": None, "hospital_data_path": None,
        "exclude": [], "ftp_host": None,
        "ftp_username": None, "ftp_password": None, "ftp_port": 21, "ftp_path": "/",
        "ftp_passive": True, "ftp_tls": "auto", "ftp_tls_ca": None, "ftp_tls_fingerprint": None,
        "ftp_connections": 8, "ftp_limit_kib_s": 0, "sync_enabled": False, "sync_interval": 120,
        "monitoring_enabled": False, "monitoring_interval": 30, "last_sync_at": None,
        "warnings": [],
    }


def test_the_body_of_the_reference_is_taken_as_it_stands(admin: httpx.Client) -> None:
    body: dict[str, object] = {
        "orthanc_storage_path": "C:\\Orthanc\\OrthancStorage",
        "hospital_data_path": "C:\\HospitalData",
        "ftp_host": "ftp.godaddy.com", "ftp_username": "your-username",
        "ftp_password": "your-password", "ftp_port": 21,
        "ftp_path": "/public_html/dicom_viewer/", "ftp_passive": True, "sync_enabled": False,
        "sync_interval": 120, "monitoring_enabled": False, "monitoring_interval": 30,
    }
    data = accepted(admin, body)
    assert {name: data[name] for name in body} == {**body, "ftp_password": "********"}
    assert any("served to the web" in str(warning) for warning in data["warnings"])  # type: ignore[attr-defined]


def test_what_get_config_answers_can_be_posted_back_whole(admin: httpx.Client) -> None:
    accepted(admin, {
        **FTP, "orthanc_storage_path": "/srv/orthanc", "sync_interval": 7,
        "exclude": ["*.tmp", "!keep,me.tmp", "/Übersicht 2024/"],
    })
    before = stored(admin)
    assert accepted(admin, before) == before


@pytest.mark.parametrize("name", UNSETTABLE)
def test_an_unset_string_reads_as_null_and_null_unsets_it(admin: httpx.Client, name: str) -> None:
    assert stored(admin)[name] is None
    assert accepted(admin, {name: None})[name] is None
    assert accepted(admin, {name: ""})[name] is None


BAD_VALUES: dict[str, list[object]] = {
    "integer": [True, False, "21", 21.0, 21.5, None, [], {}, -1, 10**12, ""],
    "boolean": [0, 1, "true", None, "", []],
    "list": [None, "", "*.tmp", 1, True, {}, {"0": "a"}, [1], [None], [["a"]], [""], ["a", "b\n"],
             ["\ud800"], ["/"], ["[z-a]"], ["x" * 1001], ["x"] * 201, ["x" * 900] * 12],
    "string": [1, True, [], {}, "a\x00b", "a\nb", "a\x7fb", "\ud800", "x" * 5000],
}


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_values_of_another_type_or_out_of_bounds_are_refused(
    admin: httpx.Client, field: Field
) -> None:
    before = stored(admin)
    beyond = [field.minimum - 1, field.maximum + 1] if field.type == "integer" else []
    for value in [*BAD_VALUES[field.type], *beyond]:
        answer = post_ascii(admin, {field.name: value})
        assert answer.status_code == 400, repr(value)
        assert field.name in answer.json()["fields"], repr(value)
        assert field.name in answer.json()["error"], repr(value)
    assert stored(admin) == before


def test_all_bad_fields_are_named_and_none_is_stored(admin: httpx.Client) -> None:
    named = refused(
        admin, {"ftp_port": 0, "sync_interval": "5", "nope": 1, "ftp_path": "/ok", "": 2}
    )
    assert set(named) == {"ftp_port", "sync_interval", "nope", ""}


def test_an_empty_list_leaves_out_nothing(admin: httpx.Client) -> None:
    assert accepted(admin, {"exclude": ["*.tmp"]})["exclude"] == ["*.tmp"]
    assert accepted(admin, {"sync_interval": 9})["exclude"] == ["*.tmp"]
    assert accepted(admin, {"exclude": []})["exclude"] == []


def test_the_longest_list_there_may_be_can_be_posted_back(admin: httpx.Client) -> None:
    before = accepted(admin, {"exclude": ["ä" * 50] * 200})
    assert accepted(admin, before) == before


def test_the_pattern_that_is_none_is_named(admin: httpx.Client) -> None:
    problem = refused(admin, {"exclude": ["*.tmp", "[z-a]"]})["exclude"]
    assert "entry 2" in problem
    assert "[z-a]" in problem


@pytest.mark.parametrize("path", ["..", "/a/../b", "a\\..\\b", "/..", "", None])
def test_ftp_path_may_not_leave_or_be_empty(admin: httpx.Client, path: object) -> None:
    assert set(refused(admin, {"ftp_path": path})) == {"ftp_path"}


@pytest.mark.parametrize("path", ["/", "relative/dir", "/a//b/", "/a b/ä", "/..a/b.."])
def test_ftp_path_is_kept_and_shown_as_given(admin: httpx.Client, path: str) -> None:
    assert accepted(admin, {"ftp_path": path})["ftp_path"] == path


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.0.0.9", "localhost", "ftp.example.org"])
def test_private_and_loopback_hosts_are_fine(admin: httpx.Client, host: str) -> None:
    assert accepted(admin, {**FTP, "ftp_host": host})["ftp_host"] == host


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "fe80::1", "224.0.0.1", "ff02::1", "0.0.0.0", "::",
             "ftp://a", "a/b", "a b", "a:21", "u@a", "-a.example"],
)
def test_other_hosts_are_refused(admin: httpx.Client, host: str) -> None:
    assert "ftp_host" in refused(admin, {**FTP, "ftp_host": host})


def test_a_host_needs_a_user_name(admin: httpx.Client) -> None:
    assert set(refused(admin, {"ftp_host": "ftp.example.org"})) == {"ftp_username"}


def test_automatic_sync_needs_ftp(admin: httpx.Client) -> None:
    assert set(refused(admin, {"sync_enabled": True})) == {"sync_enabled"}
    assert accepted(admin, {**FTP, "sync_enabled": True})["sync_enabled"] is True


@pytest.mark.parametrize(
    ("orthanc", "hospital"),
    [("/data", "/data"), ("/data", "/data/x"), ("/data/x", "/data"), ("C:\\D", "c:\\d\\x")],
)
def test_one_source_inside_the_other_is_refused(
    admin: httpx.Client, orthanc: str, hospital: str
) -> None:
    named = refused(admin, {"orthanc_storage_path": orthanc, "hospital_data_path": hospital})
    assert set(named) == {"hospital_data_path"}


@pytest.mark.parametrize("path", ["/srv/none", "C:\\None", "\\\\server\\share\\none"])
def test_a_source_that_is_not_there_is_taken_with_a_warning(
    admin: httpx.Client, path: str
) -> None:
    data = accepted(admin, {"orthanc_storage_path": path})
    assert any("orthanc_storage_path" in warning for warning in data["warnings"])  # type: ignore[attr-defined]


def test_the_password_is_masked_and_the_mask_keeps_it(
    server: FarcopyServer, admin: httpx.Client
) -> None:
    accepted(admin, FTP)
    (encrypted,) = server.query("SELECT ftp_password_encrypted FROM sync_configuration")[0]
    assert stored(admin)["ftp_password"] == "********"
    accepted(admin, {"ftp_password": "********", "ftp_port": 21, "sync_interval": 9})
    assert server.query("SELECT ftp_password_encrypted FROM sync_configuration") == [(encrypted,)]
    assert "s3cret" not in encrypted
    accepted(admin, {"ftp_password": "another"})
    assert server.query("SELECT ftp_password_encrypted FROM sync_configuration") != [(encrypted,)]


@pytest.mark.parametrize(
    "change",
    [{"ftp_host": "evil.example"}, {"ftp_port": 2121}, {"ftp_username": "x"}, {"ftp_tls": "off"},
     {"ftp_tls_ca": "/evil.pem"}, {"ftp_tls_fingerprint": "ab" * 32}],
    ids=lambda change: next(iter(change)),
)
def test_the_stored_password_is_never_sent_elsewhere(
    admin: httpx.Client, change: dict[str, object]
) -> None:
    accepted(admin, FTP)
    for mask in ({}, {"ftp_password": "********"}):
        answer = admin.post(CONFIGURE, json={**change, **mask})
        assert (answer.status_code, answer.json()["code"]) == (400, "password_required")
    accepted(admin, {**change, "ftp_password": "s3cret"})


def test_a_stronger_tls_and_other_settings_need_no_password(admin: httpx.Client) -> None:
    accepted(admin, FTP)
    accepted(admin, {"ftp_tls": "required", "ftp_path": "/other", "ftp_passive": False})


def test_enable_and_disable_answer_as_the_reference_has_it(admin: httpx.Client) -> None:
    assert admin.post("/api/sync/enable-auto.php").json()["error"] == "FTP not configured"
    accepted(admin, {**FTP, "sync_interval": 240})
    assert admin.post("/api/sync/enable-auto.php").json() == {
        "success": True, "message": "Auto-sync enabled successfully",
        "data": {"sync_enabled": True, "sync_interval": 240},
    }
    assert admin.post("/api/sync/disable-auto.php").json() == {
        "success": True, "message": "Auto-sync disabled successfully",
        "data": {"sync_enabled": False},
    }
