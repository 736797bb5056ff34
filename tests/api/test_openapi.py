"""The OpenAPI document: in step with the code, complete, and what the server really answers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from farcopy.core.config import FIELDS
from farcopy.web.routes import ROUTES
from tests.api.farcopy_server import PASSWORD

COPY = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(COPY.read_text(encoding="utf-8"))
    return made


def test_the_committed_copy_is_in_step_with_the_code(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "farcopy.web.openapi"], capture_output=True, check=True,
        env={**os.environ, "FARCOPY_HOME": str(tmp_path / "home"), "PYTHONIOENCODING": "utf-8"},
    )
    assert json.loads(made.stdout) == json.loads(COPY.read_text(encoding="utf-8")), (
        "write it anew: python -m farcopy.web.openapi > docs/reference/openapi.json"
    )
    assert not (tmp_path / "home").exists()


def test_an_admin_is_shown_the_same_document(
    admin: httpx.Client, document: dict[str, Any]
) -> None:
    answer = admin.get("/api/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == document


def test_every_route_is_in_the_document_and_nothing_else(document: dict[str, Any]) -> None:
    documented = {
        (path, method.upper())
        for path, operations in document["paths"].items() for method in operations
    }
    ours = {(r.path, r.method) for r in ROUTES.values() if r.action != "api.openapi"}
    assert documented == ours


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def test_every_endpoint_tells_its_errors(document: dict[str, Any]) -> None:
    for path, operation in operations(document):
        documented = set(operation["responses"])
        assert {"200", "401", "405", "500"} <= documented or path.endswith("login.php"), path
        if path.startswith(("/api/sync/", "/api/users/")):
            assert "403" in documented, path
        if ROUTES[path].method == "POST":
            assert {"400", "413", "415"} <= documented, path
        assert operation["summary"], path
        assert operation["description"], path
    assert "409" in document["paths"]["/api/sync/sync-now.php"]["post"]["responses"]
    limited = document["paths"]["/api/sync/test-connection.php"]["post"]["responses"]["429"]
    assert "Retry-After" in limited["headers"]


def test_every_field_has_a_description_and_an_example(document: dict[str, Any]) -> None:
    for name, shape in document["components"]["schemas"].items():
        for field, words in shape["properties"].items():
            assert words.get("description"), f"{name}.{field}"
            assert words.get("examples"), f"{name}.{field}"


def test_every_example_fits_its_own_schema(document: dict[str, Any]) -> None:
    for name, shape in document["components"]["schemas"].items():
        for field, words in shape["properties"].items():
            for example in words["examples"]:
                check(example, words, document, f"{name}.{field}")


def check(value: object, schema: dict[str, Any], document: dict[str, Any], where: str) -> None:
    whole = {**schema, "components": document["components"]}
    try:
        jsonschema.validate(value, whole, cls=jsonschema.Draft202012Validator)
    except jsonschema.ValidationError as error:
        raise AssertionError(f"{where}: {error.message}") from None


def test_the_settings_body_is_made_from_the_one_table(document: dict[str, Any]) -> None:
    body = document["paths"]["/api/sync/configure-sync.php"]["post"]["requestBody"]
    properties = body["content"]["application/json"]["schema"]["properties"]
    writable = {name for name, words in properties.items() if not words.get("readOnly")}
    assert writable == {field.name for field in FIELDS}
    assert properties["ftp_port"].items() >= {"type": "integer", "minimum": 1,
                                              "maximum": 65535}.items()
    assert properties["ftp_tls"]["enum"] == ["auto", "required", "off"]


CALLS: list[tuple[str, dict[str, object]]] = [
    ("/api/sync/configure-sync.php", {"json": {}}),
    ("/api/sync/configure-sync.php", {"json": {"ftp_port": 0}}),
    ("/api/sync/configure-sync.php", {"content": b"x"}),
    ("/api/sync/get-config.php", {}),
    ("/api/sync/status.php", {}),
    ("/api/sync/sync-now.php", {}),
    ("/api/sync/test-connection.php", {}),
    ("/api/sync/enable-auto.php", {}),
    ("/api/sync/disable-auto.php", {}),
    ("/api/sync/cancel.php", {}),
    ("/api/sync/runs.php", {}),
    ("/api/sync/runs.php", {"params": {"limit": "x"}}),
    ("/api/sync/run.php", {"params": {"id": "77"}}),
    ("/api/sync/retry.php", {"json": {"run_id": 77}}),
    ("/api/sync/chart.php", {"params": {"days": "30"}}),
    ("/api/sync/sources.php", {}),
    ("/api/sync/doctor.php", {}),
    ("/api/audit/list.php", {}),
    ("/api/audit/list.php", {"params": {"limit": "501", "until": "soon"}}),
    ("/api/audit/export.php", {"params": {"format": "xlsx"}}),
    ("/api/auth/me.php", {}),
    ("/api/auth/login.php", {"json": {"username": "view", "password": PASSWORD}}),
    ("/api/auth/login.php", {"json": {"username": "nobody", "password": "x"}}),
    ("/api/auth/password.php", {"json": {"current_password": "x", "new_password": ""}}),
    ("/api/users/list.php", {}),
    ("/api/users/add.php", {"json": {"username": "view", "role": "viewer"}}),
    ("/api/users/add.php", {"json": {"username": "", "role": "king", "password": 1}}),
    ("/api/users/change.php", {"json": {"username": "view", "role": "viewer"}}),
    ("/api/users/reset-password.php", {"json": {"username": "nobody here"}}),
    ("/api/users/unlock.php", {"json": {"username": "view"}}),
]


@pytest.mark.parametrize(("path", "options"), CALLS, ids=str)
def test_an_answer_fits_its_schema(
    admin: httpx.Client, anonymous: httpx.Client, document: dict[str, Any], fresh_settings: None,
    path: str, options: dict[str, Any],
) -> None:
    method = ROUTES[path].method
    # Signing in as another would end the admin's session, which other tests share.
    client = anonymous if path.endswith("login.php") else admin
    answer = client.request(method, path, **options)
    shapes = document["paths"][path][method.lower()]["responses"]
    shape = shapes[str(answer.status_code)]["content"]["application/json"]["schema"]
    check(answer.json(), shape, document, path)
