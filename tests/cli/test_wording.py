"""What is wrong, in the words of the shell: the option, its value, and what to type next."""

from pathlib import Path

import pytest

from farcopy.core.config import FIELDS_BY_NAME
from farcopy.wording import in_shell, option_of
from tests.cli.test_configure import FTP
from tests.running import Ended, configure, new_home, rows, run_farcopy, slow_ftp_server, write_tree


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return new_home(tmp_path / "home")


def ftp_of_nobody(home: Path, **settings: object) -> None:
    """Configured as wanted, with a password; no server is asked."""
    done = run_farcopy(home, "configure", *FTP, env={"FARCOPY_FTP_PASSWORD": "x"})
    assert done.returncode == 0, done.stderr
    for name, value in settings.items():
        rows(home, f"UPDATE sync_configuration SET {name} = ?", value)


def line_of(done: Ended) -> str:
    """What a verb that failed says; it is one line."""
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip()


@pytest.mark.parametrize("name", FIELDS_BY_NAME)
def test_every_setting_is_named_by_an_option_of_configure(name: str) -> None:
    shown = run_farcopy(Path("/nowhere"), "configure", "--help").stdout
    assert f"{option_of(name)} " in shown.replace("\n", " ")


@pytest.mark.parametrize(
    "text",
    ["/mnt/ftp_path/x", "my_ftp_host", "ftp_host.txt", "C:\\ftp_path", "ftp_paths"],
)
def test_only_whole_words_are_taken_for_settings(text: str) -> None:
    assert in_shell(text) == text


def test_a_key_at_the_end_of_a_sentence_is_a_setting() -> None:
    assert in_shell("Lower ftp_connections.") == "Lower --ftp-connections."
    assert in_shell("(ftp_tls), ftp_password") == "(--ftp-tls), --ftp-password-stdin"


def test_a_host_that_has_no_address_is_named(home: Path) -> None:
    ftp_of_nobody(home, ftp_host="nosuch.invalid")

    tested = run_farcopy(home, "test-connection")
    examined = run_farcopy(home, "doctor")
    fetched = run_farcopy(home, "fetch", "hospital", "--to", str(home.parent / "to"))

    assert "could not be resolved; check --ftp-host (now nosuch.invalid) " in tested.stderr
    assert "Check --ftp-host (now nosuch.invalid) for a typing error" in examined.stdout
    assert "--ftp-host (now nosuch.invalid)" in fetched.stdout
    assert "ftp_host" not in tested.stderr + examined.stdout + fetched.stdout


def test_a_port_where_nobody_listens_is_named_with_its_host(home: Path) -> None:
    ftp_of_nobody(home, ftp_port=1)
    said = run_farcopy(home, "test-connection").stderr
    assert "check --ftp-host (now 127.0.0.1), --ftp-port (now 1) and firewalls" in said


def test_warnings_name_the_option_and_its_value(home: Path, tmp_path: Path) -> None:
    missing = tmp_path / "not there"
    changed = run_farcopy(home, "configure", "--hospital-data-path", str(missing))
    for said in (changed.stderr, run_farcopy(home, "status").stdout):
        assert f"warning: --hospital-data-path (now '{missing}') is not there" in said


def test_the_log_gets_no_host(home: Path, tmp_path: Path) -> None:
    write_tree(tmp_path / "data", {"a": b"x"})
    ftp_of_nobody(home, ftp_host="nosuch.invalid", hospital_data_path=str(tmp_path / "data"))

    done = run_farcopy(home, "sync", env={"FARCOPY_RETRY_SCALE": "0"})

    assert "--ftp-host (now nosuch.invalid)" in done.stdout
    logs = "".join(path.read_text() for path in (home / "logs").glob("*.log"))
    assert "dns_failed" in logs
    assert "nosuch" not in logs


def test_a_wrong_password_names_the_user_and_no_password(home: Path, tmp_path: Path) -> None:
    with slow_ftp_server(tmp_path / "remote", 0) as server:
        configure(home, server, ftp_password="not-the-one")
        done = run_farcopy(home, "test-connection")
    assert "check --ftp-username (now farcopy) and --ftp-password-stdin" in done.stderr
    assert "not-the-one" not in done.stderr


@pytest.mark.parametrize(
    ("verb", "command"),
    [
        ("sync", "farcopy configure --ftp-host HOST --ftp-username USER --ftp-password-stdin"),
        ("doctor", "farcopy configure --ftp-host HOST --ftp-username USER --ftp-password-stdin"),
    ],
)
def test_what_is_missing_comes_with_the_command_and_the_home(
    home: Path, verb: str, command: str
) -> None:
    line = line_of(run_farcopy(home, verb))
    assert line == f"farcopy: FTP not configured (the home is {home}): {command}"


@pytest.mark.parametrize("verb", ["cancel", "confirm-changes"])
def test_nothing_to_do_names_the_home(home: Path, verb: str) -> None:
    assert f"(the home is {home})" in line_of(run_farcopy(home, verb))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("unlock", "an na"), "(given: 'an na'): farcopy user list shows them"),
        (("add", "anna", "--role", "boss"), "technician, viewer (given: boss)"),
    ],
)
def test_what_was_given_for_an_account_is_named(
    home: Path, words: tuple[str, ...], told: str
) -> None:
    assert line_of(run_farcopy(home, "user", *words)).endswith(told)


def test_a_target_in_a_source_is_named_by_the_option(home: Path, tmp_path: Path) -> None:
    ftp_of_nobody(home, hospital_data_path=str(tmp_path))
    line = line_of(run_farcopy(home, "fetch", "hospital", "--to", str(tmp_path / "x")))
    assert f"(it would write into --hospital-data-path (now {tmp_path}); choose an empty" in line
