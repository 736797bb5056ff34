"""A real Orthanc: HTTP only, no DICOM port, no plugins, index in SQLite.

Started from the installed or the unpacked package, as the user of the tests.
It knows the few REST calls tests need to put instances in and take them out.
Orthanc 1.10 cannot bind to one address: its port is open on all, but it answers
401 to all but loopback (RemoteAccessAllowed false).
"""

import json
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import httpx

from tests.parts.fetch import command, why_missing
from tests.parts.keeper import Kept
from tests.parts.scratch import free_port

START_S = 30.0
PORT_ATTEMPTS = 3
TIMEOUT_S = 30.0

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass
class OrthancServer:
    """A running Orthanc. `storage` holds the images and, as on Debian, the index too."""

    url: str
    storage: Path
    log_file: Path
    _argv: list[str] = field(repr=False)
    _kept: Kept | None = field(default=None, repr=False)

    def post_instance(self, dicom: bytes) -> dict[str, Json]:
        """Store one DICOM file; give Orthanc's answer: ID, Status, ParentStudy and more."""
        return self._answer("POST", "/instances", dicom)

    def delete_instance(self, orthanc_id: str) -> None:
        """Delete an instance by its Orthanc id; its file is gone when this returns."""
        self._answer("DELETE", f"/instances/{orthanc_id}")

    def statistics(self) -> dict[str, Json]:
        """Give /statistics: CountInstances, TotalDiskSize (a string) and more."""
        return self._answer("GET", "/statistics")

    def is_alive(self) -> bool:
        """Say whether Orthanc runs."""
        return self._kept is not None and self._kept.is_alive()

    def processes(self) -> list[int]:
        """List the process ids: the keeper's, then Orthanc's."""
        return self._kept.processes() if self._kept else []

    def stop(self) -> None:
        """End Orthanc by SIGTERM: it closes its index first."""
        if self._kept is not None:
            self._kept.end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill Orthanc by SIGKILL, as a crash would."""
        if self._kept is not None:
            self._kept.end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop if it runs, and start again on the same port and storage."""
        self.stop()
        self._start()

    def _answer(self, method: str, path: str, content: bytes | None = None) -> dict[str, Json]:
        reply = httpx.request(
            method, self.url + path, content=content, timeout=TIMEOUT_S, trust_env=False
        )
        reply.raise_for_status()
        answer: dict[str, Json] = reply.json()
        return answer

    def _start(self) -> None:
        self._kept = Kept(self._argv, self.log_file)
        deadline = time.monotonic() + START_S
        try:
            while not self._answers():
                if not self.is_alive() or time.monotonic() > deadline:
                    log = self.log_file.read_text(errors="replace")[-800:]
                    raise RuntimeError(f"Orthanc does not answer at {self.url}: {log}")
                time.sleep(0.02)
        except BaseException:
            self.kill()
            raise

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/system", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False


def start_orthanc(folder: Path, *, options: Mapping[str, Json] | None = None) -> OrthancServer:
    """Start an Orthanc whose configuration, log and storage stand in folder.

    options: entries of its configuration file that replace ours.
    Raises: RuntimeError when it does not answer, with the end of its log.
    """
    if reason := why_missing("orthanc"):
        raise RuntimeError(reason)
    storage = folder / "storage"
    storage.mkdir(exist_ok=True)
    settings = folder / "orthanc.json"
    for attempt in range(1, PORT_ATTEMPTS + 1):
        port = free_port()
        ours: dict[str, Json] = {
            "Name": "farcopy-tests",
            "StorageDirectory": str(storage),
            "IndexDirectory": str(storage),
            "HttpPort": port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomServerEnabled": False,
            "Plugins": [],
        }
        settings.write_text(json.dumps({**ours, **(options or {})}, indent=1))
        server = OrthancServer(
            url=f"http://127.0.0.1:{port}",
            storage=storage,
            log_file=folder / "orthanc.log",
            _argv=command("orthanc", "Orthanc", settings),
        )
        try:
            server._start()
        except RuntimeError:
            if attempt == PORT_ATTEMPTS:
                raise
        else:
            break
    return server


def orthanc_version() -> str:
    """Give the version Orthanc names itself by, such as 1.10.1."""
    done = subprocess.run(
        command("orthanc", "Orthanc", "--version"), capture_output=True, text=True, check=True
    )
    return done.stdout.split()[1]
