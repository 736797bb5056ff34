"""The documents keep up with the code: each test names what would lag."""

import ast
import inspect
import re
from pathlib import Path

import click
import pytest

from farcopy.cli import cli
from farcopy.core import model
from farcopy.core.states import FileState, RunEnd, RunState, SyncType
from farcopy.ftp.settings import Deadlines
from farcopy.service.stop import GRACE_S
from tests.docs.documents import DOCUMENTS, ROOT, anchors, farcopy_calls, links
from tests.docs.generate import GENERATED, with_parts

GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
CONFIG = (ROOT / "docs/reference/config.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def _shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("name", GENERATED)
def test_generated_parts_are_what_the_code_says(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert text == with_parts(text, GENERATED[name]), "run: python -m tests.docs.generate"


@pytest.mark.parametrize("document", DOCUMENTS, ids=_shown)
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    for link in links(document):
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=_shown)
def test_every_farcopy_command_shown_can_be_typed(document: Path) -> None:
    for words in farcopy_calls(document):
        command: click.Command = cli
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(click.Context(command), words[0])
            assert found is not None, f"farcopy … {words[0]}"
            command, words = found, words[1:]
        known = {name for p in command.get_params(click.Context(command)) for name in p.opts}
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= known | {"--help"}, f"{command.name}: {given - known}"


def test_every_environment_variable_read_stands_in_the_configuration_reference() -> None:
    read = set()
    for module in (ROOT / "src/farcopy/settings").glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and re.fullmatch(
                r"_(plain_)?env\.\w+|_listed|_flag", ast.unparse(node.func)
            ):
                first = node.args[0]
                if isinstance(first, ast.Constant):  # `_listed` hands its own argument on
                    read.add(first.value)
    assert len(read) > 10
    assert {name for name in read if f"`{name}`" not in CONFIG} == set()


def test_every_noun_of_the_model_stands_in_the_glossary() -> None:
    nouns = {
        name for name, cls in vars(model).items()
        if inspect.isclass(cls) and cls.__module__ == model.__name__
    }
    assert {noun for noun in nouns if f"`{noun}`" not in GLOSSARY} == set()


@pytest.mark.parametrize("states", [FileState, RunState, RunEnd, SyncType])
def test_every_state_stands_in_the_architecture(states: type[FileState]) -> None:
    assert {state.value for state in states if f"`{state.value}`" not in ARCHITECTURE} == set()


def test_every_floor_and_module_folder_stands_in_the_architecture() -> None:
    folders = {
        path.name for path in (ROOT / "src/farcopy").iterdir()
        if path.is_dir() and (path / "__init__.py").exists()
    }
    assert {name for name in folders if name not in ARCHITECTURE} == set()


def test_decisions_are_numbered_without_gaps_and_say_context_choice_and_price() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    numbers = [int(path.name[:4]) for path in decisions]
    assert numbers == list(range(1, len(numbers) + 1))
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        for heading in ("## Context", "## Choice", "## Price"):
            assert heading in text, f"{path.name}: {heading}"


def test_the_service_unit_waits_longer_than_a_stop_may_take() -> None:
    unit = (ROOT / "packaging/farcopy.service").read_text(encoding="utf-8")
    seconds = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert seconds is not None
    # The file in hand, its temporary's removal over a session of its own, the web side's end.
    assert int(seconds.group(1)) > GRACE_S + Deadlines().connect_s + 2 * 5


def test_every_code_of_the_sentence_is_explained() -> None:
    source = (ROOT / "src/farcopy/planning/health.py").read_text(encoding="utf-8")
    codes = set(re.findall(r'Level\.\w+, "(\w+)"', source))
    assert len(codes) > 15
    page = (ROOT / "docs/reference/api.md").read_text(encoding="utf-8")
    table = page[page.index("## Health"):page.index("## Verification")]
    assert codes == set(re.findall(r"`(\w+)`", "".join(
        line.split("|")[1] for line in table.splitlines() if line.startswith("| `")
    )))
