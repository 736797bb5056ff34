"""The rate limit, with the clock moved by hand, and the texts of refusals."""

import pytest

from farcopy.core import errors, state_errors
from farcopy.web.rate import RateLimit
from farcopy.web.refusals import MAX_NAMED_FIELDS, invalid_fields, of_error, too_many


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_seventh_call_within_a_minute_has_to_wait_for_the_first_to_age() -> None:
    clock = Clock()
    limit = RateLimit(6, 60.0, clock)
    for _ in range(6):
        assert limit.take(1) == 0
        clock.now += 1
    assert limit.take(1) == pytest.approx(54)
    clock.now += 54
    assert limit.take(1) == 0
    assert limit.take(1) == pytest.approx(1)


def test_a_call_that_is_refused_does_not_count() -> None:
    clock = Clock()
    limit = RateLimit(1, 60.0, clock)
    limit.take(1)
    clock.now += 59
    assert limit.take(1) > 0
    clock.now += 1
    assert limit.take(1) == 0


def test_each_user_has_a_budget_of_his_own() -> None:
    limit = RateLimit(1, 60.0, Clock())
    assert limit.take(1) == 0
    assert limit.take(2) == 0
    assert limit.take(1) > 0


@pytest.mark.parametrize(("wait_s", "told"), [(0.01, "1"), (1.0, "1"), (1.01, "2"), (-3.0, "1")])
def test_retry_after_is_whole_seconds_and_never_none(wait_s: float, told: str) -> None:
    assert too_many("x", "X", wait_s).headers == {"Retry-After": told}


def test_a_callers_field_name_is_cut_and_cleaned_and_their_number_bounded() -> None:
    refusal = invalid_fields({"\ud800\n" + "x" * 500: "is unknown"})
    assert "\ud800" not in refusal.error
    assert "\n" not in refusal.error
    assert len(refusal.error) < 120
    many = invalid_fields({f"f{n}": "is unknown" for n in range(MAX_NAMED_FIELDS + 7)})
    assert many.error.endswith("and 7 more")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.SettingsInvalid({"ftp_port": "is bad"}), 400, "invalid_settings"),
        (errors.PasswordRequired(), 400, "password_required"),
        (errors.FtpNotConfigured(), 400, "ftp_not_configured"),
        (errors.SourcesNotConfigured(), 400, "sources_not_configured"),
        (state_errors.RunAlreadyOn(), 409, "sync_already_running"),
        (errors.ServiceNotRunning(), 503, "service_not_running"),
        (errors.KeyMismatch(), 503, "key_mismatch"),
        (errors.FarcopyError("secret detail"), 500, "internal"),
    ],
)
def test_each_error_of_the_floors_below_has_its_status(
    error: errors.FarcopyError, status: int, code: str
) -> None:
    refusal = of_error(error)
    assert (refusal.status, refusal.code) == (status, code)
    assert "secret" not in refusal.error
