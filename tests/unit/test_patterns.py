"""Patterns in gitignore's syntax: what they hide, and which are refused."""

import pytest

from farcopy.core.patterns import hidden_by, is_pattern


@pytest.mark.parametrize(("patterns", "hides", "leaves"), [
    (["Thumbs.db"], ["Thumbs.db", "a/b/Thumbs.db", "Thumbs.db/x"], ["thumbs.db", "xThumbs.db"]),
    (["*.tmp"], ["x.tmp", "a/.tmp", "x.tmp/below"], ["x.tmpl", "x.TMP"]),
    (["/x"], ["x", "x/below"], ["a/x"]),
    (["x/"], ["x/f", "a/x/f", "a/x/b/f"], ["x", "a/x"]),
    (["a/x"], ["a/x", "a/x/f"], ["b/a/x", "x"]),
    (["**/x"], ["x", "a/x", "a/b/x"], ["a/xx"]),
    (["a/**"], ["a/f", "a/b/f"], ["a", "b/a/f"]),
    (["a/**/x"], ["a/x", "a/b/x", "a/b/c/x"], ["x", "b/a/x"]),
    (["f?.[0-9]"], ["fa.1"], ["f.1", "fa.x", "fab.1"]),
    (["*", "!keep"], ["x", "a/x"], ["keep", "a/keep"]),
    (["x/", "!x/keep"], ["x/f"], ["x/keep"]),
    (["!x", "x"], ["x"], ["y"]),
    (["# *", "\\#x", "\\!y"], ["#x", "!y"], ["x", "y", "# x"]),
    (["Übersicht*"], ["a/Übersicht 1"], ["a/übersicht 1"]),
    (["caf\\?"], ["caf?"], ["café"]),
    (["b"], [], ["a\\b"]),
    (["a\\\\b"], ["a\\b"], ["a/b"]),
], ids=str)
def test_a_pattern_hides_what_it_hides_from_git(
    patterns: list[str], hides: list[str], leaves: list[str]
) -> None:
    assert all(map(is_pattern, patterns))
    is_hidden = hidden_by(patterns)
    assert [path for path in hides + leaves if is_hidden(path)] == hides


@pytest.mark.parametrize("text", [
    "", " ", "/", "!", "a\\", "[", "[a", "[z-a]", "[]", "![z-a]",
    "[[:digit:]]", "[x[:digit:]]", "x[[a]", "[^[a]", "[a--b]", "[a&&b]",
    "***", "/***/*", "*" * 50 + ".tmp", "x/*a*a*a*a*a*a*a*a*b",
])
def test_what_git_drops_or_the_library_would_misread_is_no_pattern(text: str) -> None:
    assert not is_pattern(text)


@pytest.mark.parametrize("text", ["#", "# why", "[a-z]", "[!a]", "[]]", "a-[b]--[c]", "  x", "**",
                                  "a*b*c*d*e*f*g*h*i/*.*", "\\*\\*\\*"])
def test_comments_ranges_and_blanks_within_are_fine(text: str) -> None:
    assert is_pattern(text)
