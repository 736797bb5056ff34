"""schemathesis with all its checks against a running farcopy, from the document it serves.

In two parts: what needs no background service goes to one that has none, so that no made-up
setting makes it connect anywhere; what carries out runs goes to one that is well configured.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.api.farcopy_server import FarcopyServer
from tests.contract.pyftp import PASSWORD, USER, PyFtpServer

ROOT = Path(__file__).parents[2]
RUNNING = ("syncNow", "testConnection", "enableAuto", "disableAuto", "cancelSync")
"""Operations by their ids in the document."""
_CONFIG = """
hooks = "{hooks}"

# What the document allows may still be refused for reasons no schema can say; a check of
# ours looks into those answers.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "429"]
"""


@dataclass(frozen=True)
class Effort:
    """examples: made-up calls of each operation. is_whole: also every bound of every field."""

    examples: int
    seed: int
    is_whole: bool = False


def attack(
    server: FarcopyServer, folder: Path, effort: Effort, *, runs: bool
) -> subprocess.CompletedProcess[str]:
    """Let schemathesis at the operations that carry out runs, or at all others."""
    server.session_of("boss")
    config = folder / "schemathesis.toml"
    hooks = Path(__file__).with_name("attack_hooks.py").as_posix()
    config.write_text(_CONFIG.format(hooks=hooks), encoding="utf-8")
    chosen = [
        word for operation in RUNNING
        for word in ("--include-operation-id" if runs else "--exclude-operation-id", operation)
    ]
    phases = "examples,coverage,fuzzing" if effort.is_whole else "examples,fuzzing"
    return subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run",
            str(ROOT / "docs/reference/openapi.json"), "--url", server.url, "--checks", "all",
            "--phases", phases, "--max-examples", str(effort.examples),
            "--seed", str(effort.seed), "--continue-on-failure", "--no-color", *chosen,
        ],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "ATTACKED_HOME": str(server.home), "PYTHONPATH": str(ROOT)},
    )


def configure_for_runs(server: FarcopyServer, ftp: PyFtpServer, folder: Path) -> None:
    """One old file to send, and where to."""
    folder.mkdir()
    (folder / "report.txt").write_text("old")
    os.utime(folder / "report.txt", (0, 0))
    with server.signed_in() as boss:
        answer = boss.post("/api/sync/configure-sync.php", json={
            "hospital_data_path": str(folder), "ftp_host": ftp.host, "ftp_port": ftp.port,
            "ftp_username": USER, "ftp_password": PASSWORD,
        })
    assert answer.status_code == 200, answer.text
