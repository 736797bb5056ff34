"""Processes of farcopy at the price of a fork: for tests that need hundreds of them.

`Zygote` starts this file as a script, once. It imports farcopy and sets Django up for
one home, then forks a child for every command asked, and the child goes the real way:
`farcopy.cli.main()`. The child's process id comes back at once, for the test to kill.
Imports of farcopy stand in the script's part only: the tree may be another one.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WITHIN_S = 90.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Ended:
    """code: the exit code, -9 after SIGKILL."""

    code: int
    stdout: str
    stderr: str

    def answer(self) -> dict[str, Any]:
        """The object of `sync --json`, with the exit code as "exit"."""
        assert self.stdout.strip(), f"exit {self.code}: {self.stderr[-2000:]}"
        found: dict[str, Any] = json.loads(self.stdout.splitlines()[-1])
        return {**found, "exit": self.code}


@dataclass
class Child:
    """A verb under way. thread: id of the thread that waits to be traced, if one was named."""

    pid: int
    thread: int
    _zygote: "Zygote"
    _ended: Ended | None = None

    def has_ended(self, within_s: float) -> bool:
        if self._ended is None and self._zygote.has_news(within_s):
            self._ended = self._zygote.read_end()
        return self._ended is not None

    def kill(self) -> bool:
        """SIGKILL; whether it came before the end."""
        if not self.has_ended(0):
            # Not yet waited for: the id is still the child's, whether it lives or not.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        return self.wait().code == -signal.SIGKILL

    def wait(self, within_s: float = WITHIN_S) -> Ended:
        assert self.has_ended(within_s), f"farcopy did not end within {within_s} s"
        assert self._ended is not None
        return self._ended


class Zygote:
    """Ready to fork when constructed. environment: all of it; source_tree: instead of ours."""

    def __init__(self, environment: Mapping[str, str], source_tree: Path | None = None) -> None:
        env = dict(environment)
        if source_tree is not None:
            env["PYTHONPATH"] = str(source_tree)
        self._folder = tempfile.TemporaryDirectory(prefix="farcopy-zygote-")
        # -P: this folder's modules must not stand before the standard library's.
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, self._folder.name],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )
        assert self._process.stdout is not None
        self._news = self._process.stdout
        self._unread = b""
        assert self._read() == {"ready": True}

    def start(self, *args: str, traced: str = "") -> Child:
        """Fork a verb. traced: a thread by this name waits, when it begins, for a tracer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"args": args, "traced": traced}).encode() + b"\n")
        self._process.stdin.flush()
        pid = self._read()["pid"]
        return Child(pid, self._read()["thread"] if traced else 0, self)

    def run(self, *args: str) -> Ended:
        return self.start(*args).wait()

    def sync(self) -> dict[str, Any]:
        """`farcopy sync --json` to its end."""
        return self.run("sync", "--json").answer()

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # with the child that is under way
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()
        self._folder.cleanup()

    def has_news(self, within_s: float) -> bool:
        return b"\n" in self._unread or bool(
            select.select([self._news], [], [], within_s)[0]
        )

    def read_end(self) -> Ended:
        code = os.waitstatus_to_exitcode(self._read()["status"])
        texts = [
            Path(self._folder.name, name).read_text(errors="replace") for name in ("out", "err")
        ]
        return Ended(code, *texts)

    def _read(self) -> dict[str, Any]:
        while b"\n" not in self._unread:
            assert self.has_news(WITHIN_S), "the zygote says nothing"
            block = os.read(self._news.fileno(), 65536)
            assert block, "the zygote ended: see its complaint above"
            self._unread += block
        line, _, self._unread = self._unread.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def __enter__(self) -> "Zygote":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# --- the script's part ---


def _die_with_parent() -> None:
    """A service would live on for ever, if the test were killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _tell(**news: object) -> None:
    os.write(1, json.dumps(news).encode() + b"\n")


def _serve(folder: Path) -> None:
    _die_with_parent()
    import farcopy.cli
    import farcopy.process

    farcopy.process.set_up()
    from django.db import connections

    import farcopy.service.background
    import farcopy.service.overview
    import farcopy.terminal

    connections.close_all()  # a connection must not be forked
    _tell(ready=True)
    for line in sys.stdin.buffer:
        command = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(folder, command["args"], command["traced"])
        _tell(pid=child)
        _tell(status=os.waitpid(child, 0)[1])


def _become(folder: Path, args: list[str], traced: str) -> None:
    """The rest of this process's life is one verb of farcopy."""
    _die_with_parent()
    if traced:
        # A copy, for the 1 is the verb's own output from here on.
        news = os.dup(1)
        threading.setprofile(lambda *_: _wait_for_tracer(traced, news))
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["farcopy", *args]
    code = 1
    try:
        from farcopy.cli import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _wait_for_tracer(name: str, news: int) -> None:
    sys.setprofile(None)  # once a thread
    if not threading.current_thread().name.startswith(name):
        return
    threading.setprofile(None)
    thread = threading.get_native_id()
    os.write(news, json.dumps({"thread": thread}).encode() + b"\n")
    status = Path(f"/proc/self/task/{thread}/status")
    deadline = time.monotonic() + 10
    while "TracerPid:\t0\n" in status.read_text() and time.monotonic() < deadline:
        time.sleep(0.001)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
