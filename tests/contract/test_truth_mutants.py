"""Each condition behind the sentence, forgotten on purpose: a situation of test_truth notices.

In a copy of the tree and a process of its own, for what is forgotten may stand
in any module.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutant:
    """patches: (file, what stands there exactly once, what stands there instead). situation: the
    test, or the part of a name that several have, of which at least one has to fail."""

    name: str
    file: str
    old: str
    new: str
    situation: str


MUTANTS = (
    Mutant("what-is-due-is-forgotten", "planning/health.py",
           "    if facts.due_files or stock.lost", "    if stock.lost",
           "refused_is_one_file"),
    Mutant("lost-copies-are-forgotten", "planning/health.py",
           "if facts.due_files or stock.lost or", "if facts.due_files or",
           "lost_last_copy"),
    Mutant("a-look-cut-short-counts", "planning/health.py",
           "if look.ended_at is None or not look.is_whole or look.problems:",
           "if look.ended_at is None or look.problems:",
           "stopped_before_it_had_looked"),
    Mutant("unreadable-directories-are-forgotten", "planning/health.py",
           "not look.is_whole or look.problems:", "not look.is_whole:",
           "cannot_be_listed"),
    Mutant("a-look-counts-for-ever", "planning/health.py",
           "<= facts.now - look.begun_at <= known_for + _took(look)",
           "<= facts.now - look.begun_at", "seen_long_ago"),
    Mutant("sources-as-they-stand-are-not-looked-at", "service/judging.py",
           "        elif not has_entries and known:", "        elif False:",
           "suddenly_empty_is_red"),
    Mutant("what-a-look-found-gone-is-forgotten", "service/judging.py",
           "        elif seen is not None and seen.seen is not None:", "        elif False:",
           "less_than_half"),
    Mutant("an-emptied-source-is-believed", "engine/run.py",
           "        if is_emptied(known_files, files) and not is_accepted and not is_hidden:",
           "        if False:",
           "less_than_half or suddenly_empty"),
    Mutant("files-vanish-before-enough-is-seen", "planning/tripwire.py",
           "return bool(known) and (not seen or (known >= FEW_FILES and 2 * seen < known))",
           "return False", "less_than_half"),
    Mutant("confirming-does-not-accept", "store/upheavals.py",
           "            if row.frozen_roots:", "            if False:", "accepted_once_confirmed"),
    Mutant("a-look-of-other-sources-counts", "store/looks.py",
           "        destination_id=destination_id, roots=roots, begun_at__isnull=False",
           "        destination_id=destination_id, begun_at__isnull=False",
           "another_source_directory"),
    Mutant("a-look-for-another-destination-counts", "service/judging.py",
           "looks.newest(destination.pk, looks.key_of(settings), now) if destination else None",
           "looks.newest(1, looks.key_of(settings), now)",
           "another_destination"),
    Mutant("patterns-are-no-part-of-the-question", "store/looks.py",
           ", list(settings.exclude)", "", "other_patterns"),
    Mutant("a-finding-is-not-noted", "store/proofs.py",
           '"state": FileState.PENDING, "md5": "", "verified_at": None,\n'
           '                                   "read_back_at": None,\n'
           '                                   "finding": check.finding.value,',
           '"state": FileState.PENDING, "md5": "", "verified_at": None,',
           "stays_until_it_is_mended"),
    Mutant("a-finding-is-forgotten-at-the-next-try", "store/claims.py",
           "finding = CASE WHEN %s THEN '' ELSE finding END",
           "finding = CASE WHEN %s THEN '' ELSE '' END", "stays_until_it_is_mended"),
    Mutant("a-finding-is-never-mended", "store/claims.py",
           "finding = CASE WHEN %s THEN '' ELSE finding END",
           "finding = CASE WHEN %s THEN finding ELSE finding END", "stays_until_it_is_mended"),
    Mutant("a-dead-engine-is-taken-for-alive", "service/judging.py",
           "        is_alive, run.is_total_known", "        True, run.is_total_known",
           "killed_engine"),
    Mutant("a-run-without-an-engine-goes-on-in-the-history", "store/history.py",
           "if record.status is not RunState.RUNNING or lease.live_kind(now):", "if True:",
           "killed_engine"),
    Mutant("young-files-are-forgotten", "engine/intake.py",
           "        self.young += len(files) - len(looked.settled)", "        pass",
           "still_young"),
    Mutant("what-a-broken-run-had-not-seen-is-forgotten", "engine/run.py",
           "        self._tell_growing()\n        self._look_on()", "        self._tell_growing()",
           "fills_up_in_mid_run"),
    Mutant("a-counter-forgets-judgements", "store/counters.py",
           '"reason", "is_undecided", "finding"', '"reason", "finding"',
           "accepted_once_confirmed"),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_condition_that_is_forgotten_is_noticed(mutant: Mutant, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src" / "farcopy", tmp_path / "farcopy",
                    ignore=shutil.ignore_patterns("__pycache__", "static"))
    file = tmp_path / "farcopy" / mutant.file
    text = file.read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.file} has changed: {text.count(mutant.old)}"
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-x",
         "tests/contract/test_truth.py", "-k", f"({mutant.situation}) and not Random"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False,
    )

    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert " error" not in done.stdout.splitlines()[-1], done.stdout[-2000:]
