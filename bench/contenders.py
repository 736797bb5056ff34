"""The commands that are compared: farcopy as it is, lftp and rclone as their manuals tune them.

Each gets the same tree, the same account, as many connections, and under TLS
verifies the server's certificate. Called by transfer and round_trips.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.measure import FARCOPY, farcopy
from tests.parts import fetch


@dataclass(frozen=True)
class Place:
    """An account on a server, and where its "/" lies on disk, to compare what arrived.

    tls: "" for plain FTP, "1.2" or "1.3".
    """

    host: str
    port: int
    user: str
    password: str
    root: Path
    ca_file: Path | None = None
    tls: str = ""


@dataclass(frozen=True)
class Job:
    """source: the tree to send. destination: an absolute path, empty and there already."""

    place: Place
    source: Path
    destination: str
    connections: int
    folder: Path


@dataclass(frozen=True)
class Command:
    """below: the folder under the destination the copy stands in. own: a folder that is no
    part of the copy, as farcopy's for the mark of its audit trail."""

    argv: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: str = ""
    below: str = ""
    own: str = ""


def farcopy_sync(job: Job) -> Command:
    """The verb itself on a home that is set up: its database is there, and knows no file."""
    home = job.folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    place = job.place
    farcopy(
        home, "configure", "--orthanc-storage-path", str(job.source), "--ftp-host", place.host,
        "--ftp-port", str(place.port), "--ftp-username", place.user,
        "--ftp-path", job.destination, "--ftp-connections", str(job.connections),
        "--ftp-tls", "required" if place.tls else "off",
        "--ftp-tls-ca", str(place.ca_file or "") if place.tls else "",
        "--ftp-password-stdin", stdin=f"{place.password}\n",
    )
    env = {"FARCOPY_HOME": str(home), **_only_tls(job)}
    return Command([*FARCOPY, "sync"], env, below="orthanc", own="farcopy")


def ftplib_threads(job: Job) -> Command:
    place = job.place
    argv = [
        sys.executable, "-m", "bench.peer_ftplib", place.host, str(place.port), place.user,
        str(job.source), job.destination, str(job.connections),
    ]
    if place.tls:
        argv.append(str(place.ca_file))
    return Command(argv, _only_tls(job), f"{place.password}\n")


def lftp(job: Job) -> Command:
    place = job.place
    settings = ["ftp:ssl-allow no"]
    if place.tls:
        settings = [
            "ftp:ssl-force yes", "ftp:ssl-protect-data yes", "ssl:verify-certificate yes",
            f"ssl:ca-file {place.ca_file}", f"ssl:priority NORMAL:-VERS-ALL:+VERS-TLS{place.tls}",
        ]
    settings += [
        # Everything that saves it a round trip and keeps the copy's bytes the same.
        "net:connection-limit 0", "net:max-retries 3", "cmd:fail-exit yes", "ftp:sync-mode off",
        "mirror:set-permissions off", "ftp:use-allo no", "ftp:use-mdtm off",
        "ftp:use-mdtm-overloaded off", "ftp:use-site-utime off", "ftp:use-site-utime2 off",
        "ftp:use-size on", "mirror:parallel-directories yes",
    ]
    script = "".join(f"set {setting}; " for setting in settings)
    script += (
        f"open -u {place.user},{place.password} -p {place.port} {place.host}; "
        f"mirror -R --no-perms --no-umask --parallel={job.connections} "
        f"{job.source} {job.destination}; quit"
    )
    argv = fetch.command("lftp", "lftp", "-e", script)
    return Command(argv, {"HOME": str(job.folder)})


def rclone(job: Job) -> Command:
    place = job.place
    program = fetch.command("rclone", "rclone")
    obscured = subprocess.run(
        [*program, "obscure", place.password], check=True, capture_output=True, text=True
    ).stdout.strip()
    tls = ""
    if place.tls:
        tls = f",explicit_tls=true,disable_tls13={'true' if place.tls == '1.2' else 'false'}"
    remote = (
        f":ftp,host={place.host},port={place.port},user={place.user},pass={obscured},"
        f"concurrency=0{tls}:{job.destination}"
    )
    argv = [
        *program, "copy", str(job.source), remote, "--transfers", str(job.connections),
        "--checkers", str(job.connections), "--no-check-dest", "--ignore-checksum",
        "--retries", "1", "--config", os.devnull, "-q",
    ]
    ca = {"SSL_CERT_FILE": str(place.ca_file)} if place.ca_file else {}
    return Command(argv, {"HOME": str(job.folder), **ca})


CONTENDERS: dict[str, Callable[[Job], Command]] = {
    "farcopy": farcopy_sync,
    "lftp": lftp,
    "rclone": rclone,
    "ftplib": ftplib_threads,
}


def why_left_out(name: str) -> str | None:
    """Gets what is missing, if it can be had; else says why not."""
    if name not in fetch.PEERS:
        return None
    try:
        fetch.fetch(name)
    except (fetch.PartMissing, OSError) as error:
        return str(error)
    return None


def _only_tls(job: Job) -> dict[str, str]:
    """OpenSSL's own way to speak one version only: Python programs need no option for it."""
    version = job.place.tls
    if not version:
        return {}
    settings = job.folder / "openssl.cnf"
    settings.write_text(
        "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = versions\n"
        f"[versions]\nMinProtocol = TLSv{version}\nMaxProtocol = TLSv{version}\n"
    )
    return {"OPENSSL_CONF": str(settings)}
