"""Fifty thousand characters in any string field are refused, and in no time."""

import time

import httpx
import pytest

from farcopy.core.config import FIELDS_BY_NAME, READ_ONLY
from farcopy.web.routes import ROUTES
from tests.api.farcopy_server import FarcopyServer

LONG = 50_000
FIELDS = [
    (path, name)
    for path, route in ROUTES.items()
    for name in sorted(route.fields - READ_ONLY)
    if name not in FIELDS_BY_NAME or FIELDS_BY_NAME[name].type == "string"
]


@pytest.mark.parametrize("unit", ["a", "a.", "../", "%41", "\\"])
@pytest.mark.parametrize(("path", "name"), FIELDS)
def test_a_value_of_fifty_thousand_characters_is_refused_at_once(
    server: FarcopyServer, admin: httpx.Client, path: str, name: str, unit: str
) -> None:
    value = (unit * LONG)[: LONG // len(unit.encode("unicode_escape"))]
    took: list[float] = []
    for _ in range(3):
        began = time.monotonic()
        answer = admin.post(path, json={name: value})
        took.append(time.monotonic() - began)
        assert answer.status_code == 400
        assert name in answer.json()["fields"]
    assert min(took) < 0.2
