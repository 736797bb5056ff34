"""What schemathesis must know of farcopy: how to sign in, and what no schema can say.

Loaded by schemathesis in its own process; see openapi_attack.
"""

import os
import secrets
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import schemathesis

COOKIE = "DICOM_VIEWER_SESSION"
DATABASE = Path(os.environ["ATTACKED_HOME"]) / "farcopy.sqlite3"
_A_SESSION_LIKE_THE_FIRST = """
    INSERT INTO sessions (id_hash, user_id, password_mark, signed_in_at, last_used_at)
    SELECT ?, user_id, password_mark, signed_in_at, last_used_at FROM sessions LIMIT 1
"""
# Said by the words of the document, not by its schemas: they depend on other fields, on what
# is stored, or on more than a pattern can hold.
BEYOND_SCHEMAS = (
    "must not contain control characters", "must be a host name or an IP address",
    "must not be a link-local", "must not contain '..'", "must be an absolute path",
    "must be a SHA-256 fingerprint", "must not lie inside", "is required if ftp_host is set",
    "needs FTP to be configured first", "must be given again", "is not usable", "is wrong",
    "must differ from",
    "must be an integer",  # to a schema 30.0 is one, to us it is a float
)


@schemathesis.auth(refresh_interval=None)  # type: ignore[arg-type]
class OwnSession:
    """A session for each call: one that signs out takes none from the others."""

    def get(self, case: Any, context: Any) -> str:
        session = secrets.token_urlsafe(32)
        with closing(sqlite3.connect(DATABASE, timeout=30)) as database:
            id_hash = sha256(session.encode()).hexdigest()
            database.execute(_A_SESSION_LIKE_THE_FIRST, (id_hash,))
            database.commit()
        return session

    def set(self, case: Any, data: str, context: Any) -> None:
        case.cookies = {**(case.cookies or {}), COOKIE: data}


@schemathesis.check
def what_fits_the_schema_is_refused_for_other_reasons_only(
    context: Any, response: Any, case: Any
) -> None:
    """A 400 to a body the document allows must be about what schemas cannot say."""
    if response.status_code != 400 or not case.meta.generation.mode.is_positive:
        return
    told = response.json()
    for name, problem in told.get("fields", {}).items():
        if not any(words in problem for words in BEYOND_SCHEMAS):
            raise AssertionError(f"the document allows {name}, the server says: it {problem}")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """A made-up version is never the one in force: with it every change would only be 412."""
    if case.headers:
        case.headers.pop("If-Match", None)
