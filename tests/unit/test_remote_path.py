"""Names become safe remote names and come back."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcopy.core.errors import LocalName
from farcopy.planning.remote_path import (
    decode_name,
    displaced_name,
    encode_name,
    is_too_long,
    parse_temporary,
    remote_path,
    temporary_name,
)

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize("name", [
    "scan 1.dcm", "Ärztin.txt", "[a]*", "-rf", "~x", "100%.txt", "日本",
])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert encode_name(name) == name


@pytest.mark.parametrize(("name", "safe"), [
    ("a\nb", "a%0Ab"), ("a\\b", "a%5Cb"), (" a ", "%20a%20"), ("..", "%2E%2E"), (".", "%2E"),
    ("100%41", "100%2541"), ("\x85", "%C2%85"), ("\udcff", "%FF"), ("..hidden", "..hidden"),
])
def test_dangerous_names_are_encoded(name: str, safe: str) -> None:
    assert encode_name(name) == safe
    assert decode_name(safe) == name


@given(NAMES)
def test_every_name_comes_back(name: str) -> None:
    assert decode_name(encode_name(name)) == name


@given(st.binary(min_size=1, max_size=40))
def test_every_name_of_bytes_comes_back(raw: bytes) -> None:
    name = raw.replace(b"/", b"_").decode("utf-8", "surrogateescape")
    safe = encode_name(name)
    assert decode_name(safe) == name
    # Blanks of whatever script are text; what ends a line is not.
    assert all(not c.isspace() or unicodedata.category(c) == "Zs" for c in safe)
    assert not {"\r", "\n", "\0", "\\"} & set(safe)


@given(NAMES, NAMES)
def test_two_names_never_become_one(one: str, other: str) -> None:
    assert (encode_name(one) == encode_name(other)) == (one == other)


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(LocalName):
        encode_name("a\ud800")


def test_the_remote_path_is_root_and_relative_path() -> None:
    assert str(remote_path("orthanc", "ab/cd/x")) == "orthanc/ab/cd/x"


def test_a_name_over_255_bytes_is_too_long() -> None:
    assert not is_too_long("", "a" * 255)
    assert is_too_long("", "ä" * 128)
    assert is_too_long("d" * 3900, "a")


def test_temporaries_tell_their_replica_and_claim() -> None:
    name = temporary_name(12, 345)
    assert not name.startswith(".")
    assert parse_temporary(name) == (False, 12, 345)
    assert parse_temporary(displaced_name(name)) == (True, 12, 345)
    assert parse_temporary("report.txt") is None
    assert parse_temporary("new-1-2x") is None
