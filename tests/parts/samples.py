"""Real DICOM files, from those pydicom brings for its own tests, laid out as Orthanc stores.

Nothing here is a patient's: pydicom publishes these files. No download is made.
"""

import functools
import hashlib
import os
import shutil
import time
import uuid
import warnings
from collections.abc import Iterable
from pathlib import Path

import pydicom
import pydicom.data
from pydicom.errors import InvalidDicomError
from pydicom.uid import MediaStorageDirectoryStorage

AGE_S = 3600.0  # older than any quiet period, so a scan takes the files at once


def dicom_samples() -> list[Path]:
    """List the readable DICOM files that hold an instance; DICOMDIR files are left out."""
    return list(_samples())


def lay_out_like_orthanc(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """Copy files to folder as Orthanc stores them: ab/cd/abcd…, no extension, one hour old.

    The UUIDs have the form of version 4 but follow from the position and the content,
    so the same files give the same names. Gives relative path -> MD5 in hex.
    """
    stored: dict[str, str] = {}
    written_at = time.time() - AGE_S
    for position, file in enumerate(files):
        content = file.read_bytes()
        seed = hashlib.sha256(b"%d " % position + content).digest()[:16]
        name = str(uuid.UUID(bytes=seed, version=4))
        relative = f"{name[:2]}/{name[2:4]}/{name}"
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        os.utime(target, (written_at, written_at))
        stored[relative] = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return stored


@functools.cache
def _samples() -> tuple[Path, ...]:
    folder = Path(pydicom.data.__file__).parent / "test_files"
    return tuple(
        file for file in sorted(folder.rglob("*")) if file.is_file() and _is_instance(file)
    )


def _is_instance(file: Path) -> bool:
    try:
        with warnings.catch_warnings():
            # Some are odd on purpose: pydicom tests its warnings with them.
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(file, stop_before_pixels=True)
    except (InvalidDicomError, EOFError, ValueError, NotImplementedError):
        return False
    kind = dataset.file_meta.get("MediaStorageSOPClassUID")
    return "SOPInstanceUID" in dataset and kind != MediaStorageDirectoryStorage
