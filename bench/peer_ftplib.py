"""A peer: what a straightforward uploader on ftplib does, in threads.

One connection each, MKD as needed, STOR under the final name; nothing is
verified, hashed, or remembered.

usage: python -m bench.peer_ftplib HOST PORT USER SOURCE DESTINATION CONNECTIONS [CA]
The password comes from the standard input.
"""

import collections
import contextlib
import ftplib
import os
import ssl
import sys
import threading
from pathlib import Path
from typing import Any


class Ftps(ftplib.FTP_TLS):
    """Offers the control connection's TLS session for data: most servers want it."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[Any, int | None]:
        data, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        secured = self.context.wrap_socket(
            data, server_hostname=self.host, session=self.sock.session
        )
        return secured, size


def main() -> None:
    host, port, user, source, destination, connections = sys.argv[1:7]
    ca_file = sys.argv[7] if len(sys.argv) > 7 else ""
    password = sys.stdin.readline().rstrip("\n")
    files = collections.deque(
        sorted(
            os.path.relpath(Path(folder) / name, source)
            for folder, _, names in os.walk(source)
            for name in names
        )
    )
    known: set[str] = set()
    errors: list[Exception] = []

    def log_in() -> ftplib.FTP:
        if ca_file:
            ftp: ftplib.FTP = Ftps(timeout=60, context=ssl.create_default_context(cafile=ca_file))
        else:
            ftp = ftplib.FTP(timeout=60)
        ftp.connect(host, int(port))
        ftp.login(user, password)
        if isinstance(ftp, Ftps):
            ftp.prot_p()
        return ftp

    def make_folders(ftp: ftplib.FTP, name: str) -> None:
        path = destination
        for part in name.split("/")[:-1]:
            path += "/" + part
            if path not in known:
                with contextlib.suppress(ftplib.error_perm):  # another thread was first
                    ftp.mkd(path)
                known.add(path)

    def work() -> None:
        try:
            ftp = log_in()
            while True:
                try:
                    name = files.popleft()
                except IndexError:
                    break
                make_folders(ftp, name)
                with (Path(source) / name).open("rb") as file:
                    ftp.storbinary(f"STOR {destination}/{name}", file)
            ftp.quit()
        except Exception as error:  # noqa: BLE001  # whatever it is, the round has failed
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(int(connections))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors or files:
        sys.exit(repr(errors[:3]))


if __name__ == "__main__":
    main()
