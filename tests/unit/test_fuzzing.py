"""What a hostile server or source can say, made up: a hundred cases of each here, and
100,000 by `make soak ARGS="--only fuzzing"`.
"""

import contextlib
import re
import ssl
import time
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from farcopy.core.errors import FarcopyError, LocalName, TimedOut
from farcopy.ftp.features import parse_features
from farcopy.ftp.listing_forms import (
    _DOS,
    _TOTAL,
    _UNIX,
    UnknownForm,
    first_line_of_list,
    is_single_name,
    line_of_list,
    line_of_mlsd,
)
from farcopy.ftp.replies import FOREIGN, MAX_LINE_BYTES, MAX_REPLY_LINES, translate
from farcopy.ftp.settings import Budget
from farcopy.ftp.wire import Wire, encode_command
from farcopy.planning.local_path import local_names
from farcopy.planning.remote_path import decode_path, encode_name, remote_path

VERBS = ("greeting", "AUTH", "USER", "PASS", "PASV", "EPSV", "STOR", "DATA", "RNTO", "SIZE",
         "MLSD", "LIST", "RETR", "MKD", "CWD", "DELE", "FEAT", "QUIT")


class Said:
    """The far end of a control connection: what it says arrives in these blocks, then no more."""

    family = 2

    def __init__(self, blocks: list[bytes]) -> None:
        self._blocks = [block for block in blocks if block]
        self.read_bytes = 0

    def settimeout(self, wait_s: float) -> None:
        assert wait_s > 0

    def gettimeout(self) -> float | None:
        return None

    def recv(self, size: int) -> bytes:
        block = self._blocks.pop(0) if self._blocks else b""
        block, rest = block[:size], block[size:]
        if rest:
            self._blocks.insert(0, rest)
        self.read_bytes += len(block)
        return block

    def close(self) -> None:
        self._blocks.clear()


CODES = st.integers(0, 999).map(lambda code: b"%03d" % code)
LINES = st.one_of(
    st.tuples(CODES, st.sampled_from([b" ", b"-", b"", b"\n", b"\0"]), st.binary(max_size=40)).map(
        b"".join
    ),
    st.binary(max_size=60),
    st.sampled_from([b"220-", b"220 ", b"150 ", b"226 done", b"x" * 9000, b"227 (1,2,3,4,5,6)"]),
)
ENDS = st.sampled_from([b"\r\n", b"\n", b"\r", b"", b"\r\r\n", b"\0"])
SPEECH = st.lists(st.tuples(LINES, ENDS).map(b"".join), max_size=12)


@given(SPEECH, st.sampled_from(VERBS))
@example([b"220-x\r\n"] * (MAX_REPLY_LINES + 5), "greeting")
@example([b"220 " + b"x" * 20_000], "greeting")
def test_whatever_a_server_says_is_a_reply_or_an_error_of_ours(
    speech: list[bytes], verb: str
) -> None:
    said = Said(speech)
    wire = Wire(said, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), 5.0, Budget())  # type: ignore[arg-type]
    for _ in range(3):
        try:
            reply = wire.read_reply()
        except TimedOut:
            raise AssertionError("nobody waits here") from None
        except FOREIGN as error:
            ours = translate(error, verb)
            assert isinstance(ours, FarcopyError)
            assert re.fullmatch(r"[ -~]*", str(ours)), "the server's own text"
            break
        assert 100 <= reply.code <= 599
        assert len(reply.text) <= MAX_REPLY_LINES * (MAX_LINE_BYTES + 1)
        assert isinstance(translate(reply.as_error(), verb), FarcopyError)
    assert said.read_bytes <= MAX_REPLY_LINES * (MAX_LINE_BYTES + 2)


def replies_to(blocks: list[bytes]) -> list[object]:
    wire = Wire(Said(blocks), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), 5.0, Budget())  # type: ignore[arg-type]
    replies: list[object] = []
    for _ in range(20):
        try:
            replies.append(wire.read_reply())
        except FOREIGN:
            return [*replies, "an error"]
    return replies


@given(SPEECH)
@example([b"220 " + b"x" * (MAX_LINE_BYTES - 5), b"\r\n226 b\r\n"])
@example([b"220\r\n", b"226 \n", b"213-1\r\n213 2\r\n"])
def test_replies_are_the_same_in_one_piece_and_byte_by_byte(speech: list[bytes]) -> None:
    whole = b"".join(speech)
    assert replies_to([whole]) == replies_to([whole[at : at + 1] for at in range(len(whole))])


@given(st.lists(LINES.map(lambda raw: raw.decode("utf-8", "surrogateescape")), max_size=10))
def test_whatever_feat_answers_is_read(lines: list[str]) -> None:
    features = parse_features("\n".join(["211-Features:", *lines, "211 End"]))
    assert features.mlsd or not features.mlst
    assert all(name == name.upper() for name in features.hashes)


