"""What a clock dated that was four years ahead, on both databases, after it was put right."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from axes.models import AccessAttempt  # noqa: E402
from django.utils import timezone  # noqa: E402

from farcopy.core.errors import EngineBusy  # noqa: E402
from farcopy.core.model import SourceFile  # noqa: E402
from farcopy.core.states import RunEnd, RunState, SyncType  # noqa: E402
from farcopy.core.stock import SourcesSeen  # noqa: E402
from farcopy.store import configuration, history, lease, lockout, looks  # noqa: E402
from farcopy.store.first_looks import FirstLooks  # noqa: E402
from farcopy.store.models import FirstLook, KnownAddress, User  # noqa: E402

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
AHEAD = NOW + timedelta(days=4 * 365)


@pytest.fixture(autouse=True)
def _database(database: None) -> Iterator[None]:
    yield
    for model in (AccessAttempt, User, FirstLook):
        model.objects.all().delete()


def test_a_file_first_seen_in_the_future_is_seen_anew_and_settles() -> None:
    file, first = SourceFile("orthanc", "", "f", 7, 1), FirstLooks()
    first.look([file], AHEAD, 10)
    assert first.look([file], NOW, 10).settled == ()
    assert first.look([file], NOW + timedelta(seconds=11), 10).settled == (file,)
    first.note_looks([file], AHEAD)
    first.forget_old_looks(NOW)
    assert first.count_looks(["orthanc"]) == 0


def test_hard_failures_count_though_the_settings_were_changed_in_the_future() -> None:
    configuration.change({"ftp_host": "ftp.example.org", "ftp_username": "u"})
    destination = configuration.destination_for(configuration.load().settings)
    run_id = history.begin(SyncType.SCHEDULED, destination, "example", "", NOW)
    history.finish(run_id, RunState.FAILED, RunEnd.FINISHED, NOW, 1.0, "login_refused", "x")
    last = history.last_attempt(AHEAD, NOW)
    assert last is not None  # or it would try again at once, for ever
    assert last.hard_failures == 1


def test_a_look_of_the_future_hides_no_look_of_now() -> None:
    looks.end(looks.Kind.RUN, 1, "roots", AHEAD, AHEAD, SourcesSeen(files=1))
    looks.end(looks.Kind.MONITOR, 1, "others", AHEAD, AHEAD, SourcesSeen(files=2))
    assert looks.last_of_monitoring(NOW + timedelta(minutes=1)) is None
    looks.end(looks.Kind.MONITOR, 1, "roots", NOW, NOW, SourcesSeen(files=3))
    for found in (looks.newest(1, "roots", NOW), looks.last_of_monitoring(NOW)):
        assert found is not None
        assert found.found.files == 3


def test_a_lease_of_the_future_is_taken_and_one_of_a_clock_a_little_ahead_is_not() -> None:
    lease.take("home1-a", "home1", "service", NOW + timedelta(minutes=2))
    with pytest.raises(EngineBusy):
        lease.take("home2-a", "home2", "service", NOW)
    lease.take("home1-a", "home1", "service", AHEAD)
    lease.take("home2-a", "home2", "service", NOW)
    assert lease.live_kind(NOW) == "service"


def test_wrong_passwords_of_the_future_lock_nobody() -> None:
    _guesses(5, timezone.now() + timedelta(days=400))
    assert lockout.wait_s("anna", "10.0.0.9") == 0
    assert lockout.locked_accounts() == frozenset()
    _guesses(5, timezone.now())
    assert 0 < lockout.wait_s("anna", "10.0.0.9") <= 900


def test_a_sign_in_of_the_future_lets_its_address_guess_no_more_than_others() -> None:
    KnownAddress.objects.create(
        user=User.objects.create(username="anna"), ip_address="10.0.0.9",
        last_at=timezone.now() + timedelta(days=400),
    )
    _guesses(20, timezone.now())
    assert lockout.wait_s("somebody", "10.0.0.9") > 0


def _guesses(count: int, at: datetime) -> None:
    attempt = AccessAttempt.objects.create(
        username="anna", ip_address="10.0.0.9", failures_since_start=count,
        user_agent=str(at), get_data="", post_data="", http_accept="", path_info="",
    )
    AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=at)
