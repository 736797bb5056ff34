"""The database's part of the tree of errors drawn in core/errors: it cannot do its part, and
nothing new is begun. Foreign errors become these in store/troubles.
"""

from farcopy.core.errors import FarcopyError


class LedgerTrouble(FarcopyError):
    """The database cannot do its part. Reads may still work, writes do not."""

    code = "ledger_trouble"
    uses_attempt = False
    text = "the database reports an error; see the service's log"


class LedgerFull(LedgerTrouble):
    code = "ledger_full"
    text = "the disk of the database is full; make room on the disk of FARCOPY_HOME"


class LedgerLocked(LedgerTrouble):
    code = "ledger_locked"
    is_retryable = True
    text = "the database is locked by another program; close whatever has it open"


class LedgerReadOnly(LedgerTrouble):
    code = "ledger_read_only"
    text = "the database may not be written to; check the permissions of FARCOPY_HOME"


class LedgerMissing(LedgerTrouble):
    code = "ledger_missing"
    text = "the database file is gone; put it back, or rebuild it with: farcopy rebuild"


class LedgerCorrupt(LedgerTrouble):
    code = "ledger_corrupt"
    text = "the database is damaged; keep the file, and rebuild it with: farcopy rebuild"


class LedgerUnreachable(LedgerTrouble):
    code = "ledger_unreachable"
    is_retryable = True
    text = "the database server does not answer; check that it runs"


class LedgerLoginRefused(LedgerTrouble):
    code = "ledger_login_refused"
    text = "the database server refused the login; correct user and password in DATABASE_URL"


class LedgerNotLetIn(LedgerTrouble):
    code = "ledger_not_let_in"
    text = "the database server lets this user not in from here, or only encrypted; check its " \
        "pg_hba.conf, and sslmode in DATABASE_URL"


class LedgerNoDatabase(LedgerTrouble):
    code = "ledger_no_database"
    text = "there is no such database on the server; create it, or correct DATABASE_URL"


class LedgerNoRight(LedgerTrouble):
    code = "ledger_no_right"
    text = "the user of the database lacks a right there; let it own the database"


class LedgerTlsFailed(LedgerTrouble):
    code = "ledger_tls_failed"
    text = "no encrypted connection to the database server: it offers none, or its certificate " \
        "was not accepted; check sslmode and sslrootcert in DATABASE_URL"


class LedgerHostUnknown(LedgerTrouble):
    code = "ledger_host_unknown"
    text = "the host of the database could not be resolved; check DATABASE_URL and the name server"
