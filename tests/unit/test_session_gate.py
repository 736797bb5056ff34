"""The gate of a run's sessions: one tries the password, all wait for the folders."""

import contextlib
import threading
from collections.abc import Callable
from typing import cast

import pytest

from farcopy.core.errors import FarcopyError, LoginRefused, RemoteReadOnly, TooManyConnections
from farcopy.core.ports import Remote
from farcopy.engine.control import SessionGate
from tests.running import wait_until

WITHIN_S = 10


class Session:
    """As much of a Remote as the gate sees."""

    def __init__(self, error: FarcopyError | None = None) -> None:
        self.error = error
        self.is_connected = threading.Event()
        self.may_log_in = threading.Event()
        self.may_log_in.set()
        self.is_open = threading.Event()

    def open(
        self,
        before_login: Callable[[], None] = lambda: None,
        on_login: Callable[[], None] = lambda: None,
    ) -> None:
        self.is_connected.set()
        before_login()
        self.may_log_in.wait(WITHIN_S)
        if self.error is not None:
            raise self.error
        on_login()
        self.is_open.set()


def once(work: Callable[[], None]) -> None:
    work()


def in_background(gate: SessionGate, session: Session) -> tuple[threading.Thread, list[object]]:
    ended: list[object] = []

    def open_it() -> None:
        try:
            gate.open(cast(Remote, session), once)
            ended.append("open")
        except FarcopyError as error:
            ended.append(error)

    thread = threading.Thread(target=open_it)
    thread.start()
    return thread, ended


def test_the_others_log_in_while_the_first_prepares_and_wait_for_it() -> None:
    may_end = threading.Event()
    gate = SessionGate(lambda _remote: may_end.wait(WITHIN_S) and None)
    first, second = Session(), Session()
    first_thread, _ = in_background(gate, first)
    assert first.is_open.wait(WITHIN_S)
    second_thread, ended = in_background(gate, second)
    assert second.is_open.wait(WITHIN_S)
    assert ended == []
    wait_until(lambda: gate.open_sessions == 2)  # the tuning may ask for more already
    may_end.set()
    first_thread.join(WITHIN_S)
    second_thread.join(WITHIN_S)
    assert ended == ["open"]
    assert gate.open_sessions == 2


def test_the_others_connect_while_the_first_tries_the_password_and_do_not_try_it() -> None:
    gate = SessionGate(lambda _remote: None)
    first, second = Session(LoginRefused()), Session()
    first.may_log_in.clear()
    first_thread, _ = in_background(gate, first)
    assert first.is_connected.wait(WITHIN_S)
    tries: list[int] = []

    def several_times(work: Callable[[], None]) -> None:
        for _ in range(3):
            tries.append(1)
            with contextlib.suppress(FarcopyError):
                work()

    ended: list[str] = []

    def open_second() -> None:
        try:
            gate.open(cast(Remote, second), several_times)
        except FarcopyError as error:
            ended.append(error.code)

    thread = threading.Thread(target=open_second)
    thread.start()
    assert second.is_connected.wait(WITHIN_S)
    assert gate.open_sessions == 1
    first.may_log_in.set()
    first_thread.join(WITHIN_S)
    thread.join(WITHIN_S)
    assert ended == [LoginRefused.code]
    assert tries == [1]
    assert not second.is_open.is_set()


def test_a_refused_login_is_not_tried_by_the_others() -> None:
    gate = SessionGate(lambda _remote: None)
    with pytest.raises(LoginRefused):
        gate.open(cast(Remote, Session(LoginRefused())), once)
    second = Session()
    with pytest.raises(LoginRefused):
        gate.open(cast(Remote, second), once)
    assert not second.is_open.is_set()


def test_folders_that_cannot_be_prepared_are_everybodys_failure() -> None:
    may_fail = threading.Event()

    def prepare(_remote: Remote) -> None:
        may_fail.wait(WITHIN_S)
        raise RemoteReadOnly

    gate = SessionGate(prepare)
    first_thread, first_end = in_background(gate, Session())
    second = Session()
    second_thread, second_end = in_background(gate, second)
    assert second.is_open.wait(WITHIN_S)
    may_fail.set()
    first_thread.join(WITHIN_S)
    second_thread.join(WITHIN_S)
    assert isinstance(first_end[0], RemoteReadOnly)
    assert isinstance(second_end[0], RemoteReadOnly)


def test_a_first_session_that_was_not_let_in_is_not_counted() -> None:
    gate = SessionGate(lambda _remote: None)
    thread, ended = in_background(gate, Session(TooManyConnections()))
    thread.join(WITHIN_S)
    assert [type(error) for error in ended] == [TooManyConnections]
    assert gate.open_sessions == 0
