"""Write the generated parts of the documents: `python -m tests.docs.generate`.

Each part stands between two markers and is made from the code it describes;
the tests of this folder fail when a part is not what would be written now.
"""

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from farcopy.cli import cli
from farcopy.core import errors, ledger_errors, state_errors
from farcopy.core.config import FIELDS, Field, SyncSettings
from farcopy.core.states import MOVES
from farcopy.web import refusals
from farcopy.web.refusals import Refusal

ROOT = Path(__file__).resolve().parents[2]
_DEFAULTS = SyncSettings()


def settings_table() -> str:
    rows = [
        (f"`{field.name}`", field.type, _default(field), _bounds(field), _text(field.description))
        for field in FIELDS
    ]
    return _table(("setting", "type", "default", "bounds", "meaning"), rows)


def _default(field: Field) -> str:
    value = getattr(_DEFAULTS, field.name)
    if field.type == "list":
        return f"`{json.dumps(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "`null`" if value is None else f"`{value}`"


def _bounds(field: Field) -> str:
    if field.type == "boolean":
        return ""
    if field.type == "list":
        return (f"at most {field.maximum} of 1 to {field.max_length} characters, "
                f"{field.max_total} in all; never null")
    if field.type == "integer":
        return f"{field.minimum} to {field.maximum}"
    bounds = (
        " or ".join(f"`{choice}`" for choice in field.choices)
        or f"at most {field.max_length} characters"
    )
    return bounds + ("" if field.is_nullable else "; never null")


def error_classes() -> list[type[errors.FarcopyError]]:
    """Those with a code of their own, in the order of core/errors.py; the ledger's last."""
    return [
        cls
        for _, cls in (vars(errors) | vars(ledger_errors) | vars(state_errors)).items()
        if inspect.isclass(cls) and issubclass(cls, errors.FarcopyError) and "code" in vars(cls)
    ]


def errors_table() -> str:
    rows = [
        (
            f"`{cls.code}`",
            cls.scope.value,
            "yes" if cls.is_retryable else "no",
            "yes" if cls.uses_attempt else "no",
            cls.cause_word,
            _text(cls.text),
        )
        for cls in error_classes()
    ]
    head = ("code", "scope", "retryable", "uses an attempt", "cause", "text")
    return _table(head, rows)


def refusals_table() -> str:
    rows = [
        (f"`{refusal.code}`", str(refusal.status), _text(refusal.error))
        for _, refusal in vars(refusals).items()
        if isinstance(refusal, Refusal)
    ]
    return _table(("code", "status", "text"), rows)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every verb with the words it is called by, groups themselves left out."""
    context = click.Context(cli, info_name="farcopy")
    yield from _below("farcopy", cli, context)


def _below(
    name: str, group: click.Group, context: click.Context
) -> Iterator[tuple[str, click.Command]]:
    for word in group.list_commands(context):
        command = group.get_command(context, word)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _below(f"{name} {word}", command, context)
        else:
            yield f"{name} {word}", command


def commands_text() -> str:
    return "\n\n".join(_command_text(name, command) for name, command in commands())


def _command_text(name: str, command: click.Command) -> str:
    arguments = [p.make_metavar(click.Context(command)) for p in command.params
                 if isinstance(p, click.Argument)]
    words = " ".join([name, *arguments])
    lines = [f"### {name}", "", f"`{words}`", "", inspect.cleandoc(command.help or "")]
    rows = [
        (_option_words(option), _option_default(option), _text(option.help or ""))
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
    ]
    if rows:
        lines += ["", _table(("option", "default", "meaning"), rows)]
    return "\n".join(lines)


def _option_words(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.type.name.split()[0].upper()}"
    return f"`{', '.join(option.opts)}{value}`"


def _option_default(option: click.Option) -> str:
    is_given = isinstance(option.default, str | int) and not isinstance(option.default, bool)
    return f"`{option.default}`" if is_given else ""


def moves_drawing() -> str:
    lines = [f"    {state.value} --> {target.value}"
             for state, targets in MOVES.items()
             for target in sorted(targets) if target is not state]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> pending",
                      "    [*] --> skipped", *lines, "```"])


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join(
        f"| {' | '.join(cells)} |" for cells in (head, tuple("---" for _ in head), *rows)
    )


def _text(words: str) -> str:
    # A star begins emphasis, a bar a cell.
    return words.replace("*", "\\*").replace("|", "\\|").replace("<", "&lt;")


GENERATED: dict[str, dict[str, Callable[[], str]]] = {
    "docs/reference/config.md": {"settings": settings_table},
    "docs/reference/errors.md": {"errors": errors_table, "refusals": refusals_table},
    "docs/reference/cli.md": {"commands": commands_text},
    "ARCHITECTURE.md": {"moves": moves_drawing},
}


def with_parts(text: str, parts: dict[str, Callable[[], str]]) -> str:
    """The document with every part made anew. Raises: ValueError when a marker is missing."""
    for name, make in parts.items():
        begin, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
        head, has_begin, rest = text.partition(begin)
        _, has_end, tail = rest.partition(end)
        if not (has_begin and has_end):
            raise ValueError(f"the markers of {name!r} are missing")
        text = f"{head}{begin}{make()}\n{end}{tail}"
    return text


def main() -> None:
    for name, parts in GENERATED.items():
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        path.write_text(with_parts(text, parts), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
