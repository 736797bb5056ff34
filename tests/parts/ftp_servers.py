"""Three real FTP servers on loopback: vsftpd, ProFTPD and Pure-FTPd.

`start_ftp_server` returns when the 220 greeting came. Each server has one user,
chrooted to `home`, and plain FTP or explicit TLS (RFC 4217). They need root:
they change user and root directory. Nothing of the machine's /etc is touched;
what must stand there is mounted in the server's own namespace.
"""

import contextlib
import ctypes
import functools
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import trustme

from tests.parts.fetch import command, part_root, why_missing
from tests.parts.keeper import Kept
from tests.parts.scratch import closed_parent, free_port, open_folder

__all__ = ["FTP_UID", "KINDS", "FtpServer", "Kind", "open_folder", "start_ftp_server", "why_not"]

Kind = Literal["vsftpd", "proftpd", "pure-ftpd"]
KINDS: tuple[Kind, ...] = get_args(Kind)
USER, PASSWORD = "farcopy", "far-secret"
FTP_UID = 7777  # any number no system user has; files that arrive belong to it
START_S = 15.0
PORT_ATTEMPTS = 3  # a free port may be taken by another process before the server binds it

# /etc files of the test user for vsftpd, which asks PAM; /run is private so that no
# server leaves a socket or a scoreboard there. Where mounts are not permitted, Pure-FTPd
# leaves small files in /run/pure-ftpd.
PRIVATE_MOUNTS = """
for name in passwd group shadow pam.d; do mount --bind "$0/$name" "/etc/$name"; done
mount -t tmpfs tmpfs /run
exec "$@"
"""


@dataclass
class FtpServer:
    """A running server. `home` on disk is "/" for the FTP user; it outlives stop and restart."""

    kind: Kind
    host: str
    port: int
    user: str
    password: str
    home: Path
    ca_file: Path | None
    log_file: Path
    _argv: list[str] = field(repr=False)
    _kept: Kept | None = field(default=None, repr=False)

    def is_alive(self) -> bool:
        """Say whether the listening daemon runs."""
        return self._kept is not None and self._kept.is_alive()

    def processes(self) -> list[int]:
        """List the process ids: keeper, listener, then one or more for each session."""
        return self._kept.processes() if self._kept else []

    def stop(self) -> None:
        """End the listener by SIGTERM, and kill the sessions that outlive it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the listener and every session by SIGKILL: a crash, seen from the client."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop if it runs, and start again with the same port, settings and home."""
        self.stop()
        self._start()

    def _end(self, signal_number: int) -> None:
        if self._kept is not None:
            self._kept.end(signal_number)

    def _start(self) -> None:
        self._kept = Kept(self._argv, self.log_file)
        deadline = time.monotonic() + START_S
        try:
            while not self._greets() or len(self.processes()) > 2:
                # The probe's own session must be gone, or it counts against a limit.
                if not self.is_alive() or time.monotonic() > deadline:
                    log = self.log_file.read_text(errors="replace")[-600:]
                    raise RuntimeError(f"{self.kind} does not greet on port {self.port}: {log}")
                time.sleep(0.01)
        except BaseException:
            self.kill()
            raise

    def _greets(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=5) as control:
                replies = control.makefile("rb")
                greeted = replies.readline().startswith(b"220")
                control.sendall(b"QUIT\r\n")
                replies.read()
                return greeted
        except OSError:
            return False


def why_not(kind: Kind) -> str | None:
    """Say why this server cannot run here, or None when it can: the reason of a skip."""
    if reason := why_missing(kind):
        return reason
    if sys.platform == "win32" or os.geteuid() != 0:
        return f"{kind} needs root, to change user and root directory"
    if kind == "vsftpd" and not _can_mount():
        return "vsftpd needs a private mount namespace (CAP_SYS_ADMIN), not permitted here"
    return None


