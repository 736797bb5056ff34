"""A good server with a meddling proxy before it, and settings for servers made up here."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from farcopy.core.errors import FarcopyError
from farcopy.ftp.host import HostProfile
from farcopy.ftp.remote import FtpRemote
from farcopy.ftp.settings import Deadlines, SessionSettings
from tests.contract.hostile import MeddlingProxy, Script
from tests.contract.places import HOME_ID, PyFtpPlace, RealPlace

QUICK = Deadlines(connect_s=2, reply_s=0.5, stall_s=0.5, final_reply_s=0.5, goodbye_s=0.2)


class Rig:
    """A good server, a proxy before it, and remotes that talk to the proxy."""

    def __init__(self, place: PyFtpPlace | RealPlace, ends: ExitStack) -> None:
        self.place = place
        self.proxy = MeddlingProxy(place.settings.port)
        ends.callback(self.proxy.stop)
        self._ends = ends

    def remote(self, script: Script | None = None, **changes: Any) -> FtpRemote:
        """Logged in and prepared, then meddled with."""
        remote = self.closed_remote(**changes)
        remote.open()
        remote.prepare()
        if script is not None:
            self.proxy.script = script
        return remote

    def closed_remote(self, **changes: Any) -> FtpRemote:
        wanted = {"port": self.proxy.port, **changes}
        # The proxy passes on one command at a time, and the server behind has an event loop.
        one_at_a_time = HostProfile(answers_in_order=False)
        remote = FtpRemote(replace(self.place.settings, **wanted), HOME_ID, host=one_at_a_time)
        self._ends.callback(remote.close)
        return remote


def at_port(port: int, **changes: Any) -> SessionSettings:
    settings = SessionSettings(
        host="127.0.0.1", port=port, user="u", password="p", deadlines=QUICK
    )
    return replace(settings, **changes)


def open_error(settings: SessionSettings) -> FarcopyError:
    """What logging in raises."""
    remote = FtpRemote(settings, HOME_ID)
    with pytest.raises(FarcopyError) as raised:
        remote.open()
    remote.close()
    return raised.value
