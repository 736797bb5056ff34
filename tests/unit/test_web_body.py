"""Strict JSON: what a body may be, and that nothing in one ends in anything but BodyInvalid."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcopy.web.body import MAX_BODY_BYTES, BodyInvalid, is_json_type, parse_object

LEAVES = st.none() | st.booleans() | st.integers() | st.text()
OBJECTS = st.dictionaries(st.text(), LEAVES | st.lists(LEAVES) | st.dictionaries(st.text(), LEAVES))


@given(OBJECTS)
def test_any_object_of_json_is_read_as_it_was_written(value: dict[str, object]) -> None:
    assert parse_object(json.dumps(value).encode()) == value


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_body_invalid(body: bytes) -> None:
    try:
        assert isinstance(parse_object(body), dict)
    except BodyInvalid as problem:
        assert str(problem)


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"[]", b"null", b"1", b'"text"', b"{", b"{}{}", b"{} x", b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": NaN}', b'{"a": Infinity}', b'{"a": -Infinity}', b'{"a": 1e999}',
        b'{"a": 1, "a": 2}', b'{"b": {"a": 1, "a": 1}}', b'{"a": "\xff"}', b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"), b'{"a": "\x00"}', b'{"a": "line\nend"}', b"// no\n{}",
        b'{"a": ' + b"9" * 5000 + b"}", b"[" * 60000, b'{"a":' * 10000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_strict_object_is_refused(body: bytes) -> None:
    with pytest.raises(BodyInvalid):
        parse_object(body)


@pytest.mark.parametrize(("depth", "is_good"), [(20, True), (21, False)])
def test_twenty_levels_pass_and_one_more_does_not(depth: int, is_good: bool) -> None:
    body = (b'{"a":' * depth) + b"1" + b"}" * depth
    if is_good:
        assert parse_object(body)
    else:
        with pytest.raises(BodyInvalid, match="20 levels"):
            parse_object(body)


def test_brackets_within_a_string_are_no_nesting() -> None:
    assert parse_object(b'{"a": "' + b'[{\\"' * 100 + b'"}')


def test_a_lone_surrogate_is_left_to_the_validation_of_the_field() -> None:
    assert parse_object(b'{"a": "\\ud800"}') == {"a": "\ud800"}


@pytest.mark.parametrize("unit", [b'"', b"\\", b'\\"', b"[", b'{"', b"a"])
def test_no_body_takes_long_to_refuse(unit: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(BodyInvalid):
        parse_object((b'{"a": "' + unit * MAX_BODY_BYTES)[:MAX_BODY_BYTES])
    assert time.perf_counter() - started < 1.0


@pytest.mark.parametrize(
    ("content_type", "is_good"),
    [
        ("application/json", True), ("application/json; charset=utf-8", True),
        ('Application/JSON;charset="UTF-8"', True), ("", False), ("text/json", False),
        ("application/json; charset=latin-1", False), ("application/jsonp", False),
        ("application/x-www-form-urlencoded", False), ("text/plain", False),
        ("multipart/form-data; boundary=application/json", False),
    ],
)
def test_only_json_in_utf8_is_a_body_of_ours(content_type: str, is_good: bool) -> None:
    assert is_json_type(content_type) is is_good
