"""Settings: every rule of the configuration, field by field and between fields."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcopy.core.config import (
    FIELDS,
    SyncSettings,
    apply_changes,
    destination_label,
    is_same_or_inside,
    standing_warnings,
)
from farcopy.core.errors import PasswordRequired, SettingsInvalid

FTP = {"ftp_host": "ftp.example.org", "ftp_username": "u", "ftp_password": "secret"}
CONFIGURED = apply_changes(SyncSettings(), FTP)


def problems(current: SyncSettings, changes: dict[str, object]) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as caught:
        apply_changes(current, changes)
    return caught.value.problems


def test_fresh_settings_are_those_of_the_design() -> None:
    fresh = SyncSettings()
    assert (fresh.ftp_port, fresh.ftp_path, fresh.ftp_passive) == (21, "/", True)
    assert (fresh.sync_enabled, fresh.sync_interval) == (False, 120)
    assert (fresh.monitoring_enabled, fresh.monitoring_interval) == (False, 30)
    assert fresh.ftp_host is fresh.orthanc_storage_path is fresh.ftp_password is None


def test_nothing_asked_changes_nothing() -> None:
    assert apply_changes(CONFIGURED, {}) == CONFIGURED


def test_read_only_fields_of_the_answer_may_be_posted_back() -> None:
    assert apply_changes(CONFIGURED, {"id": 7, "last_sync_at": 1, "warnings": []}) == CONFIGURED


def test_one_bad_field_names_itself_and_so_do_all_others() -> None:
    named = problems(CONFIGURED, {"ftp_port": 0, "sync_interval": "5", "nope": 1, "ftp_path": "/a"})
    assert set(named) == {"ftp_port", "sync_interval", "nope"}


@pytest.mark.parametrize("value", [True, "21", 21.0, None, [21], 0, 65536, -1, 10**30])
def test_a_port_is_a_json_integer_within_bounds(value: object) -> None:
    assert set(problems(CONFIGURED, {"ftp_port": value})) == {"ftp_port"}


@pytest.mark.parametrize("field", ["sync_interval", "monitoring_interval"])
@pytest.mark.parametrize(("value", "is_good"), [(0, False), (1, True), (1440, True), (1441, False)])
def test_intervals_go_from_a_minute_to_a_day(field: str, value: int, is_good: bool) -> None:
    if is_good:
        assert getattr(apply_changes(CONFIGURED, {field: value}), field) == value
    else:
        assert set(problems(CONFIGURED, {field: value})) == {field}


@pytest.mark.parametrize("value", [
    None, "", "*.tmp", 1, ("*.tmp",), [1], [None], [""], ["a\n"], ["/"], ["x" * 1001], ["x"] * 201,
    ["x" * 1000] * 11,
])
def test_a_list_is_of_strings_within_bounds_that_are_patterns(value: object) -> None:
    assert set(problems(CONFIGURED, {"exclude": value})) == {"exclude"}


def test_a_list_is_frozen_in_the_settings_and_shown_as_it_was_given() -> None:
    patterns = ["*.tmp", "# why", "x" * 1000]
    settings = apply_changes(CONFIGURED, {"exclude": patterns})
    assert settings.exclude == tuple(patterns)
    assert settings.shown()["exclude"] == patterns
    assert isinstance(hash(settings), int)
    assert apply_changes(settings, {"exclude": []}) == CONFIGURED


def test_a_long_pattern_that_is_none_is_named_by_its_beginning() -> None:
    problem = problems(CONFIGURED, {"exclude": ["ok", "[" + "x" * 500]})["exclude"]
    assert problem.startswith("entry 2 ")
    assert problem.endswith(f"[{'x' * 59}…")


@pytest.mark.parametrize("value", [1, 0, "true", None])
def test_booleans_are_true_and_false_only(value: object) -> None:
    assert set(problems(CONFIGURED, {"ftp_passive": value})) == {"ftp_passive"}


@pytest.mark.parametrize("char", ["\0", "\n", "\r", "\x1b", "\x7f", "\x85", "\ud800"])
@pytest.mark.parametrize("field", [f.name for f in FIELDS if f.type == "string"])
def test_control_characters_and_surrogates_are_refused_in_every_string(
    field: str, char: str
) -> None:
    assert field in problems(CONFIGURED, {field: f"/a{char}b"})


@pytest.mark.parametrize("host", [
    "ftp.example.org", "localhost", "nas_1", "127.0.0.1", "10.0.0.5", "::1", "192.168.1.9",
    "xn--bcher-kva.example", "a.b.", "FTP.Example.ORG",
])
def test_names_private_and_loopback_addresses_are_hosts(host: str) -> None:
    assert apply_changes(SyncSettings(), {**FTP, "ftp_host": host}).ftp_host == host


@pytest.mark.parametrize("host", [
    "ftp://example.org", "a/b", "a@b", "a b", "a:21", "-a", "a..b", "%61", "fe80::1%eth0",
    "169.254.1.1", "fe80::1", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "::ffff:169.254.169.254",
    "a" * 254, "255.255.255.255",
])
def test_anything_else_is_no_host(host: str) -> None:
    assert set(problems(SyncSettings(), {**FTP, "ftp_host": host})) == {"ftp_host"}


@pytest.mark.parametrize("path", ["", "..", "/a/../b", "a/..", "a\\..\\b"])
def test_ftp_path_must_not_be_empty_or_climb(path: str) -> None:
    assert set(problems(CONFIGURED, {"ftp_path": path})) == {"ftp_path"}


def test_ftp_path_is_kept_as_given() -> None:
    assert apply_changes(CONFIGURED, {"ftp_path": "a//b/"}).ftp_path == "a//b/"


def test_the_user_name_is_required_with_the_host() -> None:
    assert set(problems(SyncSettings(), {"ftp_host": "h"})) == {"ftp_username"}
    assert set(problems(CONFIGURED, {"ftp_username": None})) == {"ftp_username"}


def test_auto_sync_needs_ftp() -> None:
    assert set(problems(SyncSettings(), {"sync_enabled": True})) == {"sync_enabled"}
    on = apply_changes(CONFIGURED, {"sync_enabled": True})
    assert "sync_enabled" in problems(on, {"ftp_host": None})


@pytest.mark.parametrize(("inner", "outer", "expected"), [
    ("/data/a", "/data", True), ("/data", "/data", True), ("/data2", "/data", False),
    ("/data/x/../../b", "/data", False), ("C:\\Data\\A", "c:/data", True),
    ("D:\\Data", "C:\\Data", False), ("\\\\srv\\share\\a", "\\\\srv\\share", True),
    ("/data", "C:\\data", False),
])
def test_one_source_inside_the_other_is_seen_on_both_systems(
    inner: str, outer: str, expected: bool
) -> None:
    assert is_same_or_inside(inner, outer) is expected


def test_one_source_inside_the_other_is_refused() -> None:
    changes: dict[str, object] = {"orthanc_storage_path": "/d", "hospital_data_path": "/d/x"}
    assert set(problems(SyncSettings(), changes)) == {"hospital_data_path"}


def test_what_speaks_against_a_source_is_told_at_its_field() -> None:
    def why_not(path: str) -> str:
        return "" if path.startswith("/data/") else "must lie elsewhere"

    with pytest.raises(SettingsInvalid) as raised:
        apply_changes(SyncSettings(), {"hospital_data_path": "/etc"}, why_not)
    assert raised.value.problems == {"hospital_data_path": "must lie elsewhere"}
    assert apply_changes(SyncSettings(), {"hospital_data_path": "/data/x"}, why_not)


def test_a_relative_source_is_refused() -> None:
    assert set(problems(SyncSettings(), {"hospital_data_path": "data"})) == {"hospital_data_path"}


def test_the_mask_and_silence_keep_the_password() -> None:
    assert apply_changes(CONFIGURED, {"ftp_password": "********"}).ftp_password == "secret"
    assert apply_changes(CONFIGURED, {"sync_interval": 5}).ftp_password == "secret"


@pytest.mark.parametrize("value", [None, ""])
def test_null_and_the_empty_string_remove_the_password(value: str | None) -> None:
    assert apply_changes(CONFIGURED, {"ftp_password": value}).ftp_password is None


@pytest.mark.parametrize("change", [
    {"ftp_host": "other.example.org"}, {"ftp_port": 2121}, {"ftp_username": "v"},
    {"ftp_tls": "off"}, {"ftp_tls_ca": "/ca.pem"}, {"ftp_tls_fingerprint": "ab" * 32},
])
def test_the_stored_password_is_not_sent_elsewhere(change: dict[str, object]) -> None:
    for password in ({}, {"ftp_password": "********"}):
        with pytest.raises(PasswordRequired):
            apply_changes(CONFIGURED, {**change, **password})
    assert apply_changes(CONFIGURED, {**change, "ftp_password": "new"}).ftp_password == "new"


def test_a_stronger_tls_needs_no_password() -> None:
    assert apply_changes(CONFIGURED, {"ftp_tls": "required"}).ftp_tls == "required"


def test_without_a_stored_password_the_host_may_change() -> None:
    without = replace(CONFIGURED, ftp_password=None)
    assert apply_changes(without, {"ftp_host": "b.example.org"}).ftp_host == "b.example.org"


@pytest.mark.parametrize(("host", "label"), [
    ("ftp.godaddy.com", "godaddy"), ("ftps.a.b", "a"), ("sftp.x.org", "x"), ("www.x.org", "x"),
    ("example.org", "example"), ("10.0.0.1", "10.0.0.1"),
    ("::1", "::1"), ("localhost", "localhost"),
    ("ftp", "ftp"),
])
def test_the_destination_is_the_first_label_of_the_host(host: str, label: str) -> None:
    assert destination_label(host) == label


def test_a_web_folder_and_a_plain_line_are_warned_of() -> None:
    settings = replace(CONFIGURED, ftp_path="/public_html/dicom_viewer/", ftp_tls="off")
    text = " ".join(standing_warnings(settings, seen_tls=True))
    assert "served to the web" in text
    assert "not encrypted" in text
    assert standing_warnings(replace(CONFIGURED, ftp_tls="required"), seen_tls=False) == ()


@pytest.mark.parametrize("trust", [{"ftp_tls_ca": "/ca.pem"}, {"ftp_tls_fingerprint": "ab" * 32}])
def test_plain_ftp_is_refused_beside_a_ca_or_a_pinned_certificate(trust: dict[str, str]) -> None:
    plain = replace(CONFIGURED, ftp_tls="off")
    assert "ftp_tls" in problems(plain, {**trust, "ftp_password": "p"})
    pinned = apply_changes(CONFIGURED, {**trust, "ftp_password": "p"})
    assert "ftp_tls" in problems(pinned, {"ftp_tls": "off", "ftp_password": "p"})
    assert standing_warnings(pinned, seen_tls=False) == ()
    # Of before this rule: another setting may be changed, and the connection is encrypted.
    both = replace(pinned, ftp_tls="off")
    assert apply_changes(both, {"sync_interval": 5}).tls_in_force == "required"


def test_the_password_is_not_in_the_repr() -> None:
    assert "secret" not in repr(CONFIGURED)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([f.name for f in FIELDS]) | st.text(), JSON, max_size=5))
def test_any_json_gives_settings_or_named_problems(changes: dict[str, object]) -> None:
    try:
        result = apply_changes(CONFIGURED, changes)
    except SettingsInvalid as error:
        assert error.problems
    else:
        assert isinstance(result, SyncSettings)
