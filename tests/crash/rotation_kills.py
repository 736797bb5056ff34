"""Kill `farcopy key rotate` with SIGKILL at the lines it executes, and look what is left.

A process that has set farcopy up forks one child to be killed and others to look, for each
line; the home is put back in between. Prints a JSON line for each kill.
`python -m tests.crash.rotation_kills HOME TEMPLATE EVERY`: HOME is FARCOPY_HOME. Killed is at
every line of `rotate` itself, where the steps are, and at each EVERY-th of the others.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

TRACED = ("store/rotation.py", "store/keys.py")
STEPS = "rotate"


def main(home: Path, template: Path, every: int) -> None:
    from farcopy.process import set_up

    _put_back(home, template)
    set_up()
    from django.db import connection

    connection.close()  # no child may share it
    functions = _told_by_child(lambda: {"lines": _rotate()})["lines"]
    for number, function in enumerate(functions):
        if function != STEPS and number % every:
            continue
        _put_back(home, template)
        status = _in_child(lambda number=number: _rotate(number))
        found = {
            "function": function, "signal": os.WTERMSIG(status),
            "files": sorted(path.name for path in home.glob("farcopy.key*")),
        }
        found["left"] = _told_by_child(_look)
        found["finished"] = _told_by_child(_finish)
        print(json.dumps(found), flush=True)


def _put_back(home: Path, template: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(template, home)


def _in_child(work: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1]


def _told_by_child(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    read, write = os.pipe()

    def tell() -> None:
        try:
            told = work()
        except Exception as error:
            told = {"error": repr(error)}
        os.write(write, json.dumps(told).encode())

    _in_child(tell)
    os.close(write)
    with os.fdopen(read) as pipe:
        answer: dict[str, Any] = json.loads(pipe.read() or '{"error": "nothing was told"}')
    return answer


def _rotate(kill_at: int | None = None) -> list[str]:
    """Returns the function of every line executed."""
    from farcopy.store import rotation

    functions: list[str] = []

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.endswith(TRACED):
            return None
        if event == "line":
            if len(functions) == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            functions.append(frame.f_code.co_name)
        return trace

    sys.settrace(trace)
    rotation.rotate()
    sys.settrace(None)
    return functions


def _look() -> dict[str, Any]:
    """What a service that starts now would find, and whether it could go on."""
    from farcopy.store import audit, audit_check, configuration

    audit.record(action="test", details={})
    return {
        "password": configuration.load().settings.ftp_password,
        "problems": [problem.line for problem in audit_check.check().problems],
    }


def _finish() -> dict[str, Any]:
    from farcopy.store import configuration, rotation

    before = configuration.load()
    rotated = rotation.rotate()
    return {**_look(), "was": before.settings.ftp_password, "in_force": rotated.new_id}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
