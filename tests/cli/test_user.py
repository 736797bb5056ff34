"""`farcopy user`: accounts, their roles and passwords."""

import re
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from tests.running import Ended, new_home, rows, run_farcopy

GOOD = "correct horse battery staple"


def user(home: Path, *args: str, password: str | None = None) -> Ended:
    if password is None:
        return run_farcopy(home, "user", *args)
    return run_farcopy(home, "user", *args, "--password-stdin", stdin=f"{password}\n")


def is_password(home: Path, name: str, password: str) -> bool:
    ((stored,),) = rows(home, "SELECT password FROM users WHERE username = ?", name)
    try:
        return PasswordHasher().verify(stored.removeprefix("argon2"), password)
    except VerifyMismatchError:
        return False


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return new_home(tmp_path / "home")


@pytest.mark.parametrize("role", ["admin", "viewer"])
def test_a_user_of_each_role_can_be_added(home: Path, role: str) -> None:
    done = user(home, "add", "erika", "--role", role, password=GOOD)

    assert (done.returncode, done.stdout) == (0, f"Added erika ({role})\n")
    assert rows(home, "SELECT username, role FROM users") == [("erika", role)]
    assert is_password(home, "erika", GOOD)
    assert rows(home, "SELECT must_change_password FROM users") == [(0,)]


def test_without_a_password_one_is_made_shown_once_and_must_be_changed(home: Path) -> None:
    done = user(home, "add", "erika")

    found = re.fullmatch(r"Added erika \(admin\)\nPassword: (\S{16,})\n", done.stdout)
    assert found, done.stdout
    assert is_password(home, "erika", found[1])
    assert rows(home, "SELECT must_change_password FROM users") == [(1,)]
    assert found[1] not in user(home, "list").stdout


@pytest.fixture(scope="module")
def home_with_user(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all refusals: each must leave it as it was."""
    home = new_home(tmp_path_factory.mktemp("home"))
    user(home, "add", "there", password=GOOD)
    return home


@pytest.mark.parametrize(
    ("args", "password", "text"),
    [
        (["erika", "--role", "king"], GOOD, "the role must be one of"),
        (["erika"], "short", "too short"),
        (["erika"], "password", "too common"),
        (["eri\nka"], GOOD, "letters, digits and"),
        (["<script>"], GOOD, "letters, digits and"),
        (["r\u043e\u043et1"], GOOD, "scripts"),
        (["there"], GOOD, "there is a user of this name"),
    ],
)
def test_what_is_wrong_with_an_account_is_said_and_none_is_made(
    home_with_user: Path, args: list[str], password: str, text: str
) -> None:
    done = user(home_with_user, "add", *args, password=password)

    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert rows(home_with_user, "SELECT username FROM users") == [("there",)]


def test_a_password_can_be_changed(home: Path) -> None:
    user(home, "add", "erika")

    done = user(home, "password", "erika", password=GOOD)

    assert (done.returncode, done.stdout) == (0, "Changed the password of erika\n")
    assert is_password(home, "erika", GOOD)
    assert rows(home, "SELECT must_change_password FROM users") == [(0,)]

    weak = user(home, "password", "erika", password="erika")

    assert weak.returncode == 1
    assert is_password(home, "erika", GOOD)


def test_a_user_can_be_disabled(home: Path) -> None:
    user(home, "add", "erika", password=GOOD)
    user(home, "add", "max", "--role", "viewer", password=GOOD)

    done = user(home, "disable", "erika")

    assert (done.returncode, done.stdout) == (0, "Disabled erika\n")
    assert user(home, "list").stdout == "erika\tadmin\tdisabled\nmax\tviewer\tactive\n"


def test_a_disabled_user_can_be_enabled_and_given_another_role(home: Path) -> None:
    user(home, "add", "erika", password=GOOD)
    user(home, "disable", "erika")

    assert user(home, "enable", "erika").stdout == "Enabled erika\n"
    assert user(home, "role", "erika", "technician").stdout == "erika is technician\n"

    assert user(home, "list").stdout == "erika\ttechnician\tactive\n"


def test_shutting_out_the_last_admin_at_the_machine_is_done_with_a_warning(home: Path) -> None:
    user(home, "add", "erika", password=GOOD)

    done = user(home, "disable", "erika")

    assert done.returncode == 0
    assert "warning: no admin is left" in done.stderr


def test_a_locked_user_is_shown_and_can_be_unlocked(home: Path) -> None:
    user(home, "add", "erika", password=GOOD)
    rows(
        home,
        "INSERT INTO axes_accessattempt (username, ip_address, user_agent, get_data, post_data,"
        " http_accept, path_info, failures_since_start, attempt_time)"
        " VALUES ('erika', '10.0.0.7', '', '', '', '', '', 5, datetime('now'))",
    )
    assert user(home, "list").stdout == "erika\tadmin\tactive\tlocked\n"

    assert user(home, "unlock", "erika").stdout == "Unlocked erika\n"

    assert user(home, "list").stdout == "erika\tadmin\tactive\n"


@pytest.mark.parametrize("verb", ["disable", "enable", "password", "unlock"])
def test_an_unknown_user_is_named_as_such(home: Path, verb: str) -> None:
    done = user(home, verb, "nobody")

    assert (done.returncode, done.stderr) == (
        1, "farcopy: there is no user of this name (given: nobody): farcopy user list shows them\n"
    )