def start_ftp_server(
    kind: Kind,
    folder: Path,
    *,
    tls: bool = False,
    require_tls: bool = False,
    max_connections_per_ip: int = 0,
    options: Sequence[str] = (),
) -> FtpServer:
    """Start a server whose settings, log and home stand in folder.

    folder: every parent must be open to other users, see `open_folder`.
    tls: offer AUTH TLS; require_tls: also refuse plain logins and data (implies tls).
    max_connections_per_ip: 0 is no limit.
    options: settings in the server's own words, which replace ours of the same name:
    "key=value" for vsftpd, a directive for proftpd, an argument ("-n 100:4") for pure-ftpd.
    Raises: RuntimeError when no greeting comes, with the end of the server's log.
    """
    if reason := why_not(kind):
        raise RuntimeError(reason)
    if closed := closed_parent(folder):
        raise RuntimeError(f"{closed} is closed to the FTP user; take a folder of open_folder()")
    home = folder / "home"
    home.mkdir(exist_ok=True)
    os.chown(home, FTP_UID, FTP_UID)
    _write_accounts(folder, home)
    tls = tls or require_tls
    ca_file = _write_certificates(folder) if tls else None
    plan = _Plan(folder, 0, tls, require_tls, max_connections_per_ip, options)
    for attempt in range(1, PORT_ATTEMPTS + 1):
        plan.port = free_port()
        server = FtpServer(
            kind=kind,
            host="127.0.0.1",
            port=plan.port,
            user=USER,
            password=PASSWORD,
            home=home,
            ca_file=ca_file,
            log_file=folder / "server.log",
            _argv=[*_private(folder), *_ARGV[kind](plan)],
        )
        try:
            server._start()
        except RuntimeError:
            if attempt == PORT_ATTEMPTS:
                raise
        else:
            break
    return server


@dataclass
class _Plan:
    folder: Path
    port: int
    tls: bool
    require_tls: bool
    max_per_ip: int
    options: Sequence[str]

    def write_settings(self, name: str, ours: list[str], separator: str | None) -> Path:
        # ProFTPD takes the first of two equal directives and vsftpd the last: keep one.
        theirs = {line.split(separator)[0] for line in self.options}
        lines = [line for line in ours if line.split(separator)[0] not in theirs]
        settings = self.folder / name
        settings.write_text("\n".join([*lines, *self.options, ""]))
        return settings


def _vsftpd(plan: _Plan) -> list[str]:
    folder = plan.folder
    required = "YES" if plan.require_tls else "NO"
    lines = [
        "listen=YES",
        "listen_address=127.0.0.1",
        f"listen_port={plan.port}",
        "background=NO",
        "anonymous_enable=NO",
        "local_enable=YES",
        "write_enable=YES",
        "local_umask=022",
        "chroot_local_user=YES",
        "allow_writeable_chroot=YES",
        "pam_service_name=farcopy",
        f"secure_chroot_dir={folder}/empty",
        # A container's kernel may refuse its filter; a network namespace a session is slow.
        "seccomp_sandbox=NO",
        "isolate_network=NO",
        "delay_failed_login=0",
        "xferlog_enable=NO",
        f"max_per_ip={plan.max_per_ip}",
    ]
    if plan.tls:
        lines += [
            "ssl_enable=YES",
            "require_ssl_reuse=YES",
            f"force_local_logins_ssl={required}",
            f"force_local_data_ssl={required}",
            f"rsa_cert_file={folder}/server-all.pem",
            "ssl_ciphers=HIGH",
        ]
    settings = plan.write_settings("vsftpd.conf", lines, "=")
    return command("vsftpd", "vsftpd", settings)


def _proftpd(plan: _Plan) -> list[str]:
    folder = plan.folder
    modules = (part_root("proftpd") or Path("/")) / "usr/lib/proftpd"
    lines = [
        f"ModulePath {modules}",
        "ServerName farcopy",
        "ServerType standalone",
        "DefaultAddress 127.0.0.1",
        "SocketBindTight on",
        f"Port {plan.port}",
        "UseIPv6 off",
        "UseReverseDNS off",
        "User nobody",
        "Group nogroup",
        "DefaultRoot ~",
        "RequireValidShell off",
        "AuthOrder mod_auth_file.c",
        f"AuthUserFile {folder}/proftpd.passwd",
        "AuthPAM off",
        "Umask 022",
        "AllowOverwrite on",
        "MaxInstances 200",
        "DelayEngine off",
        "WtmpLog off",
        "TransferLog none",
        f"SystemLog {folder}/proftpd.log",
        f"PidFile {folder}/proftpd.pid",
        # MaxConnectionsPerHost counts in it; "none" would switch the limit off.
        f"ScoreboardFile {folder}/proftpd.score",
    ]
    if plan.max_per_ip:
        lines += [f"MaxConnectionsPerHost {plan.max_per_ip}"]
    if plan.tls:
        lines += [
            "LoadModule mod_tls.c",
            "TLSEngine on",
            "TLSProtocol TLSv1.2 TLSv1.3",
            f"TLSRequired {'on' if plan.require_tls else 'off'}",
            f"TLSRSACertificateFile {folder}/server.pem",
            f"TLSRSACertificateKeyFile {folder}/server.key",
            f"TLSLog {folder}/proftpd-tls.log",
        ]
    settings = plan.write_settings("proftpd.conf", lines, None)
    return command("proftpd", "proftpd", "-n", "-c", settings)


