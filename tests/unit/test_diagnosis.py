"""What the doctor says: a cause and something to do, for every error at every step."""

import inspect

import pytest

from farcopy.core import errors, ledger_errors
from farcopy.core.errors import ConnectFailed, DataConnectionFailed, LoginRefused, TlsFailed
from farcopy.core.examination import Sign, Step
from farcopy.planning.diagnosis import TITLES, diagnose

ERRORS = [
    cls for _, cls in (vars(errors) | vars(ledger_errors)).items()
    if inspect.isclass(cls) and issubclass(cls, errors.FarcopyError) and "code" in vars(cls)
    and not issubclass(cls, errors.SettingsInvalid)
]


@pytest.mark.parametrize("step", Step)
def test_every_error_has_a_cause_and_an_action_in_whole_sentences(step: Step) -> None:
    assert TITLES[step]
    for error in ERRORS:
        for sign in Sign:
            told = diagnose(step, error(), sign)
            assert told.cause.endswith(".") and told.cause[0].isupper(), error
            assert told.action.endswith(".") and len(told.action) > 10, error


def test_a_sign_tells_more_than_the_step() -> None:
    assert "another name" in diagnose(Step.TLS, TlsFailed(), Sign.WRONG_NAME).cause
    assert "passive ports" in diagnose(Step.DIRECTORY, DataConnectionFailed()).action
    reuse = diagnose(Step.DIRECTORY, DataConnectionFailed(), Sign.SESSION_REUSE)
    assert "resume the TLS session" in reuse.cause


def test_the_step_tells_more_than_the_error() -> None:
    assert "firewall" in diagnose(Step.CONNECTION, ConnectFailed()).cause
    assert "Many hosts ban".lower() in diagnose(Step.LOGIN, LoginRefused()).action.lower()
