"""Names of a listing on the local disk: the original ones, and none that leads elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcopy.core.errors import LocalName
from farcopy.planning.local_path import local_names, original_name
from farcopy.planning.remote_path import encode_name

NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1
).filter(lambda name: name not in (".", ".."))


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_what_was_encoded_comes_back_under_its_own_name(names: list[str]) -> None:
    remote = "/".join(["orthanc", *map(encode_name, names)])
    assert local_names(remote, is_windows=False) == ("orthanc", *names)


def test_bytes_that_are_no_text_come_back() -> None:
    raw = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert local_names(f"hospital/{encode_name(raw)}", is_windows=False) == ("hospital", raw)


@pytest.mark.parametrize("name", ["a%2Fb", "%2e%2e", "%41", "100%41.dcm"])
def test_codes_farcopy_never_writes_are_taken_as_they_are(name: str) -> None:
    assert original_name(name) == name


@pytest.mark.parametrize(
    "path",
    ["orthanc/../../etc/passwd", "orthanc//etc/passwd", "orthanc/.", "/etc/passwd", "orthanc/",
     "orthanc/a\0b", "orthanc/%2E%2E", "orthanc/%2E"],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(LocalName):
        local_names(path, is_windows=False)


@given(st.text())
def test_no_name_ever_holds_a_separator_or_climbs(text: str) -> None:
    try:
        names = local_names(text, is_windows=False)
    except LocalName:
        return
    assert all(name not in ("", ".", "..") and "/" not in name for name in names)


@pytest.mark.parametrize(
    "name",
    ["..\\x", "C:x", "C:\\x", "a:stream", "con", "NUL.txt", "com1", "COM¹", "lpt9.dcm", "aux .x",
     "end.", "end ", "a<b", 'a"b', "a|b", "a?b", "a*b", "%5C..%5Cx", "a%01b"],
)
def test_what_windows_takes_for_something_else_is_refused_there(name: str) -> None:
    with pytest.raises(LocalName):
        local_names(f"orthanc/{name}", is_windows=True)


def test_a_code_of_a_nul_is_refused() -> None:
    with pytest.raises(LocalName):
        local_names("orthanc/%00", is_windows=False)
