"""Django settings for the site, on top of `base`: sessions, CORS, middleware, pages.

Reads the web side's own environment variables, once. Values are validated
here, so a typing error ends the start with one clear line.
"""

import platform
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from environs import EnvError, FileAwareEnv

from farcopy.settings.base import *  # noqa: F403
from farcopy.settings.base import INSTALLED_APPS as STORE_APPS
from farcopy.web.origin import host_name, is_other_site, normalised

_env = FileAwareEnv()
_WEB = Path(__file__).resolve().parent.parent / "web"


@dataclass(frozen=True, slots=True)
class WebEnvironment:
    """allowed_origins, public_url: normalised origins; allowed_hosts: lower-case names."""

    allowed_origins: tuple[str, ...]
    allowed_hosts: frozenset[str]
    public_url: str
    session_cookie: str
    allow_insecure: bool
    step_up_all: bool
    otp_roles: frozenset[str]

    @classmethod
    def read(cls) -> "WebEnvironment":
        public_url = _origin("FARCOPY_PUBLIC_URL", _env.str("FARCOPY_PUBLIC_URL", ""))
        machine = platform.node().lower()
        known = {"localhost", machine, machine.partition(".")[0]}
        if public_url:
            known.add(host_name(public_url.partition("//")[2]) or "")
        for text in _listed("FARCOPY_ALLOWED_HOSTS"):
            name = host_name(text.lower())
            if name is None or "*" in text:
                raise ImproperlyConfigured(f"FARCOPY_ALLOWED_HOSTS: {text!r} is no host name")
            known.add(name)
        return cls(
            allowed_origins=tuple(
                _origin("CORS_ALLOWED_ORIGINS", text) for text in _listed("CORS_ALLOWED_ORIGINS")
            ),
            allowed_hosts=frozenset(known - {""}),
            public_url=public_url,
            session_cookie=_env.str("FARCOPY_SESSION_COOKIE", "DICOM_VIEWER_SESSION"),
            allow_insecure=_flag("FARCOPY_ALLOW_INSECURE"),
            otp_roles=frozenset({_one_of("FARCOPY_REQUIRE_OTP", ("", "admin"))} - {""}),
            step_up_all=_one_of("FARCOPY_STEP_UP", ("", "all")) == "all",
        )


def _flag(variable: str) -> bool:
    try:
        given: bool = _env.bool(variable, False)
    except EnvError as error:
        raise ImproperlyConfigured(f"{variable} must be true or false") from error
    return given


def _one_of(variable: str, choices: tuple[str, ...]) -> str:
    given: str = _env.str(variable, "").strip()
    if given not in choices:
        raise ImproperlyConfigured(f"{variable} must be {' or '.join(filter(None, choices))}")
    return given


def _listed(variable: str) -> list[str]:
    return [part.strip() for part in _env.str(variable, "").split(",") if part.strip()]


def _origin(variable: str, text: str) -> str:
    origin = normalised(text.rstrip("/").lower())
    if text and not origin:
        raise ImproperlyConfigured(
            f"{variable}: {text!r} is no origin; it is scheme://host or scheme://host:port"
        )
    return origin


WEB_ENVIRONMENT = WebEnvironment.read()
_IS_HTTPS = WEB_ENVIRONMENT.public_url.startswith("https://")

INSTALLED_APPS = [*STORE_APPS, "corsheaders", "django.contrib.staticfiles"]
# Ours is the host check (farcopy.web.gate): it answers in the envelope.
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "farcopy.web.urls"
APPEND_SLASH = False
MIDDLEWARE = [
    "farcopy.web.headers.HeadersMiddleware",
    "farcopy.web.audit.AuditMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "farcopy.web.headers.ApiCorsMiddleware",
    "farcopy.web.gate.GateMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_WEB / "templates"],
    }
]

SESSION_COOKIE_NAME = WEB_ENVIRONMENT.session_cookie
# By such a name a browser itself sees to Secure, the path and that no other host set it.
COOKIE_NEEDS_HTTPS = SESSION_COOKIE_NAME.startswith(("__Host-", "__Secure-"))
SESSION_COOKIE_SECURE = _IS_HTTPS or COOKIE_NEEDS_HTTPS
# A viewer on another site needs None, which browsers take only with Secure.
SESSION_COOKIE_SAMESITE = (
    "None"
    if _IS_HTTPS
    and any(is_other_site(o, WEB_ENVIRONMENT.public_url) for o in WEB_ENVIRONMENT.allowed_origins)
    else "Lax"
)

CORS_URLS_REGEX = r"^/api/"
CORS_ALLOWED_ORIGINS = list(WEB_ENVIRONMENT.allowed_origins)
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_METHODS = ("GET", "POST", "OPTIONS")
CORS_ALLOW_HEADERS = ("Content-Type", "Authorization")

AXES_CLIENT_IP_CALLABLE = "farcopy.web.call.address_for_axes"
AXES_USERNAME_CALLABLE = "farcopy.web.call.name_for_axes"
# Attempts while locked are not counted: the lock ends 15 minutes after it began.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False

STATIC_URL = "/static/"
STATICFILES_DIRS = [_WEB / "static"]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
# Served from the package itself: no collectstatic, and an upgrade shows at once.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_MAX_AGE = 0
