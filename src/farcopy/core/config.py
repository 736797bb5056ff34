"""The settings of a destination and all of their validation.

`FIELDS` is the one table: the API's OpenAPI document, the options of
`farcopy configure` and docs/reference/config.md are made from it. Pure:
nothing is resolved, opened or connected here.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final, Literal

from farcopy.core.addresses import is_allowed_address
from farcopy.core.errors import PasswordRequired, SettingsInvalid
from farcopy.core.patterns import is_pattern

PASSWORD_MASK: Final = "********"  # noqa: S105
MINUTES_A_DAY: Final = 1440
SOURCE_SETTINGS: Final = {
    "orthanc": "orthanc_storage_path", "hospital": "hospital_data_path",
}
"""By root label (core.model.RootLabel): the setting that says where the source lies."""
SHOWN_CHARS: Final = 60
"""Of a long value in the words of its refusal."""
TLS_STRENGTH: Final = {"off": 0, "auto": 1, "required": 2}
"""Higher is stronger: a change to a lower one needs the password again."""


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """The settings, frozen for a run. `None` is an unset string.

    ftp_password is clear text and lives only in memory; repr hides it.
    """

    orthanc_storage_path: str | None = None
    hospital_data_path: str | None = None
    exclude: tuple[str, ...] = ()
    ftp_host: str | None = None
    ftp_username: str | None = None
    ftp_password: str | None = None
    ftp_port: int = 21
    ftp_path: str = "/"
    ftp_passive: bool = True
    ftp_tls: str = "auto"
    ftp_tls_ca: str | None = None
    ftp_tls_fingerprint: str | None = None
    ftp_connections: int = 8
    ftp_limit_kib_s: int = 0
    sync_enabled: bool = False
    sync_interval: int = 120
    monitoring_enabled: bool = False
    monitoring_interval: int = 30

    def __repr__(self) -> str:
        return f"SyncSettings({', '.join(f'{k}={v!r}' for k, v in self.shown().items())})"

    def shown(self) -> dict[str, str | int | list[str] | None]:
        """Every setting by name, as people and answers may see it: the password masked."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["ftp_password"] = None if self.ftp_password is None else PASSWORD_MASK
        values["exclude"] = list(self.exclude)
        return values

    @property
    def is_ftp_configured(self) -> bool:
        return self.ftp_host is not None and self.ftp_username is not None

    @property
    def has_source(self) -> bool:
        return self.orthanc_storage_path is not None or self.hospital_data_path is not None

    @property
    def tls_in_force(self) -> str:
        """ftp_tls as it counts: whoever names what to trust is never spoken to in clear text."""
        return "required" if self.ftp_tls_ca or self.ftp_tls_fingerprint else self.ftp_tls

    @property
    def source_paths(self) -> dict[str, str]:
        """Root label and path of each source that is set."""
        paths = {label: getattr(self, name) for label, name in SOURCE_SETTINGS.items()}
        return {label: path for label, path in paths.items() if path}

    @property
    def destination_label(self) -> str:
        return destination_label(self.ftp_host or "")


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: its JSON type, bounds and words for documents and forms.

    Of a list (of strings) `maximum` bounds how many, `max_length` each, `max_total` all together.
    """

    name: str
    type: Literal["string", "integer", "boolean", "list"]
    description: str
    minimum: int = 0
    maximum: int = 0
    max_length: int = 4096
    max_total: int = 0
    choices: tuple[str, ...] = ()
    is_nullable: bool = True


FIELDS: Final[tuple[Field, ...]] = (
    Field("orthanc_storage_path", "string",
          "Path to the Orthanc storage directory (Windows or POSIX, absolute). "
          "Its live index files are never sent."),
    Field("hospital_data_path", "string",
          "Path to the hospital data directory (Windows or POSIX, absolute)."),
    # All together: what get-config answers must fit into a body (64 KiB) to be posted back.
    Field("exclude", "list",
          "What is left out of both directories: patterns in gitignore's syntax, matched to "
          "paths below each, with forward slashes, upper and lower case told apart. Copies that "
          "are there stay; an empty list leaves out nothing.",
          maximum=200, max_length=1000, max_total=10_000, is_nullable=False),
    Field("ftp_host", "string", "FTP server: host name or IP address.", max_length=253),
    Field("ftp_username", "string", "FTP user name; required if ftp_host is set.",
          max_length=255),
    Field("ftp_password", "string",
          "FTP password, encrypted before storage and never shown: it reads as ******** when "
          "one is stored. ******** or no value keeps it; null or an empty string removes it.",
          max_length=1024),
    Field("ftp_port", "integer", "FTP port.", minimum=1, maximum=65535),
    Field("ftp_path", "string",
          "Remote directory. Without a leading slash it counts from the login directory.",
          is_nullable=False),
    Field("ftp_passive", "boolean",
          "true: passive mode, the client opens data connections; false: active mode."),
    Field("ftp_tls", "string",
          "auto: encrypt wherever the server offers it; required: never without; off: plain "
          "FTP. Certificates are always verified. With ftp_tls_ca or ftp_tls_fingerprint it "
          "is required, and must not be off.",
          choices=("auto", "required", "off"), is_nullable=False),
    Field("ftp_tls_ca", "string",
          "File with CA certificates (PEM, 1 MiB at most) to verify the server with, instead "
          "of the system's."),
    Field("ftp_tls_fingerprint", "string",
          "SHA-256 fingerprint of the server's certificate (64 hex digits, colons allowed), "
          "trusted instead of a CA."),
    Field("ftp_connections", "integer", "Connections used at most at the same time.",
          minimum=1, maximum=32),
    Field("ftp_limit_kib_s", "integer",
          "Bandwidth limit: KiB a second of all connections together; 0: none. May be changed "
          "during a run, and counts within a second or two.",
          minimum=0, maximum=10_000_000),
    Field("sync_enabled", "boolean", "Automatic sync every sync_interval minutes."),
    Field("sync_interval", "integer", "Minutes between automatic syncs.",
          minimum=1, maximum=MINUTES_A_DAY),
    Field("monitoring_enabled", "boolean",
          "Look for new files every monitoring_interval minutes; with sync_enabled, something "
          "new starts a sync at once."),
    Field("monitoring_interval", "integer", "Minutes between looks for new files.",
          minimum=1, maximum=MINUTES_A_DAY),
)
FIELDS_BY_NAME: Final = {field.name: field for field in FIELDS}
READ_ONLY: Final = frozenset({"id", "last_sync_at", "warnings"})
"""What get-config returns beside the settings: ignored when posted back."""


def apply_changes(
    current: SyncSettings,
    changes: Mapping[str, object],
    why_no_source: Callable[[str], str] = lambda _path: "",
) -> SyncSettings:
    """The settings after a request, or every problem with it at once.

    changes: decoded JSON. why_no_source: what speaks against a path as a source, or "".
    Raises: SettingsInvalid (all bad fields named), PasswordRequired.
    """
    problems: dict[str, str] = {}
    values: dict[str, object] = {}
    for name, value in changes.items():
        if name in READ_ONLY:
            continue
        if name not in FIELDS_BY_NAME:
            problems[name] = "is not a known setting"
            continue
        problem = _problem_of_value(FIELDS_BY_NAME[name], value)
        if problem:
            problems[name] = problem
        else:
            values[name] = _normalised(FIELDS_BY_NAME[name], value)
    if values.get("ftp_password") == PASSWORD_MASK:
        del values["ftp_password"]
    proposed = replace(current, **values)  # type: ignore[arg-type]  # types checked per field
    between = _problem_of_trust(proposed, values)
    between |= _problems_between_fields(proposed, why_no_source)
    problems |= {name: problem for name, problem in between.items() if name not in problems}
    if problems:
        raise SettingsInvalid(problems)
    if "ftp_password" not in values and _sends_password_elsewhere(current, proposed):
        raise PasswordRequired
    return proposed


def _normalised(field: Field, value: object) -> object:
    if field.type == "list":
        return tuple(value)  # type: ignore[arg-type]  # checked before
    return None if field.type == "string" and value == "" else value


def _problem_of_value(field: Field, value: object) -> str:
    if field.type == "boolean":
        return "" if isinstance(value, bool) else "must be true or false"
    if field.type == "integer":
        if isinstance(value, bool) or not isinstance(value, int):
            return "must be an integer"
        if not field.minimum <= value <= field.maximum:
            return f"must be between {field.minimum} and {field.maximum}"
        return ""
    if field.type == "list":
        return _problem_of_list(field, value)
    if value is None or value == "":
        return "" if field.is_nullable else "must not be empty"
    if not isinstance(value, str):
        return "must be a string" + (" or null" if field.is_nullable else "")
    return _problem_of_text(field, value)


def _problem_of_list(field: Field, value: object) -> str:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        return "must be a list of strings"
    if len(value) > field.maximum:
        return f"must not have more than {field.maximum} entries"
    if sum(map(len, value)) > field.max_total:
        return f"must not be longer than {field.max_total} characters in all"
    for number, text in enumerate(value, 1):
        if not 1 <= len(text) <= field.max_length:
            return f"entry {number} must have 1 to {field.max_length} characters"
        if _has_control_characters(text):
            return f"entry {number} must not contain control characters"
        if not is_pattern(text):
            shown = text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
            return f"entry {number} is no pattern of gitignore's that farcopy understands: {shown}"
    return ""


def _has_control_characters(text: str) -> bool:
    return any(unicodedata.category(char) in ("Cc", "Cs") for char in text)


def _problem_of_text(field: Field, text: str) -> str:
    if len(text) > field.max_length:
        return f"must not be longer than {field.max_length} characters"
    if _has_control_characters(text):
        return "must not contain control characters"
    if field.choices and text not in field.choices:
        return f"must be one of {', '.join(field.choices)}"
    match field.name:
        case "ftp_host":
            return _problem_of_host(text)
        case "ftp_path":
            return "must not contain '..'" if ".." in re.split(r"[/\\]", text) else ""
        case "orthanc_storage_path" | "hospital_data_path":
            return "" if _source_path(text).is_absolute() else "must be an absolute path"
        case "ftp_tls_fingerprint":
            digits = text.replace(":", "")
            return "" if re.fullmatch(r"[0-9A-Fa-f]{64}", digits) else (
                "must be a SHA-256 fingerprint of 64 hex digits")
    return ""


_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


def _problem_of_host(host: str) -> str:
    address = literal_address(host)
    if address is not None:
        return "" if is_allowed_address(address) else (
            "must not be a link-local, multicast, unspecified or cloud metadata address")
    labels = host.removesuffix(".").split(".")
    if all(_HOST_LABEL.fullmatch(label) for label in labels):
        return ""
    return "must be a host name or an IP address, without scheme, port or path"


def literal_address(host: str) -> IPv4Address | IPv6Address | None:
    """The address a host text is, or None for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    # "fe80::1%eth0" parses; a zone has no place in a stored setting.
    return None if "%" in host else address


