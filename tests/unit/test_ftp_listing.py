"""Which lines of a listing are regular files, and ports in passive replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcopy.core.errors import OutOfStep
from farcopy.ftp.data import passive_port
from farcopy.ftp.listing import (
    entry_of_list,
    entry_of_mlsd,
    is_file_of_list,
    is_file_of_mlsd,
    is_single_name,
)
from farcopy.ftp.replies import Reply


@pytest.mark.parametrize(
    "line",
    [
        b"-rw-r--r--   1 root     root          312 Aug  1  1994 welcome.msg",
        b"-rw-r--r--+  1 7777 7777 5 Nov 22 21:24 d name",
        b"----------   1 owner    group         1803128 Jul 10 10:18 ls-lR.Z",
        b"04-27-26  09:09PM       1,208 report.dcm",
        b"2026-04-27  09:09           1208 report.dcm"[2:],
        b"04-27-2026  21:09       1208 two words",
    ],
)
def test_a_regular_file_in_a_list(line: bytes) -> None:
    assert is_file_of_list(line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"total 12",
        b"drwxr-xr-x   2 root     root         4096 Nov 22 21:24 -rw-r--r--",
        b"lrwxrwxrwx   1 root     root            7 Nov 22 21:24 link -> target",
        b"prw-r--r--   1 root     root            0 Nov 22 21:24 pipe",
        b"04-27-26  09:09PM       <DIR>          folder",
        b"04-27-26  09:09PM       <JUNCTION>     link",
        b"04-27-26  09:09PM       ",
    ],
)
def test_what_is_no_regular_file_in_a_list(line: bytes) -> None:
    assert not is_file_of_list(line)


@pytest.mark.parametrize(
    ("line", "is_file"),
    [
        (b"type=file;size=3; name", True),
        (b"Size=3;Type=FILE; name", True),
        (b"modify=20260101;type=file; type=dir; x", True),
        (b"type=dir;size=3; type=file;", False),
        (b"type=cdir; .", False),
        (b"type=pdir; ..", False),
        (b"type=OS.unix=slink:/x; name", False),
        (b"size=3; name", False),
        (b"subtype=file; name", False),
        (b"", False),
    ],
)
def test_a_regular_file_in_an_mlsd(line: bytes, is_file: bool) -> None:
    assert is_file_of_mlsd(line) is is_file


@given(st.binary(max_size=400))
def test_no_line_raises(line: bytes) -> None:
    is_file_of_list(line)
    is_file_of_mlsd(line)


def test_the_port_is_taken_and_the_address_is_not() -> None:
    assert passive_port(Reply(227, "227 Entering passive mode (192,0,2,9,7,138).")) == 1930
    assert passive_port(Reply(229, "229 Extended passive mode (|||51230|)")) == 51230


@given(st.sampled_from([227, 229]), st.text())
def test_a_passive_reply_has_a_port_or_is_out_of_step(code: int, text: str) -> None:
    for body in (text, f"({text})", f"(|||{text}|)", f"(1,2,3,4,{text})"):
        try:
            port = passive_port(Reply(code, f"{code} {body}"))
        except OutOfStep:
            continue
        assert 0 < port < 65536


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (b"-rw-r--r--    1 7777     7777    7 Nov 22 10:15 two words", ("two words", False, 7)),
        (b"-rw-r--r--    1 7777     7777          7 Nov 22  2025  x", (" x", False, 7)),
        (b"-rw-r--r--+   1 ftp  7 Nov 22 10:15 x", ("x", False, 7)),
        (b"drwxr-xr-x    2 7777     7777       4096 Nov 22 10:15 ab", ("ab", True, None)),
        (b"01-31-26  10:15AM            1,234 a b.dcm", ("a b.dcm", False, 1234)),
        (b"01-31-26  10:15AM       <DIR>          ab", ("ab", True, None)),
        (b"lrwxrwxrwx    1 0 0 7 Nov 22 10:15 a -> b", None),
        (b"total 12", None),
        (b"", None),
    ],
)
def test_a_line_of_list_is_an_entry(
    line: bytes, entry: tuple[str, bool, int | None] | None
) -> None:
    assert entry_of_list(line) == entry


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (b"type=file;size=7;modify=20261122; two  words", ("two  words", False, 7)),
        (b"Size=7;Type=FILE; x", ("x", False, 7)),
        (b"type=file; x", ("x", False, None)),
        (b"type=file;size=minus; x", ("x", False, None)),
        (b"type=file;size=" + b"9" * 30 + b"; x", ("x", False, None)),
        (b"type=dir;sizd=4096; ab", ("ab", True, None)),
        (b"type=cdir; /orthanc", None),
        (b"type=pdir; ..", None),
        (b"type=OS.unix=symlink; x", None),
        (b"garbage", None),
    ],
)
def test_a_line_of_mlsd_is_an_entry(
    line: bytes, entry: tuple[str, bool, int | None] | None
) -> None:
    assert entry_of_mlsd(line) == entry


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\0b", "a\rb"])
def test_a_name_that_leads_elsewhere_is_no_single_name(name: str) -> None:
    assert not is_single_name(name)
