"""Trees to send: seeded, so the same names and bytes everywhere, and old, so nothing waits.

Called by transfer and round_trips.
"""

import os
import random
from dataclasses import dataclass
from pathlib import Path

OLD_S = 1_700_000_000
"""Their mtime: farcopy waits for files that were written to a moment ago."""
CHUNK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Corpus:
    """a_directory: files in each; 0: all in one, "orthanc": ab/cd/uuid, "few": a/b/uuid."""

    what: str
    files: int
    file_bytes: int
    a_directory: int | str

    @property
    def total_bytes(self) -> int:
        return self.files * self.file_bytes


CORPORA = {
    "S200": Corpus("200 files of 32 KiB in one directory", 200, 32 * 1024, 0),
    "D200": Corpus("200 files of 32 KiB in 138 directories", 200, 32 * 1024, "few"),
    "O200": Corpus("200 files of 32 KiB, one a directory", 200, 32 * 1024, "orthanc"),
    "O1500": Corpus("1,500 files of 148 bytes, one a directory", 1500, 148, "orthanc"),
    "M2000": Corpus("2,000 files of 32 KiB, 8 a directory", 2000, 32 * 1024, 8),
    "L": Corpus("400 files of 512 KiB, 8 a directory", 400, 512 * 1024, 8),
    "F1": Corpus("one file of 200 MiB", 1, 200 * 1024 * 1024, 0),
}


def make(name: str, where: Path) -> Path:
    """The folder of that corpus below `where`, made unless it is there."""
    root = where / name
    if root.exists():
        return root
    part = where / f"{name}.part"
    corpus = CORPORA[name]
    fill(part, name, corpus.files, corpus.file_bytes, corpus.a_directory)
    part.rename(root)  # whole or not at all
    return root


def fill(root: Path, seed: str, files: int, file_bytes: int, a_directory: int | str = 0) -> None:
    numbers = random.Random(seed)
    for number in range(files):
        name = numbers.randbytes(16).hex()
        folder = root
        if a_directory == "orthanc":
            folder = root / name[:2] / name[2:4]
        elif a_directory == "few":
            folder = root / name[0] / name[1]
        elif a_directory:
            folder = root / f"study-{number // int(a_directory):04}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}"
        with path.open("wb") as file:
            for begin in range(0, file_bytes, CHUNK_BYTES):
                file.write(numbers.randbytes(min(CHUNK_BYTES, file_bytes - begin)))
        os.utime(path, (OLD_S, OLD_S))
