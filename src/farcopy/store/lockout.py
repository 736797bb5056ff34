"""Who must wait before trying a password again: an account, an address, or nobody.

Counted are the wrong passwords django-axes has noted. Guesses lock an account
wherever it has not been signed in to lately, so they cannot be spread over many
machines; where it has, only the guesses at this account made there count, so that
nobody can keep the last admin out from afar, nor his neighbour behind one proxy.
"""

from datetime import datetime, timedelta
from typing import Final

from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Max, QuerySet, Sum
from django.utils import timezone

from farcopy.store.models import KnownAddress, User

ADDRESS_LIMIT: Final = 20
"""Wrong passwords from one address, whatever the accounts, since somebody last signed in there."""
KNOWN_FOR: Final = timedelta(days=90)
MAX_KNOWN: Final = 50
"""Addresses remembered of one account; the longest unused are forgotten."""


def is_at_home(username: str, address: str) -> bool:
    """Whether this account has been signed in to from there lately."""
    return bool(address) and _is_known(username, address, timezone.now())


def wait_s(username: str, address: str) -> float:
    """Seconds until this address may try a password for this account; 0: now."""
    now = timezone.now()
    # Of a clock that was ahead; django-axes, asked after this, would lock until then.
    of_the_future = AccessAttempt.objects.filter(attempt_time__gt=now + _window())
    if of_the_future.exists():
        of_the_future.delete()
    recent = _recent(now)
    of_account = recent.filter(username=username)
    if _is_known(username, address, now):
        at_home = of_account.filter(ip_address=address)
        return _wait_s(at_home, settings.AXES_FAILURE_LIMIT, now)
    of_address = recent.filter(ip_address=address or None)
    signed_in_at = _signed_in_at(address, now)
    if signed_in_at is not None:
        of_address = of_address.filter(attempt_time__gt=signed_in_at)
    return max(
        _wait_s(of_account, settings.AXES_FAILURE_LIMIT, now),
        _wait_s(of_address, ADDRESS_LIMIT, now),
    )


def remember_address(user: User, address: str) -> None:
    """Somebody with the right password was there. address: "" is none, and is not known."""
    if not address:
        return
    KnownAddress.objects.update_or_create(
        user=user, ip_address=address, defaults={"last_at": timezone.now()}
    )
    known = KnownAddress.objects.filter(user=user).order_by("-last_at")
    kept = list(known.values_list("pk", flat=True)[:MAX_KNOWN])
    KnownAddress.objects.filter(user=user).exclude(pk__in=kept).delete()


def locked_accounts() -> frozenset[str]:
    """Names that guesses lock somewhere at this moment, of accounts and of none."""
    counted = _recent(timezone.now()).values("username").annotate(n=Sum("failures_since_start"))
    locked = counted.filter(n__gte=settings.AXES_FAILURE_LIMIT)
    return frozenset(locked.values_list("username", flat=True))


def unlock(username: str) -> None:
    """Forget the wrong passwords tried for it, and those of addresses that are locked."""
    AccessAttempt.objects.filter(username=username).delete()
    counted = AccessAttempt.objects.values("ip_address").annotate(n=Sum("failures_since_start"))
    locked = counted.filter(n__gte=ADDRESS_LIMIT).values_list("ip_address", flat=True)
    AccessAttempt.objects.filter(ip_address__in=list(locked)).delete()


def _recent(now: datetime) -> QuerySet[AccessAttempt]:
    recent: QuerySet[AccessAttempt] = AccessAttempt.objects.filter(
        attempt_time__gt=now - _window(), attempt_time__lte=now + _window()
    )
    return recent


def _is_known(username: str, address: str, now: datetime) -> bool:
    return KnownAddress.objects.filter(
        user__username=username, ip_address=address,
        last_at__gt=now - KNOWN_FOR, last_at__lte=now + KNOWN_FOR,
    ).exists()


def _signed_in_at(address: str, now: datetime) -> datetime | None:
    """When somebody last gave the right password there.

    A time to come, of a clock that was ahead, would let that address guess until then.
    """
    known = KnownAddress.objects.filter(ip_address=address, last_at__lte=now)
    found: datetime | None = known.aggregate(last_at=Max("last_at"))["last_at"]
    return found


def _wait_s(attempts: QuerySet[AccessAttempt], limit: int, now: datetime) -> float:
    found = attempts.aggregate(failures=Sum("failures_since_start"), last_at=Max("attempt_time"))
    if (found["failures"] or 0) < limit:
        return 0.0
    # Tries while locked are not counted: the lock ends a window after it began.
    end: datetime = found["last_at"] + _window()
    return max(1.0, (end - now).total_seconds())


def _window() -> timedelta:
    window: timedelta = get_cool_off()
    return window
