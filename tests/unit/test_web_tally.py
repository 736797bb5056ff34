"""Which calls without a session share a row of the audit trail. The clock is moved by hand."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from farcopy.web.tally import MINUTE_S, OWN_ROWS, OWN_ROWS_A_SENDER, SHARED_ROWS, Tally

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def ask(tally: Tally, sender: str, at_s: float = 0.0) -> bool:
    return tally.has_own_row(sender, "sync.status", at_s, NOON + timedelta(seconds=at_s))


def test_a_hundred_of_one_sender_have_their_own_rows_and_the_rest_share_one() -> None:
    tally = Tally()
    own = [ask(tally, "a", number / 10) for number in range(OWN_ROWS_A_SENDER + 50)]
    assert own == [True] * OWN_ROWS_A_SENDER + [False] * 50
    assert tally.take(MINUTE_S - 1) == []
    (shared,) = tally.take(MINUTE_S)
    assert (shared.sender, shared.calls, shared.actions) == ("a", 50, {"sync.status": 50})
    assert shared.first_at == NOON + timedelta(seconds=10)
    assert shared.last_at == NOON + timedelta(seconds=14.9)
    assert tally.take(MINUTE_S) == []
    assert ask(tally, "a", MINUTE_S + 1)  # another minute


def test_a_flood_from_one_sender_takes_nobody_else_his_rows() -> None:
    tally = Tally()
    for _ in range(100_000):
        ask(tally, "a")
    assert all(ask(tally, f"b{number}") for number in range(50))


def test_a_thousand_of_all_senders_have_their_own_rows() -> None:
    tally = Tally()
    assert sum(ask(tally, f"s{number}") for number in range(OWN_ROWS + 500)) == OWN_ROWS


def test_ever_new_senders_take_bounded_memory_and_few_rows_and_none_is_lost() -> None:
    tally = Tally()
    own = sum(ask(tally, f"s{number}") for number in range(20_000))
    assert len(tally._own) <= OWN_ROWS
    rows = tally.take(MINUTE_S)
    assert len(rows) == SHARED_ROWS + 1
    assert own + sum(row.calls for row in rows) == 20_000
    assert {row.sender for row in rows} >= {""}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 600)), max_size=800))
def test_every_call_is_in_a_row(calls: list[tuple[str, float]]) -> None:
    tally = Tally()
    counted = 0
    for sender, at_s in sorted(calls, key=lambda call: call[1]):
        counted += sum(row.calls for row in tally.take(at_s))
        counted += ask(tally, sender, at_s)
    counted += sum(row.calls for row in tally.take(1e6, is_end=True))
    assert counted == len(calls)
