"""Get the servers as Debian packages, unpacked in a cache folder, never installed.

`python -m tests.parts.fetch` gets every part the tests want, one line for each;
`python -m tests.parts.fetch lftp` one of them, or a peer of the measurements.
A server that is installed already is used as it is. Tests only look (`why_missing`,
`find_program`, `part_env`): no test run goes to the network by itself.
"""

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = "python -m tests.parts.fetch"
COMPLETE = "complete"  # stamp, written last: a folder without it was never finished
APT_TIMEOUT_S = 600
# In this order: Debian's /usr/bin/createdb is a wrapper that looks for an installed version.
PROGRAM_FOLDERS = ("usr/lib/postgresql/*/bin", "usr/sbin", "usr/bin")
OFFLINE = ("resolv", "Could not connect", "Cannot initiate", "timed out", "unreachable")


@dataclass(frozen=True)
class Part:
    """Debian packages, and the files (globs below the root) without which they are no use."""

    packages: tuple[str, ...]
    files: tuple[str, ...]


PARTS = {
    "vsftpd": Part(("vsftpd",), ("usr/sbin/vsftpd",)),
    "proftpd": Part(
        # TLS is a package of its own, though its files stand in the same folder.
        ("proftpd-core", "proftpd-mod-crypto"),
        ("usr/sbin/proftpd", "usr/lib/proftpd/mod_tls.so"),
    ),
    "pure-ftpd": Part(("pure-ftpd", "pure-ftpd-common"), ("usr/sbin/pure-ftpd", "usr/bin/pure-pw")),
    "orthanc": Part(("orthanc",), ("usr/sbin/Orthanc",)),
    # No server: what the page's tests look at the page with. A machine may have no font at all.
    "chromium": Part(
        ("chromium", "chromium-common", "fonts-dejavu-core"),
        ("usr/bin/chromium", "usr/lib/chromium/chromium", "usr/lib/chromium/icudtl.dat"),
    ),
    # No server: it kills and fails farcopy at a system call of one's choice.
    "strace": Part(("strace",), ("usr/bin/strace",)),
    # The plain name brings the release's own version: 15 on Debian 12, 16 on Ubuntu 24.04.
    "postgres": Part(
        ("postgresql",),
        tuple(
            f"usr/lib/postgresql/*/bin/{name}"
            for name in ("postgres", "initdb", "createdb", "pg_isready")
        ),
    ),
    "lftp": Part(("lftp",), ("usr/bin/lftp",)),
    "rclone": Part(("rclone",), ("usr/bin/rclone",)),
}
PEERS = ("lftp", "rclone")  # what bench/ compares with; no test wants them


class PartMissing(Exception):
    """A part cannot be had here; the text says why and what to do."""


def cache_folder() -> Path:
    """Where parts are unpacked: $FARCOPY_TEST_CACHE, else .cache/parts in the repository."""
    chosen = os.environ.get("FARCOPY_TEST_CACHE")
    return Path(chosen).resolve() if chosen else REPOSITORY / ".cache" / "parts"


def part_root(part: str) -> Path | None:
    """Find the root the part's files stand under: its unpacked tree, else / if installed."""
    unpacked = cache_folder() / part
    if (unpacked / COMPLETE).is_file():
        return unpacked
    return Path("/") if _has_files(Path("/"), part) else None


def why_missing(part: str) -> str | None:
    """Say why the part cannot be used here, or None when it can: the reason of a skip."""
    if sys.platform != "linux":
        return f"{part} comes as a Debian package; this is {sys.platform}"
    if part_root(part) is None:
        return f"{part} is neither installed nor fetched; run: {COMMAND}"
    return None


def find_program(part: str, name: str) -> Path:
    """Find a program of a part that is here. Raises: PartMissing."""
    if reason := why_missing(part):
        raise PartMissing(reason)
    root = part_root(part) or Path("/")
    for folder in PROGRAM_FOLDERS:
        # The newest PostgreSQL first; a glob's order is the file system's.
        for found in sorted(root.glob(f"{folder}/{name}"), reverse=True):
            return found
    raise PartMissing(f"{part} has no program {name} below {root}")


def part_env(part: str) -> dict[str, str]:
    """Give the variables an unpacked part needs besides the environment; {} if installed."""
    root = part_root(part)
    if root is None or root == Path("/"):
        return {}
    env = {"LD_LIBRARY_PATH": _libraries(root)}
    # DCMTK would look for its dictionary in /usr/share, and Orthanc ends without one.
    if dictionaries := sorted(root.glob("usr/share/libdcmtk*/dicom.dic")):
        env["DCMDICTPATH"] = os.pathsep.join(map(str, dictionaries))
    return env


def command(part: str, name: str, *arguments: str | Path) -> list[str]:
    """Give the argv of a part's program. Raises: PartMissing.

    Its variables are set by env(1) at the end of any chain of wrappers: an unpacked
    library must reach the daemon alone, not the mount tools or Python before it.
    """
    variables = [f"{key}={value}" for key, value in part_env(part).items()]
    return ["env", *variables, str(find_program(part, name)), *map(str, arguments)]


