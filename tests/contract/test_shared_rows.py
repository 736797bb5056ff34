"""A minute's shared rows are written though nobody calls any more; on SQLite and PostgreSQL."""

from typing import Any

import pytest

from tests.contract.databases import set_up_django

set_up_django()

from django.db import connection  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.test import RequestFactory  # noqa: E402

from farcopy.store.audit_check import check  # noqa: E402
from farcopy.store.audit_models import AuditLog  # noqa: E402
from farcopy.web import tally  # noqa: E402
from farcopy.web.audit import AuditMiddleware  # noqa: E402
from farcopy.web.call import begin_call, call_of  # noqa: E402
from farcopy.web.refusals import UNAUTHORIZED  # noqa: E402
from tests.contract.test_audit_chain import database, trail  # noqa: E402, F401  # fixtures
from tests.running import wait_until  # noqa: E402

CALLS = 150


def refuse(request: HttpRequest) -> HttpResponse:
    call_of(request).code = UNAUTHORIZED.code
    return HttpResponse(status=UNAUTHORIZED.status)


def shared() -> list[dict[str, Any]]:
    return list(AuditLog.objects.filter(action="audit.shared").order_by("pk").values())


def test_they_are_written_when_the_minute_is_over(
    trail: None, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    monkeypatch.setattr(tally, "MINUTE_S", 2.0)
    answer = AuditMiddleware(refuse)
    for peer in ("192.0.2.7", "2001:db8:1:2::7", "2001:db8:1:2::8"):
        for _ in range(CALLS):
            request = RequestFactory().get("/api/sync/status.php", REMOTE_ADDR=peer)
            begin_call(request)
            answer(request)

    def is_told() -> bool:
        own = AuditLog.objects.filter(action="sync.status", response_status=401).count()
        return own + sum(row["details"]["calls"] for row in shared()) == 3 * CALLS

    wait_until(is_told, what="the shared rows")
    assert {row["ip_address"] for row in shared()} == {"192.0.2.7", "2001:db8:1:2::/64"}
    assert {row["response_status"] for row in shared()} == {401}
    assert check().is_whole
    connection.close()

