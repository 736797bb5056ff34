"""Run a command and read what the operating system charged it: wall, CPU, peak memory."""

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FARCOPY = [sys.executable, "-c", "from farcopy.cli import main; main()"]
SAMPLE_S = 0.02


@dataclass(frozen=True)
class Cost:
    """wall_s and cpu_s: seconds; peak_bytes: resident, of the process itself."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    output: str


def run(
    command: Sequence[str],
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    within_s: float | None = None,
) -> Cost:
    """Raises: RuntimeError when the command fails or is killed after within_s: then it has no cost.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, **(env or {})}, stdin=subprocess.PIPE, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    assert process.stdin and process.stdout
    watch = _Watch(process.pid, within_s)
    watch.start()
    try:
        process.stdin.write(stdin)
        process.stdin.close()
        output = process.stdout.read()
    finally:
        watch.is_over.set()
        watch.join()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[-3:]} ended with {process.returncode}: {output[-800:]}")
    # A child's peak counts what its parent had at the fork; below that, the samples say more.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = usage.ru_maxrss if usage.ru_maxrss > own or not watch.peak else watch.peak
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, peak * 1024, output)


class _Watch(threading.Thread):
    """Looks at a child's memory until `is_over`, and kills it when its time is up."""

    def __init__(self, pid: int, within_s: float | None) -> None:
        super().__init__(daemon=True)
        self._status = Path(f"/proc/{pid}/status")
        self._pid = pid
        self._end_s = time.monotonic() + within_s if within_s else None
        self.is_over = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self.is_over.wait(SAMPLE_S):
            if self._end_s and time.monotonic() > self._end_s:
                os.kill(self._pid, 9)
                return
            try:
                words = self._status.read_text().partition("VmHWM:")[2].split()
            except OSError:
                return
            if words:
                self.peak = max(self.peak, int(words[0]))


def farcopy(home: Path, *arguments: str, stdin: str = "") -> Cost:
    return run([*FARCOPY, *arguments], {"FARCOPY_HOME": str(home)}, stdin)
