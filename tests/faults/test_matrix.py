"""Every kind of fault once, spread over servers, plain and TLS, and places by a seed."""

import sys

import pytest

from tests.faults.kinds import BY_NAME, KINDS
from tests.faults.matrix import PLACES, run_place, spread
from tests.parts.ftp_servers import why_not

SEED = 1
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are forked: POSIX only")


@pytest.mark.parametrize(
    ("server", "tls"), PLACES, ids=[f"{name}-{'tls' if tls else 'plain'}" for name, tls in PLACES]
)
def test_after_any_fault_all_is_told_truly_and_comes_home(server: str, tls: bool) -> None:
    if server != "pyftpdlib" and (reason := why_not(server)):  # type: ignore[arg-type]
        pytest.skip(reason)
    kinds = spread(KINDS, SEED)[server, tls]

    results = list(run_place(server, kinds, SEED, tls=tls))

    repeat = f"python -m tests.faults.matrix --seed {SEED} --server {server}{' --tls' * tls}"
    wrong = [
        f"{repeat} --kind {result.kind}: {result.line()}"
        for result in results
        if result.violations
    ]
    assert not wrong, "\n".join(wrong)
    assert [result.line() for result in results if not result.has_struck] == []


def test_a_lost_renaming_costs_neither_its_file_nor_the_one_sent_behind_it_an_attempt() -> None:
    if reason := why_not("pure-ftpd"):
        pytest.skip(reason)
    lost = [BY_NAME["stall-renamed"], BY_NAME["lose-renamed"]]

    results = list(run_place("pure-ftpd", lost, SEED, tls=False, repetitions=4))

    # Of three files the middle one is large: it is half sent while the first gets its name.
    assert {result.fault.nth for result in results} == {1, 2, 3}
    assert [result.line() for result in results if result.violations] == []


def test_every_kind_has_its_turn() -> None:
    assert sorted(kind.name for kinds in spread(KINDS, SEED).values() for kind in kinds) == sorted(
        kind.name for kind in KINDS
    )
