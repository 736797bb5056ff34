"""Lines for the terminal that hold what others have named: cleaned, then printed.

Names, paths and a server's texts go through here and no other way. JSON needs it not: its
own escapes leave nothing but ASCII.
"""

import unicodedata
from collections.abc import Iterable

import click


def printable(line: str) -> str:
    """Without the signs that steer a terminal or turn a line's direction.

    Others may have put them into a name or a reply: escape sequences, C1 controls, bidi
    overrides, what has no width. Blanks of other scripts stay.
    """
    return "".join(
        char if char.isprintable() or unicodedata.category(char) == "Zs" else "\ufffd"
        for char in line
    )


def say(lines: str | Iterable[str], *, err: bool = False) -> None:
    """The one way to the terminal for what others have named: each line cleaned."""
    text = lines if isinstance(lines, str) else "\n".join(map(printable, lines))
    click.echo("\n".join(map(printable, text.split("\n"))), err=err)
