"""Where the master key comes from, and which is refused; and what it encrypts, byte by byte."""

import sys
from pathlib import Path

import pytest

from farcopy.core.errors import KeyMismatch, KeyUnusable
from farcopy.store.keys import KEY_FILE, NEXT_KEY_FILE, KeySource, create_key, secret_of
from farcopy.store.secrets import SecretBox

GIVEN, OLD = "3f" * 31 + "a1", "77" * 31 + "b2"
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no modes")


def key_file(path: Path, text: str = GIVEN, mode: int = 0o600) -> str:
    path.write_text(text + "\n")
    path.chmod(mode)
    return str(path)


# --- where from ---


def test_a_fresh_home_makes_its_own_key_once(tmp_path: Path) -> None:
    source = KeySource(tmp_path / "home")
    (first,) = source.load()
    assert source.load() == (first,)
    assert len(first) == 32


def test_a_key_that_is_given_comes_before_a_file_and_that_before_the_home_s(tmp_path: Path) -> None:
    file = key_file(tmp_path / "file", OLD)
    (own,) = KeySource(tmp_path).load()
    assert KeySource(tmp_path, GIVEN).load() == (bytes.fromhex(GIVEN),)
    assert KeySource(tmp_path, key_file=file).load() == (bytes.fromhex(OLD),)
    assert own not in (bytes.fromhex(GIVEN), bytes.fromhex(OLD))


def test_a_credential_counts_where_no_key_is_given(tmp_path: Path) -> None:
    key_file(tmp_path / KEY_FILE)
    home = tmp_path / "home"
    assert KeySource(home, credentials=str(tmp_path)).load() == (bytes.fromhex(GIVEN),)
    assert not home.exists()
    assert KeySource(home, OLD, credentials=str(tmp_path)).load() == (bytes.fromhex(OLD),)
    (tmp_path / KEY_FILE).unlink()
    assert KeySource(home, credentials=str(tmp_path)).load()  # the home's own


def test_while_a_key_is_replaced_both_are_there_the_new_one_first(tmp_path: Path) -> None:
    source = KeySource(tmp_path)
    (own,) = source.load()
    create_key(tmp_path / NEXT_KEY_FILE)
    new, old = source.load()
    assert old == own
    (tmp_path / NEXT_KEY_FILE).replace(tmp_path / KEY_FILE)
    assert source.load() == (new,)
    assert KeySource(tmp_path, GIVEN, old_key=OLD).load() == (
        bytes.fromhex(GIVEN), bytes.fromhex(OLD))


def test_no_new_key_is_made_beside_a_database_that_had_another(tmp_path: Path) -> None:
    database = tmp_path / "farcopy.sqlite3"
    database.touch()
    with pytest.raises(KeyUnusable, match="is gone"):
        KeySource(tmp_path, database=database).load()
    assert [path.name for path in tmp_path.iterdir()] == ["farcopy.sqlite3"]


def test_who_cannot_do_without_a_key_has_one_of_his_own_while_it_is_unusable() -> None:
    source = KeySource(Path(), "short")
    assert secret_of(source, "django") != secret_of(source, "django")


# --- which is refused ---


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("correct horse battery staple", "hexadecimal"), ("ab" * 31, "shorter"), ("", "shorter"),
        ("00" * 32, "examples"), ("ff" * 40, "examples"), ("deadbeef" * 8, "examples"),
        ("0123456789abcdef" * 4, "examples"), (bytes(range(32)).hex(), "examples"),
    ],
)
def test_a_weak_key_is_refused_and_not_shown(tmp_path: Path, key: str, why: str) -> None:
    with pytest.raises(KeyUnusable, match=why) as raised:
        KeySource(tmp_path, key_file=key_file(tmp_path / "given", key)).load()
    assert not key or key not in str(raised.value)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="cannot be read"):
        KeySource(tmp_path, key_file=str(tmp_path / "nothing")).load()
    (tmp_path / "given").write_bytes(b"\xff" * 40)
    (tmp_path / "given").chmod(0o600)
    with pytest.raises(KeyUnusable, match="cannot be read"):
        KeySource(tmp_path, key_file=str(tmp_path / "given")).load()


@posix
@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o666, 0o444])
def test_a_file_everybody_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(KeyUnusable, match="readable by others"):
        KeySource(tmp_path, key_file=key_file(tmp_path / "given", mode=mode)).load()


@posix
@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604])
def test_the_home_s_own_is_its_owner_s_alone(tmp_path: Path, mode: int) -> None:
    key_file(tmp_path / KEY_FILE, mode=mode)
    with pytest.raises(KeyUnusable, match="readable by others"):
        KeySource(tmp_path).load()


@posix
@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440])
def test_a_credential_of_its_user_s_or_group_s_is_taken(tmp_path: Path, mode: int) -> None:
    assert KeySource(tmp_path, key_file=key_file(tmp_path / "given", mode=mode)).load()


# --- what it encrypts ---

BOX = SecretBox(bytes.fromhex(GIVEN))
SECRET = "Secr3t!pw äöü"


def test_a_secret_comes_back_and_never_looks_the_same_twice() -> None:
    one, two = (BOX.encrypt(SECRET, "1", "ftp_password") for _ in range(2))
    assert one.split("$")[2] != two.split("$")[2]
    assert BOX.decrypt(one, "1", "ftp_password") == BOX.decrypt(two, "1", "ftp_password") == SECRET


def test_every_flipped_bit_of_what_is_stored_is_rejected_with_one_and_the_same_error() -> None:
    stored = BOX.encrypt(SECRET, "1", "ftp_password").encode()
    errors = set()
    for position in range(len(stored)):
        for bit in range(8):
            flipped = bytearray(stored)
            flipped[position] ^= 1 << bit
            with pytest.raises(KeyMismatch) as raised:
                BOX.decrypt(flipped.decode("latin-1"), "1", "ftp_password")
            errors.add((type(raised.value), str(raised.value)))
    assert len(errors) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: [*parts[:3], "", parts[4]],
        lambda parts: [*parts[:2], "00" * 16, *parts[3:]],
        lambda parts: [*parts[:3], parts[3][:32], parts[4]],
        lambda parts: [*parts, ""],
        lambda parts: parts[:4],
        lambda parts: ["v1", *parts[1:]],
        lambda parts: [*parts[:1], "0" * 16, *parts[2:]],
        lambda parts: ["plain text"],
        lambda parts: [""],
    ],
)
def test_what_is_no_value_of_ours_is_rejected_alike(change: object) -> None:
    stored = "$".join(change(BOX.encrypt(SECRET, "1", "f").split("$")))  # type: ignore[operator]
    with pytest.raises(KeyMismatch):
        BOX.decrypt(stored, "1", "f")


@pytest.mark.parametrize(("row", "field"), [("2", "ftp_password"), ("1", "audit_key"), ("11", "")])
def test_a_value_moved_to_another_row_or_field_is_rejected(row: str, field: str) -> None:
    with pytest.raises(KeyMismatch):
        BOX.decrypt(BOX.encrypt(SECRET, "1", "ftp_password"), row, field)


def test_another_key_is_rejected() -> None:
    with pytest.raises(KeyMismatch):
        SecretBox(bytes.fromhex(OLD)).decrypt(BOX.encrypt(SECRET, "1", "f"), "1", "f")
