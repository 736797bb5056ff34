"""A crowd that signs in: two at a time, some wait, the rest are told to come again."""

import threading
from concurrent.futures import ThreadPoolExecutor

from farcopy.web.hashing import AT_ONCE, IN_THE_ROOM, hashing
from farcopy.web.refusals import Refused
from farcopy.web.requests import THREADS

WITHIN_S = 10.0
CROWD = IN_THE_ROOM + 6


def test_a_crowd_leaves_threads_to_others() -> None:
    assert IN_THE_ROOM < THREADS


def test_two_work_at_once_the_room_fills_and_who_comes_then_is_refused() -> None:
    refused: list[Refused] = []
    inside: list[int] = []
    most: list[int] = []
    all_refused = threading.Event()

    def sign_in(number: int) -> None:
        try:
            with hashing():
                inside.append(number)
                most.append(len(inside))
                all_refused.wait(WITHIN_S)  # nobody leaves before the last has knocked
                inside.remove(number)
        except Refused as error:
            refused.append(error)
            if len(refused) == CROWD - IN_THE_ROOM:
                all_refused.set()

    with ThreadPoolExecutor(CROWD) as pool:
        list(pool.map(sign_in, range(CROWD)))
    assert all_refused.is_set()
    assert len(most) == IN_THE_ROOM
    assert max(most) == AT_ONCE
    assert {error.refusal.status for error in refused} == {429}
    assert {error.refusal.headers["Retry-After"] for error in refused} == {"1"}
