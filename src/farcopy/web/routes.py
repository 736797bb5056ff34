"""Every route under /api/, once: its method, who may call it, its name in the audit trail.

The gate decides by this table, the audit names by it, and a test compares it
with the OpenAPI document. Knows no Django.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from farcopy.core.config import FIELDS_BY_NAME, READ_ONLY

API_PREFIX: Final = "/api/"
AUTH_PREFIX: Final = "/api/auth/"


class Access(Enum):
    """Who passes. READ: admins and auditors."""

    OPEN = "open"
    SIGNED_IN = "signed in"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Route:
    """fields: the names a body may have, None when the view names the unknown ones itself.

    needs_body: an empty one is refused. needs_confirmation: the password was given lately, or
    it is refused. is_polled: the page asks it again and
    again, so it must not keep an idle session alive. scope: which tokens may; "": none.
    """

    path: str
    method: str
    action: str
    access: Access = Access.ADMIN
    fields: frozenset[str] = frozenset()
    needs_body: bool = False
    needs_confirmation: bool = False
    checks_fields_itself: bool = False
    is_polled: bool = False
    scope: str = ""

    @property
    def allow(self) -> str:
        """The value of an Allow header."""
        return f"{self.method}, OPTIONS"


_ROUTES: Final = (
    Route("/api/sync/configure-sync.php", "POST", "sync.configure",
          fields=frozenset(FIELDS_BY_NAME) | READ_ONLY, needs_body=True,
          checks_fields_itself=True, scope="configure"),
    Route("/api/sync/get-config.php", "GET", "sync.get_config", scope="read"),
    Route("/api/sync/sync-now.php", "POST", "sync.now", scope="sync"),
    Route("/api/sync/status.php", "GET", "sync.status", is_polled=True, scope="read"),
    Route("/api/sync/test-connection.php", "POST", "sync.test_connection", scope="sync"),
    Route("/api/sync/enable-auto.php", "POST", "sync.enable_auto", scope="configure"),
    Route("/api/sync/disable-auto.php", "POST", "sync.disable_auto", scope="configure"),
    Route("/api/sync/cancel.php", "POST", "sync.cancel", scope="sync"),
    Route("/api/sync/confirm-changes.php", "POST", "sync.confirm_changes"),
    Route("/api/sync/accept-losses.php", "POST", "sync.accept_losses"),
    Route("/api/sync/runs.php", "GET", "sync.runs", Access.READ, scope="read"),
    Route("/api/sync/run.php", "GET", "sync.run", Access.READ, scope="read"),
    Route("/api/sync/retry.php", "POST", "sync.retry",
          fields=frozenset({"run_id", "file_id"}), needs_body=True),
    Route("/api/sync/chart.php", "GET", "sync.chart", Access.READ, is_polled=True, scope="read"),
    Route("/api/sync/sources.php", "GET", "sync.sources"),
    Route("/api/sync/folders.php", "GET", "sync.folders"),
    Route("/api/sync/doctor.php", "POST", "sync.doctor",
          fields=frozenset({"skip_refused_login"})),
    Route("/api/auth/login.php", "POST", "auth.login", Access.OPEN,
          fields=frozenset({"username", "password", "otp"}), needs_body=True),
    Route("/api/auth/logout.php", "POST", "auth.logout", Access.SIGNED_IN),
    Route("/api/auth/me.php", "GET", "auth.me", Access.SIGNED_IN),
    Route("/api/auth/password.php", "POST", "auth.password", Access.SIGNED_IN,
          fields=frozenset({"current_password", "new_password"}), needs_body=True),
    Route("/api/auth/sessions.php", "GET", "auth.sessions", Access.SIGNED_IN),
    Route("/api/auth/end-session.php", "POST", "auth.end_session", Access.SIGNED_IN,
          fields=frozenset({"session"}), needs_body=True),
    Route("/api/auth/end-sessions.php", "POST", "auth.end_sessions", Access.SIGNED_IN,
          fields=frozenset({"with_this"})),
    Route("/api/auth/confirm.php", "POST", "auth.confirm", Access.SIGNED_IN,
          fields=frozenset({"password", "otp"}), needs_body=True),
    Route("/api/auth/otp.php", "GET", "auth.otp", Access.SIGNED_IN),
    Route("/api/auth/otp-begin.php", "POST", "auth.otp_begin", Access.SIGNED_IN,
          needs_confirmation=True),
    Route("/api/auth/otp-enable.php", "POST", "auth.otp_enable", Access.SIGNED_IN,
          fields=frozenset({"otp"}), needs_body=True, needs_confirmation=True),
    Route("/api/auth/otp-disable.php", "POST", "auth.otp_disable", Access.SIGNED_IN,
          needs_confirmation=True),
    Route("/api/users/list.php", "GET", "users.list", Access.READ),
    Route("/api/users/add.php", "POST", "users.add",
          fields=frozenset({"username", "role", "password"}), needs_body=True,
          needs_confirmation=True),
    Route("/api/users/change.php", "POST", "users.change",
          fields=frozenset({"username", "role", "is_active"}), needs_body=True,
          needs_confirmation=True),
    Route("/api/users/reset-password.php", "POST", "users.reset_password",
          fields=frozenset({"username"}), needs_body=True, needs_confirmation=True),
    Route("/api/users/unlock.php", "POST", "users.unlock",
          fields=frozenset({"username"}), needs_body=True, needs_confirmation=True),
    Route("/api/users/sessions.php", "GET", "users.sessions", Access.READ),
    Route("/api/users/reset-otp.php", "POST", "users.reset_otp",
          fields=frozenset({"username"}), needs_body=True, needs_confirmation=True),
    Route("/api/users/end-sessions.php", "POST", "users.end_sessions",
          fields=frozenset({"username"}), needs_body=True),
    Route("/api/tokens/list.php", "GET", "tokens.list", Access.READ),
    Route("/api/tokens/add.php", "POST", "tokens.add",
          fields=frozenset({"name", "scopes", "days"}), needs_body=True,
          needs_confirmation=True),
    Route("/api/tokens/revoke.php", "POST", "tokens.revoke",
          fields=frozenset({"id"}), needs_body=True),
    Route("/api/audit/list.php", "GET", "audit.list", Access.READ),
    Route("/api/audit/export.php", "GET", "audit.export", Access.READ),
    Route("/api/read/status.php", "GET", "read.status", Access.READ, is_polled=True, scope="read"),
    Route("/api/read/config.php", "GET", "read.config", Access.READ, scope="read"),
    Route("/api/openapi.json", "GET", "api.openapi"),
)
ROUTES: Final = {route.path: route for route in _ROUTES}
UNKNOWN_ACTION: Final = "unknown"
UNKNOWN_ALLOW: Final = "GET, POST, OPTIONS"


def access_of(path: str) -> Access:
    """Unknown paths are guarded too: who may not pass does not learn what is there."""
    route = ROUTES.get(path)
    if route is not None:
        return route.access
    return Access.SIGNED_IN if path.startswith(AUTH_PREFIX) else Access.ADMIN
