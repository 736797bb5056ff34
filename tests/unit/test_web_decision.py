"""The order of refusals, as a matrix: with many things wrong, the first in the order answers."""

import itertools

import pytest

from farcopy.web.body import MAX_BODY_BYTES
from farcopy.web.decision import Caller, Facts, Options, Passed, decide
from farcopy.web.refusals import Refusal
from farcopy.web.routes import ROUTES, Access

ADMIN = Caller("admin")
CONFIGURE = "/api/sync/configure-sync.php"
STATUS = "/api/sync/status.php"
LOGIN = "/api/auth/login.php"
ME = "/api/auth/me.php"

# In the documented order: each makes a good configure request worse, and what it answers alone.
FAULTS: tuple[tuple[str, dict[str, object], int, str], ...] = (
    ("host", {"is_known_host": False}, 400, "host_not_allowed"),
    ("caller", {"caller": None}, 401, "unauthorized"),
    ("role", {"caller": Caller("viewer")}, 403, "forbidden"),
    ("route", {"path": "/api/sync/nothing.php"}, 404, "not_found"),
    ("method", {"method": "GET"}, 405, "method_not_allowed"),
    ("origin", {"is_cross_site": True}, 403, "cross_site"),
    ("coding", {"content_encoding": "gzip"}, 415, "unsupported_media_type"),
    ("type", {"content_type": "text/plain"}, 415, "unsupported_media_type"),
    ("size", {"body": b" " * (MAX_BODY_BYTES + 1)}, 413, "body_too_large"),
    ("json", {"body": b"{"}, 400, "invalid_json"),
)
GOOD: dict[str, object] = {
    "method": "POST", "path": CONFIGURE, "caller": ADMIN, "content_type": "application/json",
    "body": b"{}",
}


def decided(**changes: object) -> Refusal | Options | Passed:
    return decide(Facts(**{**GOOD, **changes}))  # type: ignore[arg-type]


def test_a_good_request_passes_with_its_fields() -> None:
    assert decided(body=b'{"ftp_port": 21}') == Passed(ROUTES[CONFIGURE], {"ftp_port": 21})


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(range(len(FAULTS)), 2)))
def test_of_two_faults_the_first_in_the_order_is_answered(first: int, second: int) -> None:
    # The later fault is laid on first: two that change the same fact cannot both be.
    together = {**FAULTS[second][1], **FAULTS[first][1]}
    refusal = decided(**together)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == FAULTS[first][2:]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault[0] for fault in FAULTS])
def test_each_fault_alone_is_refused(fault: tuple[str, dict[str, object], int, str]) -> None:
    refusal = decided(**fault[1])
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == fault[2:]


@pytest.mark.parametrize("path", [*ROUTES, "/api/nothing", "/api/auth/nothing"])
def test_options_needs_nobody_and_names_the_methods(path: str) -> None:
    decision = decided(method="OPTIONS", path=path, caller=None, is_cross_site=True)
    assert isinstance(decision, Options)
    assert "OPTIONS" in decision.allow


@pytest.mark.parametrize("role", ["auditor", "radiologist", "technician", "viewer", "", "ADMIN"])
def test_only_the_admin_role_passes_the_admin_routes(role: str) -> None:
    for route in ROUTES.values():
        if route.access is Access.ADMIN:
            refusal = decided(method=route.method, path=route.path, caller=Caller(role))
            assert isinstance(refusal, Refusal), route.path
            assert refusal.status == 403, route.path


@pytest.mark.parametrize("role", ["radiologist", "technician", "viewer", "", "AUDITOR"])
def test_only_admins_and_auditors_pass_the_routes_for_reading(role: str) -> None:
    for route in ROUTES.values():
        if route.access is Access.READ:
            assert route.method == "GET", route.path  # an auditor changes nothing
            for reader in ("admin", "auditor"):
                decision = decided(method="GET", path=route.path, caller=Caller(reader))
                assert isinstance(decision, Passed)
            refusal = decided(method="GET", path=route.path, caller=Caller(role))
            assert isinstance(refusal, Refusal), route.path
            assert refusal.status == 403, route.path


