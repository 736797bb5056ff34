"""Debian's Chromium for the page's tests: installed, or unpacked in the cache like the servers."""

import os
from pathlib import Path
from typing import Any

from tests.parts.fetch import find_program, part_env, part_root

_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{root}/usr/share/fonts</dir>
  <cachedir>{root}/fontconfig-cache</cachedir>
  <alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""


def launch_options() -> dict[str, Any]:
    """For Playwright's `launch`. Raises: PartMissing."""
    root = part_root("chromium") or Path("/")
    environment = dict(os.environ)
    # As root, as CI runs, Chromium starts without its sandbox only; it sees our own pages only.
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb"]
    if root == Path("/"):
        program = find_program("chromium", "chromium")
    else:
        program = root / "usr/lib/chromium/chromium"  # /usr/bin's is a script for installed ones
        fonts = root / "fonts.conf"
        fonts.write_text(_FONTS.format(root=root), encoding="utf-8")
        environment |= {**part_env("chromium"), "FONTCONFIG_FILE": str(fonts)}
    return {"executable_path": str(program), "args": arguments, "env": environment}
