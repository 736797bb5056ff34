"""A slow feed: the server ends the session between two batches, and nobody pays for it."""

import select
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from farcopy.core.states import SyncType  # noqa: E402
from farcopy.engine import preflight  # noqa: E402
from farcopy.engine.control import RunControl, SessionGate  # noqa: E402
from farcopy.ftp.folders import KnownFolders  # noqa: E402
from farcopy.ftp.host import HostProfile  # noqa: E402
from farcopy.ftp.remote import FtpRemote  # noqa: E402
from farcopy.planning.retry import ATTEMPTS  # noqa: E402
from farcopy.store import history  # noqa: E402
from farcopy.store.models import Replica  # noqa: E402
from tests.contract.house import House, Log, Worker  # noqa: E402
from tests.contract.places import HOME_ID, RealPlace  # noqa: E402
from tests.parts.fixtures import FtpServerFactory, make_ftp_place  # noqa: E402
from tests.parts.ftp_servers import KINDS, Kind  # noqa: E402
from tests.running import wait_until  # noqa: E402

IDLE: dict[Kind, list[str]] = {
    "vsftpd": ["idle_session_timeout=1"],
    "proftpd": ["TimeoutIdle 1"],
}
"""Pure-FTPd counts in minutes."""


@pytest.fixture(params=[kind for kind in KINDS if kind in IDLE])
def impatient(
    request: pytest.FixtureRequest, ftp_server_factory: FtpServerFactory
) -> Iterator[RealPlace]:
    kind: Kind = request.param
    place = make_ftp_place(ftp_server_factory(kind, options=IDLE[kind]))
    yield RealPlace(place)
    place.server.stop()


def test_a_session_that_idled_out_is_renewed_without_using_up_an_attempt(
    house: House, impatient: RealPlace, tmp_path: Path
) -> None:
    run_id = history.begin(SyncType.MANUAL, house.destination, "h", "", house.clock.now())
    folders, host = KnownFolders(), HostProfile()
    remotes: list[FtpRemote] = []
    control = RunControl(house.stop)

    def make_remote() -> FtpRemote:
        remotes.append(FtpRemote(replace(impatient.settings), HOME_ID, folders, host))
        return remotes[-1]

    worker = Worker(
        run_id, ledger=house.ledger, sources={"hospital": house.source},
        make_remote=make_remote,
        gate=SessionGate(lambda remote: preflight.prepare(run_id, remote, house.ledger, {})),
        control=control, log=Log(run_id), clock=house.clock, retry_scale=0.001,
    )
    rounds = ATTEMPTS + 1  # more sessions lost than a file has attempts
    for number in range(rounds):
        house.write(f"f{number}")
        (listing,) = house.source.scan()
        new = [file for file in listing.files if file.name == f"f{number}"]
        worker.execute(house.ledger.admit(run_id, number, new), lambda: None)
        session = remotes[-1]._session
        assert session is not None
        control_socket = session.wire.connection
        # Its 421, or the end of the connection.
        wait_until(lambda sock=control_socket: select.select([sock], [], [], 0)[0])
    worker.close()
    assert host.answers_in_order is True
    assert control.failure is None
    assert set(house.states().values()) == {"stored"}
    assert set(Replica.objects.values_list("attempts", flat=True)) == {0}
    assert len(impatient.finals()) == rounds
