"""A password replaced while somebody signs in, or changes it, with the old one: threads, no luck.

The thread that checks is held right after its check until the other has replaced the password.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from django.contrib.auth.hashers import Argon2PasswordHasher  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import RequestFactory, override_settings  # noqa: E402

from farcopy.store import users  # noqa: E402
from farcopy.store.models import Session, User  # noqa: E402
from farcopy.web import auth  # noqa: E402
from farcopy.web.call import begin_call  # noqa: E402
from farcopy.web.refusals import Refused  # noqa: E402

OLD, NEW, THEIRS = "old-secret-72Kd", "new-secret-93Lf", "intruder-84Mg"
WITHIN_S = 20
pytestmark = pytest.mark.usefixtures("database")
View = Callable[..., Any]


@pytest.fixture(autouse=True)
def site() -> Any:
    with override_settings(
        SESSION_ABSOLUTE=timedelta(hours=12), SESSION_IDLE=timedelta(minutes=30),
        AXES_CLIENT_IP_CALLABLE="farcopy.web.call.address_for_axes",
    ):
        yield


@pytest.fixture
def boss(database: None) -> User:
    users.add("boss", "admin", OLD)
    return User.objects.get(username="boss")


def ask(view: View, fields: dict[str, object], user: User | None = None) -> object:
    """What the view answers, or refuses with."""
    request = RequestFactory().post("/api/auth/login.php")
    call = begin_call(request)
    call.fields, call.user = fields, user
    try:
        return view(request, HttpResponse())
    except Refused as refused:
        return refused.refusal


def between_check_and_deed(
    monkeypatch: pytest.MonkeyPatch, ask_it: Callable[[], object], meanwhile: Callable[[], None]
) -> object:
    """Ask on a thread; `meanwhile` runs on this one once the old password was found right."""
    is_checked, may_go_on = threading.Event(), threading.Event()
    check = auth._check_password
    answers: list[object] = []

    def check_and_wait(*given: Any) -> User | None:
        user = check(*given)
        is_checked.set()
        assert may_go_on.wait(WITHIN_S)
        return user

    def carry_out() -> None:
        try:
            answers.append(ask_it())
        finally:
            connection.close()

    monkeypatch.setattr(auth, "_check_password", check_and_wait)
    thread = threading.Thread(target=carry_out)
    thread.start()
    try:
        assert is_checked.wait(WITHIN_S)
        meanwhile()
    finally:
        may_go_on.set()
        thread.join(WITHIN_S)
    return answers[0]


def reset() -> None:
    users.set_password("boss", NEW, must_change=True)


def shut_out() -> None:
    users.change("boss", is_active=False, may_be_last_admin=True)


def remove() -> None:
    User.objects.filter(username="boss").delete()


@pytest.mark.parametrize("meanwhile", [reset, shut_out, remove])
def test_an_old_password_that_was_checked_just_before_its_change_opens_no_session(
    meanwhile: Callable[[], None], boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields: dict[str, object] = {"username": "boss", "password": OLD}
    answer = between_check_and_deed(monkeypatch, lambda: ask(auth.login, fields), meanwhile)
    assert getattr(answer, "code", answer) == "bad_credentials"
    assert not Session.objects.exists()


def test_a_change_with_the_old_password_never_overwrites_a_reset(
    boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields: dict[str, object] = {"current_password": OLD, "new_password": THEIRS}
    answer = between_check_and_deed(monkeypatch, lambda: ask(auth.password, fields, boss), reset)
    assert getattr(answer, "code", answer) == "wrong_password"
    now = User.objects.get(username="boss")
    assert now.check_password(NEW)
    assert now.must_change_password
    assert not Session.objects.exists()


def test_without_a_change_in_between_the_same_calls_succeed(
    boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields: dict[str, object] = {"current_password": OLD, "new_password": NEW}
    between_check_and_deed(monkeypatch, lambda: ask(auth.password, fields, boss), lambda: None)
    monkeypatch.undo()
    fields = {"username": "boss", "password": NEW}
    between_check_and_deed(monkeypatch, lambda: ask(auth.login, fields), lambda: None)
    assert Session.objects.count() == 2


def test_a_hash_renewed_at_sign_in_never_overwrites_a_reset(
    boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = User.objects.get(pk=boss.pk)
    reset()
    monkeypatch.setattr(Argon2PasswordHasher, "must_update", lambda *_: True)
    assert stale.check_password(OLD)
    monkeypatch.undo()
    assert User.objects.get(pk=boss.pk).check_password(NEW)


def test_a_hash_of_older_strength_is_renewed_at_sign_in(
    boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = boss.password
    monkeypatch.setattr(Argon2PasswordHasher, "must_update", lambda *_: True)
    assert boss.check_password(OLD)
    now = User.objects.get(pk=boss.pk)
    assert now.password == boss.password != before
