"""Proof on vsftpd, ProFTPD and Pure-FTPd: what rots on a server's disk is found, and comes back."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_verify import flip
from tests.parts.fixtures import FtpPlace, FtpServerFactory, make_ftp_place
from tests.running import (
    arrived,
    configure,
    pattern,
    read_tree,
    relay,
    rows,
    run_farcopy,
    running,
    states,
    sync,
    temporaries,
    wait_until,
    write_tree,
)
from tests.servers.test_sync_to_real_servers import Site, make_site


@pytest.fixture
def site(tmp_path: Path, real_ftp_server: FtpPlace) -> Site:
    """All files stored, on each of the three servers in turn."""
    site = make_site(tmp_path, real_ftp_server)
    site.configure()
    assert site.sync()["files_synced"] == 26
    return site


@pytest.fixture
def digest_site(tmp_path: Path, ftp_server_factory: FtpServerFactory) -> Site:
    """On ProFTPD with hashes; nothing is sent yet."""
    server = ftp_server_factory("proftpd", options=["LoadModule mod_digest.c"])
    site = make_site(tmp_path, make_ftp_place(server))
    site.configure()
    return site


def ask(site_home: Path, *args: str) -> dict[str, Any]:
    done = run_farcopy(site_home, *args, "--json")
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return {**answer, "exit": done.returncode}


def test_a_flipped_byte_a_cut_and_a_lost_file_are_found_and_sent_again(site: Site) -> None:
    flip(site.place.root / "orthanc/00/ab/0000")
    os.truncate(site.place.root / "orthanc/01/ab/0001", 1999)
    (site.place.root / "hospital/reports/2026/Ärzte/Übersicht.txt").unlink()

    answer = ask(site.home, "verify")

    assert (answer["exit"], answer["files_checked"], answer["files_verified"]) == (3, 26, 23)
    assert {wrong["path"]: wrong["finding"] for wrong in answer["differing"]} == {
        "orthanc/00/ab/0000": "differs",
        "orthanc/01/ab/0001": "differs",
        "hospital/reports/2026/Ärzte/Übersicht.txt": "missing",
    }
    again = site.sync()
    assert again["files_synced"] == 3
    assert site.arrived() == site.expected()
    assert (ask(site.home, "verify")["exit"], temporaries(site.place.root)) == (0, [])


def test_a_server_with_hashes_proves_every_upload_at_once(digest_site: Site) -> None:
    assert digest_site.sync()["files_synced"] == 26
    assert set(states(digest_site.home).values()) == {"verified"}
    assert rows(digest_site.home, "SELECT count(*) FROM replicas WHERE verified_at IS NULL") == [
        (0,)
    ]

    flip(digest_site.place.root / "orthanc/00/ab/0000")
    answer = ask(digest_site.home, "verify")

    assert (answer["files_verified"], answer["files_differing"]) == (25, 1)
    assert answer["bytes_read"] == 0


def test_hashes_can_be_switched_off(digest_site: Site) -> None:
    with relay(digest_site.place) as between:
        digest_site.configure(ftp_port=between.port, ftp_password=digest_site.place.password)
        answer = sync(digest_site.home, env={"FARCOPY_SERVER_HASHES": "false"})
        assert answer["files_synced"] == 26
        assert not {"HASH", "MD5", "XMD5", "OPTS"} & set(between.commands) - {"OPTS"}
    assert set(states(digest_site.home).values()) == {"stored"}


def test_verify_beside_a_running_sync_condemns_nothing_that_is_being_replaced(
    site: Site,
) -> None:
    for n in range(20):
        (site.orthanc / f"{n:02x}/ab/{n:04}").write_bytes(pattern(2000 + n, ("again", n)))
    write_tree(site.hospital, {f"more/{n}": pattern(3000, n) for n in range(300)})
    found: list[dict[str, Any]] = []

    def verify_on() -> None:
        while not ended.is_set():
            found.append(ask(site.home, "verify"))

    ended = threading.Event()
    verifier = threading.Thread(target=verify_on)
    with running(site.home, "sync", "--json") as farcopy:
        verifier.start()
        assert farcopy.wait() == 0
    ended.set()
    verifier.join()
    assert found
    assert [answer["differing"] for answer in found] == [[]] * len(found)
    assert site.arrived() == site.expected()
    assert ask(site.home, "verify")["files_verified"] == 326


def test_everything_comes_back_byte_for_byte(site: Site, tmp_path: Path) -> None:
    answer = ask(site.home, "fetch", "orthanc", "hospital", "--to", str(tmp_path / "back"))
    assert (answer["exit"], answer["files_proven"]) == (0, 26)
    assert read_tree(tmp_path / "back") == site.expected()


def test_everything_comes_back_from_the_remote_alone(site: Site, tmp_path: Path) -> None:
    write_tree(site.hospital, {".hidden": b"a name that servers hide"})
    site.sync()
    configure(tmp_path / "new-home", site.place, site.place.ftp_path)

    answer = ask(
        tmp_path / "new-home", "fetch", "orthanc", "hospital", "--to", str(tmp_path / "back")
    )

    assert answer["exit"] == 0
    assert answer["files_proven"] + answer["files_unproven"] >= 26
    back = read_tree(tmp_path / "back")
    assert {**back, "hospital/.hidden": b"a name that servers hide"} == site.expected()


def test_from_a_server_with_hashes_it_comes_back_proven_without_a_ledger(
    digest_site: Site, tmp_path: Path
) -> None:
    digest_site.sync()
    configure(tmp_path / "new-home", digest_site.place, digest_site.place.ftp_path)
    answer = ask(tmp_path / "new-home", "fetch", "orthanc", "--to", str(tmp_path / "back"))
    assert (answer["exit"], answer["files_proven"], answer["files_unproven"]) == (0, 20, 0)
    assert read_tree(tmp_path / "back/orthanc") == read_tree(digest_site.orthanc)


def test_verifying_a_laden_server_ends_truthfully_when_it_dies(site: Site) -> None:
    (site.place.root / "orthanc/00/ab/0000").write_bytes(pattern(2000, "other"))
    write_tree(site.hospital, {"big": pattern(1000, 1) * 40_000})
    site.sync()
    with running(site.home, "verify", "hospital/big") as verifying:
        wait_until(
            lambda: rows(site.home, "SELECT 1 FROM verifications") or
            verifying.process.poll() is not None
        )
        site.place.server.kill()
        code = verifying.wait()
    site.place.server.restart()
    assert code in (0, 1)
    assert states(site.home)["hospital/big"] in ("stored", "verified")
    assert arrived(site.place.root).keys() == site.expected().keys()


def test_a_lost_ledger_is_rebuilt_and_nothing_is_sent_again(site: Site, tmp_path: Path) -> None:
    write_tree(site.hospital, {".hidden": b"a name that servers hide"})
    site.sync()
    with relay(site.place) as between:
        site.home = tmp_path / "new-home"
        configure(
            site.home, between, site.place.ftp_path,
            orthanc_storage_path=site.orthanc, hospital_data_path=site.hospital,
        )

        answer = ask(site.home, "rebuild")

        assert (answer["exit"], answer["absent"], answer["remote_only"]) == (0, 0, 0)
        assert answer["stored"] + answer["verified"] == 27
        assert sync(site.home)["message"] == "No new files to sync"
        assert "STOR" not in between.commands


def test_a_server_with_hashes_gives_a_verified_ledger(digest_site: Site, tmp_path: Path) -> None:
    digest_site.sync()
    flip(digest_site.place.root / "orthanc/00/ab/0000")
    digest_site.home = tmp_path / "new-home"
    digest_site.configure()
    answer = ask(digest_site.home, "rebuild")
    assert (answer["exit"], answer["verified"], answer["differs"]) == (3, 25, 1)
    assert digest_site.sync()["files_synced"] == 1
    assert digest_site.arrived() == digest_site.expected()
