"""The documents of this repository, and what stands in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_ELSEWHERE = ("http://", "https://", "mailto:")


def links(document: Path) -> Iterator[str]:
    """Targets within the repository; code blocks hold none."""
    text = _FENCE.sub("", document.read_text(encoding="utf-8"))
    yield from (link for link in _LINK.findall(text) if not link.startswith(_ELSEWHERE))


def anchors(document: Path) -> set[str]:
    """The names a link may end with after '#', as code hosts make them of headings."""
    text = _FENCE.sub("", document.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(text)
    }


def farcopy_calls(document: Path) -> Iterator[list[str]]:
    """The words of each `farcopy …` command in a code block, without `farcopy` itself."""
    for block in _FENCE.findall(document.read_text(encoding="utf-8")):
        joined = re.sub(r"[\\`^]\n\s*", " ", block)
        for line in joined.splitlines():
            call = re.search(r"(?:^|[|;&$>] ?|\bsudo [-\w= /]*)farcopy(?:\.exe)? (?=[a-z-])(.*)",
                             line.strip())
            if call and not line.lstrip().startswith(("#", "farcopy:")):
                yield shlex.split(re.split(r" [|#<>]|;", call.group(1))[0], posix=False)
