"""Run every check and every test; the one command behind `make test`.

Fetches the servers the tests start, then lint, types, architecture and tests.
With CI=true a skipped test is a failure; elsewhere what was skipped is named
at the end.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKS = {
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "architecture": ["lint-imports"],
}


def main(arguments: list[str]) -> int:
    is_quick = "--quick" in arguments
    pytest_arguments = [argument for argument in arguments if argument != "--quick"]
    python = sys.executable
    if not is_quick:
        _step("parts", [python, "-m", "tests.parts.fetch"])
    failed = [name for name, command in CHECKS.items() if not _step(name, command)]
    where = ["tests/unit", "tests/architecture", "tests/docs"] if is_quick else ["tests"]
    # Three workers on two cores: the tests wait for servers more than they compute. Not the
    # files with most tests first, which is the default: those with few take longest.
    tests = [python, "-m", "pytest", "-q", "-n", "3", "--dist", "loadfile",
             "--no-loadscope-reorder", "--durations", "15", *where]
    if not _step("tests", tests + pytest_arguments):
        failed.append("tests")
    print(f"FAILED: {', '.join(failed)}" if failed else "everything passed")
    return 1 if failed else 0


def _step(name: str, command: list[str]) -> bool:
    print(f"--- {name}", flush=True)
    started = time.monotonic()
    # mypy's Django plugin loads the settings, which make a home: never the user's own.
    environment = {"FARCOPY_HOME": str(ROOT / ".cache" / "checks-home"), **os.environ}
    code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    print(f"--- {name}: {'ok' if code == 0 else f'exit {code}'}"
          f" in {time.monotonic() - started:.0f} s", flush=True)
    return code == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
