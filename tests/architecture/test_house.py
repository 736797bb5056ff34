"""The house keeps its shape: what the import linter cannot say."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "farcopy"
MODULES = sorted(p for p in SOURCE.rglob("*.py") if "migrations" not in p.parts)


@pytest.mark.parametrize("module", MODULES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_every_module_opens_with_its_one_job(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))


@pytest.mark.parametrize("module", MODULES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_no_file_is_two_rooms(module: Path) -> None:
    # The tree of errors is drawn once: a table, not a room.
    limit = 500 if module.name == "errors.py" else 400
    assert len(module.read_text(encoding="utf-8").splitlines()) <= limit


def test_no_posix_only_name_is_used_unguarded() -> None:
    """Windows lacks these attributes of os; each use stands behind a guard we know."""
    posix_only = {"fork", "getuid", "geteuid", "setsid", "killpg", "mkfifo", "O_DIRECTORY"}
    used = {
        f"{module.relative_to(SOURCE).as_posix()}:{node.attr}"
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and node.attr in posix_only
    }
    # Behind `CAN_OPEN_AT`: Windows has no dir_fd, and takes the other way.
    # refusals says nothing of owners where os.name is not posix.
    assert used == {"sources/descent.py:O_DIRECTORY", "store/refusals.py:geteuid"}


def test_importing_farcopy_starts_no_thread_and_needs_no_django() -> None:
    code = (
        "import sys, threading, farcopy.cli; "
        "assert threading.active_count() == 1; "
        "assert 'django' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_post_changes_is_committed_with_its_entry_of_the_trail() -> None:
    """Each view of a POST calls `changing`, but for those named here."""
    # sync-now: the run's row comes with the entry run.started. The others change nothing.
    without = {"/sync-now.php", "/test-connection.php", "/doctor.php"}
    found = {
        route.args[0].value
        for module in (SOURCE / "web").glob("*.py")
        for view in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(view, ast.FunctionDef)
        for route in view.decorator_list
        if isinstance(route, ast.Call)
        and isinstance(route.func, ast.Attribute)
        and route.func.attr == "post"
        and isinstance(route.args[0], ast.Constant)
        and not any(
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id == "changing"
            for call in ast.walk(view)
        )
    }
    assert found == without
