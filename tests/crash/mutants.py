"""farcopy, broken on purpose: each mutant drops one rule, and a scenario must notice.

A mutant is a few lines of the source replaced in a copy of the tree. The scenarios are
short forms of the machine's own parts; the tree as it is passes all of them.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.crash.checker import Violation
from tests.crash.history import MARK, Writer
from tests.crash.kills import names, settle, slow_stage
from tests.crash.stage import CANARY, PATIENT
from tests.crash.syscalls import TRANSFER, Point, bench
from tests.faults import actions as do
from tests.faults.actions import Fault
from tests.faults.matrix import Board, board
from tests.running import rows, wait_until

SOURCE = Path(__file__).resolve().parents[2] / "src" / "farcopy"
Scenario = Callable[[Path | None], list[Violation]]
BIG = 24_000_000
"""More than the buffers between farcopy and a proxy that has stopped to read."""


# --- scenarios: each a sync with one thing in it, and the checker's word ---


def with_fault(fault: Fault) -> Scenario:
    """On a server with a proxy before it: the faulty run, then one without."""

    def play(tree: Path | None) -> list[Violation]:
        with board("vsftpd", source_tree=tree) as here:
            here.change_sources()
            here.proxy.set_fault(fault)
            first = len(here.proxy.sessions)
            answer = here.play.zygote.sync()
            found = here.play.checker.at_any_moment() + here.play.checker.is_truthful(answer)
            here.proxy.set_fault(None)
            return found + _recovered(here, first)

    return play


def _recovered(here: Board, first_session: int) -> list[Violation]:
    play = here.play
    for _ in range(2):
        ended = play.zygote.run("sync", "--json")
    return play.checker.at_the_end([ended.stdout], here.proxy.sessions[first_session:])


def fence_race(tree: Path | None) -> list[Violation]:
    """A worker wakes late: another has the file by now, and has published a newer version.

    Late is between RNFR and RNTO: until then a look at the source would tell as well.
    """
    name = f"hospital/{CANARY}/a"
    newer = (MARK + b"newer") * 100
    with board("vsftpd", env=PATIENT, source_tree=tree) as here:
        here.change_sources()
        play = here.play
        here.proxy.set_fault(Fault("RNFR", 1, do.Delay(1.5)))
        child = play.zygote.start("sync", "--json")
        wait_until(lambda: here.proxy.has_struck, what="the first RNFR")
        play.checker.scene.history.note(name, newer)
        (play.sources["hospital"] / CANARY / "a").write_bytes(newer)
        (play.place.root / name).write_bytes(newer)
        md5, size = play.checker.source_versions()[name]
        rows(
            play.home,
            "UPDATE replicas SET state = 'stored', md5 = ?, size_bytes = ?, claim = claim + 1000"
            " WHERE source_file_id = (SELECT id FROM source_files WHERE name = 'a')",
            md5, size,
        )
        child.wait()
        return play.checker.at_any_moment()


def source_rewritten(tree: Path | None) -> list[Violation]:
    """First and last page of a file change while its middle is on the line."""
    with board("vsftpd", source_tree=tree) as here:
        play = here.play
        path = play.sources["orthanc"] / "big"
        content = bytearray(MARK * (BIG // len(MARK)))
        path.write_bytes(content)
        play.checker.scene.history.note("orthanc/big", content)
        here.proxy.set_fault(Fault("DATA", 1, do.AtByte("delay", 1000)))
        child = play.zygote.start("sync", "--json")
        wait_until(lambda: here.proxy.has_struck, what="the first bytes")
        for offset in (0, len(content) - 4096):
            content[offset:offset + 4096] = b"x" * 4096
            with path.open("r+b") as file:
                file.seek(offset)
                file.write(b"x" * 4096)
            play.checker.scene.history.note("orthanc/big", content)
        child.wait()
        return play.checker.at_any_moment() + _recovered(here, 0)


def slow_parallel(tree: Path | None) -> list[Violation]:
    """Three sessions on a slow line, one whole run and nothing else."""
    with slow_stage(tree) as play:
        writer = Writer(play.sources, play.folder / "staging", names(60), 1)
        play.new_history(writer.history)
        return [*settle(play, set()), *play.checker.at_rest()]


def crash_at(call: str, *nths: int) -> Scenario:
    """SIGKILL at calls of the thread that sends; negative: counted from the last."""

    def play(tree: Path | None) -> list[Violation]:
        found: list[Violation] = []
        with bench(tree) as on:
            count = on.count(TRANSFER)[call] if min(nths) < 0 else 0
            for nth in nths:
                point = Point(TRANSFER, call, nth if nth > 0 else count + 1 + nth)
                found += on.strike(point).violations
                if found:
                    break
        return found

    return play


def not_ours(tree: Path | None) -> list[Violation]:
    """A file in our folder that the ledger cannot explain is nobody's to remove."""
    with board("vsftpd", source_tree=tree) as here:
        (folder,) = here.play.place.root.glob("farcopy-tmp-*")
        stray = folder / "new-999999-1"
        stray.write_bytes(b"another's")
        here.change_sources()
        here.play.zygote.sync()
        is_there = stray.exists()
        return [] if is_there else [Violation("I8", "swept-what-is-not-ours", stray.name)]


# --- mutants ---


