"""Run a command and read what the operating system charged it: wall, CPU, peak memory."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FARCOPY = [sys.executable, "-c", "from farcopy.cli import main; main()"]


@dataclass(frozen=True)
class Cost:
    """wall_s and cpu_s: seconds; peak_bytes: resident, of the process itself."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    output: str


def run(command: Sequence[str], env: Mapping[str, str] | None = None, stdin: str = "") -> Cost:
    """Raises: RuntimeError when the command fails; a failed run has no cost."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, **(env or {})}, stdin=subprocess.PIPE, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    assert process.stdin and process.stdout
    process.stdin.write(stdin)
    process.stdin.close()
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[-3:]} ended with {process.returncode}: {output[-800:]}")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output)


def farcopy(home: Path, *arguments: str, stdin: str = "") -> Cost:
    return run([*FARCOPY, *arguments], {"FARCOPY_HOME": str(home)}, stdin)
