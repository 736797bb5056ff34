"""A large file, and farcopy killed at nine tenths of it: the next run sends the rest."""

from pathlib import Path

from tests.parts.fixtures import FtpServerFactory, make_ftp_place
from tests.running import configure, pattern, running, states, sync, wait_until, write_tree

SIZE = 24 * 1024 * 1024
KIB_S = 8 * 1024


def test_after_a_kill_at_nine_tenths_the_next_run_sends_the_rest(
    tmp_path: Path, ftp_server_factory: FtpServerFactory
) -> None:
    server = ftp_server_factory(
        "proftpd", options=["LoadModule mod_digest.c", "AllowStoreRestart on"]
    )
    place = make_ftp_place(server)
    data, home = tmp_path / "data", tmp_path / "home"
    content = pattern(SIZE, "large")
    write_tree(data, {"large": content})
    configure(home, place, place.ftp_path, hospital_data_path=data, ftp_limit_kib_s=KIB_S)

    def part() -> Path | None:
        return next(place.root.glob("farcopy-tmp-*/new-[1-9]*"), None)

    with running(home, "sync", "--json") as farcopy:
        wait_until(lambda: (there := part()) and there.stat().st_size > SIZE * 9 // 10)
        farcopy.kill()
    there = part()
    assert there is not None
    before = there.stat()

    sync(home)

    final = place.root / "hospital/large"
    assert final.read_bytes() == content
    assert final.stat().st_ino == before.st_ino, "the same file went on growing"
    assert states(home) == {"hospital/large": "verified"}
    assert part() is None
