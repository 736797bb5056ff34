"""Sources behind the fence, by the command line: refused when configured, and at each run."""

import os
from pathlib import Path

import pytest

from tests.running import SlowFtpServer, arrived, configure, run_farcopy, sync, write_tree

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX links")


def test_a_link_that_leads_out_is_refused_and_nothing_is_sent_by_one_made_later(
    tmp_path: Path, server: SlowFtpServer
) -> None:
    write_tree(tmp_path / "allowed/data", {"mine": b"x"})
    write_tree(tmp_path / "elsewhere", {"secret": b"y"})
    roots = {"FARCOPY_SOURCE_ROOTS": str(tmp_path / "allowed")}
    home = tmp_path / "home"
    (tmp_path / "allowed/out").symlink_to(tmp_path / "elsewhere")
    refused = run_farcopy(
        home, "configure", "--hospital-data-path", str(tmp_path / "allowed/out"), env=roots
    )
    assert refused.returncode != 0
    assert "FARCOPY_SOURCE_ROOTS" in refused.stderr
    configure(home, server, "/backup", hospital_data_path=tmp_path / "allowed/data")
    assert sync(home, env=roots)["exit"] == 0
    (tmp_path / "allowed/data").rename(tmp_path / "allowed/before")
    (tmp_path / "allowed/data").symlink_to(tmp_path / "elsewhere")
    done = sync(home, env=roots)
    assert done["exit"] != 0
    assert "FARCOPY_SOURCE_ROOTS" in str(done["errors"])
    assert set(arrived(tmp_path / "remote/backup")) == {"hospital/mine"}
    said = run_farcopy(home, "status", env=roots).stdout
    assert "nothing is sent from there" in said


def test_home_and_keys_are_no_source_and_below_one_they_are_told(
    tmp_path: Path, server: SlowFtpServer
) -> None:
    write_tree(tmp_path / "data", {"mine": b"x"})
    key = tmp_path / "data/farcopy key"
    key.write_text("5a" * 16 + "17c3" * 8 + "\n")
    key.chmod(0o600)
    (tmp_path / "data/innocent").hardlink_to(key)
    given = {"FARCOPY_KEY_FILE": str(key)}
    home = tmp_path / "data/home"
    made = run_farcopy(
        home, "configure", "--ftp-host", server.host, "--ftp-port", str(server.port),
        "--ftp-username", server.user, "--ftp-password-stdin", "--ftp-path", "/backup",
        "--hospital-data-path", str(tmp_path / "data"), stdin=server.password, env=given,
    )
    assert made.returncode == 0, made.stderr
    for path in (home, home / "logs"):
        refused = run_farcopy(home, "configure", "--hospital-data-path", str(path), env=given)
        assert refused.returncode != 0
        assert "farcopy's own" in refused.stderr
    assert sync(home, env=given)["exit"] == 0
    assert set(arrived(tmp_path / "remote/backup")) == {"hospital/mine"}
    assert "3 entries are never sent (farcopy's own" in run_farcopy(
        home, "status", env=given
    ).stdout
