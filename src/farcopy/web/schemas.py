"""The shapes of answers and bodies: what a client writer reads in the OpenAPI document.

Every field has a description and an example. The shape of the settings is made
from core.config.FIELDS; what they may be is checked there and nowhere else.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, create_model
from pydantic import Field as Described

from farcopy.core.config import FIELDS, PASSWORD_MASK, Field

SETTING_EXAMPLES: dict[str, object] = {
    "orthanc_storage_path": "C:\\Orthanc\\OrthancStorage",
    "hospital_data_path": "C:\\HospitalData",
    "exclude": ["Thumbs.db", "*.tmp", "/export/"],
    "ftp_host": "ftp.godaddy.com",
    "ftp_username": "your-username",
    "ftp_password": PASSWORD_MASK,
    "ftp_port": 21,
    "ftp_path": "/public_html/dicom_viewer/",
    "ftp_passive": True,
    "ftp_tls": "auto",
    "ftp_tls_ca": "/etc/ssl/certs/hospital-ca.pem",
    "ftp_tls_fingerprint": "ab" * 32,
    "ftp_connections": 8,
    "ftp_limit_kib_s": 0,
    "sync_enabled": False,
    "sync_interval": 120,
    "monitoring_enabled": False,
    "monitoring_interval": 30,
}
_PYTHON_TYPES: dict[str, Any] = {
    "string": str, "integer": int, "boolean": bool, "list": list[str],
}


def told(description: str, example: object, **more: Any) -> Any:
    """A field's words. Required unless `default` is given."""
    return Described(more.pop("default", ...), description=description, examples=[example], **more)


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """An example of a whole object, from those of its fields."""
    return {name: (field.examples or [None])[0] for name, field in model.model_fields.items()}


def _setting(field: Field) -> Any:
    kind: Any = _PYTHON_TYPES[field.type]
    if field.type == "string" and field.is_nullable:
        kind = kind | None
    return Annotated[kind, told(field.description, SETTING_EXAMPLES[field.name])]


Id = Annotated[int, told("Number of the configuration; there is one.", 1)]
LastSyncAt = Annotated[
    str | None,
    told("End of the last run that was not failed (YYYY-MM-DD HH:MM:SS, configured time zone); "
         "null before the first.", "2025-11-22 10:30:45"),
]
Warnings = Annotated[
    list[str],
    told("What an admin should know of these settings, in whole sentences; empty is good.",
         ["the connection is not encrypted: images and the password can be read on the way"]),
]
_settings: dict[str, Any] = {field.name: _setting(field) for field in FIELDS}
Configuration: type[BaseModel] = create_model(
    "Configuration",
    __base__=BaseModel,
    id=Id,
    **_settings,
    last_sync_at=LastSyncAt,
    warnings=Warnings,
)


class Answer(BaseModel):
    success: Literal[True] = told("true: the call was carried out.", True)
    message: str = told("What was done, for people.", "Auto-sync enabled successfully")


class MessageAnswer(Answer):
    """An answer that has nothing more to tell."""


class ErrorAnswer(BaseModel):
    """Every refusal and error under /api/ looks like this."""

    success: Literal[False] = told("false: the call was not carried out.", False)
    error: str = told("What was wrong, for people.", "FTP not configured")
    code: str = told("What was wrong, for programs; stable.", "ftp_not_configured")
    request_id: str = told(
        "Names this call in audit and log; also in the header X-Request-ID.", "9f86d081884c7d65"
    )
    fields: dict[str, str] = told(
        "With 400 for fields: each bad field and what is wrong with it.",
        {"ftp_port": "must be between 1 and 65535"}, default={},
    )
    cause: str = told(
        "With a failed test-connection: dns, connect, not FTP, TLS, login, path, "
        "data connection or timeout.", "login", default="",
    )
    errors: list[str] = told(
        "With a failed sync-now: what went wrong, at most 100 lines and one that counts the rest.",
        ["Failed to upload: ab/cd/file1.dcm"], default=[],
    )
    run_id: int = told("With a failed sync-now: the run in the history.", 16, default=0)
    refused_at: str = told(
        "With login_known_refused: when the server refused this login (YYYY-MM-DD HH:MM:SS, "
        "configured time zone).", "2025-11-22 10:30:45", default="",
    )


class ConfigureAnswer(Answer):
    data: Configuration = told(  # type: ignore[valid-type]
        "All settings as they are now.", example_of(Configuration)
    )


class Statistics(BaseModel):
    """Over all finished runs. A file sent again counts again."""

    total_syncs: int = told("Finished runs, those of nothing new too.", 23)
    total_files_synced: int = told("Files stored on the remote.", 1842)
    total_size_synced: int = told("Their bytes.", 5947392000)
    total_size_synced_mb: float = told("The same in units of 1,048,576 bytes.", 5671.88)
    total_size_synced_gb: float = told("The same in units of 1,073,741,824 bytes.", 5.54)
    successful_syncs: int = told("Runs with status success.", 21)
    failed_syncs: int = told("Runs with status failed.", 2)
    partial_syncs: int = told("Runs with status partial.", 0)


class ConfigStatistics(Statistics):
    last_sync: LastSyncAt


class ConfigData(BaseModel):
    configuration: Configuration = told(  # type: ignore[valid-type]
        "All settings; may be posted to configure-sync as it stands.", example_of(Configuration)
    )
    statistics: ConfigStatistics = told("What has been done so far.", example_of(ConfigStatistics))
    warnings: Warnings


