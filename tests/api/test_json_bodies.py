"""Bodies over real HTTP: strict JSON where one is given, none where none is needed."""

import gzip

import httpx
import pytest

CONFIGURE = "/api/sync/configure-sync.php"
JSON = {"Content-Type": "application/json"}
NO_FIELDS = [
    "/api/sync/sync-now.php", "/api/sync/test-connection.php", "/api/sync/enable-auto.php",
    "/api/sync/disable-auto.php",
]


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"null", b"true", b'"x"', b"{", b"{]", b'{"ftp_port": NaN}',
        b'{"ftp_port": Infinity}', b'{"ftp_port": 1e999}', b'{"ftp_port": 21, "ftp_port": 22}',
        b'{"ftp_host": "\xff"}', b'{"x": ' + b"[" * 21 + b"]" * 21 + b"}", b"[" * 65000,
        b'{"x": ' + b"[" * 60000, b'{"ftp_port": ' + b"1" * 5000 + b"}", b"\xef\xbb\xbf{}",
        '{"ftp_port": 21}'.encode("utf-16"), b" ", b'{"a": "' + b'\\"' * 30000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_strict_json_object_is_a_bad_request(
    admin: httpx.Client, body: bytes
) -> None:
    answer = admin.post(CONFIGURE, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


def test_a_huge_integer_is_an_ordinary_bad_field(admin: httpx.Client) -> None:
    answer = admin.post(CONFIGURE, content=b'{"ftp_port": ' + b"9" * 4000 + b"}", headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["fields"] == {"ftp_port": "must be between 1 and 65535"}


@pytest.mark.parametrize("headers", [{}, JSON, {"Content-Type": "text/plain"}])
def test_configure_with_an_empty_body_is_a_bad_request(
    admin: httpx.Client, headers: dict[str, str]
) -> None:
    answer = admin.post(CONFIGURE, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "empty_body")


def test_an_empty_object_is_fine_and_changes_nothing(admin: httpx.Client) -> None:
    before = admin.get("/api/sync/get-config.php").json()["data"]["configuration"]
    answer = admin.post(CONFIGURE, json={})
    assert answer.status_code == 200
    assert answer.json()["data"] == before


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/json; charset=iso-8859-1", "application/jsonx"],
)
def test_any_other_content_type_is_unsupported(admin: httpx.Client, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = admin.post(CONFIGURE, content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json", "application/json;charset=UTF-8"])
def test_json_with_or_without_charset_is_taken(admin: httpx.Client, content_type: str) -> None:
    answer = admin.post(CONFIGURE, content=b"{}", headers={"Content-Type": content_type})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", NO_FIELDS)
def test_a_body_where_none_is_needed_must_still_be_json(
    admin: httpx.Client, fresh_settings: None, path: str
) -> None:
    assert admin.post(path, content=b"x").status_code == 415
    assert admin.post(path, content=b"x", headers=JSON).json()["code"] == "invalid_json"
    override = admin.post(path, json={"ftp_host": "evil.example"})
    assert (override.status_code, override.json()["code"]) == (400, "invalid_fields")
    assert "ftp_host" in override.json()["error"]


@pytest.mark.parametrize("path", NO_FIELDS)
@pytest.mark.parametrize(
    "options",
    [{}, {"json": {}}, {"content": b"", "headers": {"Content-Type": "text/plain"}}],
    ids=["nothing", "empty object", "empty with a type"],
)
def test_endpoints_without_fields_work_with_or_without_an_empty_body(
    admin: httpx.Client, fresh_settings: None, path: str, options: dict[str, object]
) -> None:
    answer = admin.post(path, **options)  # type: ignore[arg-type]
    expected = (200, None) if path.endswith("disable-auto.php") else (400, "ftp_not_configured")
    assert (answer.status_code, answer.json().get("code")) == expected


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "br", "identity, GZIP", "?"])
@pytest.mark.parametrize("body", [gzip.compress(b"{}"), b"{}", b""], ids=["gz", "plain", "none"])
def test_a_body_in_another_coding_is_unsupported(
    admin: httpx.Client, coding: str, body: bytes
) -> None:
    answer = admin.post(CONFIGURE, content=body, headers={**JSON, "Content-Encoding": coding})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert answer.json()["success"] is False
    assert answer.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_a_body_said_to_be_as_it_is_passes(admin: httpx.Client, coding: str) -> None:
    headers = {**JSON, "Content-Encoding": coding}
    assert admin.post(CONFIGURE, content=b"{}", headers=headers).status_code == 200
