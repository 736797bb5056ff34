"""Foreign origins and host names, decided without a server."""

import pytest

from farcopy.web.origin import is_cross_site, is_known_host, is_other_site, normalised

OWN = {"http://archive.example:8480", "https://archive.example"}
LISTED = ("https://viewer.example",)


def crosses(origin: str | None, fetch_site: str | None = None) -> bool:
    return is_cross_site(origin=origin, fetch_site=fetch_site, own=OWN, listed=LISTED)


def test_a_request_with_neither_header_passes_as_curl_does() -> None:
    assert not crosses(None)


@pytest.mark.parametrize("origin", sorted(OWN))
@pytest.mark.parametrize("fetch_site", [None, "same-origin", "none"])
def test_the_own_origin_passes(origin: str, fetch_site: str | None) -> None:
    assert not crosses(origin, fetch_site)


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "https://evil.example", "http://archive.example", "https://archive.example:444",
        "https://archive.example.evil.example", "https://archive.example@evil.example",
        "https://viewer.example.evil.example", "https://viewer.example/", "http://viewer.example",
        "https://archive.example/path", "file://", "https://[", "https://archive.example:x",
        "https://archive.example, https://evil.example",
    ],
)
def test_any_other_origin_is_foreign(origin: str) -> None:
    assert crosses(origin)
    assert crosses(origin, "same-origin")


@pytest.mark.parametrize("fetch_site", ["cross-site", "same-site", "", "anything"])
def test_what_the_browser_calls_another_site_is_foreign(fetch_site: str) -> None:
    assert crosses(None, fetch_site)
    assert crosses("https://archive.example", fetch_site)


@pytest.mark.parametrize("fetch_site", [None, "cross-site", "same-site"])
def test_a_listed_origin_passes_whatever_site_it_is_of(fetch_site: str | None) -> None:
    assert not crosses("https://viewer.example", fetch_site)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://a:80", "http://a"), ("https://a:443", "https://a"), ("https://a:80", "https://a:80"),
        ("http://[::1]:8480", "http://[::1]:8480"), ("http://A", "http://a"), ("ftp://a", ""),
        ("a", ""), ("http://", ""), ("http://a/b", ""), ("http://a?b", ""), ("http://a#", ""),
        ("http://a:99999", ""), ("http://u@a", ""),
    ],
)
def test_an_origin_is_written_as_browsers_do(origin: str, expected: str) -> None:
    assert normalised(origin) == expected


@pytest.mark.parametrize(
    "host",
    [None, "", "localhost", "LOCALHOST:8480", "archive.example", "archive.example.", "127.0.0.1",
     "10.1.2.3:80", "[::1]", "[fe80::1]:8480"],
)
def test_listed_names_and_addresses_are_served(host: str | None) -> None:
    assert is_known_host(host, {"localhost", "archive.example"})


@pytest.mark.parametrize(
    "host",
    ["evil.example", "archive.example.evil.example", "localhost.evil.example", "2130706433",
     "0x7f.1", "archive.example@evil.example", "evil.example/archive.example", "a b", "[", ":80",
     "archive.example:x", "archive.example, evil.example", "archive.example#"],
)
def test_a_name_that_somebody_else_may_point_here_is_not_served(host: str) -> None:
    assert not is_known_host(host, {"localhost", "archive.example"})


@pytest.mark.parametrize(
    ("origin", "is_other"),
    [
        ("https://viewer.hospital.example", False), ("https://hospital.example:8443", False),
        ("https://viewer.example", True), ("http://viewer.hospital.example", True),
        ("https://10.0.0.5", True),
    ],
)
def test_sites_are_told_apart_by_scheme_and_last_two_labels(origin: str, is_other: bool) -> None:
    assert is_other_site(origin, "https://archive.hospital.example") is is_other
