"""Which lines of a listing are regular files, and ports in passive replies."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcopy.core.errors import OutOfStep
from farcopy.core.model import RemoteEntry
from farcopy.ftp.data import passive_port
from farcopy.ftp.listing_forms import (
    UnknownForm,
    first_line_of_list,
    is_single_name,
    line_of_list,
    line_of_mlsd,
)
from farcopy.ftp.replies import Reply


def entry_of_list(line: bytes) -> RemoteEntry | None:
    return first_line_of_list(line).entry


@pytest.mark.parametrize(
    "line",
    [
        b"-rw-r--r--   1 root     root          312 Aug  1  1994 welcome.msg",
        b"-rw-r--r--+  1 7777 7777 5 Nov 22 21:24 d name",
        b"----------   1 owner    group         1803128 Jul 10 10:18 ls-lR.Z",
        b"04-27-26  09:09PM       1,208 report.dcm",
        b"26-04-27  09:09           1208 report.dcm",
        b"04-27-2026  21:09       1208 two words",
    ],
)
def test_a_regular_file_in_a_list(line: bytes) -> None:
    entry = entry_of_list(line)
    assert entry is not None and not entry.is_folder


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"total 12",
        b"insgesamt 12",
        "总用量 12".encode(),
        b"lrwxrwxrwx   1 root     root            7 Nov 22 21:24 link -> target",
        b"prw-r--r--   1 root     root            0 Nov 22 21:24 pipe",
        b"crw-r--r--   1 root     root       1, 3 Nov 22 21:24 null",
        b"04-27-26  09:09PM       <JUNCTION>     link",
        b"+i1.2,m1,\tneither",
    ],
)
def test_what_is_neither_file_nor_folder_in_a_list(line: bytes) -> None:
    assert entry_of_list(line) is None


@pytest.mark.parametrize(
    "line",
    [
        b"04-27-26  09:09PM       ",
        b"garbage",
        b"ls: reading directory .: Input/output error",
        b"A.TXT;1    1    22-NOV-2026 10:15 [ANNA] (RWED,RE,,)",
        b"-rw-r--r-- and no date",
    ],
)
def test_what_may_be_a_file_in_an_unknown_form_is_told(line: bytes) -> None:
    with pytest.raises(UnknownForm):
        line_of_list(line)


FORMS = {
    "a group of two words": "{d}rwxr-xr-x   1 anna Domain Users {s:>10} Nov 22 10:15 {n}",
    "both of two words": "{d}rwxr-xr-x   1 NT AUTHORITY Domain Users {s} Nov 22 10:15 {n}",
    "a group that ends in digits": "{d}rwxr-xr-x   1 anna Ward 7 {s} Nov 22 10:15 {n}",
    "ISO": "{d}rwxr-xr-x   1 ftp ftp {s:>10} 2026-11-22 10:15 {n}",
    "full ISO": "{d}rwxr-xr-x 1 ftp ftp {s} 2026-11-22 10:15:30.000000000 +0100 {n}",
    "day before month": "{d}rwxr-xr-x   1 ftp ftp {s:>10} 22 Nov 10:15 {n}",
    "day before month and year": "{d}rwxr-xr-x   1 ftp ftp {s:>10} 22 Nov  2025 {n}",
    "day with a dot": "{d}rwxr-xr-x   1 ftp ftp {s:>10} 22. Nov 10:15 {n}",
    "Chinese": "{d}rwxr-xr-x   1 ftp ftp {s:>10} 11月 22 10:15 {n}",
    "Japanese": "{d}rwxr-xr-x   1 ftp ftp {s:>10} 11月22日 10:15 {n}",
    "French": "{d}rwxr-xr-x   1 ftp ftp {s:>10} août 22 10:15 {n}",
    "Russian": "{d}rwxr-xr-x   1 ftp ftp {s:>10} нояб. 22 10:15 {n}",
    "no link count": "{d}rwxr-xr-x ftp ftp {s:>10} Nov 22 10:15 {n}",
    "no group": "{d}rwxr-xr-x   1 ftp {s:>10} Nov 22 10:15 {n}",
    "numbers only": "{d}rwxr-xr-x   1 0 0 {s:>10} Nov 22 10:15 {n}",
    "seconds": "{d}rwxr-xr-x   1 ftp ftp {s:>10} Nov 22 10:15:30 {n}",
    "NetWare": "{d} [RWCEAFMS] supervisor {s:>10} Nov 22 10:15 {n}",
    "IIS, two digits": "11-22-26  10:15AM {x:>20} {n}",
    "IIS, four digits": "11-22-2026  10:15AM {x:>20} {n}",
    "Windows, ISO": "2026-11-22  10:15 {x:>20} {n}",
    "Windows, day first": "22.11.2026  10:15 {x:>20} {n}",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["a.txt", "two words", "12 Nov 13 10:10 y", "Müller", "2026 x"])
def test_the_forms_of_many_servers_are_read(form: str, name: str) -> None:
    for kind, size, word in (("-", 1234, "1234"), ("d", 4096, "<DIR>")):
        line = FORMS[form].format(d=kind, s=size, x=word, n=name).encode()
        entry = RemoteEntry(name, kind == "d", None if kind == "d" else size)
        assert entry_of_list(line) == entry


def test_a_year_behind_the_time_may_belong_to_either() -> None:
    read = line_of_list(b"-rw-r--r--   1 ftp ftp 7 Nov 22 10:15 2026 name")
    assert (read.entry, read.dated) == (
        RemoteEntry("2026 name", False, 7), RemoteEntry("name", False, 7)
    )


def test_eplf_is_read() -> None:
    line = b"+i8388621.48594,m825718503,r,s280,\tdjb.html"
    assert entry_of_list(line) == RemoteEntry("djb.html", False, 280)
    assert entry_of_list(b"+i8388621.50690,m824255907,/,\t514") == RemoteEntry("514", True)


def is_file_of_mlsd(line: bytes) -> bool:
    try:
        entry = line_of_mlsd(line).entry
    except UnknownForm:
        return False
    return entry is not None and not entry.is_folder


@pytest.mark.parametrize(
    ("line", "is_file"),
    [
        (b"type=file;size=3; name", True),
        (b"Size=3;Type=FILE; name", True),
        (b"modify=20260101;type=file; type=dir; x", True),
        (b"type=file;size=3;UNIX.groupname=domain users;UNIX.owner=1; name", True),
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
def test_no_line_raises_anything_else(line: bytes) -> None:
    for read in (line_of_list, first_line_of_list, line_of_mlsd):
        with contextlib.suppress(UnknownForm):
            read(line)


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
        (
            b"type=file;size=7;UNIX.groupname=domain users;UNIX.owner=1; two; words",
            ("two; words", False, 7),
        ),
    ],
)
def test_a_line_of_mlsd_is_an_entry(
    line: bytes, entry: tuple[str, bool, int | None] | None
) -> None:
    assert line_of_mlsd(line).entry == entry


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\0b", "a\rb"])
def test_a_name_that_leads_elsewhere_is_no_single_name(name: str) -> None:
    assert not is_single_name(name)
