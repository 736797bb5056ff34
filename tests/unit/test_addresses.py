"""Addresses that are never connected to, however another one stands for them."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcopy.core.addresses import is_allowed_address, neighbourhood, read_peer, shown_peer

LINK_LOCAL = int(IPv4Address("169.254.0.0"))
FORBIDDEN = st.one_of(
    st.integers(LINK_LOCAL, LINK_LOCAL + 0xFFFF),
    st.integers(0xE0000000, 0xEFFFFFFF),  # multicast
    st.integers(0, 0xFFFFFF),  # this network
    st.sampled_from([
        int(IPv4Address(text)) for text in
        ("255.255.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192")
    ]),
)
REST = st.integers(0, 2**80 - 1)


def whole(text: str) -> int:
    return int(IPv6Address(text))


@st.composite
def disguised(draw: st.DrawFn) -> IPv6Address:
    """An IPv6 address that carries a forbidden IPv4 one, in each form that there is."""
    v4 = draw(FORBIDDEN)
    rest = draw(REST)
    return IPv6Address(draw(st.sampled_from([
        whole("::ffff:0:0") | v4,
        whole("::ffff:0:0:0") | v4,
        whole("64:ff9b::") | v4,
        whole("64:ff9b:1::") | v4,
        whole("64:ff9b:1::") | (v4 >> 16) << 64 | (v4 & 0xFFFF) << 40,  # RFC 6052, a prefix of 48
        whole("64:ff9b:1::") | rest & (2**48 - 1) << 32 | v4,
        whole("2002::") | v4 << 80 | rest,
        whole("2001::") | (rest & (2**64 - 1)) << 32 | v4 ^ 0xFFFFFFFF,  # Teredo: its client
        whole("2001::") | v4 << 64 | rest & (2**64 - 1),  # and its server
        v4 if v4 != 1 else 0,
        whole("fd12:3456::5efe:0:0") | v4,
        whole("2001:db8::200:5efe:0:0") | v4,
    ])))


@given(disguised())
def test_an_embedded_forbidden_address_is_never_allowed(address: IPv6Address) -> None:
    assert not is_allowed_address(address)


@pytest.mark.parametrize("text", [
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1",
    "::a9fe:a9fe", "::ffff:0:169.254.169.254", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
    "100.100.100.200", "168.63.129.16", "64:ff9b::6464:64c8", "fe80::5efe:10.0.0.1",
])
def test_what_stands_for_a_metadata_service_is_refused(text: str) -> None:
    assert not is_allowed_address(ip_address(text))


@given(FORBIDDEN)
def test_a_forbidden_address_is_not_allowed_undisguised(v4: int) -> None:
    assert not is_allowed_address(IPv4Address(v4))


@pytest.mark.parametrize("text", [
    "10.0.0.1", "127.0.0.1", "192.168.1.5", "172.16.0.9", "100.64.0.1", "8.8.8.8", "::1",
    "::ffff:10.0.0.1", "fd12:3456::1", "fd00::1", "fc00::1", "2001:db8::1", "2a00:1450::1",
    "2001:4860::8", "64:ff9b::808:808",  # a public server from a network of IPv6 only
])
def test_private_loopback_and_public_addresses_stay_allowed(text: str) -> None:
    assert is_allowed_address(ip_address(text))


# --- whence somebody comes ---


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("192.0.2.7", "192.0.2.7"), ("192.0.2.7:4711", "192.0.2.7"), (" 192.0.2.7 ", "192.0.2.7"),
        ("2001:DB8::7", "2001:db8::7"), ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"), ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%3]:80", "fe80::1"), ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:80", "192.0.2.7"), ("::1", "::1"),
        # What is none is kept as it is, in one clean line, and is never nothing.
        ("", "unknown"), (" ", "unknown"), ("unknown", "unknown"), ("_hidden", "_hidden"),
        ("192.0.2.7:", "192.0.2.7:"), ("192.0.2.7:99999", "192.0.2.7:99999"),
        ("[2001:db8::7", "[2001:db8::7"), ("[2001:db8::7]x", "[2001:db8::7]x"),
        ("[]", "[]"), ("a\r\nb\x1b[2J", "a\ufffd\ufffdb\ufffd[2J"), ("x" * 99, "x" * 45),
    ],
)
def test_the_peer_is_shown_whatever_form_it_is_told_in(text: str, shown: str) -> None:
    assert shown_peer(text) == shown


@given(st.text(max_size=80))
def test_whatever_a_proxy_says_becomes_one_clean_word_that_is_not_empty(text: str) -> None:
    shown = shown_peer(text)
    assert shown
    assert shown.isprintable()
    assert len(shown) <= 45


@pytest.mark.parametrize(
    ("text", "sender"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"), ("::1", "::1"),
     ("fe80::9", "fe80::9"), ("::ffff:192.0.2.7", "192.0.2.7")],
)
def test_of_ipv6_a_network_of_64_bits_is_one_sender(text: str, sender: str) -> None:
    address = read_peer(text)
    assert address is not None
    assert neighbourhood(address) == sender
