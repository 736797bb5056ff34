"""What farcopy exists for, with nothing replaced: a real Orthanc's storage on a real vsftpd."""

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from tests.parts.fixtures import FtpServerFactory, make_ftp_place
from tests.parts.orthanc import OrthancServer
from tests.parts.samples import dicom_samples
from tests.running import (
    arrived,
    configure,
    read_tree,
    runs,
    sent_in_run,
    states,
    sync,
    temporaries,
)

INDEX = {"index", "index-wal", "index-shm", "index-journal"}


def test_a_real_orthanc_is_mirrored_on_a_real_vsftpd_and_then_only_what_is_new_is_sent(
    tmp_path: Path, orthanc: OrthancServer, ftp_server_factory: FtpServerFactory
) -> None:
    server = ftp_server_factory("vsftpd")
    place = make_ftp_place(server)
    home = tmp_path / "home"
    *early, late = instances_taken(orthanc, dicom_samples())
    configure(home, place, place.ftp_path, orthanc_storage_path=orthanc.storage)
    orthanc.delete_instance(late.orthanc_id)  # to be added again later, as a new file
    before = images(orthanc)
    assert len(before) > 100
    assert set(read_tree(orthanc.storage)) & INDEX  # there is a live index, and it must not go

    first = sync(home)

    assert (first["exit"], first["status"]) == (0, "success")
    assert first["files_synced"] == len(before)
    assert arrived(place.root) == under_root(before)
    assert temporaries(place.root) == []

    orthanc.delete_instance(early[0].orthanc_id)
    orthanc.post_instance(late.content)
    after = images(orthanc)
    new, gone = set(after) - set(before), set(before) - set(after)
    assert new
    assert gone

    second = sync(home)

    assert second["exit"] == 0
    assert sent_in_run(home, second["run_id"]) == sorted(f"orthanc/{name}" for name in new)
    assert arrived(place.root) == under_root(before | after)  # what Orthanc deleted is kept
    assert {states(home)[f"orthanc/{name}"] for name in gone} == {"vanished"}

    server.stop()  # nobody listens any more: a run that asks the remote anything would fail

    third = sync(home)

    assert (third["exit"], third["status"]) == (0, "success")
    assert third["message"] == "No new files to sync"
    assert third["files_synced"] == third["total_size_mb"] == 0
    assert runs(home)[-1] == ("manual", "success", 0)
    assert arrived(place.root) == under_root(before | after)


class Instance:
    """A DICOM file Orthanc took, and the id it gave it."""

    def __init__(self, content: bytes, orthanc_id: str) -> None:
        self.content = content
        self.orthanc_id = orthanc_id


def instances_taken(orthanc: OrthancServer, samples: Sequence[Path]) -> list[Instance]:
    taken = []
    with httpx.Client(base_url=orthanc.url, trust_env=False, timeout=30) as client:
        for sample in samples:
            content = sample.read_bytes()
            reply = client.post("/instances", content=content)
            # Some samples are broken on purpose, and some are one instance in two encodings.
            if reply.is_success and reply.json()["Status"] == "Success":
                taken.append(Instance(content, reply.json()["ID"]))
    return taken


def images(orthanc: OrthancServer) -> dict[str, bytes]:
    return {name: b for name, b in read_tree(orthanc.storage).items() if name not in INDEX}


def under_root(files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"orthanc/{name}": content for name, content in files.items()}


@pytest.mark.parametrize("folder", ["", "orthanc/"])
def test_a_file_named_index_elsewhere_is_data_and_is_sent(
    tmp_path: Path, ftp_server_factory: FtpServerFactory, folder: str
) -> None:
    # "Exactly": the four names, directly in the Orthanc root, and nothing that looks like them.
    place = make_ftp_place(ftp_server_factory("vsftpd"))
    storage, data, home = tmp_path / "storage", tmp_path / "data", tmp_path / "home"
    for name in (*INDEX, "index2", "Index", "ab/index"):
        for root in (storage, data):
            file = root / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(name.encode())
    configure(home, place, place.ftp_path, orthanc_storage_path=storage, hospital_data_path=data)

    assert sync(home)["exit"] == 0

    names = {f"{folder}{name}" for name in (*INDEX, "index2", "Index", "ab/index")}
    held_back = INDEX if not folder else set()
    assert set(arrived(place.root)) == {
        *(f"orthanc/{name}" for name in names - held_back),
        *(f"hospital/{name}" for name in names),
    }
