"""The reference's cURL examples, run by curl as they stand: only base URL and id replaced."""

import json
import shutil
import subprocess

import pytest

from tests.api.farcopy_server import FarcopyServer

pytestmark = [
    pytest.mark.usefixtures("fresh_settings"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
    pytest.mark.skipif(shutil.which("sh") is None, reason="the examples are for a POSIX shell"),
]

CONFIGURE_SYNC = """\
curl -X POST http://localhost/api/sync/configure-sync.php \\
  -H "Content-Type: application/json" \\
  -b "DICOM_VIEWER_SESSION=your-session-id" \\
  -d '{
    "ftp_host": "ftp.godaddy.com",
    "ftp_username": "username",
    "ftp_password": "password",
    "sync_interval": 120
  }'
"""
GET_CONFIGURATION = """\
curl -X GET http://localhost/api/sync/get-config.php \\
  -b "DICOM_VIEWER_SESSION=your-session-id"
"""
TRIGGER_SYNC = """\
curl -X POST http://localhost/api/sync/sync-now.php \\
  -b "DICOM_VIEWER_SESSION=your-session-id"
"""
GET_STATUS = """\
curl -X GET http://localhost/api/sync/status.php \\
  -b "DICOM_VIEWER_SESSION=your-session-id"
"""


def run(server: FarcopyServer, example: str) -> dict[str, object]:
    command = example.replace("http://localhost/", f"{server.url}/").replace(
        "your-session-id", server.session_of("boss")
    )
    quiet = {"no_proxy": "*", "NO_PROXY": "*"}
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=60,
        env={**server.environment, **quiet},
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_configure_sync(server: FarcopyServer) -> None:
    answer = run(server, CONFIGURE_SYNC)
    assert answer["success"] is True
    assert answer["message"] == "Sync configuration updated successfully"
    assert answer["data"].items() >= {  # type: ignore[attr-defined]
        "id": 1, "orthanc_storage_path": None, "ftp_host": "ftp.godaddy.com",
        "ftp_username": "username", "ftp_password": "********", "ftp_port": 21,
        "ftp_path": "/", "ftp_passive": True, "sync_enabled": False, "sync_interval": 120,
        "last_sync_at": None,
    }.items()


def test_get_configuration(server: FarcopyServer) -> None:
    answer = run(server, GET_CONFIGURATION)
    assert answer["message"] == "Sync configuration retrieved successfully"
    data = answer["data"]
    assert set(data["configuration"]) >= {  # type: ignore[index]
        "id", "orthanc_storage_path", "ftp_host", "ftp_username", "ftp_password", "ftp_port",
        "ftp_path", "ftp_passive", "sync_enabled", "sync_interval", "last_sync_at",
    }
    assert set(data["statistics"]) >= {  # type: ignore[index]
        "total_syncs", "total_files_synced", "total_size_synced", "last_sync",
        "successful_syncs", "failed_syncs",
    }


def test_trigger_sync_with_nothing_configured(server: FarcopyServer) -> None:
    answer = run(server, TRIGGER_SYNC)
    assert (answer["success"], answer["error"]) == (False, "FTP not configured")


def test_get_status(server: FarcopyServer) -> None:
    answer = run(server, GET_STATUS)
    assert answer["message"] == "Sync status retrieved successfully"
    data = answer["data"]
    assert set(data) >= {"last_sync", "sync_history", "configuration", "statistics"}  # type: ignore[call-overload]
    assert set(data["configuration"]) >= {  # type: ignore[index]
        "sync_enabled", "sync_interval", "last_sync_at", "next_sync_at",
    }
    assert set(data["statistics"]) >= {  # type: ignore[index]
        "total_syncs", "total_files_synced", "total_size_synced", "total_size_synced_mb",
        "total_size_synced_gb", "successful_syncs", "failed_syncs", "partial_syncs",
    }