def _pure_ftpd(plan: _Plan) -> list[str]:
    folder = plan.folder
    subprocess.run(
        command("pure-ftpd", "pure-pw", "mkdb", folder / "pure.pdb", "-f", folder / "pure.passwd"),
        check=True,
    )
    words = [
        "-4",
        f"-S 127.0.0.1,{plan.port}",
        f"-l puredb:{folder}/pure.pdb",
        f"-g {folder}/pure.pid",
        "-A",  # chroot everyone
        "-E",  # no anonymous
        "-H",  # no reverse DNS
        "-U 133:022",
        "-c 200",
        f"-C {plan.max_per_ip or 200}",
        "-L 200000:20",  # the default cuts a listing at 10,000 names
        "-f none",
    ]
    if plan.tls:
        words += [f"-Y {3 if plan.require_tls else 1}", f"-2 {folder}/server-all.pem"]
    theirs = {option.split()[0] for option in plan.options}
    words = [word for word in words if word.split()[0] not in theirs]
    arguments = [part for word in [*words, *plan.options] for part in shlex.split(word)]
    return command("pure-ftpd", "pure-ftpd", *arguments)


_ARGV: dict[Kind, Callable[[_Plan], list[str]]] = {
    "vsftpd": _vsftpd,
    "proftpd": _proftpd,
    "pure-ftpd": _pure_ftpd,
}


def _write_accounts(folder: Path, home: Path) -> None:
    hashed = _hash(PASSWORD)
    ids = f"{FTP_UID}:{FTP_UID}"
    # nodelay: PAM would hold a wrong password back for two seconds.
    pam = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"
    files = {
        "passwd": "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
        f"{USER}:x:{ids}::{home}:/bin/sh\n",
        "group": f"root:x:0:\nnogroup:x:65534:\n{USER}:x:{FTP_UID}:\n",
        "shadow": f"{USER}:{hashed}:19000:0:99999:7:::\n",
        "pam.d/farcopy": f"{pam}session required pam_permit.so\n",
        "proftpd.passwd": f"{USER}:{hashed}:{ids}::{home}:/bin/sh\n",
        "pure.passwd": f"{USER}:{hashed}:{ids}::{home}/./::::::::::::\n",
    }
    (folder / "pam.d").mkdir(exist_ok=True)
    (folder / "empty").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
        # ProFTPD refuses an account file that others can read.
        (folder / name).chmod(0o644 if name in ("passwd", "group", "pam.d/farcopy") else 0o600)


def _hash(password: str) -> str:
    # crypt(3) is on every Debian; Python's own module left with 3.13.
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    hashed: bytes = crypt(password.encode(), b"$6$farcopytests$")
    return hashed.decode()


def _write_certificates(folder: Path) -> Path:
    authority = trustme.CA()
    # RSA, as the settings of vsftpd and ProFTPD used here name RSA files.
    server = authority.issue_cert("localhost", "127.0.0.1", key_type=trustme.KeyType.RSA)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server.private_key_pem.write_to_path(folder / "server.key")
    server.cert_chain_pems[0].write_to_path(folder / "server.pem")
    server.private_key_and_cert_chain_pem.write_to_path(folder / "server-all.pem")
    for name in ("server.key", "server-all.pem"):
        (folder / name).chmod(0o600)
    return folder / "ca.pem"


@functools.cache
def _can_mount() -> bool:
    # Unsharing may be permitted and mounting not (AppArmor), so both are tried.
    with contextlib.suppress(OSError):
        attempt = ["unshare", "--mount", "mount", "--bind", "/etc/pam.d", "/etc/pam.d"]
        return subprocess.run(attempt, capture_output=True).returncode == 0
    return False


def _private(folder: Path) -> list[str]:
    if not _can_mount():
        return []
    return ["unshare", "--mount", "sh", "-ec", PRIVATE_MOUNTS, str(folder)]