def fetch(part: str) -> None:
    """Download and unpack a part unless it is here. Raises: PartMissing."""
    if why_missing(part) is None:
        return
    if absent := [tool for tool in ("apt-get", "dpkg") if not shutil.which(tool)]:
        raise PartMissing(f"no {' and no '.join(absent)} here: parts come as Debian packages")
    with _locked_cache() as cache:
        if why_missing(part) is None:  # another process got it while we waited
            return
        work = Path(tempfile.mkdtemp(prefix=f"{part}.", dir=cache))
        try:
            _unpack(part, work)
            work.chmod(0o755)  # daemons run as other users
            shutil.rmtree(cache / part, ignore_errors=True)
            work.rename(cache / part)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _libraries(root: Path) -> str:
    found = [folder for top in ("lib", "usr/lib") for folder in root.glob(f"{top}/*-linux-gnu*")]
    # Pulseaudio keeps a library where only its own RUNPATH looks, and that names the real /usr.
    found += root.glob("usr/lib/*-linux-gnu*/pulseaudio")
    return os.pathsep.join(map(str, found))


def _has_files(root: Path, part: str) -> bool:
    return all(any(root.glob(pattern)) for pattern in PARTS[part].files)


@contextlib.contextmanager
def _locked_cache() -> Iterator[Path]:
    import fcntl  # not on Windows, where this module must still import

    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield cache


def _unpack(part: str, work: Path) -> None:
    packages = work / "packages"
    packages.mkdir()
    try:
        _download(PARTS[part].packages, packages, ())
    except PartMissing:
        # Lists absent, or so old that their packages are gone from the servers. Fresh
        # lists of our own need no root and leave the machine's alone.
        own_lists, complaint = _fresh_lists()
        try:
            _download(PARTS[part].packages, packages, own_lists)
        except PartMissing as error:
            raise PartMissing(complaint or str(error)) from None
    debs = sorted(packages.glob("*.deb"))
    for deb in debs:
        _run("dpkg", "-x", str(deb), str(work))
    if not _has_files(work, part):
        raise PartMissing(f"the packages lack {' or '.join(PARTS[part].files)}")
    _check_libraries(part, work)
    shutil.rmtree(packages)
    (work / COMPLETE).write_text("".join(f"{deb.name}\n" for deb in debs))


def _download(packages: tuple[str, ...], folder: Path, options: tuple[str, ...]) -> None:
    wanted = set(packages)
    plan = _run("apt-get", *options, "-s", "install", "--no-install-recommends", *packages)
    for line in plan.splitlines():
        # "Inst name [old] (new …)" is an upgrade: the machine's own copy does.
        words = line.split()
        if words[:1] == ["Inst"] and not words[2].startswith("["):
            wanted.add(words[1])
    _run("apt-get", *options, "download", *sorted(wanted), cwd=folder)


@functools.cache
def _fresh_lists() -> tuple[tuple[str, ...], str]:
    """Fetch package lists into the cache; give apt's options for them, and its complaint."""
    apt = cache_folder() / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    options = ("-o", f"Dir::State::lists={apt}/lists", "-o", f"Dir::Cache={apt}/cache")
    try:
        # One dead third-party source must not count: only the download after it decides.
        text = _run("apt-get", *options, "update", keep_warnings=True)
    except PartMissing as error:
        return options, str(error)
    failed = [line for line in text.splitlines() if "Failed to fetch" in line]
    return options, _complaint("apt-get update", failed[0]) if failed else ""


def _run(*argv: str, cwd: Path | None = None, keep_warnings: bool = False) -> str:
    if argv[0] == "apt-get":
        # The sandbox user cannot enter our folder; apt's own 30 s a server is long when offline.
        quiet = ("-o", "APT::Sandbox::User=root", "-o", "Acquire::http::Timeout=15")
        argv = (argv[0], *quiet, *argv[1:])
    env = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=APT_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise PartMissing(f"{argv[0]} did not end in {APT_TIMEOUT_S} s") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("E: ")]
        lines = errors or done.stderr.splitlines() or [f"exit code {done.returncode}"]
        raise PartMissing(_complaint(argv[0], lines[0]))
    return done.stdout + (done.stderr if keep_warnings else "")


def _complaint(what: str, line: str) -> str:
    offline = any(sign in line for sign in OFFLINE)
    return f"{what}{' (offline?)' if offline else ''}: {line.strip()[:300]}"


def _check_libraries(part: str, root: Path) -> None:
    env = os.environ | {"LD_LIBRARY_PATH": _libraries(root), "LC_ALL": "C"}
    for pattern in PARTS[part].files:
        for file in root.glob(pattern):
            listed = subprocess.run(["ldd", file], env=env, capture_output=True, text=True)
            if lacking := [ln.split()[0] for ln in listed.stdout.splitlines() if "not found" in ln]:
                raise PartMissing(f"{file.name} lacks the libraries {', '.join(lacking)}")


def main(parts: Sequence[str] = ()) -> int:
    """Fetch these, one line each; only CI turns a missing part into a failure."""
    missing = 0
    for part in parts or [part for part in PARTS if part not in PEERS]:
        try:
            fetch(part)
        except (PartMissing, OSError) as error:
            missing += 1
            print(f"{part:10} MISSING: {error}", flush=True)
        else:
            print(f"{part:10} ready ({part_root(part)})", flush=True)
    return 1 if missing and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
