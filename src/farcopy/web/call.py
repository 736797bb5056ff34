"""What is noted of one request on its way: its id, who asked, what the audit will say.

Made by the outermost middleware, filled by the gate and the views, read by the
audit. Hangs on the request; decides nothing.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from django.http import HttpRequest

from farcopy.core.addresses import neighbourhood, read_peer, shown_peer
from farcopy.store.models import ApiToken, Session, User
from farcopy.web.routes import API_PREFIX, ROUTES, UNKNOWN_ACTION, Route


@dataclass(slots=True)
class Call:
    """address: whence, for the eye. sender: whose tries are counted together, "" when that is
    no address. session: it came with; or token, which alone counts. is_bad_token: one that is
    none of ours, or no longer. user: signed in, or signing in. tried_username: given at a
    login, or what stands for it. recorded_status: what its entry says that was written
    together with what it changed.

    account: the name of the one a call about accounts is about; subject: the token a call about
    tokens is about. fields: the object in
    the body. code: of the refusal, "" when there is none.
    """

    request_id: str
    route: Route | None
    address: str
    sender: str
    session: Session | None = None
    token: ApiToken | None = None
    is_bad_token: bool = False
    user: User | None = None
    tried_username: str = ""
    account: str = ""
    subject: str = ""
    fields: dict[str, object] = field(default_factory=dict)
    code: str = ""
    recorded_status: int | None = None

    @property
    def action(self) -> str:
        return self.route.action if self.route else UNKNOWN_ACTION

    @property
    def username(self) -> str:
        return self.user.username if self.user else self.tried_username


def begin_call(request: HttpRequest) -> Call:
    peer = str(request.META.get("REMOTE_ADDR", ""))
    call = Call(
        request_id=secrets.token_hex(8),
        route=ROUTES.get(request.path_info),
        address=shown_peer(peer),
        sender=sender_of(peer),
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


def sender_of(text: str) -> str:
    address = read_peer(text)
    return neighbourhood(address) if address else ""


def address_for_axes(request: HttpRequest) -> str | None:
    return call_of(request).sender or None


def name_for_axes(request: HttpRequest, credentials: Mapping[str, str] | None) -> str:
    """Wrong passwords are counted under what is kept of the name."""
    call = call_of(request)
    return call.tried_username or (call.user.username if call.user else "")