FACTS = st.lists(
    st.sampled_from([b"type=file", b"type=dir", b"type=cdir", b"size=3", b"size=-1", b"size=",
                     b"size=9" + b"9" * 30, b"Type=File", b"modify=x", b"", b"=", b"size=\xb2"]),
    max_size=5,
).map(b";".join)
NAMES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([b"..", b".", b"", b"a/b", b"../x", b"/etc/passwd", b"a\0b", b"\xff", b"a b"]),
)
MLSD = st.tuples(FACTS, st.sampled_from([b" ", b"; ", b"", b"  "]), NAMES).map(b"".join)
LIST = st.one_of(
    st.tuples(
        st.sampled_from([b"-rw-r--r-- ", b"drwx------+ ", b"lrwxrwxrwx ", b"- "]),
        st.sampled_from([b"1 u g ", b"1 u ", b"  12 7777 7777 ", b"x "]),
        st.integers(-1, 10**25).map(lambda size: b"%d " % size),
        st.sampled_from([b"Nov 22 10:15 ", b"Nov 22  2025 ", b"Nov 222025 "]), NAMES,
    ).map(b"".join),
    st.tuples(
        st.sampled_from([b"04-27-26  09:09PM       ", b"04-27-2026 21:09 "]),
        st.sampled_from([b"1,208 ", b"<DIR> ", b"<JUNCTION> ", b", ", b"1.2 "]), NAMES,
    ).map(b"".join),
)


@given(st.one_of(MLSD, LIST, st.binary(max_size=400)))
def test_whatever_a_listing_holds_is_an_entry_with_a_name_and_a_size_or_nothing(
    line: bytes,
) -> None:
    found = []
    for read in (line_of_mlsd, line_of_list, first_line_of_list):
        with contextlib.suppress(UnknownForm):
            found += read(line)
    for entry in found:
        if entry is None or not is_single_name(entry.name):
            continue
        assert not set(entry.name) & set("/\0\r\n")
        assert entry.size_bytes is None or 0 <= entry.size_bytes < 10**20
        # What a command names, and what is written to disk, comes from there.
        assert encode_command(f"SIZE {entry.name}").count(b"\n") == 1


@pytest.mark.parametrize("pattern", [_DOS, _UNIX, _TOTAL], ids=["dos", "unix", "total"])
@pytest.mark.parametrize(
    "line",
    [b"-" + b"a " * 4000, b"-" + b"1 " * 4000, b"- 1 u " + b"1" * 8000, b"d" + b" " * 8000,
     b"01-01-26  10:10 " + b"1," * 4000, b"01-01-26 " + b" " * 8000, b"-" * 8000,
     b"-a 1 Nov" + b" " * 8000, b"-a " + b"1 Nov   " * 1000, b"-a" + b" 22." * 2000,
     b"a" * 4000 + b":" * 4000],
    ids=range(11),
)
def test_the_longest_line_is_matched_in_no_time(pattern: re.Pattern[bytes], line: bytes) -> None:
    began = time.process_time()
    pattern.match(line)
    pattern.fullmatch(line)
    assert time.process_time() - began < 0.05


RAW_NAMES = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.text(min_size=1, max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"..", b".", b"...", b"%2e%2e", b"%2F", b"\r\n", b"a\r\nDELE x", b"\\..\\..",
                     b" ", b"-rf", b"\xff%FF", "\u2028".encode(), b"%", b"%%41", b"CON"]),
)


@given(st.lists(RAW_NAMES, min_size=1, max_size=5), st.sampled_from(["/", "/a/b", "a/b", "/ü/"]))
def test_whatever_a_file_is_called_its_remote_path_stays_below_and_leads_back(
    raw: list[bytes], ftp_path: str
) -> None:
    # As a POSIX disk has them: any bytes but NUL and slash, and no "." or "..".
    clean = [name.replace(b"/", b"_").replace(b"\0", b"_") for name in raw]
    names = [name.decode("utf-8", "surrogateescape") for name in clean if name not in (b".", b"..")]
    if not names:
        return
    safe = "/".join(map(encode_name, names))
    path = PurePosixPath(ftp_path) / remote_path("orthanc", safe)
    assert ".." not in path.parts
    assert path.parts[-len(names) - 1:] == ("orthanc", *safe.split("/"))
    assert path.is_relative_to(PurePosixPath(ftp_path) / "orthanc")
    command = encode_command(f"STOR {path}")
    assert command.count(b"\n") == command.count(b"\r") == 1
    assert b"\0" not in command
    assert decode_path(safe) == "/".join(names)
    assert local_names(f"orthanc/{safe}", is_windows=False) == ("orthanc", *names)


@given(st.text(max_size=60))
def test_a_windows_name_that_is_no_text_is_left_out_and_any_other_leads_back(name: str) -> None:
    one = name.replace("/", "_") or "_"
    try:
        safe = encode_name(one)
    except LocalName:
        assert any(0xD800 <= ord(char) <= 0xDFFF for char in one)
        return
    assert decode_path(safe) == one
    assert safe not in (".", "..")
