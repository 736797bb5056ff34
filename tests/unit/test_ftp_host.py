"""What is kept of a host between runs, and for how long it is believed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from farcopy.ftp.host import DISTRUSTED_FOR, HostProfile

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + DISTRUSTED_FOR
DISTRUSTS: dict[str, Callable[[HostProfile], None]] = {
    "refuses_restart": lambda host: host.note_restart_refused(),
    "answers_in_order": lambda host: host.note_order(is_in_order=False),
    "refuses_epsv": HostProfile.note_epsv_refused,
    "refuses_to_replace": HostProfile.note_replacing_refused,
    "refuses_hashes": HostProfile.note_hash_refused,
    "connection_limit": lambda host: host.note_connections(3, refused_beyond=3),
}
each_distrust = pytest.mark.parametrize("name", DISTRUSTS)


def after(*runs: Callable[[HostProfile], None], at: datetime = NOW) -> dict[str, object]:
    """What is stored after runs that learnt these things."""
    stored: dict[str, object] = {}
    for learn in runs:
        host = HostProfile.from_stored(stored, at)
        learn(host)
        stored = host.to_store(stored, at)
    return stored


def learn_nothing(_host: HostProfile) -> None:
    pass


def test_a_host_that_answers_in_order_is_not_asked_again() -> None:
    stored = after(lambda host: host.note_order(is_in_order=True), learn_nothing)
    assert HostProfile.from_stored(stored, LATER).answers_in_order is True


@each_distrust
def test_a_distrust_is_believed_for_seven_days(name: str) -> None:
    unknown = getattr(HostProfile(), name)
    stored = after(DISTRUSTS[name])
    just_before = HostProfile.from_stored(stored, LATER - timedelta(seconds=1))
    assert getattr(just_before, name) != unknown
    assert getattr(HostProfile.from_stored(stored, LATER), name) == unknown


@each_distrust
def test_a_run_that_only_believes_a_distrust_does_not_prolong_it(name: str) -> None:
    stored = after(DISTRUSTS[name])
    at = NOW + timedelta(days=6)
    again = HostProfile.from_stored(stored, at)
    again.note_connections(0, refused_beyond=None)
    if again.refuses_epsv:
        again.note_epsv_refused()  # each session comes with it
    assert again.to_store(stored, at) == stored


@each_distrust
def test_a_clock_set_back_does_not_keep_a_distrust_for_ever(name: str) -> None:
    stored = after(DISTRUSTS[name], at=NOW + timedelta(days=3650))
    assert getattr(HostProfile.from_stored(stored, NOW), name) == getattr(HostProfile(), name)


def test_a_host_that_lost_step_is_asked_again_after_seven_days() -> None:
    stored = after(
        lambda host: host.note_order(is_in_order=True), HostProfile.note_lost_step, learn_nothing
    )
    assert HostProfile.from_stored(stored, NOW).answers_in_order is False
    assert HostProfile.from_stored(stored, LATER).answers_in_order is None


def test_a_silent_line_is_nothing_to_remember_of_a_host() -> None:
    stored = after(lambda host: host.note_order(is_in_order=True), HostProfile.note_silence)
    assert HostProfile.from_stored(stored, NOW).answers_in_order is True


def test_one_refused_hash_among_answers_is_no_distrust() -> None:
    host = HostProfile(has_told_hashes=True)
    host.note_hash_refused()
    assert not host.refuses_hashes
    assert host.to_store({}, NOW) == {}


def test_how_many_connections_were_let_in_is_kept_until_one_is_refused() -> None:
    eight = after(lambda host: host.note_connections(8, refused_beyond=None), learn_nothing)
    assert HostProfile.from_stored(eight, LATER).most_connections == 8
    fewer = HostProfile.from_stored(eight, NOW)
    fewer.note_connections(8, refused_beyond=5)
    assert HostProfile.from_stored(fewer.to_store(eight, NOW), NOW).most_connections == 5


def test_a_host_that_lets_more_in_than_believed_has_no_limit_any_more() -> None:
    stored = after(
        DISTRUSTS["connection_limit"], lambda host: host.note_connections(4, refused_beyond=None)
    )
    assert HostProfile.from_stored(stored, NOW).connection_limit is None


@pytest.mark.parametrize(
    "stored",
    [{}, {"refuses_epsv_at": 7}, {"refuses_epsv_at": "soon"}, {"answers_in_order": "yes"},
     {"most_connections": True}, {"refuses_epsv_at": "2026-11-22T12:00:00"},
     {"connection_limit": 3}, [], None,
     {"connection_limit": "many", "connection_limit_at": NOW.isoformat()}],
)  # fmt: skip
def test_anything_else_that_is_stored_is_a_host_nobody_knows(stored: dict[str, object]) -> None:
    assert HostProfile.from_stored(stored, NOW) == HostProfile()
