"""What an account may be called, so that no name can be taken for another's. Pure.

Asked for new accounts only: who has another name from before keeps it.
"""

import unicodedata
from typing import Final

MAX_USERNAME: Final = 150
_SIGNS: Final = frozenset("0123456789.-_@")
_LETTERS: Final = ("Lu", "Ll", "Lt", "Lo", "Mn", "Mc")
"""With the vowel signs that many scripts write no word without."""
_WRITTEN_TOGETHER: Final = (
    frozenset({"CJK", "HIRAGANA", "KATAKANA"}), frozenset({"CJK", "BOPOMOFO"}),
    frozenset({"CJK", "HANGUL"}),
)
_UNSEEN: Final = ("FILLER", "VARIATION SELECTOR", "INHERENT", "JOINER")
"""Letters and signs by their category, and yet nothing is to be seen of them."""


def problem_of_name(name: str) -> str:
    """What is wrong with the name of a new account; "" when nothing is."""
    if not 0 < len(name) <= MAX_USERNAME:
        return f"the name must have 1 to {MAX_USERNAME} characters"
    if unicodedata.normalize("NFKC", name) != name:
        return "the name must be written in its composed form (NFKC)"
    letters = [char for char in name if char not in _SIGNS]
    if not all(map(_is_letter, letters)):
        return "the name may have letters, digits and . - _ @ only"
    if not any(char.isalnum() for char in name):
        return "the name must have a letter or a digit"
    scripts = frozenset(map(_script, letters))
    if len(scripts) > 1 and not any(scripts <= together for together in _WRITTEN_TOGETHER):
        return "the name must not mix letters of several scripts, which look alike"
    return ""


def _is_letter(char: str) -> bool:
    name = unicodedata.name(char, "")
    return unicodedata.category(char) in _LETTERS and not any(word in name for word in _UNSEEN)


def _script(char: str) -> str:
    """By the first word of its Unicode name: `LATIN SMALL LETTER A`, `CYRILLIC …`.

    The library has no table of scripts; a mark of all scripts is `COMBINING`, and so of none.
    """
    return unicodedata.name(char, "").replace("-", " ").partition(" ")[0]
