"""A command thought lost may still be on its way: it arrives when another session has gone on."""

import sys

import pytest

from tests.faults.actions import Delay, Fault, Hold
from tests.faults.kinds import FILES
from tests.faults.matrix import Board, board
from tests.parts.ftp_servers import why_not

_REASON = "POSIX only" if sys.platform == "win32" else why_not("vsftpd")
pytestmark = pytest.mark.skipif(bool(_REASON), reason=str(_REASON))


def sync_with_late(here: Board, verb: str, until: str) -> list[str]:
    """The last file's command comes just before another session says `until`."""
    here.change_sources()
    here.proxy.set_fault(Fault(verb, FILES, Hold(until)))
    answer = here.play.zygote.sync()
    assert here.proxy.has_struck
    checker = here.play.checker
    return [str(found) for found in (*checker.at_any_moment(), *checker.is_truthful(answer))]


def test_a_late_stor_does_not_cut_off_what_was_sent_again() -> None:
    """The new bytes are there and SIZE agrees; then the old STOR makes the file empty."""
    with board("vsftpd") as here:
        assert sync_with_late(here, "STOR", until="RNFR") == []


@pytest.mark.parametrize(
    ("verb", "until"), [("RNTO", "RNFR"), ("RNTO", "SIZE"), ("RNFR", "RNFR"), ("SIZE", "RNFR")]
)
def test_any_other_late_command_changes_nothing(verb: str, until: str) -> None:
    with board("vsftpd") as here:
        assert sync_with_late(here, verb, until) == []


def test_a_late_renaming_does_not_bring_an_old_version_back() -> None:
    """It comes in the next run, when the file has changed and is sent anew."""
    with board("vsftpd") as here:
        here.change_sources()
        here.proxy.set_fault(Fault("RNTO", 1, Hold()))
        here.play.zygote.sync()
        here.proxy.set_fault(Fault("RNTO", 1, Delay(0.3)))
        here.change_sources()
        here.proxy.release()
        here.play.zygote.sync()
        here.play.zygote.sync()

        assert [str(found) for found in here.play.checker.at_the_end()] == []
