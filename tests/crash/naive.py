"""A worker as one is quickly written: STOR to the final name, and stored when 226 comes.

It exists to be found out by the checker. A script of its own, with a database connection
and ftplib, that writes rows of the same schema: `naive.py HOME HOST PORT USER PASSWORD PATH`.
"""

import contextlib
import ftplib
import hashlib
import io
import sqlite3
import sys
from pathlib import Path

NOW = "2026-01-01 00:00:00"


def main(home: str, host: str, port: str, user: str, password: str, ftp_path: str) -> None:
    database = sqlite3.connect(Path(home) / "farcopy.sqlite3", timeout=30, isolation_level=None)
    (roots,) = database.execute(
        "SELECT orthanc_storage_path, hospital_data_path FROM sync_configuration"
    ).fetchall()
    database.execute(
        "INSERT OR IGNORE INTO destinations (id, host, port, username, path, has_tls, profile,"
        " created_at) VALUES (1, 'x', 21, 'x', '/', 0, '{}', ?)", [NOW],
    )
    ftp = ftplib.FTP()
    ftp.connect(host, int(port), timeout=10)
    ftp.login(user, password)
    for label, root in zip(("orthanc", "hospital"), roots, strict=True):
        for path in sorted(Path(root).rglob("*")):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    send(database, ftp, ftp_path, label, path.relative_to(root), path)


def send(
    database: sqlite3.Connection, ftp: ftplib.FTP, ftp_path: str, label: str,
    relative: Path, path: Path,
) -> None:
    content = path.read_bytes()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    folder = "" if str(relative.parent) == "." else relative.parent.as_posix()
    database.execute(
        "INSERT OR IGNORE INTO source_files (root, directory, name, size_bytes, mtime_ns, md5)"
        " VALUES (?, ?, ?, 0, 0, '')", [label, folder, relative.name],
    )
    (file,) = database.execute(
        "SELECT id FROM source_files WHERE root = ? AND directory = ? AND name = ?",
        [label, folder, relative.name],
    ).fetchone()
    if database.execute(
        "SELECT 1 FROM replicas WHERE source_file_id = ? AND md5 = ?", [file, md5]
    ).fetchone():
        return
    target = f"{ftp_path}/{label}"
    for part in ("", *relative.parent.parts):
        target = f"{target}/{part}" if part else target
        with contextlib.suppress(ftplib.error_perm):
            ftp.mkd(target)
    ftp.storbinary(f"STOR {target}/{relative.name}", io.BytesIO(content))
    database.execute(
        "INSERT INTO replicas (source_file_id, destination_id, state, size_bytes, mtime_ns, md5,"
        " claim, attempts, reason, changed_at) VALUES (?, 1, 'stored', ?, 0, ?, 0, 0, '', ?)"
        " ON CONFLICT (source_file_id, destination_id) DO UPDATE SET"
        " size_bytes = excluded.size_bytes, md5 = excluded.md5",
        [file, len(content), md5, NOW],
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
