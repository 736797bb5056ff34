"""The shapes of the answers for who sets farcopy up: sources counted, the doctor's findings."""

from typing import Literal

from pydantic import BaseModel

from farcopy.web.schemas import Answer, Body, example_of, told


class SourceEntry(BaseModel):
    """A configured source."""

    label: Literal["orthanc", "hospital"] = told("Which one.", "orthanc")
    path: str = told("As configured.", "/var/lib/orthanc/db")
    is_there: bool = told("Whether it is a directory the service can list.", True)
    files: int = told("Files counted.", 4812)
    bytes: int = told("Their bytes.", 103079215104)
    is_whole: bool = told("false: time was up first, and there are more.", True)


class SourcesData(BaseModel):
    sources: list[SourceEntry] = told("Those that are configured.", [example_of(SourceEntry)])


class SourcesAnswer(Answer):
    data: SourcesData = told("What the sources hold.", example_of(SourcesData))


class FolderEntry(BaseModel):
    name: str = told("Its name.", "orthanc")
    path: str = told("Its whole path.", "/srv/orthanc")


class FoldersData(BaseModel):
    path: str | None = told("Whose directories these are; null: where one may begin.", "/srv")
    parent: str | None = told("The directory above; null where there is none to see.", "/")
    folders: list[FolderEntry] = told("By name; at most 1,000.", [example_of(FolderEntry)])
    has_more: bool = told("Whether there are more than are listed.", False)


class FoldersAnswer(Answer):
    data: FoldersData = told("The directories.", example_of(FoldersData))


class SeenEntry(BaseModel):
    name: str = told("What was found.", "SHA-256 fingerprint")
    value: str = told("Its value, for people.", "AB:CD:EF")


class StepEntry(BaseModel):
    """One step on the way to the server."""

    step: Literal["name", "connection", "tls", "login", "directory", "probe", "abilities",
                  "connections"] = told("Which one.", "tls")
    title: str = told("The same for people.", "Encryption and certificate")
    status: Literal["ok", "caution", "failed", "not_reached"] = told(
        "How it went; caution: well, but `cause` should be known.", "ok"
    )
    took_ms: int | None = told("How long it took; null if it was not reached.", 48)
    seen: list[SeenEntry] = told("What was found.", [example_of(SeenEntry)])
    code: str = told("Code of the error if it failed.", "")
    cause: str = told("If it failed: what it most likely is.", "")
    action: str = told("If it failed: what to do.", "")


class DoctorBody(Body):
    skip_refused_login: bool = told(
        "true: a user and password that the server refused before are not tried again; the "
        "answer is 409 login_known_refused, with `refused_at`, and nothing is connected. Hosts "
        "ban a client after a handful of bad logins.", True, default=False,
    )


class DoctorData(BaseModel):
    is_well: bool = told("Whether every step went well.", True)
    took_ms: int = told("How long it all took.", 312)
    steps: list[StepEntry] = told("All steps in their order.", [example_of(StepEntry)])


class DoctorAnswer(Answer):
    data: DoctorData = told("What the doctor found.", example_of(DoctorData))
