"""Names and addresses: what is resolved, what is refused, what is tried."""

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from farcopy.core.errors import (
    ConnectFailed,
    DnsFailed,
    HostRefused,
)
from tests.contract.rig import QUICK, Rig, at_port, open_error


def test_an_unreachable_port_is_told(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert isinstance(open_error(at_port(port)), ConnectFailed)


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "0.0.0.0", "224.0.0.1", "::", "fe80::1", "::ffff:169.254.1.1",
     "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1", "::a9fe:a9fe",
     "fd00:ec2::254"],
)
def test_a_forbidden_address_is_never_connected_to(host: str) -> None:
    assert isinstance(open_error(at_port(21, host=host)), HostRefused)


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "169.16689662", "0251.0376.251.254"])
def test_a_forbidden_address_written_oddly_is_never_connected_to(host: str) -> None:
    # To the resolver these are 169.254.169.254; one that does not know them finds no name.
    assert isinstance(open_error(at_port(21, host=host)), HostRefused | DnsFailed)


def nas_means(*addresses: str) -> Callable[..., object]:
    real = socket.getaddrinfo

    def look_up(host: str, *more: Any, **named: Any) -> object:
        if host != "nas.example":
            return real(host, *more, **named)
        return [(0, 0, 0, "", (address, 0)) for address in addresses]

    return look_up


def test_a_name_that_means_a_forbidden_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", nas_means("169.254.169.254", "fe80::1%eth0"))
    assert isinstance(open_error(at_port(21, host="nas.example")), HostRefused)


def test_each_allowed_address_of_a_name_is_tried(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", nas_means("169.254.1.1", "127.0.0.9", "127.0.0.1"))
    remote = rig.closed_remote(host="nas.example")
    remote.open()
    assert rig.proxy.connections == 1


def test_a_name_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert isinstance(open_error(at_port(21, host="no.example")), DnsFailed)


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    is_over: list[bool] = []

    def hang(*_arguments: object, **_more: object) -> list[object]:
        while not is_over:
            time.sleep(0.02)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    begun_s = time.monotonic()
    waits = replace(QUICK, connect_s=0.3)
    assert isinstance(open_error(at_port(21, host="slow.example", deadlines=waits)), DnsFailed)
    assert time.monotonic() - begun_s < 2
    is_over.append(True)
