"""What the command line shows: a progress bar, a summary, tables. Writes to the terminal only."""

import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from farcopy.core.ledger_errors import LedgerTrouble
from farcopy.core.model import RunSummary
from farcopy.core.states import RunState
from farcopy.saying import printable, say
from farcopy.service import overview
from farcopy.service.answers import unconfirmed_text
from farcopy.service.meter import Meter
from farcopy.service.overview import CurrentSync, StatusView
from farcopy.service.times import shown
from farcopy.store.patience import drop_connection

if TYPE_CHECKING:
    from tqdm import tqdm

    from farcopy.service.doctor import Finding  # it would load all of x509

REFRESH_S = 0.2
RATE_S = 15.0
"""Long enough to be calm among files of all sizes, short enough to follow a slower line."""


class ProgressBar:
    """Follows the run that is on through the database; shows nothing off a terminal.

    The bar counts bytes; its total grows while the scan still finds files.
    """

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._is_shown = stream.isatty()
        self._stream = stream
        self._bar: tqdm[NoReturn] | None = None

    def follow(self, wait: Callable[[float], bool]) -> None:
        """Refresh until it is over; polls, since the run may be another process's.

        wait: waits so many seconds at most, and tells whether it is over.
        """
        while not wait(REFRESH_S):
            if self._is_shown:
                # The run waits for a database that is away; its bar stands still meanwhile.
                try:
                    current = overview.current_sync()
                except LedgerTrouble:
                    drop_connection()
                    continue
                if current is not None:
                    self._show(current)

    def close(self, summary: RunSummary | None = None) -> None:
        if self._bar is None:
            return
        if summary is not None:
            self._bar.total = summary.counts.bytes_due
            self._bar.n = summary.counts.bytes_synced
            self._bar.set_postfix_str(_files(summary.counts.files_synced, summary.counts.files_due))
        self._bar.refresh()
        self._bar.close()

    def _show(self, current: CurrentSync) -> None:
        bar = self._bar
        if bar is None:
            bar = self._bar = _bar_on(
                self._stream, total=current.bytes_due, unit="iB", unit_scale=True,
                unit_divisor=1024, mininterval=0,
            )
        bar.ncols = _columns(self._stream)
        bar.set_description_str(current.phase)
        bar.total = current.bytes_due
        bar.n = min(current.bytes_done, current.bytes_due)
        failed = f", {current.files_failed} failed" if current.files_failed else ""
        bar.set_postfix_str(_files(current.files_done, current.files_due) + failed)
        bar.refresh()


def summary_lines(summary: RunSummary) -> list[str]:
    """What a person wants to know of a finished run."""
    counts = summary.counts
    if summary.state is RunState.SUCCESS and not counts.files_synced:
        head = "Nothing new"
    else:
        head = f"{summary.state.value.capitalize()}: {counts.files_synced} files"
        head += f", {size_text(counts.bytes_synced)}"
    passed_over = f"{counts.files_unchanged} unchanged"
    if counts.files_excluded:
        passed_over += f", {counts.files_excluded} excluded"
    lines = [f"{head} in {summary.duration_s:.1f} s ({passed_over})"]
    if not counts.files_synced and summary.server_seen_at is not None:
        lines[0] += f"; the server was last reached {shown(summary.server_seen_at)}"
    if summary.error_message:
        lines.append(summary.error_message)
    lines.extend(f"  {line}" for line in summary.errors if line != summary.error_message)
    lines.extend(f"warning: {warning}" for warning in summary.warnings)
    return list(map(printable, lines))


def status_lines(view: StatusView) -> list[str]:
    """`farcopy status` for a person."""
    settings = view.configuration.settings
    numbers = view.statistics
    lines = [
        f"{view.health.title}. {view.health.text}",
        f"Service:    {'running' if view.is_service_running else 'not running'}",
        f"Auto-sync:  {f'every {settings.sync_interval} min' if settings.sync_enabled else 'off'}"
        + (f", next {shown(view.next_sync_at)}" if view.next_sync_at else ""),
        f"Last sync:  {shown(view.configuration.last_sync_at) or 'never'}",
        f"In all:     {numbers.total_files_synced} files, "
        f"{size_text(numbers.total_size_synced)} in {numbers.total_syncs} runs "
        f"({numbers.failed_syncs} failed, {numbers.partial_syncs} partial)",
    ]
    stock = view.facts.stock
    if stock.held:
        lines.append(
            f"Proof:      of {stock.held} files off-site {stock.read_back} were read back, "
            f"{stock.hashed} proven by the server's own hash, {stock.sized} by their size only"
        )
    if view.last_verification:
        seen = view.last_verification
        wrong = seen.counts.files_differing + seen.counts.files_missing
        unmended = stock.wrong + stock.lost
        lines.append(
            f"Verified:   {shown(seen.completed_at)}, {seen.counts.files_checked} files checked, "
            f"{wrong} differing or missing; {unmended} found so by any check and not mended yet"
        )
    if view.current:
        now = view.current
        more = "" if now.is_total_known else " found so far"
        lines.append(
            f"Now:        {now.phase}, {now.files_done}/{now.files_due} files{more}, "
            f"{size_text(now.bytes_done)} of {size_text(now.bytes_due)}, "
            f"{size_text(now.bytes_per_s)}/s"
            + (f", {now.files_failed} failed" if now.files_failed else "")
        )
    lines.extend(
        f"{shown(run.started_at)}  {run.sync_type.value:10} {run.status.value:8} "
        f"{run.counts.files_synced:>8} files {size_text(run.counts.bytes_synced):>11}"
        + (f"  {run.error_message}" if run.error_message else "")
        for run in view.history
    )
    lines.extend(f"warning: {warning}" for warning in view.configuration.warnings)
    lines.extend(f"warning: {unconfirmed_text(change)}" for change in view.unconfirmed)
    return list(map(printable, lines))


