"""The list of parts (SBOM, CycloneDX 1.6) of what farcopy needs to run, made from the lock.

`make sbom` writes docs/reference/sbom.cdx.json; a test fails when it lags. The same
lock gives the same bytes: there is no time and no random number in it.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.docs.documents import ROOT

LOCK = ROOT / "requirements.lock"
COPY = ROOT / "docs/reference/sbom.cdx.json"
_PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)(?: ; (?P<marker>.+?))? \\")


@dataclass
class Part:
    """A pinned package. needed_by: those that ask for it; hashes: of each of its files."""

    name: str
    version: str
    marker: str = ""
    hashes: list[str] = field(default_factory=list)
    needed_by: list[str] = field(default_factory=list)

    @property
    def ref(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def parts() -> list[Part]:
    """Every package of the lock. Raises: ValueError for a line that means nothing to us."""
    found: list[Part] = []
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        pin = _PIN.fullmatch(line)
        if pin:
            found.append(Part(pin["name"], pin["version"], pin["marker"] or ""))
        elif line.startswith("    --hash=sha256:"):
            found[-1].hashes.append(line.removesuffix(" \\").rpartition(":")[2])
        elif line.startswith("    #"):
            asker = line.lstrip(" #").removeprefix("via").strip()
            found[-1].needed_by += [asker.partition(" ")[0]] if asker else []
        else:
            raise ValueError(f"what is {line!r}?")
    return found


def document() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = f"pkg:pypi/{project['name']}@{project['version']}"
    listed = sorted(parts(), key=lambda part: part.name)
    made = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application", "bom-ref": own, "name": project["name"],
                "version": project["version"], "purl": own,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": [_component(part) for part in listed],
        "dependencies": list(_dependencies(project["name"], own, listed)),
    }
    return json.dumps(made, indent=1) + "\n"


def _component(part: Part) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library", "bom-ref": part.ref, "name": part.name, "version": part.version,
        "purl": part.ref,
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in part.hashes],
    }
    if part.marker:
        component["properties"] = [{"name": "farcopy:only-if", "value": part.marker}]
    return component


def _dependencies(name: str, own: str, listed: list[Part]) -> Iterator[dict[str, Any]]:
    for asker, ref in [(name, own), *((part.name, part.ref) for part in listed)]:
        yield {"ref": ref, "dependsOn": [p.ref for p in listed if asker in p.needed_by]}


if __name__ == "__main__":
    COPY.write_text(document(), encoding="utf-8")
    sys.exit(0)
