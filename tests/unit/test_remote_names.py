"""Names for servers that do not keep all apart: never two in one, and always back."""

import unicodedata
from collections.abc import Callable
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from farcopy.core.errors import LocalName
from farcopy.planning.remote_names import NameRules, Trait
from farcopy.planning.remote_path import decode_name, encode_name

FOLDS: dict[Trait, Callable[[str], str]] = {
    Trait.CASE: lambda name: name.casefold(),
    Trait.ENDS: lambda name: name.rstrip("."),
    Trait.COMPOSES: lambda name: unicodedata.normalize("NFD", name),
    Trait.ASCII: lambda name: name.encode("ascii", "replace").decode(),
    Trait.NTFS: lambda name: "".join("_" if c in '<>:"|?*' else c for c in name).rstrip("."),
    Trait.BLANKS: lambda name: name.replace(" ", "_"),
}
ALL = frozenset(Trait)
NAMES = st.text(
    st.sampled_from("aAbBßẞéÉe\u0301 .:*?%41fF検ſsKk\u212aiIİı"), min_size=1, max_size=8
).filter(lambda name: name.strip("."))


@pytest.mark.parametrize("trait", Trait)
@given(NAMES, NAMES)
@example("Report.txt", "REPORT.TXT")
@example("a", "a.")
@example("M\u00fcller", "Mu\u0308ller")
@example("%41", "A")
@example("%", "%25")
def test_no_two_names_are_one_for_the_server(trait: Trait, one: str, other: str) -> None:
    rules = NameRules(frozenset({trait}))
    folded = [FOLDS[trait](rules.encode(encode_name(name))) for name in (one, other)]
    assert (folded[0] == folded[1]) == (one == other)


@given(NAMES, st.sets(st.sampled_from(list(Trait))))
def test_the_files_own_name_comes_back(name: str, traits: set[Trait]) -> None:
    rules = NameRules(frozenset(traits))
    scanned = encode_name(name)
    found = rules.encode(scanned)
    assert rules.decode(found) == scanned
    assert decode_name(found) == name
    if Trait.CASE in traits:
        assert rules.decode(found.lower()) == scanned


def test_a_name_nobody_minds_stays_as_it_is() -> None:
    rules = NameRules(ALL)
    for name in ("abcd-0123", "report.txt", "a_b", "0a1b2c3d-0000-4000-8000-000000000000"):
        assert rules.encode(name) == name
    path = PurePosixPath("orthanc/0a/1b/Report")
    assert rules.encode_path(path) == PurePosixPath("orthanc/0a/1b/%52eport")


@pytest.mark.parametrize("name", ["con", "nul.txt", "COM1"])
def test_windows_devices_are_no_names(name: str) -> None:
    assert NameRules(frozenset({Trait.NTFS})).encode(name) == f"%{ord(name[0]):02x}{name[1:]}"


def test_what_is_too_long_there_is_refused_by_its_name() -> None:
    rules = NameRules(longest=32)
    assert rules.encode("a" * 32) == "a" * 32
    with pytest.raises(LocalName):
        rules.encode("a" * 33)
    with pytest.raises(LocalName):
        NameRules(frozenset({Trait.ASCII})).encode("\u691c" * 85)


def test_what_is_kept_is_read_again() -> None:
    rules = NameRules(frozenset({Trait.CASE, Trait.ASCII}), 40)
    assert NameRules.from_stored(rules.to_store()) == rules
    for odd in (None, 7, {}, {"traits": ["of tomorrow"], "longest": 0}, {"traits": "case"}):
        assert NameRules.from_stored(odd) is None
