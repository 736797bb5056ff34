"""The shapes of the account endpoints' answers and bodies, in the manner of `schemas`."""

from typing import Literal

from pydantic import BaseModel

from farcopy.web.schemas import Answer, Body, example_of, told

Role = Literal["admin", "auditor", "radiologist", "technician", "viewer"]
_NAME = "The account's name."
_GENERATED = "kx3M-Tq7w-Rb2n-Vh5Y"


class Person(BaseModel):
    id: int = told("Its number; stays the same.", 2)
    username: str = told(_NAME, "erika")
    role: Role = told("Only admin may steer farcopy; auditor reads, the others neither.", "admin")
    is_active: bool = told("false: it is disabled and cannot sign in.", True)
    must_change_password: bool = told(
        "true: its password was made up and must be changed at the next sign-in.", False
    )
    is_locked_out: bool = told(
        "true: after wrong passwords it cannot be signed in to for a while.", False
    )
    created_at: str = told(
        "When it was added (YYYY-MM-DD HH:MM:SS, configured time zone).", "2025-11-22 10:30:45"
    )
    last_login_at: str | None = told(
        "When somebody last signed in to it; null: never.", "2025-11-22 10:30:45"
    )


class AddedPerson(Person):
    password: str = told(
        "Only when none was given: the one made up. It is told this once.", _GENERATED, default=""
    )


class ResetPerson(Person):
    password: str = told("The new password. It is told this once.", _GENERATED)


class PeopleData(BaseModel):
    users: list[Person] = told("Every account, by name.", [example_of(Person)])
    with_otp: list[str] = told("Names of those with a second factor.", ["erika"])


class PeopleAnswer(Answer):
    data: PeopleData = told(
        "The accounts.", {"users": [example_of(Person)], "with_otp": ["erika"]}
    )


class PersonAnswer(Answer):
    data: Person = told("The account as it is now.", example_of(Person))


class AddedAnswer(Answer):
    data: AddedPerson = told("The new account.", example_of(AddedPerson))


class ResetAnswer(Answer):
    data: ResetPerson = told("The account as it is now.", example_of(ResetPerson))


class NameBody(Body):
    username: str = told(_NAME, "erika", min_length=1, max_length=150)


class AddBody(Body):
    username: str = told(
        "The account's name: letters of one script, digits and . - _ @, composed (NFKC).",
        "erika", min_length=1, max_length=150,
    )
    role: Role = told("What it may do.", "viewer")
    password: str = told(
        "Its password, 8 characters or more; without one it is made up.",
        "correct horse battery staple", default="", min_length=8, max_length=4096,
    )


class ChangeBody(NameBody):
    role: Role = told("Another role.", "viewer", default="viewer")
    is_active: bool = told("false disables, true enables it.", False, default=True)


_HANDLE = "3f1c09ab77de"


class SignIn(BaseModel):
    session: str = told("Names it for end-session; of no use to sign in with.", _HANDLE)
    signed_in_at: str = told("When it began (YYYY-MM-DD HH:MM:SS, configured time zone).",
                             "2025-11-22 10:30:45")
    last_used_at: str = told("When it was last used, to the minute.", "2025-11-22 10:42:45")
    ip_address: str = told("Whence it was last used; empty when that is not known.", "10.0.0.5")
    browser: str = told("As it called itself, shortened.", "Firefox on Windows")
    is_this: bool = told("Whether it is the session of this call.", True)


class SessionsData(BaseModel):
    sessions: list[SignIn] = told("The last used first.", [example_of(SignIn)])


class SessionsAnswer(Answer):
    data: SessionsData = told("The sessions.", {"sessions": [example_of(SignIn)]})


class EndedData(BaseModel):
    sessions: int = told("How many were ended.", 2)


class EndedAnswer(Answer):
    data: EndedData = told("How many.", example_of(EndedData))


class EndSessionBody(Body):
    session: str = told("Which one, as sessions.php names it.", _HANDLE, min_length=12,
                        max_length=12)


class EndOthersBody(Body):
    with_this: bool = told("true: the session of this call too.", False, default=False)
