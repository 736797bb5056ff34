"""farcopy, broken on purpose: each mutant drops one rule, and a scenario must notice.

A mutant is a few lines of the source replaced in a copy of the tree. The tree as it is
passes the same scenarios.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.crash.scenarios import (
    Scenario,
    crash_at,
    fence_race,
    not_ours,
    slow_parallel,
    source_rewritten,
    with_fault,
)
from tests.faults import actions as do
from tests.faults.actions import Fault

SOURCE = Path(__file__).resolve().parents[2] / "src" / "farcopy"


@dataclass(frozen=True)
class Mutant:
    """patches: (file, what stands there exactly once, what stands there instead)."""

    name: str
    patches: tuple[tuple[str, str, str], ...]
    scenario: Scenario


LOSE_226 = with_fault(Fault("226", 2, do.Lose()))
TRUNCATE = with_fault(Fault("DATA", 1, do.AtByte("truncate", 75_000)))
RNTO_LOST = with_fault(Fault("RNTO", 3, do.Close()))
FULL_AT_THE_END = with_fault(Fault("226", 2, do.Replace(b"552 Quota exceeded.\r\n")))

# The last calls of the thread that sends are the audit mark's, and QUIT: before them come
# the last file's, of its data and then of its renaming.
MUTANTS = (
    Mutant(
        "size-is-not-looked-at",
        (
            (
                "ftp/publish.py",
                "        if arrived != self.upload.size_bytes:", "        if False:",
            ),
        ),
        TRUNCATE,
    ),
    Mutant(
        "fence-is-always-open",
        (("store/renamings.py", "return bool(cursor.rowcount)", "return True"),),
        fence_race,
    ),
    Mutant(
        "recorded-before-it-is-published",
        (
            (
                "ftp/storing.py",
                "            self._behind = hand\n            if not self._pipelines:\n"
                "                yield from self._publish_behind()\n            return\n",
                "            self._behind = hand\n            yield self._told(hand)\n"
                "            return\n",
            ),
            (
                "ftp/storing.py",
                "        if hand.is_published:\n            yield self._told(hand)\n",
                "        if hand.is_published:\n",
            ),
            (
                "ftp/storing.py",
                "        if refusal is None:\n            yield self._told(hand)\n        else:\n",
                "        if refusal is not None:\n",
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
                "return self._path_of(upload.temporary_name), self._final(",
                "return self._final(upload.final_path, rules), self._final(",
            ),
        ),
        LOSE_226,
    ),
    Mutant(
        "source-changes-are-ignored",
        (
            (
                "sources/folder.py",
                "        if _identity(now) == _identity(self._opened) "
                "and not self._has_lost_its_name(now):",
                "        if True:\n            return\n        if False:",
            ),
        ),
        source_rewritten,
    ),
    Mutant(
        "a-lost-226-is-success",
        (
            (
                "ftp/storing.py",
                "            self._lose(session, hand, reader, error)\n            raise\n",
                "            was_sent = hand.phase >= Phase.SENT\n"
                "            self._lose(session, hand, reader, error)\n"
                "            if not was_sent:\n                raise\n"
                "            if behind is not None:\n"
                "                yield self._told(behind)\n"
                "            yield self._told(hand)\n            return\n",
            ),
        ),
        LOSE_226,
    ),
    Mutant(
        "a-failure-is-recorded-as-stored",
        (
            (
                "store/claims.py",
                "                    (o.state, o.md5 or held",
                "                    (FileState.STORED, o.md5 or held",
            ),
        ),
        FULL_AT_THE_END,
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
                "store/claims.py",
                "with transaction.atomic(), connection.cursor() as cursor:\n            held = ",
                "with connection.cursor() as cursor:\n            held = ",
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
        crash_at("sendto", -8, -9),
    ),
    Mutant(
        "a-renaming-is-believed-without-a-look",
        (("engine/preflight.py", "took_place = name not in names and", "took_place = True or"),),
        crash_at("sendto", -6, -8),
    ),
    Mutant(
        "temporaries-are-never-swept",
        (
            (
                "engine/preflight.py",
                "            if not remote.discard_temporary(name) and size_bytes is not None:\n",
                "            if size_bytes is None:\n",
            ),
        ),
        crash_at("sendto", -8, -9, -10),
    ),
    Mutant(
        "the-password-is-logged",
        (
            (
                "ftp/remote.py",
                "        self.close()\n        session = log_in(",
                "        self.close()\n"
                "        __import__('logging').getLogger('farcopy.sync').info("
                "self._settings.password)\n"
                "        session = log_in(",
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
