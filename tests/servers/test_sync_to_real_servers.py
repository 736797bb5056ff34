"""`farcopy sync` against vsftpd, ProFTPD and Pure-FTPd: what arrives, and what goes wrong how."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.parts.fixtures import FtpPlace, FtpServerFactory, make_ftp_place
from tests.parts.ftp_servers import FTP_UID, KINDS, Kind, start_ftp_server, why_not
from tests.parts.scratch import free_port, open_folder
from tests.running import (
    SLOW_BYTES,
    SLOW_BYTES_PER_S,
    FinalNamesWatch,
    age,
    arrived,
    configure,
    ended_sync,
    pattern,
    read_tree,
    relay,
    rows,
    run_farcopy,
    running,
    runs,
    sent_in_run,
    slow_ftp_server,
    states,
    sync,
    temporaries,
    wait_until,
    write_tree,
)

each_kind = pytest.mark.parametrize("kind", KINDS)
# A rate for each connection in each server's own words; LARGE takes one to two seconds.
LARGE = 1_000_000
SLOW: dict[Kind, list[str]] = {
    "vsftpd": ["local_max_rate=600000"],
    "proftpd": ["TransferRate STOR 600"],
    "pure-ftpd": ["-T 400:400"],  # it also holds each file back for a quarter of a second
}


@dataclass
class Site:
    """Two sources, a home, and the folder on a server they go to."""

    orthanc: Path
    hospital: Path
    home: Path
    place: FtpPlace

    def configure(self, **settings: object) -> None:
        configure(
            self.home,
            self.place,
            self.place.ftp_path,
            orthanc_storage_path=self.orthanc,
            hospital_data_path=self.hospital,
            **settings,
        )

    def expected(self) -> dict[str, bytes]:
        """What lies in the sources now, by its name on the remote."""
        return {
            f"{root.name}/{name}": content
            for root in (self.orthanc, self.hospital)
            if root.is_dir()
            for name, content in read_tree(root).items()
        }

    def arrived(self) -> dict[str, bytes]:
        return arrived(self.place.root)

    def sync(self) -> dict[str, Any]:
        """A run; whatever becomes of it, nothing of a temporary is left."""
        answer = sync(self.home)
        assert temporaries(self.place.root) == []
        return answer

    def sent(self, answer: dict[str, Any]) -> list[str]:
        return sent_in_run(self.home, answer["run_id"])


def make_site(tmp_path: Path, place: FtpPlace) -> Site:
    site = Site(tmp_path / "orthanc", tmp_path / "hospital", tmp_path / "home", place)
    write_tree(site.orthanc, {f"{n:02x}/ab/{n:04}": pattern(2000 + n, n) for n in range(20)})
    write_tree(
        site.hospital,
        {
            "top": b"top",
            "empty": b"",
            "reports/2026/jan/report 1.txt": b"one",
            "reports/2026/Ärzte/Übersicht.txt": b"zwei",
            "-a": b"looks like an option",
            "[1] #x.dcm": b"looks like a pattern",
        },
    )
    return site


@pytest.fixture
def site(tmp_path: Path, real_ftp_server: FtpPlace) -> Site:
    """On each of the three servers in turn."""
    site = make_site(tmp_path, real_ftp_server)
    site.configure()
    return site


@pytest.fixture(scope="module")
def _one_server(ftp_server_factory: FtpServerFactory) -> FtpPlace:
    return make_ftp_place(ftp_server_factory("vsftpd"))


@pytest.fixture
def one_site(tmp_path: Path, _one_server: FtpPlace) -> Site:
    """On one server, for what is the source's matter and no server's."""
    site = make_site(tmp_path, make_ftp_place(_one_server.server))
    site.configure()
    return site


def codes(site: Site) -> list[str]:
    return [row[0] for row in rows(site.home, "SELECT error_code FROM sync_history ORDER BY id")]


# --- what arrives ---


def test_both_roots_arrive_with_their_relative_structure(site: Site) -> None:
    answer = site.sync()

    assert (answer["exit"], answer["status"]) == (0, "success")
    assert site.arrived() == site.expected()
    assert answer["files_synced"] == len(site.expected()) == 26


def test_after_the_first_run_only_changed_and_new_files_are_sent(site: Site) -> None:
    site.sync()
    sent_before = (site.place.root / "orthanc/00/ab/0000").stat()
    age(site.orthanc / "00/ab/0000", by_s=60)  # touched, its content is the same
    (site.orthanc / "01/ab/0001").write_bytes(pattern(2001, "same size, other content"))
    (site.hospital / "top").write_bytes(b"another size")
    write_tree(site.hospital, {"reports/2027/new": b"new"})

    answer = site.sync()

    assert site.sent(answer) == ["hospital/reports/2027/new", "hospital/top", "orthanc/01/ab/0001"]
    assert site.arrived() == site.expected()
    sent_after = (site.place.root / "orthanc/00/ab/0000").stat()
    assert (sent_after.st_ino, sent_after.st_mtime) == (sent_before.st_ino, sent_before.st_mtime)
    assert site.sync()["message"] == "No new files to sync"


def test_what_the_host_can_do_is_kept_for_the_next_run(
    tmp_path: Path, real_ftp_server: FtpPlace
) -> None:
    site = make_site(tmp_path, real_ftp_server)
    configure(site.home, site.place, site.place.ftp_path, orthanc_storage_path=site.orthanc)

    assert site.sync()["exit"] == 0

    ((profile,),) = rows(site.home, "SELECT profile FROM destinations")
    kept = json.loads(profile)
    assert kept["answers_in_order"] is True
    assert kept["most_connections"] >= 1


# --- what goes wrong at the server ---


@each_kind
def test_a_server_that_lets_in_three_gets_three_and_the_next_run_asks_for_no_more(
    kind: Kind, tmp_path: Path, ftp_server_factory: FtpServerFactory
) -> None:
    server = ftp_server_factory(kind, max_connections_per_ip=3)
    site = make_site(tmp_path, make_ftp_place(server))
    write_tree(site.hospital, {f"many/{n}": pattern(500, n) for n in range(300)})
    with relay(site.place) as between:
        configure(
            site.home, between, site.place.ftp_path,
            orthanc_storage_path=site.orthanc, hospital_data_path=site.hospital,
        )
        answer = site.sync()

        assert (answer["exit"], answer["status"]) == (0, "success"), answer
        assert site.arrived() == site.expected()
        assert between.connections > 3
        (profile,) = rows(site.home, "SELECT profile FROM destinations")[0]
        assert json.loads(profile)["connection_limit"] == 3

        write_tree(site.hospital, {f"more/{n}": pattern(500, n) for n in range(300)})
        before = between.connections
        assert site.sync()["exit"] == 0

    assert between.connections - before <= 3 + 1  # after them, the audit trail's mark
    assert site.arrived() == site.expected()
    server.stop()


def test_a_wrong_password_is_tried_once_and_named(
    tmp_path: Path, real_ftp_server: FtpPlace
) -> None:
    site = make_site(tmp_path, real_ftp_server)
    with relay(site.place) as between:
        configure(
            site.home, between, site.place.ftp_path,
            orthanc_storage_path=site.orthanc, ftp_password="wrong",
        )

        answer = site.sync()

    assert (answer["exit"], answer["status"], answer["files_synced"]) == (1, "failed", 0)
    assert codes(site) == ["login_refused"]
    assert "the FTP server refused the login" in answer["errors"][0]
    # Hosts ban an address after a handful of these: 26 files, 8 connections, one attempt.
    assert between.commands.count("PASS") == 1
    assert site.arrived() == {}


@pytest.mark.parametrize(
    ("host", "code"), [("127.0.0.1", "connect_failed"), ("nobody.invalid", "dns_failed")]
)
def test_a_host_that_cannot_be_reached_is_named(one_site: Site, host: str, code: str) -> None:
    done = run_farcopy(
        one_site.home, "configure", "--ftp-host", host, "--ftp-port", str(free_port()),
        "--ftp-password-stdin", stdin="x\n",
    )
    assert done.returncode == 0

    answer = one_site.sync()

    assert (answer["exit"], answer["status"]) == (1, "failed")
    assert codes(one_site) == [code]
    assert "ftp_host" in answer["errors"][0]


def test_a_read_only_remote_is_named_and_nothing_is_sent(site: Site) -> None:
    os.chown(site.place.root, 0, 0)
    site.place.root.chmod(0o555)

    answer = site.sync()

    assert (answer["exit"], answer["status"], answer["files_synced"]) == (1, "failed", 0)
    assert codes(site) == ["remote_read_only"]
    assert "may not be written to" in answer["errors"][0]
    assert site.arrived() == {}


@pytest.fixture
def small_disk(request: pytest.FixtureRequest) -> Iterator[tuple[FtpPlace, Callable[[str], None]]]:
    """A place on a disk of 1 MiB, and a way to make that disk larger."""
    kind: Kind = request.param
    if reason := why_not(kind):
        pytest.skip(reason)
    folder = open_folder()
    home = folder / "home"
    home.mkdir()
    # Before the server: it lives in a mount namespace of its own from its start.
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size=1m,uid={FTP_UID},gid={FTP_UID}", "tmpfs", str(home)],
        capture_output=True, text=True, check=False,
    )
    if mounted.returncode:
        shutil.rmtree(folder)
        pytest.skip(f"mounting is not permitted here: {mounted.stderr.strip()}")

    def resize(size: str) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(home)], check=True)

    server = start_ftp_server(kind, folder)
    try:
        yield make_ftp_place(server), resize
    finally:
        server.stop()
        subprocess.run(["umount", str(home)], check=True)
        shutil.rmtree(folder)


@pytest.mark.parametrize("small_disk", KINDS, indirect=True)
def test_a_full_remote_ends_the_run_with_nothing_half_and_goes_on_when_there_is_room(
    tmp_path: Path, small_disk: tuple[FtpPlace, Callable[[str], None]]
) -> None:
    place, resize = small_disk
    site = make_site(tmp_path, place)
    write_tree(site.orthanc, {f"ff/ff/{n}": pattern(300_000, n) for n in range(6)})
    site.configure(ftp_connections=2)
    expected = site.expected()

    answer = site.sync()

    assert answer["exit"] in (1, 3)
    assert codes(site) == ["remote_full"], answer
    assert "the remote is full" in answer["errors"][0]
    there = site.arrived()
    assert {name: expected[name] for name in there} == there
    assert len(there) == answer["files_synced"] < len(expected)

    resize("20m")

    assert site.sync()["exit"] == 0
    assert site.arrived() == expected


@each_kind
def test_a_server_killed_in_mid_run_leaves_nothing_half_and_the_next_run_completes(
    kind: Kind, tmp_path: Path, ftp_server_factory: FtpServerFactory
) -> None:
    site = slow_site(tmp_path, make_ftp_place(ftp_server_factory(kind, options=SLOW[kind])))

    with FinalNamesWatch(site.place.root, site.expected()) as watch:
        with running(site.home, "sync", "--json") as farcopy:
            wait_until(lambda: is_in_the_middle(site))
            site.place.server.kill()
            farcopy.wait()
        held = recorded(site)
        assert held <= set(site.arrived()) < set(site.expected())
        assert runs(site.home) == [("manual", "partial", len(held))]
        assert codes(site) == ["connect_failed"]

        site.place.server.restart()
        answer = site.sync()

    assert watch.wrong == []
    assert (answer["exit"], answer["status"]) == (0, "success")
    assert site.arrived() == site.expected()
    assert not held & set(site.sent(answer))  # what was recorded is not sent again
    site.place.server.stop()


@each_kind
def test_farcopy_killed_in_mid_run_leaves_nothing_half_and_the_next_run_completes(
    kind: Kind, tmp_path: Path, ftp_server_factory: FtpServerFactory
) -> None:
    site = slow_site(tmp_path, make_ftp_place(ftp_server_factory(kind, options=SLOW[kind])))

    with FinalNamesWatch(site.place.root, site.expected()) as watch:
        with running(site.home, "sync") as farcopy:
            wait_until(lambda: is_in_the_middle(site))
            farcopy.kill()
        assert len(temporaries(site.place.root)) >= 1
        held = recorded(site)
        assert held <= set(site.arrived()) < set(site.expected())

        answer = site.sync()

    assert watch.wrong == []
    assert (answer["exit"], answer["status"]) == (0, "success")
    assert site.arrived() == site.expected()
    assert not held & set(site.sent(answer))  # what was recorded is not sent again
    assert [status for _, status, _ in runs(site.home)] == ["failed", "success"]
    assert codes(site) == ["crashed", ""]
    site.place.server.stop()


def slow_site(tmp_path: Path, place: FtpPlace) -> Site:
    """Small files, gone in no time, and a large one in a batch of its own."""
    site = Site(tmp_path / "orthanc", tmp_path / "hospital", tmp_path / "home", place)
    write_tree(site.orthanc, {f"{n:02x}/ab/{n:04}": pattern(2000 + n, n) for n in range(16)})
    write_tree(site.hospital, {"large": pattern(LARGE, "large")})
    site.configure(ftp_connections=3)
    return site


def is_in_the_middle(site: Site) -> bool:
    """Some files are recorded as stored, and the large one is on the line."""
    if not (site.home / "farcopy.sqlite3").exists() or len(recorded(site)) < 3:
        return False
    with contextlib.suppress(FileNotFoundError):
        files = list(site.place.root.glob("farcopy-tmp-*/*"))
        return any(10_000 < file.stat().st_size < LARGE for file in files)
    return False


def recorded(site: Site) -> set[str]:
    return {name for name, state in states(site.home).items() if state in ("stored", "verified")}


# --- what goes wrong at the source ---


def test_an_unreadable_file_is_named_and_the_others_are_sent(one_site: Site) -> None:
    unreadable = one_site.hospital / "reports/2026/jan/report 1.txt"
    unreadable.chmod(0o000)
    # Root reads everything by two capabilities; without them it is its own files' mere owner.
    powers = "-dac_override,-dac_read_search"

    def sync_without_powers() -> dict[str, Any]:
        dropped = ["setpriv", "--bounding-set", powers, "--inh-caps", powers]
        before = dropped if os.geteuid() == 0 else []
        return ended_sync(run_farcopy(one_site.home, "sync", "--json", before=before))

    answer = sync_without_powers()

    assert (answer["exit"], answer["status"]) == (3, "partial")
    assert [line for line in answer["errors"] if "report 1.txt" in line]
    unreadable.chmod(0o600)
    expected = one_site.expected()
    assert set(expected) - set(one_site.arrived()) == {"hospital/reports/2026/jan/report 1.txt"}

    answer = sync_without_powers()

    assert answer["exit"] == 0
    assert one_site.sent(answer) == ["hospital/reports/2026/jan/report 1.txt"]
    assert one_site.arrived() == expected


def test_an_unreadable_directory_is_named_and_nothing_in_it_taken_for_gone(one_site: Site) -> None:
    one_site.sync()
    directory = one_site.hospital / "reports"
    directory.chmod(0o000)
    write_tree(one_site.hospital, {"new": b"new"})
    powers = "-dac_override,-dac_read_search"
    before = ["setpriv", "--bounding-set", powers, "--inh-caps", powers]

    answer = ended_sync(
        run_farcopy(one_site.home, "sync", "--json", before=before if os.geteuid() == 0 else [])
    )

    assert (answer["exit"], answer["status"]) == (3, "partial")
    assert [line for line in answer["errors"] if "reports" in line]
    assert "vanished" not in states(one_site.home).values()
    directory.chmod(0o700)
    assert one_site.sync()["message"] == "No new files to sync"


def test_with_one_root_missing_the_other_is_still_sent_and_the_run_is_partial(
    one_site: Site,
) -> None:
    away = one_site.orthanc.rename(one_site.orthanc.with_name("away"))

    answer = one_site.sync()

    assert (answer["exit"], answer["status"]) == (3, "partial")
    assert one_site.arrived() == one_site.expected()  # the hospital's
    assert [line for line in answer["errors"] if "orthanc" in line]

    answer = one_site.sync()

    assert (answer["exit"], answer["status"]) == (1, "failed")  # nothing was stored this time

    away.rename(one_site.orthanc)

    assert one_site.sync()["exit"] == 0
    assert one_site.arrived() == one_site.expected()


@pytest.mark.parametrize("how", ["empty", "absent"])
def test_an_empty_or_absent_root_is_never_taken_for_deletions(one_site: Site, how: str) -> None:
    one_site.sync()
    before, states_before = one_site.arrived(), states(one_site.home)
    away = one_site.orthanc.rename(one_site.orthanc.with_name("away"))
    if how == "empty":  # as a disk that is not mounted looks
        one_site.orthanc.mkdir()

    answer = one_site.sync()

    assert (answer["exit"], answer["status"]) == (1, "failed")
    assert one_site.arrived() == before
    assert states(one_site.home) == states_before

    shutil.rmtree(one_site.orthanc, ignore_errors=True)
    away.rename(one_site.orthanc)
    assert one_site.sync()["message"] == "No new files to sync"


def test_a_file_that_vanished_keeps_its_remote_copy_and_is_no_failure(one_site: Site) -> None:
    one_site.sync()
    before = one_site.arrived()
    (one_site.hospital / "top").unlink()
    shutil.rmtree(one_site.orthanc / "00")

    answer = one_site.sync()

    assert (answer["exit"], answer["status"], answer["files_synced"]) == (0, "success", 0)
    assert one_site.arrived() == before
    gone = {name for name, state in states(one_site.home).items() if state == "vanished"}
    assert gone == {"hospital/top", "orthanc/00/ab/0000"}

    write_tree(one_site.hospital, {"top": b"top"})  # it comes back as it was

    answer = one_site.sync()

    assert answer["files_synced"] == 0
    assert states(one_site.home)["hospital/top"] == "stored"


def test_a_file_that_vanishes_in_mid_run_is_no_failure(tmp_path: Path) -> None:
    data, home, remote = tmp_path / "data", tmp_path / "home", tmp_path / "remote"
    # One connection, and folders come after what they lie in: b's turn comes after a's.
    # Large enough that the server's throttle bites: it sleeps between reads, a second apart.
    write_tree(data, {"a": pattern(4_000_000, "a"), "in/b": b"b", "c": b"c"})
    with slow_ftp_server(remote, 1_000_000) as server:
        configure(home, server, hospital_data_path=data, ftp_connections=1)
        with running(home, "sync", "--json") as farcopy:
            wait_until(lambda: temporaries(remote))
            (data / "in/b").unlink()
            code = farcopy.wait()

    assert code == 0
    assert set(arrived(remote)) == {"hospital/a", "hospital/c"}
    assert states(home)["hospital/in/b"] == "vanished"
    assert runs(home) == [("manual", "success", 2)]


def test_a_file_that_grows_in_mid_upload_arrives_whole_in_the_end(tmp_path: Path) -> None:
    data, home, remote = tmp_path / "data", tmp_path / "home", tmp_path / "remote"
    write_tree(data, {"a": pattern(SLOW_BYTES, "a")})
    with slow_ftp_server(remote, SLOW_BYTES_PER_S) as server:
        configure(home, server, hospital_data_path=data)
        with running(home, "sync", "--json") as farcopy:
            wait_until(lambda: temporaries(remote))
            with (data / "a").open("ab") as file:
                file.write(b"more")
            server.set_rate(0)
            code = farcopy.wait()

    assert code == 0
    assert arrived(remote) == {"hospital/a": pattern(SLOW_BYTES, "a") + b"more"}
    assert temporaries(remote) == []


def test_links_and_special_files_are_skipped_without_a_word_in_the_status(one_site: Site) -> None:
    outside = one_site.orthanc.with_name("outside")
    write_tree(outside, {"secret": b"secret"})
    expected = one_site.expected()
    (one_site.hospital / "to-file").symlink_to(outside / "secret")
    (one_site.hospital / "to-directory").symlink_to(outside)
    (one_site.hospital / "to-nothing").symlink_to(outside / "nothing")
    (one_site.hospital / "to-above").symlink_to("..")
    os.mkfifo(one_site.hospital / "pipe")  # would block for ever whoever opens it to read

    answer = one_site.sync()

    assert (answer["exit"], answer["status"]) == (0, "success")
    assert "errors" not in answer
    assert one_site.arrived() == expected
    assert rows(one_site.home, "SELECT files_skipped, files_failed FROM sync_history") == [(5, 0)]
    assert one_site.sync()["message"] == "No new files to sync"


def test_a_root_that_is_a_link_itself_is_followed(one_site: Site) -> None:
    link = one_site.hospital.with_name("link")
    link.symlink_to(one_site.hospital)
    expected = one_site.expected()
    done = run_farcopy(one_site.home, "configure", "--hospital-data-path", str(link))
    assert done.returncode == 0

    assert one_site.sync()["exit"] == 0
    assert one_site.arrived() == expected


def test_a_home_inside_a_source_is_never_sent(tmp_path: Path, _one_server: FtpPlace) -> None:
    place = make_ftp_place(_one_server.server)
    data = tmp_path / "data"
    home = data / "deep" / "home"
    write_tree(data, {"deep/file": b"file"})
    configure(home, place, place.ftp_path, hospital_data_path=data)

    assert sync(home)["exit"] == 0
    assert arrived(place.root) == {"hospital/deep/file": b"file"}


def test_another_homes_temporaries_on_the_same_folder_are_left_alone(one_site: Site) -> None:
    stranger = one_site.place.root / "farcopy-tmp-000000000000" / "new-1-1"
    stranger.parent.mkdir()
    stranger.write_bytes(b"in the other home's hand right now")

    assert sync(one_site.home)["exit"] == 0
    assert temporaries(one_site.place.root) == ["farcopy-tmp-000000000000/new-1-1"]
