"""The shapes of the audit endpoints' answers."""

from typing import Any, Literal

from pydantic import BaseModel

from farcopy.web.schemas import Answer, example_of, told


class TrailEntry(BaseModel):
    """A call, refused or not; or what the command line or the service did."""

    id: int = told("Grows from entry to entry.", 1841)
    sequence: int | None = told(
        "Its number in the chain; null when it is older than the chain.", 1841
    )
    created_at: str = told(
        "YYYY-MM-DD HH:MM:SS in the configured time zone.", "2025-11-22 10:30:00"
    )
    user_id: int | None = told("The account; null for nobody, the command line, the service.", 1)
    username: str = told(
        "Its name then; of one that was tried and is no account's a keyed hash (unknown#…); on "
        "the command line the system's user.", "admin"
    )
    action: str = told("What was asked for: sync.configure, auth.login, …", "sync.configure")
    ip_address: str = told(
        "Whence; cli: the command line, service: by itself, many: more senders than are told.",
        "10.1.2.3",
    )
    user_agent: str = told("What the caller says of its program.", "Mozilla/5.0")
    response_status: int | None = told("Of the answer; null for what is no call.", 200)
    details: dict[str, Any] = told(
        "method, path, request_id, names of fields (never values), code of a refusal; calls, "
        "actions, from and to, where refused calls without a session share an entry.",
        {"request_id": "9f86d081884c7d65", "method": "POST", "fields": ["ftp_host"],
         "path": "/api/sync/configure-sync.php"},
    )


class Chain(BaseModel):
    """Whether the trail is as it was written. Every entry is sealed together with those before."""

    status: Literal["ok", "broken", "unverified"] = told(
        "What the last check found; unverified: there was none yet.", "ok"
    )
    checked_at: str | None = told(
        "When that was (YYYY-MM-DD HH:MM:SS, configured time zone).", "2025-11-22 03:00:00"
    )
    entries_checked: int = told("How many entries it read.", 1841)
    problems: list[str] = told("What is wrong, in words; at most 20.", [])


class TrailData(BaseModel):
    entries: list[TrailEntry] = told("The newest first.", [example_of(TrailEntry)])
    next_before: int | None = told(
        "Give it as `before` for the entries that follow; null when there are none.", 1791
    )
    chain: Chain = told("Whether anybody changed the trail.", example_of(Chain))


class TrailAnswer(Answer):
    data: TrailData = told("A page of the audit trail.", example_of(TrailData))
