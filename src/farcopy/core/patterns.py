"""Patterns in gitignore's syntax, read by pathspec: the one place that knows the library.

Which file is hidden is the library's word for each path by itself. So a later `!` also brings
back a file from below a directory that is left out. Pure: no disk is looked at.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial

_MISREAD = re.compile(r"\[[!^]?\[|\[[^\]]*(?:\[[:.=]|--|&&|~~|\|\|)")
"""In brackets: what the library hands to Python's `re` as it is, where it means, or may come to
mean, something else than to git; `[[:digit:]]` among it."""
_TOO_MANY_STARS = re.compile(r"\*{3}|(?:\*[^/*]*){9}")
"""`***` is not read as git does. Each star of a name multiplies the ways to try by its length:
a slip of the finger must not keep a scan busy for hours."""


def is_pattern(text: str) -> bool:
    """Whether it means to us what it means to git. A comment hides nothing, and is fine."""
    # Imported by who has patterns only: a start does not wait for it.
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    if text.startswith("#"):
        return True
    if _MISREAD.search(text) or _TOO_MANY_STARS.search(text):
        return False
    try:
        # None: what git itself lets fall, as blanks, `/` alone, or a bracket that is not closed.
        return GitIgnoreSpecPattern(text).include is not None
    except (ValueError, re.error):
        return False


def hidden_by(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Tells of a path, relative to its root, with forward slashes, whether it is left out.

    The path of a directory ends in a slash.
    """
    from pathspec import GitIgnoreSpec

    # The plainest of its engines, whichever others are installed: the same words mean the same
    # everywhere. No other separators: on POSIX a backslash is a letter of a name.
    spec = GitIgnoreSpec.from_lines(patterns, backend="simple")
    return partial(spec.match_file, separators=())
