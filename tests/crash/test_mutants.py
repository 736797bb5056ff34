"""The machine bites: every rule that is dropped on purpose is noticed."""

import sys

import pytest

from tests.crash.mutants import MUTANTS, Mutant, tree_of
from tests.crash.scenarios import Scenario
from tests.crash.syscalls import why_not_traced
from tests.parts.ftp_servers import why_not

_REASON = (
    "processes are forked and traced: Linux only" if sys.platform != "linux"
    else why_not("vsftpd") or why_not_traced()
)
pytestmark = pytest.mark.skipif(bool(_REASON), reason=str(_REASON))
SCENARIOS = {id(mutant.scenario): mutant for mutant in MUTANTS}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_is_caught(mutant: Mutant) -> None:
    with tree_of(mutant) as tree:
        found = mutant.scenario(tree)

    assert found, f"{mutant.name} was not noticed"
    print(f"{mutant.name}: {found[0]}")


@pytest.mark.parametrize(
    "scenario",
    [mutant.scenario for mutant in SCENARIOS.values()],
    ids=[f"of {mutant.name}" for mutant in SCENARIOS.values()],
)
def test_farcopy_as_it_is_passes_the_same_scenarios(scenario: Scenario) -> None:
    assert list(map(str, scenario(None))) == []
