"""How far fetch, verify and rebuild have come, on a real terminal; and who stopped them."""

import os
import re
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from farcopy.service.meter import Meter
from tests.running import (
    FARCOPY,
    SLOW_BYTES,
    WITHIN_S,
    Farcopy,
    SlowFtpServer,
    configure,
    environment,
    pattern,
    rows,
    run_farcopy,
    running,
    slow_ftp_server,
    sync,
    temporaries,
    wait_until,
    write_tree,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
COLUMNS = 160
FILES = {"a": pattern(2 * SLOW_BYTES, "a"), "b": pattern(SLOW_BYTES, "b"), "c": b"small"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SlowFtpServer]:
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, server: SlowFtpServer) -> Path:
    """Three files are on the remote, and known to be."""
    write_tree(tmp_path / "data", FILES)
    configure(tmp_path / "home", server, hospital_data_path=tmp_path / "data")
    assert sync(tmp_path / "home")["files_synced"] == 3
    return tmp_path / "home"


def on_terminal(home: Path, *args: str) -> list[str]:
    """Each line, and each state of a bar, that a verb shows on its terminal."""
    import fcntl
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    seen = bytearray()

    def read() -> None:
        try:
            while block := os.read(ours, 65536):
                seen.extend(block)
        except OSError:  # the other side is closed: EIO
            return

    reader = threading.Thread(target=read)
    process = subprocess.Popen(
        [str(FARCOPY), *args], env=environment(home), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=theirs, start_new_session=True,
    )
    os.close(theirs)
    reader.start()
    try:
        assert process.wait(WITHIN_S) == 0, seen.decode()
    finally:
        process.kill()
        reader.join(WITHIN_S)
        os.close(ours)
    text = re.sub(r"\x1b\[[A-Z]", "", seen.decode())
    return [line for line in re.split(r"[\r\n]+", text) if line.strip()]


def percents(lines: list[str], word: str) -> list[int]:
    found = [re.match(rf"{word} +(\d+)%\|", line) for line in lines]
    return [int(match[1]) for match in found if match]


