"""folders.php: the directories of the machine, to choose a source from, and no way out of them."""

import os
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import ServerFactory
from tests.api.farcopy_server import FarcopyServer

FOLDERS = "/api/sync/folders.php"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("disk")
    for name in ("archive/one", "archive/Two", "archive/three", "elsewhere/secret"):
        (root / name).mkdir(parents=True)
    (root / "archive/report.txt").write_text("no directory")
    (root / "archive/out").symlink_to(root / "elsewhere")
    (root / "archive/in").symlink_to(root / "archive/one")
    return root


@pytest.fixture(scope="module")
def fenced(start_server: ServerFactory, disk: Path) -> FarcopyServer:
    """Sources may only lie below one directory."""
    return start_server(verb="web", FARCOPY_SOURCE_ROOTS=str(disk / "archive"))


def listed(client: httpx.Client, path: Path | str) -> list[str]:
    answer = client.get(FOLDERS, params={"path": str(path)})
    assert answer.status_code == 200, answer.text
    return [folder["name"] for folder in answer.json()["data"]["folders"]]


def refused(client: httpx.Client, path: Path | str) -> str:
    answer = client.get(FOLDERS, params={"path": str(path)})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_fields")
    why: str = answer.json()["fields"]["path"]
    return why


def test_the_directories_in_a_directory_are_listed_and_no_files(
    admin: httpx.Client, disk: Path
) -> None:
    assert listed(admin, disk / "archive") == ["in", "one", "out", "three", "Two"]
    data = admin.get(FOLDERS, params={"path": str(disk / "archive")}).json()["data"]
    assert (data["path"], data["parent"]) == (str(disk / "archive"), str(disk))
    assert data["folders"][1] == {"name": "one", "path": str(disk / "archive/one")}
    assert data["has_more"] is False


def test_without_a_path_it_begins_at_the_file_system(admin: httpx.Client) -> None:
    data = admin.get(FOLDERS).json()["data"]
    assert (data["path"], data["parent"]) == ("/", None)
    assert {"tmp", "usr"} <= {folder["name"] for folder in data["folders"]}


def test_below_the_allowed_roots_there_is_no_way_out(
    fenced: FarcopyServer, disk: Path
) -> None:
    with fenced.signed_in() as client:
        data = client.get(FOLDERS).json()["data"]
        assert [folder["path"] for folder in data["folders"]] == [str(disk / "archive")]
        assert listed(client, disk / "archive") == ["in", "one", "three", "Two"]
        archive = client.get(FOLDERS, params={"path": str(disk / "archive")}).json()["data"]
        assert archive["parent"] is None
        for path in ("/", disk, disk / "elsewhere", disk / "archive/out",
                     disk / "archive/out/secret", f"{disk}/archive/../elsewhere"):
            assert "FARCOPY_SOURCE_ROOTS" in refused(client, path)


def test_what_cannot_be_listed_is_named(admin: httpx.Client, disk: Path) -> None:
    assert refused(admin, disk / "nowhere") == "is not there"
    assert refused(admin, disk / "archive/report.txt") == "is no directory"
    assert refused(admin, "archive") == "must be an absolute path"


def test_the_own_home_is_neither_shown_nor_entered(
    admin: httpx.Client, server: FarcopyServer
) -> None:
    assert server.home.name not in listed(admin, server.home.parent)
    for path in (server.home, server.home / "logs"):
        assert "farcopy's own" in refused(admin, path)


def test_of_very_many_a_thousand_are_listed_and_it_is_said(
    admin: httpx.Client, tmp_path: Path
) -> None:
    for number in range(1001):
        (tmp_path / f"{number:04}").mkdir()
    data = admin.get(FOLDERS, params={"path": str(tmp_path)}).json()["data"]
    assert (len(data["folders"]), data["has_more"]) == (1000, True)
    (tmp_path / "1000").rmdir()
    assert admin.get(FOLDERS, params={"path": str(tmp_path)}).json()["data"]["has_more"] is False


def test_a_name_that_no_setting_can_hold_is_left_out(
    admin: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / os.fsdecode(b"\xff\xfe")).mkdir()
    assert listed(admin, tmp_path) == []


def test_only_admins_look_around_and_the_trail_says_so(server: FarcopyServer) -> None:
    with server.signed_in("view") as client:
        assert client.get(FOLDERS).status_code == 403
    assert server.last_audit()["action"] == "sync.folders"