def _source_path(text: str) -> PurePosixPath | PureWindowsPath:
    """A path of either system: a drive letter or a leading backslash tells Windows."""
    if re.match(r"[A-Za-z]:|\\", text):
        return PureWindowsPath(text)
    return PurePosixPath(text)


def _without_dots(path: PurePosixPath | PureWindowsPath) -> PurePosixPath | PureWindowsPath:
    """Resolve `..` by text, for comparing only; links are looked at when a run opens it."""
    parts: list[str] = []
    for part in path.parts[1:]:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
    return type(path)(path.anchor, *parts)


def is_same_or_inside(inner: str, outer: str) -> bool:
    """Whether one source path lies in the other, by text and by its system's rules."""
    a, b = _without_dots(_source_path(inner)), _without_dots(_source_path(outer))
    return type(a) is type(b) and a.is_relative_to(b)


def _problems_between_fields(
    settings: SyncSettings, why_no_source: Callable[[str], str]
) -> dict[str, str]:
    problems = {}
    orthanc, hospital = settings.orthanc_storage_path, settings.hospital_data_path
    if orthanc and hospital and (
        is_same_or_inside(orthanc, hospital) or is_same_or_inside(hospital, orthanc)
    ):
        problems["hospital_data_path"] = "must not lie inside orthanc_storage_path, or around it"
    for name, path in (("orthanc_storage_path", orthanc), ("hospital_data_path", hospital)):
        if path and (why_not := why_no_source(path)):
            problems[name] = why_not
    if settings.ftp_host is not None and settings.ftp_username is None:
        problems["ftp_username"] = "is required if ftp_host is set"
    if settings.sync_enabled and not settings.is_ftp_configured:
        problems["sync_enabled"] = "needs FTP to be configured first"
    return problems


