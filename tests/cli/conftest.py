"""The FTP server of these tests: one that takes bytes as fast as they come."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import SlowFtpServer, slow_ftp_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SlowFtpServer]:
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        yield server