class ConfigAnswer(Answer):
    data: ConfigData = told("The configuration and what goes with it.", example_of(ConfigData))


class SyncData(BaseModel):
    files_synced: int = told("Files stored in this run.", 42)
    total_size_mb: float = told("Their size in units of 1,048,576 bytes.", 256.75)
    duration_seconds: float = told("How long the run took.", 45.23)
    status: Literal["success", "partial", "running"] = told("How the run ended.", "success")
    run_id: int = told("The run in the history.", 15)
    message: str = told("Only when there was nothing new.", "No new files to sync", default="")
    errors: list[str] = told(
        "Only with status partial: what failed, at most 100 lines and one that counts the rest.",
        ["Failed to upload: file1.dcm", "Failed to upload: file2.dcm"], default=[],
    )
    warnings: list[str] = told(
        "Only when something was passed over: files still being written to, entries never sent by "
        "rule that were met for the first time.",
        ["1 file was still being written to; the next sync looks again"], default=[],
    )
    server_seen_at: str = told(
        "Only when nothing was sent: when the server last let us in.", "2025-11-22 10:30:45",
        default="",
    )


class SyncAnswer(Answer):
    data: SyncData = told("The finished run.", example_of(SyncData))


class StartedData(BaseModel):
    run_id: int = told("The run in the history.", 15)
    status: Literal["running"] = told("It is on.", "running")


class StartedAnswer(Answer):
    data: StartedData = told("The run that was started.", example_of(StartedData))


class ProbeData(BaseModel):
    connection_status: Literal["success"] = told("The login and the listing worked.", "success")
    ftp_host: str = told("As configured.", "ftp.godaddy.com")
    ftp_port: int = told("As configured.", 21)
    ftp_path: str = told("As configured.", "/public_html/dicom_viewer/")
    files_in_directory: int = told("Regular files directly in ftp_path.", 15)
    files_held: int = told("Files that farcopy holds below ftp_path, by its ledger.", 1842)
    is_encrypted: bool = told("Whether the connection was encrypted (TLS).", True)
    message: str = told("For people.", "FTP connection successful")


class ProbeAnswer(Answer):
    data: ProbeData = told("What the server answered.", example_of(ProbeData))


class EnabledData(BaseModel):
    sync_enabled: Literal[True] = told("Automatic sync is on.", True)
    sync_interval: int = told("Minutes between automatic syncs.", 120)


class EnabledAnswer(Answer):
    data: EnabledData = told("The schedule.", example_of(EnabledData))


class DisabledData(BaseModel):
    sync_enabled: Literal[False] = told("Automatic sync is off.", False)


class DisabledAnswer(Answer):
    data: DisabledData = told("The schedule.", example_of(DisabledData))


class CancelData(BaseModel):
    run_id: int = told("The run that ends.", 15)
    status: Literal["cancelling"] = told("It ends within two seconds.", "cancelling")


class CancelAnswer(Answer):
    data: CancelData = told("The run asked to end.", example_of(CancelData))


class ConfirmData(BaseModel):
    changed_files: int = told("Files that differ from their copies; the next sync sends them.", 412)
    vanished_files: int = told("Files gone from the sources; their copies stay.", 3)


class ConfirmAnswer(Answer):
    data: ConfirmData = told("What was held back until now.", example_of(ConfirmData))


class AcceptData(BaseModel):
    files: int = told("Lost files that are no longer told.", 3)


class AcceptAnswer(Answer):
    data: AcceptData = told("What was lost.", example_of(AcceptData))


class Account(BaseModel):
    username: str = told("The account's name.", "admin")
    role: str = told("admin, radiologist, technician or viewer.", "admin")
    must_change_password: bool = told(
        "true: the password was generated; until it is changed the sync endpoints answer 403 "
        "password_change_required.", False,
    )


class AccountAnswer(Answer):
    data: Account = told("The account.", example_of(Account))


class Body(BaseModel):
    """A request's. Only documents it: the views check, and refuse unknown fields."""

    model_config = ConfigDict(extra="forbid")


_OTP = ("With a second factor: the six digits its app shows, or a recovery code. Without it the "
        "answer is 401 otp_required, once the password is right.")


class LoginBody(Body):
    username: str = told("The account's name.", "admin", min_length=1, max_length=150)
    password: str = told(
        "Its password.", "correct horse battery staple", min_length=1, max_length=4096
    )
    otp: str = told(_OTP, "492039", default="", max_length=40)


class ConfirmBody(Body):
    password: str = told(
        "The password of the account that is signed in.", "correct horse battery staple",
        min_length=1, max_length=4096,
    )
    otp: str = told(_OTP, "492039", default="", max_length=40)


class ConfirmedData(BaseModel):
    confirmed_for_s: int = told(
        "So many seconds this session may do what needs the password again.", 300
    )


class ConfirmedAnswer(Answer):
    data: ConfirmedData = told("For how long.", example_of(ConfirmedData))


class PasswordBody(Body):
    current_password: str = told(
        "The password of this moment.", "correct horse battery staple",
        min_length=1, max_length=4096,
    )
    new_password: str = told(
        "The new one, 8 characters or more.", "another long sentence of mine",
        min_length=8, max_length=4096,
    )
