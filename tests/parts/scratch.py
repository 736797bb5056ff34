"""Scratch folders and free ports for the parts.

The daemons run as users other than the test's, and pytest's tmp_path is closed
to them (0700). `open_folder` makes a folder they can enter; `closed_parent`
tells which folder on a path stops them.
"""

import socket
import tempfile
from pathlib import Path


def open_folder() -> Path:
    """Make a folder under the temp dir that every user can enter; the caller removes it."""
    folder = Path(tempfile.mkdtemp(prefix="farcopy-parts-")).resolve()
    folder.chmod(0o755)
    return folder


def closed_parent(folder: Path) -> Path | None:
    """Find the first folder on the path, itself included, that other users cannot enter."""
    folder = folder.resolve()
    steps = [*reversed(folder.parents), folder]
    return next((step for step in steps if not step.stat().st_mode & 0o001), None)


def free_port() -> int:
    """Ask the kernel for a loopback port that is free now; another may take it before use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