@pytest.mark.parametrize("verb", ["fetch", "verify"])
def test_files_bytes_percentage_rate_and_time_left_are_shown(
    home: Path, tmp_path: Path, server: SlowFtpServer, verb: str
) -> None:
    server.set_download_rate(SLOW_BYTES // 2)  # in portions of two seconds: pauses enough
    args = ["fetch", "hospital", "--to", str(tmp_path / "to")] if verb == "fetch" else ["verify"]
    word = {"fetch": "fetching", "verify": "verifying"}[verb]

    lines = on_terminal(home, *args)

    shown = percents(lines, word)
    assert shown == sorted(shown)
    assert shown[-1] == 100
    # Bytes of a file in hand count, before any file is done.
    assert any(percents([line], word) > [0] and "| 0/3 files" in line for line in lines), lines
    whole = (rf"{word} +\d+%\|.*\| \d/3 files( so far)?, [\d.]+/351.6 KiB, "
             r"[\d.]+ (KiB|B)/s, \d+:\d\d left$")
    assert any(re.match(whole, line.strip()) for line in lines), lines
    assert "| 3/3 files, 351.6/351.6 KiB" in lines[-1]


def test_sizes_alone_are_counted_in_files(home: Path) -> None:
    last = on_terminal(home, "verify", "--size-only")[-1]
    assert re.match(r"verifying +100%\|.*3/3 files$", last.strip()), last


def test_a_rebuild_counts_the_sources_beside_its_work(home: Path) -> None:
    rows(home, "DELETE FROM transfers")
    rows(home, "DELETE FROM replicas")
    rows(home, "DELETE FROM source_files")

    lines = on_terminal(home, "rebuild", "--read-back")

    assert percents(lines, "rebuilding")[-1] == 100
    assert "| 3/3 files, 351.6/351.6 KiB" in lines[-1]


def test_files_that_only_the_remote_knows_are_found_on_the_way(
    home: Path, tmp_path: Path
) -> None:
    write_tree(tmp_path / "remote/hospital", {"stranger": b"twelve bytes"})
    lines = on_terminal(home, "fetch", "hospital", "--to", str(tmp_path / "to"))
    assert "| 4/4 files, " in lines[-1]


@pytest.mark.parametrize("verb", [["verify"], ["fetch", "hospital", "--to", "{to}"], ["rebuild"]])
def test_off_a_terminal_nothing_is_drawn(home: Path, tmp_path: Path, verb: list[str]) -> None:
    done = run_farcopy(home, *(word.format(to=tmp_path / "to") for word in verb))
    assert (done.returncode, done.stderr) == (0, "")


# --- stopped ---


def stopped(
    home: Path, is_on: Callable[[], object], number: signal.Signals, *args: str
) -> Farcopy:
    with running(home, *args) as farcopy:
        wait_until(is_on)
        farcopy.process.send_signal(number)
        assert farcopy.wait() == 1, farcopy.output
    return farcopy


@pytest.mark.parametrize(
    ("number", "who"),
    [(signal.SIGINT, "you (Ctrl-C)"), (signal.SIGTERM, "a signal (SIGTERM)")],
)
def test_a_fetch_that_is_stopped_says_who_did_it_and_what_is_kept(
    home: Path, tmp_path: Path, server: SlowFtpServer, number: signal.Signals, who: str
) -> None:
    server.set_download_rate(SLOW_BYTES // 8)
    to = tmp_path / "to"

    ended = stopped(home, lambda: list(to.rglob(".farcopy-*")), number,
                    "fetch", "hospital", "--to", str(to))

    assert (f"Stopped by {who} after 0 of at least 3 files; what was fetched stays; "
            "call it again to go on") in ended.output
    assert list(to.rglob(".farcopy-*")) == []


def test_a_verify_that_is_stopped_says_who_did_it(home: Path, server: SlowFtpServer) -> None:
    server.set_download_rate(SLOW_BYTES // 8)
    before = rows(home, "SELECT count(*) FROM verifications")

    ended = stopped(home, lambda: rows(home, "SELECT count(*) FROM verifications") != before,
                    signal.SIGINT, "verify")

    assert "Stopped by you (Ctrl-C) after 0 of 3 files; what was found is written" in ended.output


def test_a_sync_that_is_stopped_says_who_did_it_and_what_is_due(
    home: Path, tmp_path: Path, server: SlowFtpServer
) -> None:
    write_tree(tmp_path / "data", {"long": pattern(100 * SLOW_BYTES, "long")})
    server.set_rate(SLOW_BYTES)
    with running(home, "sync") as farcopy:
        wait_until(lambda: temporaries(tmp_path / "remote"))
        farcopy.process.send_signal(signal.SIGINT)
        wait_until(lambda: rows(home, "SELECT 1 FROM sync_history WHERE status = 'running'"))
        farcopy.process.send_signal(signal.SIGINT)  # and once more: not even this file
        assert farcopy.wait() == 1
    assert ("Stopped by you (Ctrl-C) after 0 of 1 files found so far; what was sent stays, "
            "the rest is due") in farcopy.output


# --- the meter ---


def test_what_moved_twice_is_done_once() -> None:
    meter = Meter()
    meter.expect(1, 100)
    for _ in range(3):  # a connection that was lost, twice
        meter.moved(60)
    assert meter.bytes_done == 100
    meter.settled(100)
    assert (meter.bytes_done, meter.files_done) == (100, 1)


def test_a_total_that_still_grows_is_said_to_be_one() -> None:
    meter = Meter()
    assert meter.words() == "0 files"
    meter.is_growing = True
    meter.expect(400, 0)
    meter.settled(0)
    assert meter.words() == "1 of at least 400 files"
    meter.is_growing = False
    assert meter.words() == "1 of 400 files"
