"""A machine that was copied with its home: two ledgers of one origin, one account on the server."""

import shutil
from pathlib import Path

from tests.running import (
    SlowFtpServer,
    arrived,
    configure,
    running,
    states,
    sync,
    write_tree,
)

FILES = 24
SIZE = 120_000


def test_two_machines_with_one_ledger_never_give_a_file_the_others_content(
    server: SlowFtpServer, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write_tree(first / "data", {"before": b"before"})
    configure(first / "home", server, "/b", hospital_data_path=first / "data")
    sync(first / "home")
    shutil.copytree(first / "home", second / "home")
    shutil.copytree(first / "data", second / "data")
    configure(second / "home", server, "/b", hospital_data_path=second / "data")
    # Slices of one size, as those of a CT; each machine gets others, all through one account.
    own = {
        machine: {f"{machine.name}/{n}": machine.name.encode() * (SIZE // len(machine.name))
                  for n in range(FILES)}
        for machine in (first, second)
    }
    for machine, files in own.items():
        write_tree(machine / "data", files)
    server.set_rate(400_000)  # so that both are at it at once
    with running(first / "home", "sync") as one, running(second / "home", "sync") as other:
        assert (one.wait(), other.wait()) == (0, 0)

    there = arrived(tmp_path / "remote" / "b")
    for machine, files in own.items():
        held = {name for name, state in states(machine / "home").items() if state == "stored"}
        assert {f"hospital/{name}" for name in files} <= held
        assert {name: there.get(f"hospital/{name}") for name in files} == files
