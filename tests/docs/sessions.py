"""The shell sessions that stand in the documents: what is typed, and what is shown for it.

`Shell` types them for real, word for word but for `places`: the paths, ports and hosts that a
test cannot have.
"""

import os
import queue
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

WITHIN_S = 60.0
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^(#+) +(.+?) *$", re.MULTILINE)
_MARK = "--- done"
# What differs from one time to the next, as it stands in the documents.
_MOVING = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    (r"(?<= in )\d+\.\d(?= s)", r"\d+\.\d"),
    (r"\d+(?= bytes$)", r"\d+"),  # of samples that are another package's
    (r"(?<=^Password: )[\w-]+$", r"[\w-]+"),
)
_ASKED_ON_A_TERMINAL = re.compile(r"^Password \(empty: generate one\):$")


@dataclass(frozen=True)
class Typed:
    """A command, and the lines shown for it; None where the document shows none at all."""

    command: str
    shown: tuple[str, ...] | None


def session(document: Path, heading: str) -> list[Typed]:
    """All that is typed in the section of this heading."""
    found = list(_blocks(_section(document.read_text(encoding="utf-8"), heading)))
    assert found, f"nothing is typed below {heading!r} of {document.name}"
    return found


def _section(text: str, heading: str) -> str:
    # Comments of a shell look like headings: they stand in fences.
    bare = re.sub(r"^```.*?^```", lambda found: re.sub("^#", "-", found[0], flags=re.M), text,
                  flags=re.DOTALL | re.MULTILINE)
    headings = list(_HEADING.finditer(bare))
    (start,) = [found for found in headings if found[2] == heading]
    ends = [found.start() for found in headings
            if found.start() > start.start() and len(found[1]) <= len(start[1])]
    return text[start.end() : min(ends, default=len(text))]


def _blocks(section: str) -> Iterator[Typed]:
    for block in _BLOCK.findall(section):
        if block.startswith("$ "):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                # A command goes on where a line ends with a backslash.
                typed = re.match(r"(?:.*\\\n)*.*\n", part)
                assert typed is not None
                shown = part[typed.end() :].strip("\n")
                yield Typed(typed[0].strip(), tuple(shown.splitlines()))
        else:
            for line in re.findall(r"(?:.*\\\n)*.+\n", block):
                yield Typed(line.strip(), None)


class Shell:
    """A bash that keeps its environment from command to command. `stop` ends all it began."""

    def __init__(self, folder: Path, env: Mapping[str, str], places: Mapping[str, str]) -> None:
        self._folder, self._places = folder, places
        self._lines: queue.Queue[str] = queue.Queue()
        self._bash = subprocess.Popen(
            ["bash", "--norc"], cwd=folder, env=dict(env), text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._bash.stdout is not None
        for line in self._bash.stdout:
            self._lines.put(line.rstrip("\n"))

    def stop(self) -> None:
        os.killpg(self._bash.pid, signal.SIGTERM)
        self._bash.wait(WITHIN_S)
        for stream in (self._bash.stdin, self._bash.stdout):
            assert stream is not None
            stream.close()

    def type(self, typed: Typed, *, until: str = "") -> list[str]:
        """Type it and see that it shows what the document says; what it really showed.

        until: it goes on by itself, and is up when it says this.
        """
        command = self._real(typed.command)
        ending = "2>&1 &\n" if until else f"</dev/null\necho '{_MARK}' $?\n"
        assert self._bash.stdin is not None
        self._bash.stdin.write(f"{{\n{command}\n}} {ending}")
        self._bash.stdin.flush()
        shown: list[str] = []
        while True:
            line = self._lines.get(timeout=WITHIN_S)
            before, is_end, code = line.partition(_MARK)  # not all output ends with its line
            if is_end:
                shown += [before] * bool(before)
                break
            shown.append(line)
            if until and until in line:
                break
        told = "".join(f"{line}\n" for line in shown)
        if typed.shown is not None:
            expected = self._pattern(typed.shown)
            assert re.fullmatch(expected, told), (
                f"{typed.command}\n--- shows:\n{told}\n--- the document says:\n"
                + "\n".join(typed.shown)
            )
        else:
            assert until or code.strip() == "0", f"{typed.command}: exit {code}\n{told}"
        return shown

    def _real(self, text: str) -> str:
        for written, real in self._places.items():
            text = text.replace(written, real)
        return text

    def _pattern(self, shown: tuple[str, ...]) -> str:
        lines = []
        for line in shown:
            if _ASKED_ON_A_TERMINAL.match(line):
                continue
            lines.append(r"(?:.*\n)*" if line == "…" else self._line_pattern(line) + "\n")
        return "".join(lines)

    def _line_pattern(self, line: str) -> str:
        moving = [(found.start(), found.end(), pattern)
                  for what, pattern in _MOVING for found in re.finditer(what, line)]
        parts, at = [], 0
        for start, end, pattern in sorted(moving):
            parts += [re.escape(self._real(line[at:start])), pattern]
            at = end
        return "".join(parts) + re.escape(self._real(line[at:]))
