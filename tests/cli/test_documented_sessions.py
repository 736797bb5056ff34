"""What the documents tell people to type is typed, word for word, and shows what they say.

Left out are the installation and what belongs to systemd; changed are paths, ports and hosts.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.documents import ROOT
from tests.docs.sessions import Shell, Typed, session
from tests.parts.scratch import free_port
from tests.running import FARCOPY, OURS, read_tree

pytest.importorskip("pydicom", reason="the extra farcopy[demo] is not installed")
pytestmark = pytest.mark.skipif(
    not shutil.which("bash") or sys.platform == "win32", reason="the sessions are bash's"
)
TUTORIAL = ROOT / "docs/tutorial.md"
HTTPS = ROOT / "docs/howto/https.md"


class Desk:
    """A shell at a machine with sample studies and the tutorial's FTP account."""

    def __init__(self, folder: Path) -> None:
        from farcopy.demo import _lay_out_studies, _write_hospital_data

        self.folder = folder
        self.srv, self.home, self.offsite = folder / "srv", folder / "home", folder / "offsite"
        _lay_out_studies(self.srv / "orthanc")
        _write_hospital_data(self.srv / "hospital")
        self.web, self.ftp = free_port(), free_port()
        places = {
            "/opt/farcopy/bin": str(FARCOPY.parent), "/var/lib/farcopy": str(self.home),
            "/srv/": f"{self.srv}/", "/tmp/offsite": str(self.offsite),
            "/etc/farcopy": str(folder / "etc"), "2121": str(self.ftp),
            "8480": str(self.web),
            "--ftp-host ftp.example.org": f"--ftp-host 127.0.0.1 --ftp-port {self.ftp}",
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        env = {
            **inherited, "PATH": f"{FARCOPY.parent}:{inherited['PATH']}",
            "FARCOPY_HOME": str(self.home), "PYTHONUNBUFFERED": "1", "no_proxy": "*",
        }
        self.shell = Shell(folder, env, places)
        self._other_shell = Shell(folder, env, places)

    def type_all(self, commands: list[Typed]) -> list[str]:
        shown: list[str] = []
        for typed in commands:
            until = ""
            if typed.command.startswith("farcopy serve"):
                until = "Listening on "
                typed = Typed(f"{typed.command} --port {self.web}", typed.shown)
            shown += self.shell.type(typed, until=until)
        return shown

    def offer_account(self) -> None:
        """In another window."""
        make, serve = session(TUTORIAL, "An FTP account for practice")
        self._other_shell.type(make)
        self._other_shell.type(serve, until="starting FTP server")

    def stop(self) -> None:
        for shell in (self.shell, self._other_shell):
            shell.stop()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.stop()


def test_the_tutorial_leads_to_a_copy_and_a_page(desk: Desk) -> None:
    desk.offer_account()
    for heading in (
        "2. Choose where farcopy keeps its state", "3. Say what goes where",
        "4. Test the connection", "5. Look first, then send",
        "6. The page, and a sync every two hours",
    ):
        desk.type_all(session(TUTORIAL, heading))
    assert len(read_tree(desk.offsite / "archive")) >= 83


def test_the_session_of_the_readme_is_what_is_shown(desk: Desk) -> None:
    desk.offer_account()
    desk.type_all(session(ROOT / "README.md", "farcopy")[:5])


def test_after_the_building_burned_everything_comes_back(desk: Desk) -> None:
    desk.offer_account()
    for heading in ("3. Say what goes where", "5. Look first, then send"):
        desk.type_all(session(TUTORIAL, heading))
    sent = read_tree(desk.srv)
    sent.pop("orthanc/index")
    shutil.rmtree(desk.home)
    shutil.rmtree(desk.srv)

    desk.type_all(session(ROOT / "docs/howto/restore.md", "The building burned"))

    assert read_tree(desk.srv / "restored") == sent


def test_https_is_tried_with_a_certificate_of_ones_own(desk: Desk) -> None:
    *_, make, serve, ask = session(HTTPS, "HTTPS for page and API")
    shown = desk.type_all([make, serve, ask])
    assert (make.command.split()[0], ask.command.split()[0]) == ("openssl", "curl")
    assert shown[-1] == '{"status": "ok"}'


def test_https_is_served_to_others(desk: Desk) -> None:
    serve, names, make, *_ = session(HTTPS, "HTTPS for page and API")
    (desk.folder / "etc").mkdir()
    desk.type_all([make])
    for name in ("cert.pem", "key.pem"):
        shutil.move(desk.folder / name, desk.folder / "etc")

    shown = desk.type_all([names, serve])

    assert shown[-1] == f"Listening on https://0.0.0.0:{desk.web}"
