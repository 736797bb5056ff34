"""What is noted of one request on its way: its id, who asked, what the audit will say.

Made by the outermost middleware, filled by the gate and the views, read by the
audit. Hangs on the request; decides nothing.
"""

import secrets
from dataclasses import dataclass, field
from typing import cast

from django.http import HttpRequest

from farcopy.store.models import ApiToken, Session, User
from farcopy.web.origin import is_address
from farcopy.web.routes import API_PREFIX, ROUTES, UNKNOWN_ACTION, Route


@dataclass(slots=True)
class Call:
    """session: it came with; or token, which alone counts. is_bad_token: one that is none of
    ours, or no longer. user: signed in, or signing in. tried_username: given at a
    login that failed.

    account: the name of the one a call about accounts is about; subject: the token a call about
    tokens is about. fields: the object in
    the body. code: of the refusal, "" when there is none.
    """

    request_id: str
    route: Route | None
    address: str
    session: Session | None = None
    token: ApiToken | None = None
    is_bad_token: bool = False
    user: User | None = None
    tried_username: str = ""
    account: str = ""
    subject: str = ""
    fields: dict[str, object] = field(default_factory=dict)
    code: str = ""

    @property
    def action(self) -> str:
        return self.route.action if self.route else UNKNOWN_ACTION

    @property
    def username(self) -> str:
        return self.user.username if self.user else self.tried_username


def begin_call(request: HttpRequest) -> Call:
    call = Call(
        request_id=secrets.token_hex(8),
        route=ROUTES.get(request.path_info),
        address=client_address(request),
    )
    request.farcopy_call = call  # type: ignore[attr-defined]  # Django's way to hand things on
    return call


def call_of(request: HttpRequest) -> Call:
    return cast(Call, request.farcopy_call)  # type: ignore[attr-defined]


def user_of(request: HttpRequest) -> User:
    """For views behind the gate: there is one."""
    user = call_of(request).user
    if user is None:
        raise RuntimeError("a view that needs a user was reached without one")
    return user


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(API_PREFIX)


def client_address(request: HttpRequest) -> str:
    """The peer's address, or what a trusted proxy says; "" when that is no address."""
    address = str(request.META.get("REMOTE_ADDR", ""))
    return address if is_address(address) else ""


def address_for_axes(request: HttpRequest) -> str | None:
    return client_address(request) or None
