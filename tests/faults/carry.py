"""Bytes between a client and a server, carried one way; and what can befall them there."""

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable

from tests.faults.actions import AtByte

BLOCK = 65536
LEAVE_S = 20.0


Strike = Callable[[int], AtByte | None]
"""Asked with the count of bytes there are so far: the fault, if it falls among them."""


def carry(source: socket.socket, target: socket.socket, strike: Strike) -> None:
    """Carry bytes one way to their end; the fault comes when its byte does."""
    passed = 0
    while block := source.recv(BLOCK):
        fault = strike(passed + len(block))
        if fault is not None:
            at = max(fault.offset - passed, 0)
            if fault.how == "flip":
                block = block[:at] + bytes([block[at] ^ 1]) + block[at + 1:]
            else:
                target.sendall(block[:at])
                block = block[at:]
                _strike_data(fault.how, source, target)
        target.sendall(block)
        passed += len(block)
    _close_notify(target)


def _strike_data(how: str, source: socket.socket, target: socket.socket) -> None:
    match how:
        case "reset":
            for held in (source, target):
                linger_off(held)
            raise OSError("reset")
        case "drop":
            raise OSError("dropped")
        case "stall":
            # Nothing is read any more; who gives up first closes, and that is the end.
            source.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with contextlib.suppress(OSError):
                _wait_for_end(source)
            raise OSError("stalled")
        case "delay":
            time.sleep(0.5)
        case "truncate":
            _close_notify(target)
            target.shutdown(socket.SHUT_RDWR)
            while source.recv(BLOCK):
                pass
            raise OSError("truncated")


def _wait_for_end(source: socket.socket) -> None:
    deadline = time.monotonic() + LEAVE_S
    while time.monotonic() < deadline:
        # Peeking keeps the bytes where they are: the window fills up and stays full.
        state = source.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        if state != 1:  # TCP_ESTABLISHED
            return
        time.sleep(0.02)


def _close_notify(held: socket.socket) -> None:
    if isinstance(held, ssl.SSLSocket):
        held.settimeout(0.2)
        with contextlib.suppress(OSError, ValueError):
            held.unwrap()


def linger_off(held: socket.socket) -> None:
    # No linger: what is not sent is dropped, and the end is an RST.
    with contextlib.suppress(OSError):
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
