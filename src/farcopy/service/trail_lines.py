"""The audit trail as lines, for a file or syslog: after the commit, in order, none left out.

A thread of the background service looks each second for what is new. How far each sink
is stands in the home; a sink that is down stops nobody, and gets what it missed later.
"""

import contextlib
import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any, Final

from django.db import Error as DatabaseProblem
from django.db import connection

from farcopy.core.errors import FarcopyError
from farcopy.core.syslog import read_target
from farcopy.service.sinks import FileSink, Sink, SyslogSink
from farcopy.settings.environment import Environment
from farcopy.store import trail
from farcopy.store.audit_models import AuditHead
from farcopy.store.refusals import reason
from farcopy.store.trail import Entry

FILE: Final = "audit-lines.json"
EVERY_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
A_BATCH: Final = 500
PLACES_KEPT: Final = 50
"""Of each sink, a batch apart: where to go on when an older copy of the database came back."""
Place = tuple[int, str]
_log = logging.getLogger("farcopy.service")

COLUMNS: Final = (
    "id", "sequence", "created_at", "user_id", "username", "action", "ip_address", "user_agent",
    "response_status", "details", "mac",
)


def values_of(entry: Entry) -> dict[str, object]:
    """As a file of the trail has them; the time is UTC."""
    values = {name: getattr(entry, name) for name in COLUMNS}
    moment = entry.created_at.astimezone(UTC)
    return {**values, "created_at": moment.isoformat(timespec="microseconds"),
            "details": dict(entry.details)}


def json_line(values: Mapping[str, object]) -> str:
    # ensure_ascii: U+2028 and the like cannot break a line.
    return json.dumps(values) + "\n"


def sinks_of(environment: Environment) -> list[Sink]:
    found: list[Sink] = []
    if environment.audit_log is not None:
        found.append(FileSink(environment.audit_log))
    if environment.audit_syslog:
        found.append(SyslogSink(read_target(environment.audit_syslog)))
    return found


class TrailLines:
    """`start` once, `end` once: what was written until then still goes."""

    def __init__(self, environment: Environment) -> None:
        self._sinks = sinks_of(environment)
        self._places = Places(environment.home / FILE)
        self._begins_after: Place | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="farcopy-lines", daemon=True)

    def start(self) -> None:
        with contextlib.suppress(FarcopyError):
            if self._sinks:
                self._begins_after = trail.place_of_last()
            else:
                _note_problem("")
        if self._sinks:
            self._thread.start()

    def end(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        pause_s = EVERY_S
        try:
            is_last = False
            while not is_last:
                is_last = self._ended.wait(pause_s)
                is_well = self.go_on()
                pause_s = EVERY_S if is_well else min(pause_s * 2, LONGEST_PAUSE_S)
        finally:
            for sink in self._sinks:
                sink.close()
            connection.close()

    def go_on(self) -> bool:
        """All that is new, to each sink. False: not everywhere."""
        problems = []
        for sink in self._sinks:
            try:
                while ship(sink, self._places, self._begins_after) == A_BATCH:
                    pass
            except OSError as error:
                self._places.forget(sink.name)  # some of it may have gone: asked again
                problems.append(f"{sink.name}: {reason(error)}")
            except (FarcopyError, DatabaseProblem):
                connection.close()
                return False
        try:
            _note_problem("; ".join(problems))
        except (FarcopyError, DatabaseProblem):
            connection.close()
        return not problems


def ship(sink: Sink, places: "Places", begins_after: Place | None = None) -> int:
    """The next lines; returns how many entries.

    begins_after: where a new sink begins; None: with what comes now. What was before can be
    exported. Raises: OSError, LedgerTrouble.
    """
    head = AuditHead.objects.filter(pk=1).first()
    if head is None:
        return 0
    known = places.of(sink)
    if not known:
        known = [begins_after or trail.place_of_last()]
        sink.write([_about("begun", after=known[0][0])])
        places.note(sink.name, known)
    base = (head.base_sequence, head.base_mac)
    notes = []
    after = known[-1]
    if not _is_there(after, base):
        held = next((place for place in reversed(known) if _is_there(place, base)), base)
        notes.append(_about(
            "removed" if after[0] < base[0] else "went_back", last=after[0], after=held[0]
        ))
        after = held
        known = [place for place in known if place[0] < held[0]] + [held]
    entries = trail.after(after[0], A_BATCH)
    if entries or notes:
        sink.write([*notes, *_lines(entries, after[0])])
        last = entries[-1] if entries else None
        here = (last.sequence or 0, last.mac) if last else after
        places.note(sink.name, [*known, here])
    return len(entries)


def _is_there(place: Place, base: Place) -> bool:
    if place[0] <= base[0]:
        return place == base
    return trail.mac_of(place[0]) == place[1]


def _lines(entries: list[Entry], after: int) -> Iterator[str]:
    for entry in entries:
        number = entry.sequence or 0
        if number != after + 1:
            yield _about("gap", first=after + 1, last=number - 1)
        yield json_line(values_of(entry))
        after = number


def _about(what: str, **numbers: int) -> str:
    """A line about the lines; `sequence` is null, as of no entry."""
    return json_line({"sequence": None, "action": f"audit.lines_{what}", **numbers})


def _note_problem(problem: str) -> None:
    text = problem[:200]
    if AuditHead.objects.exclude(lines_problem=text).update(lines_problem=text):
        _log.warning("audit.lines", extra={"is_well": not text})


class Places:
    """How far each sink is: number and seal of entries it has, the last ones, by sink."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[Place]] = {}

    def of(self, sink: Sink) -> list[Place]:
        if sink.name not in self._known:
            known = self._stored().get(sink.name, [])
            # A crash may have come between the file's last line and our note of it.
            last = sink.last()
            if last is not None and (not known or last[0] > known[-1][0]):
                known = [*known, last]
            self._known[sink.name] = known
        return self._known[sink.name]

    def note(self, name: str, places: list[Place]) -> None:
        """Raises: OSError."""
        self._known[name] = places[-PLACES_KEPT:]
        everything = {**self._stored(), **self._known}
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(everything, file)
        draft.replace(self._path)

    def forget(self, name: str) -> None:
        self._known.pop(name, None)

    def _stored(self) -> dict[str, list[Place]]:
        try:
            found: dict[str, Any] = json.loads(self._path.read_text(encoding="ascii"))
            return {
                name: [(int(number), str(mac)) for number, mac in places]
                for name, places in found.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
