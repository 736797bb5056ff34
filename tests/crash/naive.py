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
    insert(database, "destinations", id=1, host="x", port=21, profile="{}", created_at=NOW)
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
    insert(database, "source_files", root=label, directory=folder, name=relative.name)
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
    insert(
        database, "replicas", source_file_id=file, destination_id=1, state="stored", changed_at=NOW
    )
    database.execute(
        "UPDATE replicas SET size_bytes = ?, md5 = ? WHERE source_file_id = ?",
        [len(content), md5, file],
    )


def insert(database: sqlite3.Connection, table: str, **values: object) -> None:
    """A row, unless there is one; columns nobody names are empty, whatever they will be."""
    for _, column, kind, is_required, default, _ in database.execute(
        f"PRAGMA table_info({table})"
    ):
        if is_required and default is None and column != "id":
            values.setdefault(column, "" if "char" in kind or "text" in kind else 0)
    columns = ", ".join(f'"{column}"' for column in values)
    places = ", ".join("?" * len(values))
    database.execute(
        f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})", list(values.values())
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
