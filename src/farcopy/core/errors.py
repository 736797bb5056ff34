"""Every error of farcopy, drawn once.

FarcopyError
├── FileError      one file is affected, the others go on
│   ├── SourceChanged (SourceGrew · SourceShrank · SourceReplaced)
│   ├── SourceVanished · SourceUnreadable · LocalName
│   ├── PathRefused · SizeMismatch · UploadRefused · Fenced
│   └── HashMismatch · DownloadRefused · ListingUnreadable · TargetOccupied
├── SessionError   the control connection is of no more use; a new one may be
│   └── ConnectionLost · ReplyTimeout · OutOfStep · DataStalled · TooManyConnections
├── RunError       no file can be sent now: the run stops
│   ├── DnsFailed · ConnectFailed · HostRefused · NotFtp · TlsFailed · LoginRefused (LoginBarred)
│   ├── RemotePathMissing · ListingBeyondLimits · RemoteReadOnly · RemoteFull
│   └── EverythingRefused · DataConnectionFailed · TransfersStalled · TimedOut
├── ConfigError    an admin has to change something first
│   ├── SettingsInvalid · FtpNotConfigured · SourcesNotConfigured · PasswordRequired
│   ├── EnvironmentInvalid · HomeUnusable · ListenFailed
│   ├── KeyMismatch · KeyUnusable · KeyFits
│   ├── TooYoung · TrailBroken · ChangedMeanwhile · LoginKnownRefused
│   ├── PasswordForUnseen · ConfirmationRequired
│   └── PathUnknown · TargetRefused
├── LedgerTrouble  the database cannot do its part: nothing new is begun (core/ledger_errors)
│   ├── LedgerFull · LedgerLocked · LedgerReadOnly · LedgerMissing
│   ├── LedgerCorrupt · LedgerUnreachable
│   └── LedgerLoginRefused · LedgerNotLetIn · LedgerNoDatabase · LedgerNoRight
│       LedgerTlsFailed · LedgerHostUnknown   PostgreSQL was asked, and said no
├── SourceMissing (SourceNotAllowed) · SourceDirectoryUnreadable   could not be read
├── SyncFrozen     too much of the source changed at once: an admin has to confirm
├── RunAlreadyOn · RunCutOff · NoRunOn · NotFrozen · NothingLost   the state forbids it
│                  (core/state_errors)
├── ServiceNotRunning · EngineBusy   the same
├── Interrupted    a person or a signal asked to stop
└── StoppedWaiting whoever waited for a run has left; the run goes on

`code` is stable and listed in docs/reference/errors.md (generated, a test
compares). `text` is for an admin: what failed and what to do next. It comes
from here only: no server text, path or name is mixed in; those travel as
the cause (`raise … from`).
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import ClassVar


class Scope(StrEnum):
    """How much an error stops."""

    FILE = "file"
    SESSION = "session"
    RUN = "run"
    CONFIG = "config"


class FarcopyError(Exception):
    """Base of all errors farcopy raises on purpose.

    code: stable identifier; scope: what it stops; is_retryable: trying again
    soon may help; uses_attempt: whether it counts against the three attempts;
    cause_word: the word test-connection names it by, where it has one.
    """

    code: ClassVar[str] = "internal"
    scope: ClassVar[Scope] = Scope.RUN
    is_retryable: ClassVar[bool] = False
    uses_attempt: bool = True  # per class; a lost reply clears it on the one error
    cause_word: ClassVar[str] = ""
    text: ClassVar[str] = "an internal error; see the log"

    def __init__(self, detail: str = "") -> None:
        """detail: for developers (an errno, a reply code), never shown by the API."""
        super().__init__(detail or self.text)
        self.detail = detail


class FileError(FarcopyError):
    """One file is affected; the others go on."""

    scope = Scope.FILE


class SourceChanged(FileError):
    code = "source_changed"
    is_retryable = True
    uses_attempt = False
    text = "the file changed while it was read; it will be sent again when it is at rest"


class SourceGrew(SourceChanged):
    code = "source_grew"
    text = "the file grew while it was read; it will be sent again when it is at rest"


class SourceShrank(SourceChanged):
    code = "source_shrank"
    text = "the file shrank while it was read; it will be sent again when it is at rest"


class SourceReplaced(SourceChanged):
    code = "source_replaced"
    text = "the file was replaced while it was read; the new one will be sent"


class SourceVanished(FileError):
    code = "source_vanished"
    uses_attempt = False
    text = "the file vanished before it could be sent"


class SourceUnreadable(FileError):
    code = "source_unreadable"
    text = "the file could not be read; check its permissions and the disk"


class LocalName(FileError):
    code = "local_name"
    text = "the name is too long or cannot be expressed on the remote"


class PathRefused(FileError):
    code = "path_refused"
    text = "the server refused this path; check permissions and name rules on the remote"


class SizeMismatch(FileError):
    code = "size_mismatch"
    is_retryable = True
    text = "the size on the remote differs from what was sent"


class HashMismatch(FileError):
    code = "hash_mismatch"
    is_retryable = True
    text = "the content on the remote differs from what was sent; the server's own hash tells"


class DownloadRefused(FileError):
    code = "download_refused"
    is_retryable = True
    text = "the server refused or broke off the reading of a file; its log may say why"


class ListingUnreadable(FileError):
    code = "listing_unreadable"
    text = "the server's listing of a folder was refused, or is in a form farcopy does not know"


class TargetOccupied(FileError):
    code = "target_occupied"
    uses_attempt = False
    text = "another file has this name already; it was left alone"


class UploadRefused(FileError):
    code = "upload_refused"
    is_retryable = True
    text = "the server refused or aborted the upload; its log may say why"


class Fenced(FileError):
    code = "fenced"
    uses_attempt = False
    text = "another worker took this file over"


class SessionError(FarcopyError):
    """The control connection is of no more use; a new one may be."""

    scope = Scope.SESSION
    is_retryable = True


class ConnectionLost(SessionError):
    code = "connection_lost"
    cause_word = "connect"
    text = "the connection to the FTP server was lost"


class ReplyTimeout(SessionError):
    code = "reply_timeout"
    cause_word = "timeout"
    text = "the FTP server did not answer in time"


class OutOfStep(SessionError):
    code = "out_of_step"
    cause_word = "not FTP"
    text = "the FTP server sent a reply that does not fit the command"


class DataStalled(SessionError):
    code = "data_stalled"
    cause_word = "data connection"
    text = "the data connection stood still though there was more to send"


class TooManyConnections(SessionError):
    code = "too_many_connections"
    uses_attempt = False
    cause_word = "connect"
    text = "the FTP server allows no more connections; lower ftp_connections"


class RunError(FarcopyError):
    """No file can be sent now: the run stops."""

    scope = Scope.RUN


class DnsFailed(RunError):
    code = "dns_failed"
    is_retryable = True
    cause_word = "dns"
    text = "the name of the FTP host could not be resolved; check ftp_host and the name server"


class ConnectFailed(RunError):
    code = "connect_failed"
    is_retryable = True
    cause_word = "connect"
    text = "no connection to the FTP host and port; check ftp_host, ftp_port and firewalls"


class HostRefused(RunError):
    code = "host_refused"
    cause_word = "connect"
    text = (
        "the FTP host has a link-local, multicast, unspecified or cloud metadata address, "
        "which is not allowed"
    )


class NotFtp(RunError):
    code = "not_ftp"
    cause_word = "not FTP"
    text = "what answers at the FTP host and port does not speak FTP"


class TlsFailed(RunError):
    code = "tls_failed"
    cause_word = "TLS"
    text = (
        "TLS failed: the certificate was not accepted or encryption is not offered; "
        "check ftp_tls, ftp_tls_ca and ftp_tls_fingerprint"
    )


class LoginRefused(RunError):
    code = "login_refused"
    cause_word = "login"
    text = "the FTP server refused the login; check ftp_username and ftp_password"


class LoginBarred(LoginRefused):
    code = "login_barred"
    text = "the FTP server lets this account not in, whatever the password; its operator knows why"


class RemotePathMissing(RunError):
    code = "remote_path_missing"
    cause_word = "path"
    text = "the remote directory does not exist or may not be entered; check ftp_path"


class ListingBeyondLimits(RunError):
    code = "listing_beyond_limits"
    cause_word = "path"
    text = "the server lists more in one folder than farcopy reads (a million names, 256 MiB)"


class RemoteReadOnly(RunError):
    code = "remote_read_only"
    cause_word = "path"
    text = "the remote directory may not be written to; check permissions of the FTP account"


class RemoteFull(RunError):
    code = "remote_full"
    text = "the remote is full (disk or quota); make room there, then sync again"


class EverythingRefused(RunError):
    code = "everything_refused"
    text = (
        "the server takes no file at all, whatever its name: check the account's permissions "
        "and quota on the remote, then sync again"
    )


class DataConnectionFailed(RunError):
    code = "data_connection_failed"
    is_retryable = True
    cause_word = "data connection"
    text = (
        "the data connection could not be opened; a firewall may block the passive ports, "
        "or try the other value of ftp_passive"
    )


class TransfersStalled(RunError):
    code = "transfers_stalled"
    cause_word = "data connection"
    text = "data connections stand still again and again: look at firewalls and the server's disk"


class TimedOut(RunError):
    code = "timed_out"
    is_retryable = True
    cause_word = "timeout"
    text = "the FTP server did not answer in time"


class ConfigError(FarcopyError):
    """An admin has to change something first."""

    scope = Scope.CONFIG


class SettingsInvalid(ConfigError):
    """problems: field name -> what is wrong with it, all of them at once."""

    code = "invalid_settings"
    text = "Invalid settings"

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {what}" for name, what in problems.items()))
        self.problems = dict(problems)


class PasswordRequired(SettingsInvalid):
    code = "password_required"
    text = "ftp_password must be given again when the server, user or TLS settings change"

    def __init__(self) -> None:
        super().__init__({"ftp_password": "must be given again when the server, user or "
                                          "TLS settings change"})


class ChangedMeanwhile(ConfigError):
    """Somebody else has stored settings since the caller read them."""

    code = "changed_meanwhile"
    text = "Somebody has changed the settings meanwhile; read them again, then change them"


class PasswordForUnseen(ConfigError):
    """A new password, and where it goes was moved by somebody else. fields: which."""

    code = "changed_meanwhile"
    text = ("Somebody else has changed where this password goes since you last read the settings; "
            "read them again, or name server, port and user together with it")

    def __init__(self, fields: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.fields = fields


class ConfirmationRequired(ConfigError):
    """The caller must give his password again: a session alone is not enough for this."""

    code = "confirm_password"
    text = "Give your password again (auth/confirm.php), then repeat this"


class LoginKnownRefused(ConfigError):
    """Not tried: the caller wants no login that was refused before. refused_at: then it was."""

    code = "login_known_refused"
    text = (
        "The FTP server has refused this user and password before; not tried again, for hosts "
        "ban who does"
    )

    def __init__(self, refused_at: datetime | None = None) -> None:
        super().__init__()
        self.refused_at = refused_at


class FtpNotConfigured(ConfigError):
    code = "ftp_not_configured"
    text = "FTP not configured"


class SourcesNotConfigured(ConfigError):
    code = "sources_not_configured"
    text = "No source directory configured"


class EnvironmentInvalid(ConfigError):
    """detail: which variable, and what is wrong with it; never its value."""

    code = "environment_invalid"
    text = "An environment variable or option is not valid"


class HomeUnusable(ConfigError):
    code = "home_unusable"
    text = "FARCOPY_HOME cannot be used"


class ListenFailed(ConfigError):
    code = "listen_failed"
    text = "the web server cannot listen there"


class KeyMismatch(ConfigError):
    code = "key_mismatch"
    text = "The stored FTP password cannot be decrypted with this key"


class KeyUnusable(ConfigError):
    code = "key_unusable"
    text = "The encryption key is missing, too short or readable by others"


class KeyFits(ConfigError):
    code = "key_fits"
    text = "The key is not lost: it is the one in force"


class TooYoung(ConfigError):
    code = "too_young"
    text = "entries of the audit trail are kept for FARCOPY_AUDIT_KEEP_DAYS at least"


class TrailBroken(ConfigError):
    code = "trail_broken"
    text = "the audit trail was changed by somebody; farcopy audit verify tells what was found"


class PathUnknown(ConfigError):
    """detail: the path as it was given."""

    code = "path_unknown"
    text = (
        "nothing is known under this path; paths begin with orthanc or hospital, as in "
        "orthanc/ab/cd/abcd1234"
    )


class TargetRefused(ConfigError):
    """detail: what speaks against the directory."""

    code = "target_refused"
    text = "files are not fetched into this directory"


class SyncFrozen(FarcopyError):
    code = "sync_frozen"
    uses_attempt = False
    text = (
        "sync is frozen: unusually many known files changed or vanished at once, or a source is "
        "suddenly empty; check the sources, then confirm the changes (farcopy confirm-changes)"
    )


class SourceMissing(FarcopyError):
    code = "source_missing"
    text = "the source directory is not there or cannot be listed; check its path and mount"


class SourceNotAllowed(SourceMissing):
    code = "source_not_allowed"
    text = "the source really lies outside FARCOPY_SOURCE_ROOTS, or in what is farcopy's own"


class SourceDirectoryUnreadable(FarcopyError):
    code = "source_directory_unreadable"
    scope = Scope.FILE
    text = "a directory below the source could not be listed; check its permissions"


class ServiceNotRunning(FarcopyError):
    code = "service_not_running"
    text = "The background service is not running"


class EngineBusy(FarcopyError):
    code = "engine_busy"
    text = "another farcopy engine works on this home"


class Interrupted(FarcopyError):
    code = "interrupted"
    uses_attempt = False
    text = "the run was stopped"


class StoppedWaiting(FarcopyError):
    code = "stopped_waiting"
    uses_attempt = False
    text = "no longer waiting; the run goes on in the background service"
