"""The shapes of the token endpoints' answers and bodies, in the manner of `schemas`."""

from typing import Literal

from pydantic import BaseModel

from farcopy.core.tokens import DEFAULT_DAYS, MAX_DAYS, MAX_NAME
from farcopy.web.schemas import Answer, Body, example_of, told

Scope = Literal["read", "sync", "configure"]
_NAME = "What it is for."
_TEXT = "farcopy_" + "x" * 43 + "00000"
_TIME = "(YYYY-MM-DD HH:MM:SS, configured time zone)"


class Token(BaseModel):
    id: int = told("Its number.", 3)
    name: str = told(_NAME, "nightly report")
    username: str = told("The admin whose token it is; it ends with that account.", "erika")
    scopes: list[Scope] = told("What it may be used for.", ["read"])
    hint: str = told("How its text begins.", "farcopy_Ab3x")
    created_at: str = told(f"When it was made {_TIME}.", "2025-11-22 10:30:45")
    expires_at: str = told(f"When it ends {_TIME}.", "2026-02-20 10:30:45")
    last_used_at: str | None = told(
        "When it was last used, to the minute; null: never.", "2025-11-22 10:42:45"
    )
    last_used_address: str = told("Whence; empty when that is not known.", "10.0.0.5")
    is_over: bool = told("true: past its end, or its account is no active admin.", False)


class MadeToken(Token):
    token: str = told("The token itself. It is told this once.", _TEXT)


class TokensData(BaseModel):
    tokens: list[Token] = told("The newest first.", [example_of(Token)])


class TokensAnswer(Answer):
    data: TokensData = told("The tokens.", {"tokens": [example_of(Token)]})


class TokenAnswer(Answer):
    data: Token = told("The token.", example_of(Token))


class MadeTokenAnswer(Answer):
    data: MadeToken = told("The new token.", example_of(MadeToken))


class AddTokenBody(Body):
    name: str = told(_NAME, "nightly report", min_length=1, max_length=MAX_NAME)
    scopes: list[Scope] = told(
        "read: status, settings and history; sync: start, cancel and test; configure: change "
        "settings.", ["read"], min_length=1,
    )
    days: int = told("How long it is good for.", 90, default=DEFAULT_DAYS, ge=1, le=MAX_DAYS)


class RevokeBody(Body):
    id: int = told("The token's number.", 3, ge=1)