def finding_lines(finding: "Finding") -> list[str]:
    """A step of the doctor for a person."""
    diagnosis = finding.diagnosis
    mark = {"ok": "ok    ", "caution": "CARE  ", "failed": "FAILED"}[finding.status]
    lines = [f"{mark}  {finding.title} ({finding.result.took_s * 1000:.0f} ms)"]
    lines.extend(f"        {name}: {value}" for name, value in finding.result.seen)
    if diagnosis is not None:
        lines += [f"        {diagnosis.cause}", f"        {diagnosis.action}"]
    return list(map(printable, lines))


def size_text(size_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} B" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} TiB"


def _files(done: int, due: int) -> str:
    return f"{done}/{due} files"


def _bar_on(stream: TextIO, **more: Any) -> "tqdm[NoReturn]":
    # Not imported by who draws nothing: a tenth of the time a start takes.
    from tqdm import tqdm

    size = shutil.get_terminal_size()
    # tqdm's own measure draws nothing on a terminal that does not know its size.
    return tqdm(file=stream, ncols=_columns(stream), nrows=size.lines, **more)


def _columns(stream: TextIO) -> int:
    """Of the terminal the bar is on: standard output may be a file."""
    with suppress(OSError, ValueError):
        if columns := os.get_terminal_size(stream.fileno()).columns:
            return columns
    return shutil.get_terminal_size().columns


class WorkBar(Meter):
    """A meter that draws itself: files and bytes of how many, rate, time left; off a terminal
    nothing.

    Of bytes where there are any to count, else of files.
    """

    def __init__(self, word: str, stream: TextIO = sys.stderr) -> None:
        super().__init__()
        self._word = word
        self._stream = stream
        self._is_shown = stream.isatty()
        self._bar: tqdm[NoReturn] | None = None
        self._seen: deque[tuple[float, int]] = deque([(time.monotonic(), 0)])
        self._next_s = 0.0

    @property
    def is_shown(self) -> bool:
        return self._is_shown

    def changed(self) -> None:
        if self._is_shown and time.monotonic() >= self._next_s:
            self._draw()
            self._next_s = time.monotonic() + REFRESH_S

    def say(self, line: str) -> None:
        """A line on standard output, above the bar. Names are shown without their control signs."""
        if self._bar is not None:
            self._bar.clear()
        say([line])

    def close(self) -> None:
        if self._is_shown and (self._bar is not None or self.files_done):
            self._draw()
        if self._bar is not None:
            self._bar.close()

    def _draw(self) -> None:
        total, done = (self.bytes, self.bytes_done) if self.bytes else (self.files, self.files_done)
        columns = _columns(self._stream)
        rate = self._rate(done)
        text = self._text(rate, (total - done) / rate if rate > 0 else 0.0,
                          columns - len(self._word) - len(" 100%||  "))
        if self._bar is None:
            self._bar = _bar_on(
                self._stream, total=max(total, 1), initial=done, desc=self._word, unit=text,
                mininterval=0, bar_format="{desc} {percentage:3.0f}%|{bar}| {unit}",
            )
        bar = self._bar
        bar.ncols, bar.unit = columns, text
        bar.total = max(total, done, 1)
        bar.n = done
        bar.refresh()

    def _text(self, rate: float, left_s: float, room: int) -> str:
        """room: columns; what is wanted least goes first."""
        files = f"{self.files_done}/{max(self.files, self.files_done)} files"
        parts = [files + " so far" * self.is_growing]
        if left_s > 0:
            parts.append(f"{duration_text(left_s)} left")
        if self.bytes:
            parts.insert(1, _share(self.bytes_done, self.bytes))
            parts.insert(2, f"{size_text(rate)}/s")
        while len(", ".join(parts)) > room and len(parts) > 2:
            parts.pop(2 if len(parts) > 3 else 1)
        return ", ".join(parts)

    def _rate(self, done: int) -> float:
        """A second, over the last RATE_S."""
        now_s = time.monotonic()
        self._seen.append((now_s, done))
        while len(self._seen) > 2 and now_s - self._seen[0][0] > RATE_S:
            self._seen.popleft()
        since_s, before = self._seen[0]
        return (done - before) / (now_s - since_s) if now_s > since_s else 0.0


def _share(done: int, total: int) -> str:
    """`0.2/4.0 GiB`: both in the unit of the whole."""
    whole, unit = size_text(total).split()
    scale = 1024 ** ("B", "KiB", "MiB", "GiB", "TiB").index(unit)
    return f"{done / scale:.{0 if unit == 'B' else 1}f}/{whole} {unit}"


def duration_text(seconds: float) -> str:
    """`4:05`, `3:12:00`: of minutes and more one wants no fractions."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