def _problem_of_trust(settings: SyncSettings, values: Mapping[str, object]) -> dict[str, str]:
    """Settings of before this rule may hold both: they keep nobody from changing another."""
    is_both = settings.ftp_tls == "off" and settings.tls_in_force != "off"
    if is_both and not values.keys().isdisjoint(("ftp_tls", "ftp_tls_ca", "ftp_tls_fingerprint")):
        return {"ftp_tls": "must not be off with ftp_tls_ca or ftp_tls_fingerprint"}
    return {}


def _sends_password_elsewhere(old: SyncSettings, new: SyncSettings) -> bool:
    """A stolen session must not send the stored password to a server of its own."""
    if old.ftp_password is None:
        return False
    return (
        (old.ftp_host, old.ftp_port, old.ftp_username, old.ftp_tls_ca, old.ftp_tls_fingerprint)
        != (new.ftp_host, new.ftp_port, new.ftp_username, new.ftp_tls_ca, new.ftp_tls_fingerprint)
    ) or TLS_STRENGTH[new.ftp_tls] < TLS_STRENGTH[old.ftp_tls]


def destination_label(host: str) -> str:
    """`ftp.godaddy.com` -> `godaddy`; an address stays whole."""
    if literal_address(host) is not None:
        return host
    name = host.lower()
    for prefix in ("ftp.", "ftps.", "sftp.", "www."):
        if name.startswith(prefix) and len(name) > len(prefix):
            name = name.removeprefix(prefix)
            break
    return name.split(".")[0]


_WEB_ROOTS = frozenset({"public_html", "www", "htdocs", "wwwroot"})


def standing_warnings(settings: SyncSettings, *, seen_tls: bool) -> tuple[str, ...]:
    """What an admin should know of the settings alone.

    seen_tls: the destination has answered with TLS before.
    """
    warnings = []
    mode = settings.tls_in_force
    is_plain = mode == "off" or (mode == "auto" and not seen_tls)
    if settings.ftp_host and is_plain:
        how = ("the connection is not encrypted" if mode == "off"
               else "the connection is not encrypted if the server has no TLS")
        warnings.append(f"{how}: images and the password can be read on the way")
    if _WEB_ROOTS & {part.lower() for part in settings.ftp_path.split("/")}:
        warnings.append("ftp_path looks served to the web: patients' images may be public there")
    if settings.is_ftp_configured and settings.ftp_password is None:
        warnings.append("no FTP password is stored")
    return tuple(warnings)
