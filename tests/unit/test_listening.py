"""Where the web server may listen without encryption: on this machine, or when it is told so."""

from pathlib import Path

import pytest

from farcopy.core.errors import EnvironmentInvalid
from farcopy.web.listening import Listening

CERT = Path("cert.pem")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_this_machine_alone_is_safe(host: str) -> None:
    listening = Listening(host)
    listening.check()
    assert not listening.is_exposed


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.7", "fe80::1", "archive.example"])
def test_beyond_it_the_start_is_refused(host: str) -> None:
    with pytest.raises(EnvironmentInvalid, match="open to others"):
        Listening(host).check()


@pytest.mark.parametrize(
    ("listening", "is_exposed"),
    [
        (Listening("0.0.0.0", tls_cert=CERT), False),
        (Listening("0.0.0.0", trusted_proxy="10.0.0.1"), False),
        (Listening("0.0.0.0", may_be_exposed=True), True),
    ],
)
def test_with_tls_a_named_proxy_or_when_told_so_it_may(
    listening: Listening, is_exposed: bool
) -> None:
    listening.check()
    assert listening.is_exposed is is_exposed


def test_a_key_without_a_certificate_is_a_mistake() -> None:
    with pytest.raises(EnvironmentInvalid, match="--tls-key needs --tls-cert"):
        Listening(tls_key=Path("key.pem")).check()
