"""Hashes of what is read: made at once or by a thread behind, they are the same."""

import hashlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcopy.sources.hashing import (
    BEHIND_FROM_BYTES,
    MOST_BLOCKS_BEHIND,
    Hashes,
    HashesBehind,
    hashes_of,
)


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("farcopy-hash")]


@given(st.lists(st.binary(max_size=5000), max_size=3 * MOST_BLOCKS_BEHIND), st.booleans())
def test_a_thread_behind_hashes_as_the_reader_would(blocks: list[bytes], wants_both: bool) -> None:
    behind = HashesBehind()
    if wants_both:
        behind.also_sha256()
    for block in blocks:
        behind.update(block)
    whole = b"".join(blocks)
    assert behind.md5 == hashlib.md5(whole, usedforsecurity=False).hexdigest()
    assert behind.sha256 == (hashlib.sha256(whole).hexdigest() if wants_both else "")
    behind.close()
    assert threads() == []


def test_what_nobody_asks_for_leaves_no_thread() -> None:
    behind = HashesBehind()
    for _ in range(2 * MOST_BLOCKS_BEHIND):
        behind.update(bytes(100_000))
    assert threads() != []
    behind.close()
    assert threads() == []


def test_what_goes_wrong_in_the_thread_is_raised_to_the_reader() -> None:
    behind = HashesBehind()
    behind.update("no bytes")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        _ = behind.md5
    behind.close()


def test_only_large_files_have_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert type(hashes_of(BEHIND_FROM_BYTES - 1)) is Hashes
    assert type(hashes_of(BEHIND_FROM_BYTES)) is HashesBehind
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert type(hashes_of(BEHIND_FROM_BYTES)) is Hashes
