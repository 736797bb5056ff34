"""Keep one daemon: start it, and end its whole process tree, whatever happens.

`Kept` is for the parts. Run as a script, this stands between test and daemon, adopts
the daemon's orphans, and kills them all when the test's process closes its pipe or dies,
by SIGKILL too. Parent-death signals do not do: FTP sessions outlive a killed listener.
Only a SIGKILL of the keeper itself leaves the daemon behind.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h; orphans come to us, not to init
GRACE_S = 10.0  # Orthanc closes its index and PostgreSQL writes a checkpoint in this time
TICK_S = 0.1


class Kept:
    """A daemon under its keeper; `end` and the death of this process both end it all.

    uid: the user the daemon runs as; only root can choose another.
    """

    def __init__(self, argv: Sequence[str | Path], log_file: Path, uid: int | None = None) -> None:
        keeper = [sys.executable, "-I", __file__, "-" if uid is None else str(uid)]
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*keeper, *map(str, argv)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # Ctrl-C in a terminal is for pytest, which then stops us in order.
                start_new_session=True,
                cwd="/",
            )

    def is_alive(self) -> bool:
        """Say whether the daemon runs; its keeper leaves as soon as it does not."""
        return self._process.poll() is None

    def processes(self) -> list[int]:
        """List the keeper's process id, then those of the daemon and its descendants."""
        return [self._process.pid, *descendants(self._process.pid)] if self.is_alive() else []

    def end(self, signal_number: int = signal.SIGTERM) -> None:
        """Signal the daemon, then kill what is left of its tree; return when all is gone."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it may have left by itself
            self._process.stdin.write(b"%d\n" % signal_number)
            self._process.stdin.close()
        self._process.wait(timeout=GRACE_S + 10)


def descendants(pid: int) -> list[int]:
    """List the processes below pid, parents first; zombies are left out."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # The name, in brackets, may hold blanks: fields are counted after it.
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    children.setdefault(int(parent), []).append(int(entry.name))
    found = [pid]
    for known in found:  # grows while it is walked
        found += children.get(known, [])
    return found[1:]


def _reap() -> set[int]:
    reaped = set()
    with contextlib.suppress(ChildProcessError):
        while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            reaped.add(pid)
    return reaped


def _kill_all() -> None:
    # More than one round: a process may fork between the look and the kill.
    while left := descendants(os.getpid()):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap()
        time.sleep(0.005)
    # All are dead now; not every init of a container collects zombies.
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _keep(uid: str, argv: list[str]) -> int:
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    who = {} if uid == "-" else {"user": int(uid), "group": int(uid), "extra_groups": []}
    daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, **who).pid  # type: ignore[call-overload]
    try:
        while daemon not in _reap():
            # The second test is for a pipe that a fork of the test process still holds.
            if select.select([0], [], [], TICK_S)[0] or os.getppid() != parent:
                order = os.read(0, 16) if os.getppid() == parent else b""
                if order and int(order) != signal.SIGKILL:
                    _end_daemon(daemon, int(order))
                return 0
        return 1
    finally:
        _kill_all()


def _end_daemon(daemon: int, signal_number: int) -> None:
    os.kill(daemon, signal_number)
    deadline = time.monotonic() + GRACE_S
    while daemon not in _reap() and time.monotonic() < deadline:
        time.sleep(0.005)


if __name__ == "__main__":
    sys.exit(_keep(sys.argv[1], sys.argv[2:]))
