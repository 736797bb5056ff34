"""What docs/reference/security.md promises is tested; and what no other test looks at."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from farcopy.cli_audited import AUDITED
from farcopy.store.keys import KEY_BYTES, decode
from tests.docs import sbom
from tests.docs.documents import ROOT
from tests.docs.generate import commands

PAGE = (ROOT / "docs/reference/security.md").read_text(encoding="utf-8")
KEY_UNIT = (ROOT / "packaging/farcopy-key.service").read_text(encoding="utf-8")
UNIT = (ROOT / "packaging/farcopy.service").read_text(encoding="utf-8")


def test_every_test_the_page_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 100
    for file, test in named:
        text = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert f"def {test}(" in text, f"{file}::{test}"


def test_every_statement_of_the_page_names_a_test_or_a_reason() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "| ---" not in line]
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if cells[0] not in ("promise", "finding"):
            assert cells[-1], row


def test_every_verb_leaves_an_entry_in_the_trail_or_changes_nothing() -> None:
    quiet = {"audit list", "audit name", "audit verify", "demo", "serve", "service", "status",
             "test-connection", "token list", "user list", "user sessions", "web"}
    verbs = {name.removeprefix("farcopy ") for name, _ in commands()}
    assert verbs - set(AUDITED) == quiet


@pytest.mark.parametrize(
    "line",
    [
        "User=farcopy", "UMask=0077", "StateDirectoryMode=0700", "NoNewPrivileges=yes",
        "CapabilityBoundingSet=", "LimitCORE=0", "ProtectSystem=strict", "PrivateTmp=yes",
        "PrivateDevices=yes", "MemoryDenyWriteExecute=yes", "RestrictNamespaces=yes",
        "SystemCallFilter=@system-service", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "LoadCredentialEncrypted=farcopy.key",
    ],
)
def test_the_service_unit_is_locked_in(line: str) -> None:
    assert line in UNIT.splitlines()


@pytest.mark.parametrize("line", [
    "ConditionPathExists=!/etc/credstore.encrypted/farcopy.key",
    "ConditionPathExists=!/var/lib/farcopy/farcopy.key",
    "ConditionPathExists=!/var/lib/farcopy/farcopy.sqlite3",
])
def test_no_second_key_is_made_where_there_is_one_or_a_database(line: str) -> None:
    assert line in KEY_UNIT.splitlines()
    assert "Wants=network-online.target farcopy-key.service" in UNIT.splitlines()
    assert "After=network-online.target farcopy-key.service" in UNIT.splitlines()


def test_what_the_key_unit_makes_is_a_key_that_farcopy_takes() -> None:
    """Its own pipeline, up to the program that encrypts."""
    (command,) = [line for line in KEY_UNIT.splitlines() if line.startswith("ExecStart=/bin/sh")]
    pipeline = command.partition("-c '")[2].partition(" | systemd-creds")[0]
    made = [subprocess.run(["/bin/sh", "-c", pipeline], capture_output=True, text=True,
                           check=True).stdout for _ in range(2)]
    assert made[0] != made[1]
    assert all(len(decode(text)) == KEY_BYTES for text in made)


def test_nothing_in_the_environment_turns_debugging_on(tmp_path: Path) -> None:
    code = (
        "from farcopy.process import set_up; set_up('farcopy.settings.web');"
        "from django.conf import settings; print(settings.DEBUG, settings.TEMPLATES)"
    )
    tries = {"DEBUG": "1", "DJANGO_DEBUG": "True", "FARCOPY_DEBUG": "true",
             "DJANGO_SETTINGS_MODULE": "somebody.elses"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, **tries, "FARCOPY_HOME": str(tmp_path / "home")},
    )
    assert done.stdout.startswith("False ")
    assert "debug" not in done.stdout


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock"])
def test_every_locked_package_has_a_hash_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    pins = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(pins) > 30
    assert [pin for pin in pins if "--hash=sha256:" not in pin] == []


def test_the_list_of_parts_is_what_the_lock_says() -> None:
    assert sbom.COPY.read_text(encoding="utf-8") == sbom.document(), "run: make sbom"
    listed = json.loads(sbom.document())
    refs = {part["bom-ref"] for part in listed["components"]}
    assert {"pkg:pypi/django", "pkg:pypi/cryptography"} <= {r.partition("@")[0] for r in refs}
    asked = {ref for entry in listed["dependencies"] for ref in entry["dependsOn"]}
    assert asked == refs  # each is there because another asks for it
