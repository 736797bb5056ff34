"""What is said is never greener than what is so: situations one by one, then at random.

Each claim is held against a recount of sources and server (truth.Recount), not
against what farcopy knows.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from farcopy.core.states import SyncType
from tests.bad_entries import bend, path_of
from tests.contract.truth import Installation, installation

from django.utils import timezone  # isort: skip

from farcopy.planning.situation import Level, OffSite  # isort: skip
from farcopy.service import freezing, overview, runs  # isort: skip  (Django first)
from farcopy.core.state_errors import NothingLost, RunCutOff  # isort: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    with installation(tmp_path, monkeypatch) as made:
        made.configure(sync_enabled=True)
        for number in range(40):
            made.write("orthanc", f"{number:02}/{number:02}/file{number}")
        yield made


def test_a_whole_run_is_everything_and_green(here: Installation) -> None:
    assert here.check().off_site is OffSite.NOTHING
    here.run()
    health = here.check()
    assert (health.level, health.off_site) == (Level.GOOD, OffSite.ALL)


def test_a_server_that_fills_up_in_mid_run_leaves_the_right_count(here: Installation) -> None:
    for number in range(100, 860):  # more than are handed out before the server is full
        here.write("orthanc", f"{number % 256:02x}/{number}/file{number}")
    here.server.full_after = 6
    here.run()
    health = here.check()
    on_server = sum(name.startswith("orthanc/") for name in here.server.files)
    assert f"{on_server} of 800 files are off-site" in health.text
    assert health.off_site is not OffSite.ALL


def test_a_name_that_is_refused_is_one_file_and_the_others_are_counted(
    here: Installation,
) -> None:
    here.server.refuses.add("file7")
    here.run()
    health = here.check()
    assert health.title == "1 file could not be copied"
    assert "39 of 40 files are off-site, 1 failed" in health.text


@pytest.mark.parametrize("seen_by", ["nobody", "a look", "a run"])
def test_a_source_that_is_suddenly_empty_is_red(here: Installation, seen_by: str) -> None:
    here.run()
    shutil.rmtree(here.roots["orthanc"])
    here.roots["orthanc"].mkdir()
    if seen_by == "a look":
        here.look()
    elif seen_by == "a run":
        here.run()
    health = here.check()
    assert (health.level, health.off_site) == (Level.BAD, OffSite.NOTHING)
    assert len([name for name in here.server.files if name.startswith("orthanc")]) == 40


def test_an_emptied_source_that_comes_back_thaws_by_itself(here: Installation) -> None:
    here.run()
    here.roots["orthanc"].rename(here.folder / "unmounted")
    here.roots["orthanc"].mkdir()
    here.run()
    assert here.health().code == "frozen"
    here.roots["orthanc"].rmdir()
    (here.folder / "unmounted").rename(here.roots["orthanc"])
    here.run()
    assert here.check().off_site is OffSite.ALL


def test_an_emptied_source_that_is_meant_is_accepted_once_confirmed(here: Installation) -> None:
    here.write("hospital", "report")
    here.run()
    shutil.rmtree(here.roots["orthanc"])
    here.roots["orthanc"].mkdir()
    here.run()
    here.confirm()
    here.run()
    health = here.check()
    assert (health.level, health.off_site) == (Level.GOOD, OffSite.ALL)
    assert here.server.files["orthanc/07/07/file7"]  # nothing is removed there


def test_a_source_of_which_less_than_half_is_there_concludes_nothing(here: Installation) -> None:
    for number in range(100, 160):
        here.write("orthanc", f"{number}/{number}/file{number}")
    here.run()
    for directory in sorted(here.roots["orthanc"].iterdir())[:51]:
        shutil.rmtree(directory)
    here.look()
    assert here.check().code == "source_gone"
    here.run(SyncType.SCHEDULED)
    view = overview.status()
    assert view.frozen is not None
    assert view.frozen.roots == ("orthanc",)
    assert view.facts.stock.vanished == 0


def test_the_other_source_is_served_when_one_is_suddenly_empty(here: Installation) -> None:
    here.run()
    shutil.rmtree(here.roots["orthanc"])
    here.roots["orthanc"].mkdir()
    here.write("hospital", "new-report")
    here.run()
    assert "hospital/new-report" in here.server.files
    assert here.check().code == "frozen"


@pytest.mark.parametrize(("name", "value"), [("ftp_path", "/b"), ("ftp_host", "two.example")])
def test_another_destination_is_not_green_at_once(
    here: Installation, name: str, value: str
) -> None:
    here.run()
    here.configure(**{name: value})
    health = here.check()
    assert (health.code, health.off_site) == ("new", OffSite.NOTHING)
    here.run()
    assert here.check().off_site is OffSite.ALL


def test_another_source_directory_is_not_green_at_once(here: Installation) -> None:
    here.run()
    other = here.folder / "other"
    other.mkdir()
    (other / "new").write_bytes(b"new")
    here.configure(hospital_data_path=str(other))
    health = here.check()
    assert (health.code, health.off_site) == ("unknown", OffSite.NOT_ALL)


def test_what_a_verification_found_stays_until_it_is_mended(here: Installation) -> None:
    here.run()
    for number in range(5):
        here.damage(f"orthanc/{number:02}/{number:02}/file{number}", is_removed=number % 2 == 0)
    here.verify()
    health = here.check()
    assert (health.level, health.title) == (
        Level.BAD, "5 files were found damaged or missing off-site")
    here.verify()  # finds nothing new, and hides nothing
    assert here.check().title == health.title
    here.server.refuses.add("file0")
    here.run()  # admits all five, mends four
    assert here.check().title == "1 file was found damaged or missing off-site"
    here.server.refuses.clear()
    here.run()
    assert here.check().off_site is OffSite.ALL
    (here.roots["orthanc"] / "01/01/file1").unlink()
    here.run()  # gone from the source, but its copy is good since
    assert here.check().off_site is OffSite.ALL


def test_a_lost_last_copy_is_told_until_somebody_takes_note_of_it(here: Installation) -> None:
    here.run()
    (here.roots["orthanc"] / "07/07/file7").unlink()
    here.run()
    assert here.check().off_site is OffSite.ALL
    here.damage("orthanc/07/07/file7", is_removed=True)
    here.verify()
    assert here.check().code == "lost"
    here.run()
    assert here.check().code == "lost"
    assert freezing.accept_losses("boss") == 1
    assert here.check().off_site is OffSite.ALL
    with pytest.raises(NothingLost):
        freezing.accept_losses("boss")


def test_a_killed_engine_is_told_as_cut_off_by_everybody(here: Installation) -> None:
    here.run_and_die(after_files=5)
    assert here.check().code == "cut_off"
    view = overview.status()
    assert view.current is None
    assert view.history[0].status == "failed"
    assert view.last_sync is not None
    assert view.last_sync.end == "crashed"
    assert view.statistics.failed_syncs == view.statistics.total_syncs == 1
    with pytest.raises(RunCutOff):
        runs.cancel()


def test_after_a_kill_the_next_run_goes_on_and_counts_right(here: Installation) -> None:
    here.run_and_die(after_files=5)
    here.run()
    assert here.check().off_site is OffSite.ALL


def test_a_run_that_was_stopped_before_it_had_looked_is_not_everything(
    here: Installation,
) -> None:
    here.run()
    here.write("orthanc", "new")
    here.run(is_stopped=True)
    health = here.check()
    assert (health.code, health.off_site) == ("cut", OffSite.NOT_ALL)


def test_a_directory_that_cannot_be_listed_is_not_everything(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.run()
    here.write("orthanc", "closed/new")
    scandir = os.scandir

    def refusing(path: str | int) -> Any:
        if path_of(path).endswith("/closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    here.run()
    health = here.check()
    assert health.title == "1 file or directory could not be read"
    here.look()
    assert here.check().code == "unreadable"


def test_what_cannot_be_listed_is_not_taken_for_an_emptied_source(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100):
        here.write("orthanc", f"closed/file{number}")
    here.run()
    scandir = os.scandir

    def refusing(path: str | int) -> Any:
        if path_of(path).endswith("/closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    here.look()
    assert here.check().code == "unreadable"
    here.run()
    assert here.check().code == "unreadable"


def test_an_entry_that_cannot_be_read_is_not_everything(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.write("orthanc", "open/good")
    here.write("orthanc", "open/bad")
    bend(monkeypatch, {"bad": errno.EIO})
    here.run()
    assert here.check().title == "1 file or directory could not be read"
    here.look()
    assert here.check().code == "unreadable"


def test_what_was_seen_long_ago_is_not_called_everything(here: Installation) -> None:
    here.run()
    later = here.health(timezone.now() + timedelta(hours=5))
    assert later.off_site is not OffSite.ALL
    here.configure(sync_enabled=False)
    assert here.health(timezone.now() + timedelta(hours=5)).off_site is OffSite.ALL
    assert here.health(timezone.now() + timedelta(hours=30)).off_site is OffSite.NOT_ALL


def test_other_patterns_are_another_question(here: Installation) -> None:
    here.configure(exclude=["file7"])
    here.run()
    health = here.check()
    assert health.title == "Everything is off-site but 1 excluded file"
    here.configure(exclude=[])
    assert here.check().off_site is OffSite.NOT_ALL


def test_a_file_that_is_still_young_is_not_off_site(here: Installation) -> None:
    here.run()
    here.write("orthanc", "new", is_young=True)
    here.settle_s = 30.0
    here.run(SyncType.SCHEDULED)
    health = here.check()
    assert health.off_site is OffSite.NOT_ALL
    assert "40 of 41 files are off-site, 1 waits" in health.text


def test_a_link_that_is_not_followed_is_a_warning_with_an_example(here: Installation) -> None:
    (here.roots["hospital"] / "more").symlink_to(here.folder)
    here.run()
    told = [text for text in overview.configuration().warnings if "never sent" in text]
    assert told == [
        "1 entry is never sent (a symbolic link; links are not followed), as hospital/more"]


# --- at random ---


class Truth(RuleBasedStateMachine):
    """Everything that may happen to an installation, in any order; after each step the sentence
    is held against the recount."""

    monkeypatch: Any

    @initialize()
    def build(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.folder = Path(tempfile.mkdtemp(prefix="farcopy-truth-"))
        self._made = installation(self.folder, self.patch)
        self.here = self._made.__enter__()
        self.here.write("orthanc", "ab/cd/first")

    def teardown(self) -> None:
        if hasattr(self, "_made"):
            self._made.__exit__(None, None, None)
            self.patch.undo()
            shutil.rmtree(self.folder, ignore_errors=True)

    labels = st.sampled_from(["orthanc", "hospital"])
    names = st.sampled_from(["a", "b", "ab/cd/c", "ab/cd/d", "ab/ef/e"])

    @rule(label=labels, name=names, is_young=st.booleans())
    def write(self, label: str, name: str, is_young: bool) -> None:
        if self.here.roots[label].is_dir():
            self.here.write(label, name, is_young=is_young)

    @rule(label=labels, name=names)
    def remove(self, label: str, name: str) -> None:
        (self.here.roots[label] / name).unlink(missing_ok=True)

    @rule(label=labels)
    def unmount(self, label: str) -> None:
        root = self.here.roots[label]
        if not (self.folder / f"{label}-away").exists() and root.exists():
            root.rename(self.folder / f"{label}-away")
            root.mkdir()

    @rule(label=labels)
    def take_root_away(self, label: str) -> None:
        root = self.here.roots[label]
        if root.is_dir() and not any(root.iterdir()):
            root.rmdir()

    @rule(label=labels)
    def mount_again(self, label: str) -> None:
        root, away = self.here.roots[label], self.folder / f"{label}-away"
        if away.exists():
            shutil.rmtree(root, ignore_errors=True)
            away.rename(root)

    @rule(trouble=st.sampled_from(["", "", "down", "login"]),
          room=st.sampled_from([None, None, 0, 1, 3]))
    def server_changes(self, trouble: str, room: int | None) -> None:
        self.here.server.trouble = trouble
        self.here.server.full_after = room

    @rule(name=st.sampled_from(["a", "c", "first"]))
    def server_refuses(self, name: str) -> None:
        self.here.server.refuses ^= {name}

    @rule(path=st.sampled_from(["/a", "/b"]))
    def another_path(self, path: str) -> None:
        if path != overview.configuration().settings.ftp_path:
            self.here.configure(ftp_path=path)

    @rule(is_on=st.booleans())
    def hospital_is_set(self, is_on: bool) -> None:
        wanted = str(self.here.roots["hospital"]) if is_on else None
        if wanted != overview.configuration().settings.hospital_data_path:
            self.here.configure(hospital_data_path=wanted)

    @rule(is_on=st.booleans())
    def automatic(self, is_on: bool) -> None:
        self.here.configure(sync_enabled=is_on)

    @rule(is_on=st.booleans())
    def service(self, is_on: bool) -> None:
        self.here.service_is_on(is_on)

    @rule(sync_type=st.sampled_from([SyncType.MANUAL, SyncType.SCHEDULED]))
    def run_it(self, sync_type: SyncType) -> None:
        self.here.settle_s = 0.0 if sync_type is SyncType.MANUAL else 30.0
        self.here.run(sync_type)

    @rule()
    def run_that_is_stopped(self) -> None:
        self.here.settle_s = 0.0
        self.here.run(is_stopped=True)

    @rule(after_files=st.integers(0, 4))
    def run_and_die(self, after_files: int) -> None:
        self.here.settle_s = 0.0
        self.here.run_and_die(after_files)

    @rule()
    def look(self) -> None:
        self.here.settle_s = 30.0
        self.here.look()

    @rule()
    def verify(self) -> None:
        self.here.verify()

    @rule(label=labels, name=names, is_removed=st.booleans())
    def damage(self, label: str, name: str, is_removed: bool) -> None:
        if f"{label}/{name}" in self.here.server.files:
            self.here.damage(f"{label}/{name}", is_removed=is_removed)

    @rule(patterns=st.sampled_from([(), ("a",), ("ab/",)]))
    def leave_out(self, patterns: tuple[str, ...]) -> None:
        if patterns != overview.configuration().settings.exclude:
            self.here.configure(exclude=list(patterns))

    @rule()
    def confirm(self) -> None:
        self.here.confirm()

    @invariant()
    def what_is_said_is_so(self) -> None:
        if hasattr(self, "here"):
            self.here.check()


TestTruthAtRandom = Truth.TestCase
TestTruthAtRandom.settings = settings(
    max_examples=40, stateful_step_count=14, deadline=None, derandomize=False,
    suppress_health_check=list(HealthCheck),
)
