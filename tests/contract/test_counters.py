"""The counters are what the rows are: whatever is done to the ledger, by whom, however it ends."""

import random
import threading

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from farcopy.core.errors import SourceUnreadable  # noqa: E402
from farcopy.core.model import (  # noqa: E402
    Check,
    Finding,
    HeldFile,
    Outcome,
    Reason,
    SkippedName,
    SourceFile,
    Upheaval,
)
from farcopy.core.states import FileState, SyncType  # noqa: E402
from farcopy.store import configuration, counters, history, schema  # noqa: E402
from farcopy.store.ledger import DatabaseLedger  # noqa: E402
from farcopy.store.models import Replica  # noqa: E402
from farcopy.store.proofs import DatabaseProofs, Scope  # noqa: E402

MD5 = "5d41402abc4b2a76b9719d911017c592"


@pytest.fixture
def ledger(database: None) -> DatabaseLedger:
    configuration.change({"ftp_host": "ftp.example.org", "ftp_username": "u", "ftp_password": "p"})
    return DatabaseLedger(_destination_id())


def _destination_id() -> int:
    return configuration.destination_for(configuration.load().settings).pk


@pytest.fixture
def run_id(ledger: DatabaseLedger) -> int:
    destination = configuration.destination_for(configuration.load().settings)
    return history.begin(SyncType.MANUAL, destination, "example", "", timezone.now())


def agree() -> None:
    destination_id = _destination_id()
    assert sorted(counters.counted(destination_id)) == sorted(counters.recounted(destination_id))


def files(number: int, root: str = "orthanc") -> list[SourceFile]:
    return [SourceFile(root, f"d{n % 3}", f"f{n}", 10 + n, n + 1) for n in range(number)]


class Doings:
    """Everything that moves a row, at random."""

    def __init__(self, ledger: DatabaseLedger, run_id: int, seed: int) -> None:
        self._ledger, self._run_id = ledger, run_id
        self._random = random.Random(seed)
        self._number = seed * 100_000

    def some(self) -> list[SourceFile]:
        root = self._random.choice(["orthanc", "hospital"])
        return self._random.sample(files(30, root), self._random.randint(1, 8))

    def send(self) -> None:
        self._number += 1
        claimed = self._ledger.claim(self._ledger.admit(self._run_id, self._number, self.some()))
        outcomes = []
        for file in claimed:
            state = self._random.choice(
                [FileState.STORED, FileState.STORED, FileState.VERIFIED, FileState.FAILED,
                 FileState.PENDING, FileState.VANISHED]
            )
            if state in (FileState.STORED, FileState.VERIFIED):
                outcomes.append(Outcome(file, state, 1, MD5))
            else:
                outcomes.append(Outcome(file, state, error_code=SourceUnreadable.code))
        self._ledger.record(self._run_id, outcomes)

    def leave_in_hand(self) -> None:
        self._number += 1
        batch = self._ledger.admit(self._run_id, self._number, self.some())
        self._ledger.claim(batch)
        if self._random.random() < 0.5:
            self._ledger.put_back(batch)

    def vanish(self) -> None:
        file = self.some()[0]
        self._ledger.vanish(file.root, file.directory, None)

    def accept(self) -> None:
        self._ledger.accept_vanished(self._random.choice([None, "orthanc"]))

    def hold(self) -> None:
        self._ledger.hold(self.some())

    def confirm(self) -> None:
        self._ledger.confirm(self.some())

    def skip(self) -> None:
        file = self.some()[0]
        reason = self._random.choice([Reason.SYMLINK, Reason.EXCLUDED, Reason.NAME])
        self._ledger.skip(
            self._run_id, file.root, file.directory, [SkippedName(file.name, reason.value)]
        )

    def verify(self) -> None:
        proofs = DatabaseProofs(_destination_id())
        held: list[HeldFile] = list(proofs.held(Scope()))
        proofs.settle([
            Check(file, self._random.choice(list(Finding)),
                  is_read_back=self._random.random() < 0.5)
            for file in self._random.sample(held, min(4, len(held)))
        ])

    def freeze(self) -> None:
        self._ledger.freeze(Upheaval(1, 1, 2, ("orthanc",)), timezone.now())
        self._ledger.confirm_changes(timezone.now())

    def adopt(self) -> None:
        DatabaseProofs(_destination_id()).adopt(
            [(file, MD5) for file in self.some()], is_verified=(how := self._random.random()) < 0.5,
            is_read_back=how < 0.2,
        )

    def crash(self) -> None:
        Replica.objects.filter(state=FileState.UPLOADING).update(
            state=FileState.PENDING, batch=None
        )

    def fold(self) -> None:
        counters.fold()

    def do(self) -> None:
        self._random.choice([
            self.send, self.send, self.leave_in_hand, self.vanish, self.accept, self.hold,
            self.confirm, self.skip, self.verify, self.freeze, self.adopt, self.crash, self.fold,
        ])()


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_done_the_counters_agree(
    ledger: DatabaseLedger, run_id: int, seed: int
) -> None:
    doings = Doings(ledger, run_id, seed)
    for _ in range(60):
        doings.do()
        agree()


def test_what_is_rolled_back_is_not_counted(ledger: DatabaseLedger, run_id: int) -> None:
    ledger.admit(run_id, 1, files(5))
    before = counters.counted(_destination_id())
    with pytest.raises(RuntimeError), transaction.atomic():
        ledger.admit(run_id, 2, files(5, "hospital"))
        raise RuntimeError
    assert counters.counted(_destination_id()) == before


def test_many_writers_and_a_folder_at_once_count_right(
    ledger: DatabaseLedger, run_id: int
) -> None:
    def work(seed: int) -> None:
        try:
            for number in range(8):
                batch = ledger.admit(run_id, 1000 * seed + number, [
                    SourceFile("orthanc", f"w{seed}", f"f{n}", n, n) for n in range(10)
                ])
                ledger.record(run_id, [Outcome(c, FileState.STORED, 1, MD5)
                                       for c in ledger.claim(batch)])
                counters.fold()
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    agree()
    assert counters.held_files(_destination_id()) == 40


def test_files_of_a_source_that_is_no_longer_set_are_nobodys_wait(
    ledger: DatabaseLedger, run_id: int
) -> None:
    ledger.admit(run_id, 1, files(5) + files(3, "hospital"))
    assert counters.stock(_destination_id(), {"orthanc"}).due == 5
    assert counters.stock(_destination_id(), {"orthanc", "hospital"}).due == 8


def test_counters_that_a_migration_took_away_are_counted_anew_at_the_next_start(
    ledger: DatabaseLedger, run_id: int
) -> None:
    ledger.admit(run_id, 1, files(5))
    counters.stop_keeping()
    ledger.admit(run_id, 2, files(9))  # nobody counts
    schema.prepare_database()
    agree()
    ledger.admit(run_id, 3, files(3, "hospital"))
    agree()