def test_unknown_addresses_tell_nothing_to_those_who_may_not_pass() -> None:
    statuses = [
        refusal.status
        for path in ("/api/nothing", "/api/sync/", "/api/sync/status.php/")
        for caller in (None, Caller("viewer"), ADMIN)
        if isinstance(refusal := decided(method="GET", path=path, caller=caller), Refusal)
    ]
    assert statuses == [401, 403, 404] * 3


def test_below_auth_any_account_learns_that_an_address_is_not_there() -> None:
    statuses = [
        refusal.status
        for caller in (None, Caller("viewer"), ADMIN)
        if isinstance(refusal := decided(path="/api/auth/nothing", caller=caller), Refusal)
    ]
    assert statuses == [401, 404, 404]


def test_only_signing_in_is_open_and_only_ones_own_account_is_for_every_role() -> None:
    by_access = {
        access: {route.path for route in ROUTES.values() if route.access is access}
        for access in Access
    }
    assert by_access[Access.OPEN] == {LOGIN}
    assert by_access[Access.SIGNED_IN] == {
        ME, "/api/auth/logout.php", "/api/auth/password.php", "/api/auth/confirm.php",
        "/api/auth/sessions.php", "/api/auth/end-session.php", "/api/auth/end-sessions.php",
        "/api/auth/otp.php", "/api/auth/otp-begin.php", "/api/auth/otp-enable.php",
        "/api/auth/otp-disable.php",
    }
    assert by_access[Access.READ] == {
        "/api/audit/list.php", "/api/audit/export.php", "/api/read/status.php",
        "/api/read/config.php", "/api/sync/runs.php", "/api/sync/run.php", "/api/sync/chart.php",
        "/api/users/list.php", "/api/users/sessions.php", "/api/tokens/list.php",
    }
    assert by_access[Access.ADMIN] == {"/api/openapi.json"} | {
        f"/api/sync/{name}.php"
        for name in ("configure-sync", "get-config", "sync-now", "status", "test-connection",
                     "enable-auto", "disable-auto", "cancel", "confirm-changes",
                     "retry", "sources", "folders", "doctor", "accept-losses")
    } | {
        f"/api/users/{name}.php"
        for name in ("add", "change", "reset-password", "unlock", "end-sessions",
                     "reset-otp")
    } | {"/api/tokens/add.php", "/api/tokens/revoke.php"}


def test_signing_in_needs_no_session_but_everything_else() -> None:
    body = b'{"username": "a", "password": "b"}'
    assert isinstance(decided(path=LOGIN, caller=None, body=body), Passed)
    refusal = decided(path=LOGIN, caller=None, body=body, is_cross_site=True)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "cross_site"


def test_reading_is_not_refused_for_its_origin_or_body() -> None:
    decision = decided(method="GET", path=STATUS, is_cross_site=True, body=b"x", content_type="x")
    assert decision == Passed(ROUTES[STATUS])


def test_a_generated_password_must_be_changed_before_the_admin_routes() -> None:
    caller = Caller("admin", must_change_password=True)
    refusal = decided(caller=caller)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == (403, "password_change_required")
    assert isinstance(decided(method="GET", path=ME, caller=caller), Passed)


@pytest.mark.parametrize("content_type", ["", "application/x-www-form-urlencoded"])
def test_no_body_needs_no_content_type_where_no_field_is_required(content_type: str) -> None:
    decision = decided(path="/api/sync/sync-now.php", body=b"", content_type=content_type)
    assert isinstance(decision, Passed)


@pytest.mark.parametrize("path", [CONFIGURE, LOGIN, "/api/auth/password.php"])
def test_an_empty_body_is_refused_where_fields_are_needed(path: str) -> None:
    refusal = decided(path=path, body=b"", content_type="")
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == (400, "empty_body")


def test_a_field_nobody_asked_for_is_named() -> None:
    refusal = decided(path="/api/sync/test-connection.php", body=b'{"ftp_host": "evil.example"}')
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400
    assert "ftp_host" in refusal.error


def test_configure_leaves_unknown_fields_to_the_one_place_that_validates() -> None:
    assert isinstance(decided(body=b'{"nope": 1}'), Passed)


@pytest.mark.parametrize(("size", "passes"), [(MAX_BODY_BYTES, True), (MAX_BODY_BYTES + 1, False)])
def test_sixty_four_kib_pass_and_one_byte_more_does_not(size: int, passes: bool) -> None:
    assert isinstance(decided(body=b"{}" + b" " * (size - 2)), Passed) is passes
