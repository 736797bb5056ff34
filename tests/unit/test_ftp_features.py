"""The reply to FEAT, as three servers give it and as none should."""

from hypothesis import given
from hypothesis import strategies as st

from farcopy.ftp.features import Features, parse_features

VSFTPD = "211-Features:\n EPRT\n EPSV\n MDTM\n PASV\n REST STREAM\n SIZE\n TVFS\n211 End"
PROFTPD = (
    "211-Features:\n EPSV\n HASH CRC32;MD5;SHA-1;SHA-256*;SHA-512\n MD5\n"
    " MLST modify*;perm*;size*;type*;\n REST STREAM\n SIZE\n TVFS\n UTF8\n XCRC\n XMD5\n211 End"
)
PURE_FTPD = (
    "211-Extensions supported:\n UTF8\n EPRT\n MDTM\n SIZE\n MFMT\n REST STREAM\n"
    " MLST type*;size*;\n MLSD\n PBSZ\n PROT\n TVFS\n ESTA\n PASV\n EPSV\n211 End."
)


def test_vsftpd() -> None:
    assert parse_features(VSFTPD) == Features(size=True, epsv=True, tvfs=True, rest_stream=True)


def test_proftpd_with_its_hashes() -> None:
    assert parse_features(PROFTPD) == Features(
        mlst=True, mlsd=True, size=True, epsv=True, utf8=True, tvfs=True, rest_stream=True,
        hashes=("MD5", "XCRC", "XMD5", "HASH CRC32", "HASH MD5", "HASH SHA-1", "HASH SHA-256",
                "HASH SHA-512"),
    )


def test_pure_ftpd() -> None:
    assert parse_features(PURE_FTPD) == Features(
        mlst=True, mlsd=True, size=True, epsv=True, utf8=True, tvfs=True, rest_stream=True
    )


def test_case_and_the_code_before_each_line_make_no_difference() -> None:
    assert parse_features("211-x\n211-size\n211-Mlst Type*;\n211 end") == Features(
        size=True, mlst=True, mlsd=True
    )


def test_no_features_are_none() -> None:
    assert parse_features("211 No features") == Features()
    assert parse_features("") == Features()
    assert parse_features("211-\n REST\n211 End") == Features()


@given(st.text())
def test_nothing_a_server_says_raises(text: str) -> None:
    parse_features(text)
    parse_features(f"211-Features:\n{text}\n211 End")