@dataclass(frozen=True)
class Mutant:
    """patches: (file, what stands there exactly once, what stands there instead)."""

    name: str
    patches: tuple[tuple[str, str, str], ...]
    scenario: Scenario


LOSE_226 = with_fault(Fault("226", 2, do.Lose()))
TRUNCATE = with_fault(Fault("DATA", 2, do.AtByte("truncate", 75_000)))
RNTO_LOST = with_fault(Fault("RNTO", 3, do.Close()))
FULL_AT_RNTO = with_fault(Fault("RNTO", 2, do.Answer(b"452 Full.\r\n")))

MUTANTS = (
    Mutant(
        "size-is-not-looked-at",
        (("ftp/publish.py", "        if arrived != upload.size_bytes:", "        if False:"),),
        TRUNCATE,
    ),
    Mutant(
        "fence-is-always-open",
        (("store/ledger.py", "return cursor.fetchone() is not None", "return True"),),
        fence_race,
    ),
    Mutant(
        "recorded-before-it-is-published",
        (
            (
                "ftp/remote.py",
                "            self._publisher_of(session).send(hand, reader)\n"
                "            self._publisher_of(session).publish(hand)\n",
                "            self._publisher_of(session).send(hand, reader)\n"
                "            self.__dict__.setdefault('late', []).append(hand)\n",
            ),
            (
                "ftp/remote.py",
                "    def close(self) -> None:\n        if self._session is not None:\n",
                "    def close(self) -> None:\n        if self._session is not None:\n"
                "            for hand in self.__dict__.pop('late', []):\n"
                "                with contextlib.suppress(FarcopyError):\n"
                "                    self._publisher_of(self._session).publish(hand)\n",
            ),
        ),
        RNTO_LOST,
    ),
    Mutant(
        "one-temporary-name-for-all",
        (("planning/remote_path.py", 'return f"new-{replica_id}-{claim}', 'return f"new-1-1'),),
        slow_parallel,
    ),
    Mutant(
        "stored-under-the-final-name",
        (
            (
                "ftp/remote.py",
                "temporary = self._path_of(upload.temporary_name)",
                "temporary = self._final(upload.final_path)",
            ),
        ),
        LOSE_226,
    ),
    Mutant(
        "source-changes-are-ignored",
        (
            (
                "sources/folder.py",
                "if _identity(now) != _identity(self._opened):",
                "if False:",
            ),
        ),
        source_rewritten,
    ),
    Mutant(
        "a-lost-226-is-success",
        (
            (
                "ftp/remote.py",
                "        except SessionError as error:\n"
                "            if hand.phase is not Phase.SENDING:\n",
                "        except SessionError as error:\n"
                "            if hand.phase >= Phase.SENT:\n"
                "                return StoreResult(upload.replica_id,\n"
                "                                   bytes_sent=upload.size_bytes, md5=hand.md5)\n"
                "            if hand.phase is not Phase.SENDING:\n",
            ),
        ),
        LOSE_226,
    ),
    Mutant(
        "a-failure-is-recorded-as-stored",
        (
            (
                "store/ledger.py",
                "                            outcome.state,\n",
                "                            FileState.STORED,\n",
            ),
        ),
        FULL_AT_RNTO,
    ),
    Mutant(
        "what-nobody-explains-is-swept",
        (
            (
                "engine/preflight.py",
                "        if final_path is None:\n            continue\n",
                "        if final_path is None:\n            final_path = name\n",
            ),
        ),
        not_ours,
    ),
    Mutant(
        "counted-outside-the-transaction",
        (
            (
                "store/ledger.py",
                "        with transaction.atomic():\n            ids = [",
                "        with __import__('contextlib').nullcontext():\n            ids = [",
            ),
        ),
        crash_at("fdatasync", -1, -2, -3, -4),
    ),
    Mutant(
        "recovery-forgets-what-was-in-hand",
        (
            (
                "store/history.py",
                "Replica.objects.filter(state=FileState.UPLOADING).update(",
                "Replica.objects.none().update(",
            ),
        ),
        crash_at("sendto", 14),
    ),
    Mutant(
        "temporaries-are-never-swept",
        (("engine/preflight.py", "remote.discard_temporary(name)", "pass"),),
        crash_at("sendto", -4),
    ),
    Mutant(
        "the-password-is-logged",
        (
            (
                "ftp/remote.py",
                "        session = log_in(self._settings, self._guard)\n",
                "        session = log_in(self._settings, self._guard)\n"
                "        __import__('logging').getLogger('farcopy.sync').info("
                "self._settings.password)\n",
            ),
        ),
        crash_at("sendto", 2),
    ),
)


@contextmanager
def tree_of(mutant: Mutant) -> Iterator[Path]:
    """A copy of src with the patches in. Raises: AssertionError if one does not fit once."""
    with TemporaryDirectory(prefix="farcopy-mutant-") as folder:
        copy = Path(folder) / "farcopy"
        shutil.copytree(SOURCE, copy)
        for file, old, new in mutant.patches:
            text = (copy / file).read_text(encoding="utf-8")
            found = text.count(old)
            assert found == 1, f"{mutant.name}: stands {found} times in {file}, not once: {old!r}"
            (copy / file).write_text(text.replace(old, new), encoding="utf-8")
        yield Path(folder)
