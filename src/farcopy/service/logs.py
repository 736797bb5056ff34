"""The log files: one JSON object a line, rotated at midnight, safe with several processes.

logs/sync.log (runs), logs/auth.log (sign-ins), logs/service.log (the rest).
Names of files and values of settings never get here; entry ids do.
"""

import contextlib
import logging
import sys
import time
from pathlib import Path
from typing import Any

from concurrent_log_handler import ConcurrentTimedRotatingFileHandler
from pythonjsonlogger.json import JsonFormatter

from farcopy.store.keys import make_private_directory

FILES = {"farcopy.sync": "sync.log", "farcopy.auth": "auth.log", "": "service.log"}


TELL_EVERY_S = 10.0


class _FileHandler(ConcurrentTimedRotatingFileHandler):
    """What cannot be written to the file goes to standard error, and stops nobody.

    Each event once in a while only: whoever reads standard error may be slow, and a
    page that is open asks once a second.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._told_s: dict[str, float] = {}

    def handleError(self, record: logging.LogRecord) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s.get(record.msg, -TELL_EVERY_S) < TELL_EVERY_S:
            return
        self._told_s[record.msg] = now_s
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(self.format(record) + "\n")


def _handler(folder: Path, file_name: str, keep_days: int) -> logging.Handler:
    try:
        make_private_directory(folder)
        return _FileHandler(
            str(folder / file_name), when="midnight", backupCount=keep_days, utc=True,
            encoding="utf-8", delay=True, lock_file_directory=str(folder),
            chmod=0o600,  # its lock files would be executable
        )
    except OSError:  # a home that may not be written to, or is full
        return logging.StreamHandler()


def set_up_logs(home: Path, keep_days: int) -> None:
    """Attach the handlers of this process, once. keep_days: rotated files kept."""
    folder = home / "logs"
    root = logging.getLogger()
    if any(isinstance(handler, _FileHandler) for handler in root.handlers):
        return
    formatter = JsonFormatter(
        "{asctime}{levelname}{name}{message}", style="{",
        rename_fields={"asctime": "at", "levelname": "level", "message": "event"},
        json_ensure_ascii=True,  # U+2028 and the like cannot break a line
    )
    for name, file_name in FILES.items():
        handler = _handler(folder, file_name, keep_days)
        handler.setFormatter(formatter)
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        if name:
            logger.propagate = False
    # Their lines quote requests, the caller's own text; the gate logs its 5xx without it.
    for noisy in ("axes", "django.request", "django.security", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
