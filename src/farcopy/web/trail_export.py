"""Entries of the audit trail as lines of a file: CSV or JSON lines, one line an entry. Pure.

What the file holds is partly callers' own text, and a spreadsheet carries out
a cell that begins with `=`: such cells get an apostrophe before them.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Final

from farcopy.service.trail_lines import COLUMNS, json_line, values_of
from farcopy.store.trail import Entry

CONTENT_TYPES: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
_LINES_A_PIECE: Final = 200
_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def pieces(entries: Iterable[Entry], form: str) -> Iterator[str]:
    """The file, some lines at a time."""
    lines = _csv_lines(entries) if form == "csv" else map(json_line, map(values_of, entries))
    waiting: list[str] = []
    for line in lines:
        waiting.append(line)
        if len(waiting) == _LINES_A_PIECE:
            yield "".join(waiting)
            waiting.clear()
    yield "".join(waiting)


def _csv_lines(entries: Iterable[Entry]) -> Iterator[str]:
    yield ",".join(COLUMNS) + "\r\n"
    for entry in entries:
        values = {**values_of(entry), "details": json.dumps(entry.details, sort_keys=True)}
        line = StringIO()
        csv.writer(line).writerow(_cell(value) for value in values.values())
        yield line.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return "" if value is None else value
    clean = "".join(char if char.isprintable() else "�" for char in value)
    return f"'{clean}" if value.startswith(_BEGINS_A_FORMULA) else clean
