"""What an account may be called: nothing that looks like another's name, or like markup."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcopy.core.account_names import problem_of_name


@pytest.mark.parametrize("name", [
    "boss", "erika.m-2_x@praxis", "Müller", "Łukasz", "иванов", "Παπαδόπουλος", "田中たろう",
    "東京タワー".replace("ー", ""), "김철수", "रवि", "สมชาย", "محمد", "007",
])
def test_names_of_one_script_are_usable(name: str) -> None:
    assert problem_of_name(name) == ""


@pytest.mark.parametrize(("name", "words"), [
    ("<script>", "letters, digits"), ("a b", "letters, digits"), ("a\nb", "letters, digits"),
    ("a/b", "letters, digits"), ("=1+1", "letters, digits"), ("a'", "letters, digits"),
    ("r\u043e\u043et1", "scripts"), ("\u0430dmin", "scripts"), ("b\u03bfss", "scripts"),
    ("bo\u200bss", "letters, digits"), ("boss\u202e", "letters, digits"),
    ("bo\u00adss", "letters, digits"), ("boss\ufe0f", "letters, digits"),
    ("\u1160boss", "letters, digits"), ("김\u1160", "letters, digits"),
    ("x\u0336y", "scripts"), ("bo\u034fss", "letters, digits"),
    ("\uff42oss", "NFKC"), ("Mu\u0308ller", "NFKC"), ("\U0001d41boss", "NFKC"),
    ("\u0661", "letters, digits"), ("..", "a letter or a digit"), ("", "1 to 150"),
    ("x" * 151, "1 to 150"), ("a\ud800", "letters, digits"),
])
def test_what_looks_like_another_name_or_markup_is_refused(name: str, words: str) -> None:
    assert words in problem_of_name(name)


@given(st.text(min_size=1, max_size=20))
def test_a_usable_name_shows_all_of_itself(name: str) -> None:
    if problem_of_name(name) == "":
        assert name.isprintable()
        assert not set(name) & set("<>&\"'/\\ ")
        assert unicodedata.normalize("NFKC", name) == name
